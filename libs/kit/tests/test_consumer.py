"""Durable consumers: batches, redelivery, dead letters, back-pressure."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus_kit import consumer as kit_consumer
from seatbus_kit.bus import Bus, InEvent, make_event
from seatbus_kit.consumer import Consumer
from seatbus_kit.errors import InvalidArgument, Unavailable
from seatbus_kit.trace import TraceContext
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer


async def publish(bus: Bus, entity: str, count: int, first: int = 1) -> None:
    for seq in range(first, first + count):
        await bus.publish(make_event("acme", "agent", entity, seq, AgentPresenceChanged(reason=str(seq))))


class Seen:
    """A handler that remembers, and fails where it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.fail: dict[int, Exception] = {}

    async def __call__(self, events: list[InEvent]) -> None:
        for event in events:
            if event.seq in self.fail:
                raise self.fail[event.seq]
        self.batches.append([event.seq for event in events])

    @property
    def seqs(self) -> list[int]:
        return [seq for batch in self.batches for seq in batch]


async def test_an_event_arrives_as_it_was_sent(bus: Bus, agent_id: str) -> None:
    trace = TraceContext.for_call(agent_id)
    sent = make_event(
        "acme",
        "agent",
        agent_id,
        1,
        AgentPresenceChanged(reason="lunch"),
        producer="agent_state-0",
        causation="r1",
        trace=trace,
    )
    await bus.publish(sent)
    assert (await bus.publish(sent)).duplicate
    got: list[InEvent] = []

    async def take(events: list[InEvent]) -> None:
        got.extend(events)

    consumer = Consumer(bus, "AGENT", f"t-{agent_id}", take, [f"sb.acme.agent.{agent_id}"])
    await consumer.start()
    await eventually(lambda: len(got) == 1)
    event = got[0]
    assert (event.tenant, event.domain, event.entity, event.seq) == ("acme", "agent", agent_id, 1)
    assert (event.producer, event.causation, event.trace) == ("agent_state-0", "r1", trace)
    assert event.occurred_at == sent.occurred_at
    assert (event.stream, event.deliveries, event.event_id) == ("AGENT", 1, f"acme/{agent_id}/1")
    assert event.decode() == AgentPresenceChanged(reason="lunch")
    await consumer.stop()


async def test_events_come_in_batches_and_once(bus: Bus, agent_id: str) -> None:
    await publish(bus, agent_id, 120)
    seen = Seen()
    consumer = Consumer(bus, "AGENT", f"t-{agent_id}", seen, [f"sb.acme.agent.{agent_id}"], batch=50)
    await consumer.start()
    await eventually(lambda: len(seen.seqs) >= 120)
    assert seen.seqs == list(range(1, 121))
    assert max(len(batch) for batch in seen.batches) == 50
    await consumer.stop()
    await publish(bus, agent_id, 3, first=121)
    again = Seen()
    resumed = Consumer(bus, "AGENT", f"t-{agent_id}", again, [f"sb.acme.agent.{agent_id}"])
    await resumed.start()
    await eventually(lambda: len(again.seqs) >= 3)
    await asyncio.sleep(0.1)
    assert again.seqs == [121, 122, 123]
    await resumed.stop()


async def test_a_poisoned_event_goes_to_the_dead_letters_and_harms_no_other(bus: Bus, agent_id: str) -> None:
    seen = Seen()
    seen.fail[2] = ValueError("cannot digest this")
    durable = f"t-{agent_id}"
    consumer = Consumer(bus, "AGENT", durable, seen, [f"sb.acme.agent.{agent_id}"], max_deliver=3)
    await publish(bus, agent_id, 3)
    await consumer.start()
    letters = await bus.js.subscribe(f"sb_dlq.AGENT.{durable}", ordered_consumer=True)
    letter = await letters.next_msg(timeout=30)
    assert letter.headers["Sb-Subject"] == f"sb.acme.agent.{agent_id}"
    assert letter.headers["Sb-Seq"] == "2"
    assert letter.headers["Sb-Deliveries"] == "3"
    assert "cannot digest this" in letter.headers["Sb-Error"]
    assert sorted(seen.seqs) == [1, 3]

    async def nothing_is_left() -> bool:
        info: Any = await bus.api(f"CONSUMER.INFO.AGENT.{durable}")
        return (info["num_ack_pending"], info["num_pending"]) == (0, 0)

    await eventually(nothing_is_left)
    await consumer.stop()


async def test_an_event_that_fails_once_is_delivered_again(bus: Bus, agent_id: str) -> None:
    seen = Seen()
    seen.fail[1] = InvalidArgument("not yet")
    consumer = Consumer(bus, "AGENT", f"t-{agent_id}", seen, [f"sb.acme.agent.{agent_id}"])
    await consumer.start()
    await publish(bus, agent_id, 1)
    await asyncio.sleep(0.1)
    seen.fail.clear()
    await eventually(lambda: seen.seqs == [1])
    await consumer.stop()


