"""One contact, one agent, both ways: two replicas of each service, real NATS, kills and pauses."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seatbus.acd.v1 import events_pb2 as facts
from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import service_pb2 as call
from seatbus_kit.consumer import Consumer
from seatbus_kit.errors import Refused, ResourceExhausted
from seatbus_kit.events import InEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .world import T, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            yield made


async def facts_of(world: World, stream: str) -> dict[str, list[InEvent]]:
    """Everything on a stream, by entity."""
    found: dict[str, list[InEvent]] = {}
    read = 0

    async def handle(events: list[InEvent]) -> None:
        nonlocal read
        for event in events:
            found.setdefault(event.entity, []).append(event)
            read = max(read, event.stream_seq)

    info = await world.runtime.bus.api(f"STREAM.INFO.{stream}")
    last = info["state"]["last_seq"]  # type: ignore[index]
    consumer = Consumer(world.runtime.bus, stream, f"test-{uuid7()}", handle, linger=0.01)
    await consumer.start()
    await eventually(lambda: read >= last)
    await consumer.stop()
    return found


def gap_free(events: list[InEvent]) -> bool:
    return [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_a_call_is_offered_answered_and_wrapped_up(world: World) -> None:
    await world.configure(["a1", "a2"], wrap_up_s=1, short_abandon_s=5, max_waiting=2)
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1"))
    await world.login("a1", "a2")

    first = await world.enqueue()
    await asyncio.wait_for(first.done.wait(), 30)
    assert first.connected == ["a1"], "the longest idle"
    wrapping = await world.agent("a1")
    assert [item.state for item in wrapping.work] == [agent_types.WORK_STATE_WRAP_UP]

    # No answer: the contact keeps its place, the agent is not ready.
    second = await world.enqueue(script=["no_answer", "answer"])
    third = await world.enqueue()
    await asyncio.wait_for(third.done.wait(), 30)
    await asyncio.wait_for(second.done.wait(), 30)
    assert second.offered_to == ["a2", "a1"]
    assert world.edge.order[-2:] == [second.contact_id, third.contact_id]
    lazy = await world.agent("a2")
    assert (lazy.presence, lazy.reason) == (agent_types.PRESENCE_NOT_READY, "no_answer")

    # Abandoned while it rings: the agent keeps his place; in the queue: a short abandon.
    await eventually(lambda: _is_ready(world, "a1"))
    idle = (await world.agent("a1")).idle_since.ToMicroseconds()
    ringing = await world.enqueue(script=["hang"])
    waiting = await world.enqueue()
    await eventually(lambda: bool(ringing.live_rid))
    assert await world.hang_up(waiting) == acd_types.VISIT_OUTCOME_SHORT_ABANDONED
    assert await world.hang_up(ringing) == acd_types.VISIT_OUTCOME_SHORT_ABANDONED
    assert await world.hang_up(ringing) == acd_types.VISIT_OUTCOME_SHORT_ABANDONED, "told again"
    free = await world.agent("a1")
    assert (len(free.work), free.idle_since.ToMicroseconds()) == (0, idle)

    explained = await invoke(
        world.acd("acd-2").Explain, acd.ExplainRequest(tenant_id=T, contact_id=second.contact_id), 2
    )
    rules = [decision.rule for decision in explained.decisions]
    assert rules[0] == "longest_idle"
    assert "no_agent_ready" in rules

    await world.login("a2")
    full = [await world.enqueue(script=["hang"]) for _ in range(4)]
    await eventually(lambda: sum(bool(found.live_rid) for found in full) == 2)
    with pytest.raises(ResourceExhausted):
        await world.enqueue_once()
    await world.configure(["a1", "a2"], closed=True)
    await eventually(lambda: sum(found.left == call.LEAVE_REASON_QUEUE_CLOSED for found in full) == 2)
    with pytest.raises(Refused):
        await world.enqueue_once()

    visits = await facts_of(world, "CONTACT")
    assert all(gap_free(events) for events in visits.values())
    ended = visits[first.contact_id][-1].decode()
    assert isinstance(ended, facts.ContactEnded)
    assert (ended.outcome, ended.agent_id, ended.offers) == (acd_types.VISIT_OUTCOME_ANSWERED, "a1", 1)
    assert all(gap_free(events) for events in (await facts_of(world, "AGENT")).values())
    assert not world.edge.complaints


async def _is_ready(world: World, agent_id: str) -> bool:
    found = await world.agent(agent_id)
    return found.presence == agent_types.PRESENCE_READY and not found.work


async def test_an_offer_that_stands_outlives_acd_and_an_edge_that_is_restarted_meanwhile(
    world: World,
) -> None:
    await world.configure(["a1"])
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1"))
    await world.login("a1")
    ringing = await world.enqueue(script=["hang"])
    await eventually(lambda: bool(ringing.live_rid))
    rid = ringing.live_rid
    world.edge.restarting = True
    (await world.holder()).kill()
    await eventually(lambda: world.edge.missed.count(rid) > 3, 40)
    world.edge.restarting = False
    assert await world.report_work("a1", rid, agent.WORK_EVENT_ANSWERED)
    assert await world.report_offer(ringing, rid, acd.OFFER_OUTCOME_ANSWERED)
    assert ringing.offered_to == ["a1"]
    assert set(world.edge.missed) == {rid}


async def test_waiting_callers_survive_the_death_of_acd_in_their_order(world: World) -> None:
    await world.configure(["a1", "a2"])
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1"))
    await world.login("a1")
    # One offer stands when the holder dies: it is adopted, its phone goes on ringing.
    ringing = await world.enqueue(script=["hang"])
    await eventually(lambda: bool(ringing.live_rid))
    # So many that the next holder lets the first of them route while it still adopts the others.
    waiting = [await world.enqueue(talk_s=0.0) for _ in range(70)]
    urgent = await world.enqueue(talk_s=0.0, priority=3)
    killed = await world.holder()
    killed.kill()
    rid = ringing.live_rid
    await world.login("a2")
    await asyncio.wait_for(asyncio.gather(*(found.done.wait() for found in (*waiting, urgent))), 60)
    assert world.edge.order[1:] == [found.contact_id for found in (urgent, *waiting)]
    new = "acd-2" if killed.instance == "acd-1" else "acd-1"
    await world.taken(f"g-{T}", new, waited_out=True)
    assert ringing.live_rid == rid
    assert ringing.offered_to == ["a1"]
    assert await world.report_offer(ringing, rid, acd.OFFER_OUTCOME_ANSWERED)
    assert not world.edge.complaints


async def test_a_drained_holder_hands_its_group_over_at_once_and_the_next_one_keeps_the_limits(
    world: World,
) -> None:
    await world.configure(["a1"], max_wait_s=1)
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1"))
    waiting = await world.enqueue()
    old = await world.holder()
    old.signal(signal.SIGTERM)
    new = "acd-2" if old.instance == "acd-1" else "acd-1"
    await world.taken(f"g-{T}", new, waited_out=False)
    # The caller overflows at the time its first enqueue gives, by the word of the new holder.
    await eventually(lambda: waiting.left == call.LEAVE_REASON_MAX_WAIT)

    async def last() -> object:
        events = (await facts_of(world, "CONTACT")).get(waiting.contact_id)
        return events[-1].decode() if events else None

    async def ended() -> bool:
        return isinstance(await last(), facts.ContactEnded)

    # The edge is told before the visit ends.
    await eventually(ended)
    fact = await last()
    assert isinstance(fact, facts.ContactEnded)
    assert fact.outcome == acd_types.VISIT_OUTCOME_OVERFLOWED
    assert old.popen.wait(timeout=30) == 0


async def test_no_double_assignment_while_replicas_are_paused_and_killed(world: World) -> None:
    agents = [f"a{i}" for i in range(8)]
    await world.configure(agents)
    await asyncio.gather(
        world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1", "as-2", sweep_s="1")
    )
    await world.login(*agents)
    chance = random.Random(5)
    calls = []

    async def callers(count: int) -> None:
        for _ in range(count):
            calls.append(await world.enqueue(talk_s=chance.uniform(0.02, 0.2)))
            await asyncio.sleep(0.01)

    traffic = asyncio.create_task(callers(120))
    await asyncio.sleep(0.4)
    paused = await world.holder()
    paused.signal(signal.SIGSTOP)
    await asyncio.sleep(3.6)
    await eventually(lambda: _holder_is_not(world, paused.instance))
    paused.signal(signal.SIGCONT)
    world.processes["as-1"].kill()
    await asyncio.wait_for(traffic, 15)
    await asyncio.wait_for(asyncio.gather(*(found.done.wait() for found in calls)), 15)
    assert not world.edge.complaints
    assert all(len(found.connected) == 1 for found in calls)
    for agent_id in agents:
        await eventually(lambda agent_id=agent_id: _is_ready(world, agent_id))
    visits: dict[str, list[InEvent]] = {}

    def endings(contact: str) -> int:
        return sum(event.type_name.endswith(".ContactEnded") for event in visits.get(contact, ()))

    async def all_are_told() -> bool:
        visits.update(await facts_of(world, "CONTACT"))
        return all(endings(found.contact_id) for found in calls)

    await eventually(all_are_told, 60)
    for found in calls:
        assert gap_free(visits[found.contact_id])
        assert endings(found.contact_id) == 1


async def _holder_is_not(world: World, instance: str) -> bool:
    return (await world.holder()).instance != instance
