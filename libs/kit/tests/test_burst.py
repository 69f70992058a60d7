"""Several facts as one message: cut and put together without loss, read by every consumer as if each had come
alone, repeated, broken.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus.common.v1.burst_pb2 import EventBurst
from seatbus_kit import burst as module
from seatbus_kit.burst import BURST, MOST_BYTES, MOST_FACTS, OutBurst, fitting, message_of, read_events, tail
from seatbus_kit.bus import Bus, InEvent
from seatbus_kit.consumer import Consumer
from seatbus_kit.errors import InvalidArgument, Unavailable
from seatbus_kit.events import Delivery, OutEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.trace import TraceContext
from seatbus_testkit.eventually import eventually

TYPE = AgentPresenceChanged.DESCRIPTOR.full_name
AT = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
DELIVERY = Delivery("AGENT", "c", 2, 77, 5, 0, 0)


def fact(entity: str, seq: int, payload: bytes | None = None, **more: Any) -> OutEvent:
    if payload is None:
        payload = AgentPresenceChanged(reason=str(seq)).SerializeToString()
    fields = {"occurred_at": AT + timedelta(microseconds=seq), "producer": "edge-0"} | more
    return OutEvent("acme", "agent", entity, seq, TYPE, payload, **fields)


def facts(entity: str, first: int, last: int) -> list[OutEvent]:
    return [fact(entity, seq) for seq in range(first, last + 1)]


def cut(waiting: list[OutEvent]) -> list[list[OutEvent]]:
    found, rest = [], list(waiting)
    while rest:
        count = fitting(rest)
        found.append(rest[:count])
        rest = rest[count:]
    return found


def read(message: OutEvent | OutBurst) -> list[InEvent]:
    return read_events(message.subject, message.payload, message.headers(), DELIVERY)


TRACES = (None, TraceContext(1, 2), TraceContext(3, 4))
FACTS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 1, 3]),  # how far the number is from the one before
        st.one_of(st.binary(max_size=40), st.sampled_from([b"x" * 50_000, b"y" * (MOST_BYTES + 1)])),
        st.sampled_from(["edge-0", "edge-0", "edge-0", "edge-1"]),
        st.sampled_from(["", "r1"]),
        st.sampled_from(TRACES),
    ),
    max_size=140,
)


@given(FACTS)
def test_what_is_cut_comes_out_again_whole_and_in_order(drawn: list[Any]) -> None:
    seq, waiting = 0, []
    for step, payload, producer, causation, trace in drawn:
        seq += step
        waiting.append(fact("a1", seq, payload, producer=producer, causation=causation, trace=trace))
    messages = cut(waiting)
    found = [event for each in messages for event in read(message_of(each))]
    assert [
        (e.seq, e.payload, e.occurred_at, e.producer, e.causation, e.trace, e.type_name) for e in found
    ] == [(w.seq, w.payload, w.occurred_at, w.producer, w.causation, w.trace, w.type_name) for w in waiting]
    assert all((e.entity, e.stream_seq, e.deliveries) == ("a1", 77, 2) for e in found)
    for each in messages:
        assert len(each) == 1 or len(message_of(each).payload) <= MOST_BYTES
        assert len(each) <= MOST_FACTS
    # A message ends only where it has to.
    for one, other in itertools.pairwise(messages):
        assert fitting([*one, other[0]]) == len(one)


def test_one_fact_alone_is_the_message_that_it_always_was() -> None:
    alone = fact("a1", 4, causation="r1", trace=TraceContext(1, 2))
    assert message_of([alone]) is alone
    assert read(alone)[0].event_id == "acme/a1/4"


def test_a_burst_says_what_is_in_it_without_being_opened() -> None:
    made = message_of(facts("a1", 3, 7))
    assert made.subject == "sb.acme.agent.a1"
    assert made.headers() == {
        "Nats-Msg-Id": "acme/a1/3-7",
        "Sb-Type": "seatbus.common.v1.EventBurst",
        "Sb-First": "3",
        "Sb-Seq": "7",
        "Sb-Last-Type": TYPE,
        "Sb-Time": "2030-01-07T12:00:00.000007Z",
        "Sb-Producer": "edge-0",
    }


def broken(change: Any) -> tuple[bytes, dict[str, str]]:
    made = message_of(facts("a1", 3, 5))
    payload, headers = EventBurst.FromString(made.payload), made.headers()
    change(payload, headers)
    return payload.SerializeToString(), headers


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b, h: b.Clear(), "it is empty"),
        (lambda b, h: h.pop("Sb-First"), "Sb-First is ''"),
        (lambda b, h: h.update({"Sb-First": "0"}), "Sb-First is '0'"),
        (lambda b, h: h.update({"Sb-First": "4"}), "fact 3 stands where 4 belongs"),
        (lambda b, h: h.update({"Sb-Seq": "6"}), "it ends with fact 5, Sb-Seq is 6"),
        (lambda b, h: h.update({"Sb-Seq": "x"}), "malformed envelope"),
        (lambda b, h: b.facts.pop(1), "fact 5 stands where 4 belongs"),
        (lambda b, h: setattr(b.facts[0], "type", ""), "fact 3 has the type ''"),
        (lambda b, h: setattr(b.facts[2], "type", BURST), f"fact 5 has the type '{BURST}'"),
        (lambda b, h: setattr(b.facts[1].occurred_at, "seconds", 1 << 60), "the time of fact 4 is none"),
    ],
)
def test_a_malformed_burst_is_refused_with_the_reason(change: Any, says: str) -> None:
    payload, headers = broken(change)
    with pytest.raises(InvalidArgument) as refused:
        read_events("sb.acme.agent.a1", payload, headers, DELIVERY)
    assert says in str(refused.value)


def test_a_burst_of_garbage_is_refused() -> None:
    headers = message_of(facts("a1", 1, 2)).headers()
    with pytest.raises(InvalidArgument, match="no EventBurst"):
        read_events("sb.acme.agent.a1", b"\xff\xff\xff", headers, DELIVERY)


# ---- over a real bus ------------------------------------------------------------------------------------
class Seen:
    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.batches: list[list[int]] = []
        self.fail: dict[int, Exception] = {}

    async def __call__(self, events: list[InEvent]) -> None:
        self.asked.append([event.seq for event in events])
        for event in events:
            if event.seq in self.fail:
                raise self.fail[event.seq]
        self.batches.append([event.seq for event in events])

    @property
    def seqs(self) -> list[int]:
        return [seq for batch in self.batches for seq in batch]


def consumer(bus: Bus, agent_id: str, handler: Any, **more: Any) -> Consumer:
    return Consumer(bus, "AGENT", f"t-{agent_id}", handler, [f"sb.acme.agent.{agent_id}"], **more)


async def all_is_acknowledged(bus: Bus, durable: str) -> None:
    async def nothing_is_left() -> bool:
        info: Any = await bus.api(f"CONSUMER.INFO.AGENT.{durable}")
        return (info["num_ack_pending"], info["num_pending"]) == (0, 0)

    await eventually(nothing_is_left)


async def test_a_consumer_reads_bursts_and_single_facts_alike(bus: Bus) -> None:
    agent_id, seen = uuid7(), Seen()
    waiting = facts(agent_id, 1, 250)
    reader = consumer(bus, agent_id, seen, batch=2)
    await reader.start()
    for each in ([waiting[0]], *cut(waiting[1:249]), [waiting[249]]):
        await bus.publish(message_of(each))
    assert (await bus.publish(message_of(cut(waiting[1:249])[0]))).duplicate
    await eventually(lambda: len(seen.seqs) >= 250)
    assert seen.seqs == list(range(1, 251))
    await all_is_acknowledged(bus, f"t-{agent_id}")
    await reader.stop()


async def test_a_burst_that_fails_comes_again_as_a_whole(bus: Bus) -> None:
    agent_id, seen = uuid7(), Seen()
    seen.fail[3] = ValueError("not yet")
    reader = consumer(bus, agent_id, seen)
    await reader.start()
    await bus.publish(message_of(facts(agent_id, 1, 4)))
    # Each by itself meanwhile: what can be handled is not held up.
    await eventually(lambda: 4 in seen.seqs)
    assert seen.seqs[:3] == [1, 2, 4]
    seen.fail.clear()
    await eventually(lambda: [1, 2, 3, 4] in seen.batches)
    await all_is_acknowledged(bus, f"t-{agent_id}")
    await reader.stop()


async def test_a_handler_whose_neighbour_is_away_gets_the_same_burst_until_it_succeeds(bus: Bus) -> None:
    agent_id, seen = uuid7(), Seen()
    seen.fail[2] = Unavailable("the store is away")
    reader = consumer(bus, agent_id, seen, max_deliver=1)
    await reader.start()
    await bus.publish(message_of(facts(agent_id, 1, 3)))
    await bus.publish(fact(agent_id, 4))
    await eventually(lambda: len(seen.asked) >= 3)
    assert all(asked[:3] == [1, 2, 3] for asked in seen.asked)
    assert not seen.batches
    seen.fail.clear()
    await eventually(lambda: seen.seqs == [1, 2, 3, 4])
    await reader.stop()


async def test_of_a_burst_only_what_cannot_be_handled_goes_to_the_dead_letters(bus: Bus) -> None:
    agent_id, seen = uuid7(), Seen()
    seen.fail = {2: ValueError("cannot digest this"), 4: ValueError("nor that")}
    reader = consumer(bus, agent_id, seen, max_deliver=2)
    await reader.start()
    trace = TraceContext(5, 6)
    waiting = [fact(agent_id, seq, causation="r1", trace=trace) for seq in range(1, 6)]
    await bus.publish(message_of(waiting))
    letters = await bus.js.subscribe(f"sb_dlq.AGENT.t-{agent_id}", ordered_consumer=True)
    for seq, error in ((2, "cannot digest this"), (4, "nor that")):
        letter = await letters.next_msg(timeout=30)
        assert letter.data == waiting[seq - 1].payload
        assert error in letter.headers["Sb-Error"]
        assert letter.headers["Sb-Deliveries"] == "2"
        # Sent to the subject again, it is an event as any other.
        (again,) = read_events(letter.headers["Sb-Subject"], letter.data, letter.headers, DELIVERY)
        assert (again.event_id, again.causation, again.trace) == (f"acme/{agent_id}/{seq}", "r1", trace)
        assert again.occurred_at == waiting[seq - 1].occurred_at
    assert set(seen.seqs) == {1, 3, 5}
    await all_is_acknowledged(bus, f"t-{agent_id}")
    await reader.stop()


async def test_a_malformed_burst_goes_to_the_dead_letters_as_it_is(bus: Bus) -> None:
    agent_id, seen = uuid7(), Seen()
    reader = consumer(bus, agent_id, seen)
    await reader.start()
    made = message_of(facts(agent_id, 1, 3))
    await bus.store(made.subject, made.payload[:-3], made.headers())
    await bus.publish(fact(agent_id, 4))
    letters = await bus.js.subscribe(f"sb_dlq.AGENT.t-{agent_id}", ordered_consumer=True)
    letter = await letters.next_msg(timeout=30)
    assert letter.data == made.payload[:-3]
    assert "malformed burst" in letter.headers["Sb-Error"]
    assert (letter.headers["Sb-First"], letter.headers["Sb-Seq"]) == ("1", "3")
    await eventually(lambda: seen.seqs == [4])
    await all_is_acknowledged(bus, f"t-{agent_id}")
    await reader.stop()


async def test_the_last_fact_on_a_stream_is_known_without_opening_the_message(bus: Bus) -> None:
    agent_id = uuid7()
    subject = f"sb.acme.agent.{agent_id}"
    assert await tail(bus, "AGENT", subject) == module.Tail(0, "")
    ack = await bus.publish(fact(agent_id, 1))
    at = AT + timedelta(microseconds=1)
    assert await tail(bus, "AGENT", subject) == module.Tail(1, TYPE, ack.seq, at)
    ack = await bus.publish(message_of(facts(agent_id, 2, 9)))
    at = AT + timedelta(microseconds=9)
    assert await tail(bus, "AGENT", subject) == module.Tail(9, TYPE, ack.seq, at)