async def test_while_somebody_we_need_is_away_nothing_is_lost_or_buried(bus: Bus, agent_id: str) -> None:
    seen = Seen()
    seen.fail[1] = Unavailable("the store restarts")
    consumer = Consumer(
        bus, "AGENT", f"t-{agent_id}", seen, [f"sb.acme.agent.{agent_id}"], max_deliver=1, batch=10
    )
    await publish(bus, agent_id, 50)
    await consumer.start()
    await asyncio.sleep(0.5)
    info: Any = await bus.api(f"CONSUMER.INFO.AGENT.t-{agent_id}")
    # Back-pressure: no more was pulled than one batch.
    assert info["num_ack_pending"] <= 10
    seen.fail.clear()
    await eventually(lambda: len(seen.seqs) == 50)
    assert seen.seqs == list(range(1, 51))
    await consumer.stop()


async def test_what_was_pulled_but_not_handled_goes_to_another_replica_at_once(
    bus: Bus, agent_id: str
) -> None:
    blocked = Seen()
    blocked.fail[1] = Unavailable("never")
    filters = [f"sb.acme.agent.{agent_id}"]
    first = Consumer(bus, "AGENT", f"t-{agent_id}", blocked, filters, batch=5, linger=0.01)
    await publish(bus, agent_id, 20)
    await first.start()
    await asyncio.sleep(0.2)
    await first.stop()
    seen = Seen()
    second = Consumer(bus, "AGENT", f"t-{agent_id}", seen, filters)
    await second.start()
    await eventually(lambda: len(seen.seqs) == 20)
    await second.stop()


async def test_a_handler_may_take_longer_than_the_wait_for_acknowledgements(
    bus: Bus, agent_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_consumer, "ACK_WAIT_S", 0.6)
    monkeypatch.setattr(kit_consumer, "_WORKING_EVERY_S", 0.2)
    deliveries: list[int] = []

    async def slow(events: list[InEvent]) -> None:
        deliveries.extend(event.deliveries for event in events)
        await asyncio.sleep(1.5)

    filters = [f"sb.acme.agent.{agent_id}"]
    consumer = Consumer(bus, "AGENT", f"t-{agent_id}", slow, filters, batch=2, linger=0.05)
    await publish(bus, agent_id, 4)
    await consumer.start()
    await eventually(lambda: len(deliveries) >= 4)
    await asyncio.sleep(1.7)
    assert deliveries == [1, 1, 1, 1]
    await consumer.stop()


async def test_what_a_killed_process_held_comes_back_after_the_wait(
    bus: Bus, agent_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kit_consumer.ACK_WAIT_S <= 5
    monkeypatch.setattr(kit_consumer, "ACK_WAIT_S", 0.5)
    durable, filters = f"t-{agent_id}", [f"sb.acme.agent.{agent_id}"]
    seen = Seen()
    first = Consumer(bus, "AGENT", durable, seen, filters)
    await first._ensure()
    await publish(bus, agent_id, 3)
    lost = await bus.nc.subscribe(bus.nc.new_inbox())
    pull = f"$JS.API.CONSUMER.MSG.NEXT.AGENT.{durable}"
    await bus.nc.publish(pull, b'{"batch": 3, "no_wait": true}', lost.subject)
    for _ in range(3):
        await lost.next_msg(timeout=2)  # and never acknowledged
    second = Consumer(bus, "AGENT", durable, seen, filters)
    await second.start()
    await eventually(lambda: len(seen.seqs) == 3)
    await second.stop()


async def test_consuming_goes_on_after_a_restart_of_the_server(
    tmp_path: Path, open_bus: Any, agent_id: str
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        seen = Seen()
        consumer = Consumer(bus, "AGENT", "t", seen)
        await consumer.start()
        await publish(bus, agent_id, 2)
        await eventually(lambda: seen.seqs == [1, 2])
        await asyncio.to_thread(server.restart)
        await eventually(lambda: bus.connected)
        await publish(bus, agent_id, 2, first=3)
        # A killed server may have forgotten acknowledgements: repeated, never lost.
        await eventually(lambda: set(seen.seqs) == {1, 2, 3, 4})
        await consumer.stop()


@pytest.mark.parametrize(("tenant", "entity"), [("a.b", "x"), ("", "x"), ("acme", "*"), ("acme", "a b")])
def test_an_event_cannot_address_another_subject(tenant: str, entity: str) -> None:
    with pytest.raises(InvalidArgument):
        make_event(tenant, "agent", entity, 1, AgentPresenceChanged())
