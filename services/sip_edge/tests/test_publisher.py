"""Facts leave together, each call's in order and without a gap, whatever the bus answers."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from seatbus.call.v1.events_pb2 import CallAnswered, CallEnded
from seatbus_kit.batch import publish_all
from seatbus_kit.burst import MOST_BYTES, OutBurst, OutMessage, Tail, message_of, tail
from seatbus_kit.bus import Bus, PubAck
from seatbus_kit.errors import OutcomeUnknown, Refused, SeatbusError, Unavailable
from seatbus_kit.events import OutEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.provision import ensure
from seatbus_kit.settings import ServiceSettings
from seatbus_sip_edge.adapters import publisher as module
from seatbus_sip_edge.adapters.publisher import Publisher
from seatbus_testkit.eventually import eventually
from seatbus_testkit.history import History
from seatbus_testkit.nats import NatsServer


class Stream:
    """A stream that forgets answers and refuses at random, and knows message ids."""

    def __init__(self, trouble: float, seed: int = 1) -> None:
        self.stored: list[str] = []
        self.writes: list[list[str]] = []
        self.ids: set[str] = set()
        self._trouble = trouble
        self._random = random.Random(seed)

    async def store_all(
        self, _bus: object, messages: list[OutMessage], _behind: list[int | None]
    ) -> list[PubAck | SeatbusError]:
        self.writes.append([each.event_id.removeprefix("t1/") for each in messages])
        await asyncio.sleep(0)
        return [self._one(each) or PubAck("CALL", len(self.stored)) for each in messages]

    def _one(self, message: OutMessage) -> SeatbusError | None:
        dice = self._random.random()
        if dice < self._trouble / 2:
            return Unavailable("away") if dice < self._trouble / 4 else Refused("bus_refused", "full")
        if message.event_id not in self.ids:
            self.ids.add(message.event_id)
            facts = message.facts if isinstance(message, OutBurst) else (message,)
            self.stored += [f"{fact.entity}/{fact.seq}" for fact in facts]
        return OutcomeUnknown("no answer") if dice < self._trouble else None

    def of(self, call: str) -> list[int]:
        return [int(each.partition("/")[2]) for each in self.stored if each.startswith(f"{call}/")]


def fact(call: str, seq: int, *, last: bool = False) -> OutEvent:
    kind = (CallEnded if last else CallAnswered).DESCRIPTOR.full_name
    return OutEvent("t1", "call", call, seq, kind, b"", datetime.now(UTC), "edge-0")


def publisher(monkeypatch: pytest.MonkeyPatch, stream: Stream) -> tuple[Publisher, dict[str, int]]:
    told: dict[str, int] = {}
    monkeypatch.setattr(module, "store_all", stream.store_all)
    monkeypatch.setattr(module, "_RETRY_S", 0.002)
    monkeypatch.setattr(module, "_REFUSED_RETRY_S", 0.002)
    return Publisher(None, told.__setitem__), told  # type: ignore[arg-type]


async def test_what_a_call_says_at_one_moment_is_one_message_and_all_leave_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    made.push([fact("first", 1)])
    await eventually(lambda: told == {"first": 1})
    for call in ("a", "b", "c"):
        made.push([fact(call, 1), fact(call, 2)][: 1 if call == "c" else 2])
    await eventually(lambda: len(told) == 4)
    assert stream.writes == [["first/1"], ["a/1-2", "b/1-2", "c/1"]]
    assert told == {"first": 1, "a": 2, "b": 2, "c": 1}


async def test_a_bus_that_does_not_answer_is_asked_one_message_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(0.0)
    made, _ = publisher(monkeypatch, stream)
    away = [True, True, True]
    one = stream._one
    monkeypatch.setattr(
        stream, "_one", lambda each: Unavailable("away") if away and away.pop() else one(each)
    )
    made.push([fact(call, seq) for call in "abc" for seq in range(1, 6)])
    async with asyncio.timeout(20):
        await made.drain()
    assert all(stream.of(call) == [1, 2, 3, 4, 5] for call in "abc")
    assert [len(each) for each in stream.writes] == [1, 1, 1, 1, 2]


async def test_a_message_in_doubt_is_repeated_as_it_was_and_what_came_since_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    one, lost = stream._one, [True, True]

    def stored_without_an_answer(message: OutMessage) -> SeatbusError | None:
        said = one(message)
        return OutcomeUnknown("no answer") if lost and lost.pop() else said

    monkeypatch.setattr(stream, "_one", stored_without_an_answer)
    made.push([fact("a", 1), fact("a", 2)])
    await eventually(lambda: len(stream.writes) == 1)
    made.push([fact("a", 3), fact("a", 4)])
    await eventually(lambda: told == {"a": 4})
    assert [each for write in stream.writes for each in write] == ["a/1-2", "a/1-2", "a/1-2", "a/3-4"]
    assert stream.of("a") == [1, 2, 3, 4]


async def test_a_burst_that_is_refused_is_tried_fact_by_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    one = stream._one

    def small_ones(message: OutMessage) -> SeatbusError | None:
        return Refused("payload_too_large", "no") if isinstance(message, OutBurst) else one(message)

    monkeypatch.setattr(stream, "_one", small_ones)
    made.push([fact("a", 1), fact("a", 2)])
    await eventually(lambda: told == {"a": 2})
    assert stream.writes[:2] == [["a/1-2"], ["a/1"]]
    assert stream.of("a") == [1, 2]


async def test_a_fact_too_large_for_a_burst_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    facts = [fact("a", seq) for seq in range(1, 250)]
    facts[3] = replace(facts[3], payload=b"x" * (MOST_BYTES + 1))
    made.push(facts)
    async with asyncio.timeout(20):
        await made.drain()
    assert [each for write in stream.writes for each in write] == [
        "a/1-3", "a/4", "a/5-104", "a/105-204", "a/205-249",
    ]  # fmt: skip
    assert told == {"a": 249}


async def test_of_a_predecessors_facts_only_those_are_sent_that_the_stream_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    on_stream = {"a": 3, "b": 5, "c": 0}
    failing = [Unavailable("away"), OutcomeUnknown("no answer")]

    async def tail(_bus: object, stream: str, subject: str) -> Tail:
        if failing:
            raise failing.pop()
        assert stream == "CALL"
        return Tail(on_stream[subject.rpartition(".")[2]], "")

    monkeypatch.setattr(module, "tail", tail)
    made.resume([fact(call, seq) for call in "abc" for seq in range(2, 6)])
    made.push([fact("a", 6)])
    assert [event.seq for event in made.unpublished("a")] == [2, 3, 4, 5, 6]
    assert len(list(made.pending())) == 13
    async with asyncio.timeout(20):
        await made.drain()
    assert sorted(each for write in stream.writes for each in write) == ["a/4-6", "c/2-5"]
    assert told == {"a": 6, "b": 5, "c": 5}
    await made.stop()


async def test_a_predecessors_message_that_comes_late_is_not_there_twice(nats_server: NatsServer) -> None:
    bus = await Bus.connect(ServiceSettings(nats_url=nats_server.url))
    await ensure(bus)
    told: dict[str, int] = {}
    made = Publisher(bus, told.__setitem__)
    call = uuid7()
    late = message_of([fact(call, 1), fact(call, 2)])

    async def tail_then_late(asked: Bus, stream: str, subject: str) -> Tail:
        found = await tail(asked, stream, subject)
        if not found.seq:
            assert await publish_all(bus, [late]) == [None]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "tail", tail_then_late)
        made.resume([fact(call, seq) for seq in (1, 2, 3)])
        made.push([fact(call, 4)])
        async with asyncio.timeout(20):
            await made.drain()
    assert told == {call: 4}
    stored = (await History.read(bus, "t1")).events
    assert [event.seq for event in stored if event.entity == call] == [1, 2, 3, 4]
    await made.stop()
    await bus.close()


async def test_a_predecessors_call_that_is_another_edges_now_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    asked = asyncio.Event()

    async def tail(_bus: object, _stream: str, _subject: str) -> Tail:
        await asked.wait()
        return Tail(0, "")

    monkeypatch.setattr(module, "tail", tail)
    made.resume([fact("a", 1), fact("b", 1)])
    await asyncio.sleep(0)
    made.discard("a")
    asked.set()
    async with asyncio.timeout(20):
        await made.drain()
    assert (stream.stored, told) == (["b/1"], {"b": 1})
    await made.stop()


async def test_the_last_fact_of_a_call_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    monkeypatch.setattr(module, "_GATHER_S", 60.0)
    made.push([fact("a", 1)])
    made.push([fact("b", 1, last=True)])
    await eventually(lambda: told == {"a": 1, "b": 1})


async def test_draining_does_not_wait_for_the_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    made, told = publisher(monkeypatch, Stream(0.0))
    monkeypatch.setattr(module, "_GATHER_S", 60.0)
    made.push([fact("a", 1)])
    async with asyncio.timeout(20):
        await made.drain()
    assert told == {"a": 1}


@pytest.mark.parametrize("seed", range(5))
async def test_each_call_is_complete_through_any_trouble(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    stream = Stream(0.3, seed)
    made, told = publisher(monkeypatch, stream)
    monkeypatch.setattr(module, "_GATHER_S", 0.001)
    for seq in range(1, 21):
        for call in ("a", "b", "c"):
            made.push([fact(call, seq, last=seq == 20)])
        await asyncio.sleep(0.001)
    async with asyncio.timeout(10):
        await made.drain()
    assert {call: seq for call, seq in told.items() if seq == 20} == {"a": 20, "b": 20, "c": 20}
    # Each once and in order: a call's next facts are sent only after all before were acknowledged.
    assert all(stream.of(call) == list(range(1, 21)) for call in "abc")
    assert not list(made.pending())
    await made.stop()
