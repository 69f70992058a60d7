"""Facts leave together, each call's in order and without a gap, whatever the bus answers."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest

from seatbus.call.v1.events_pb2 import CallAnswered, CallEnded
from seatbus_kit.errors import OutcomeUnknown, Refused, SeatbusError, Unavailable
from seatbus_kit.events import OutEvent
from seatbus_sip_edge.adapters import publisher as module
from seatbus_sip_edge.adapters.publisher import Publisher
from seatbus_testkit.eventually import eventually


class Stream:
    """A stream that forgets answers and refuses at random, and knows message ids."""

    def __init__(self, trouble: float, seed: int = 1) -> None:
        self.stored: list[str] = []
        self.bursts: list[list[str]] = []
        self._trouble = trouble
        self._random = random.Random(seed)

    async def publish_all(self, _bus: object, events: list[OutEvent]) -> list[SeatbusError | None]:
        ids = [f"{event.entity}/{event.seq}" for event in events]
        self.bursts.append(ids)
        await asyncio.sleep(0)
        return [self._one(each) for each in ids]

    def _one(self, each: str) -> SeatbusError | None:
        dice = self._random.random()
        if dice < self._trouble / 2:
            return Unavailable("away") if dice < self._trouble / 4 else Refused("bus_refused", "full")
        if each not in self.stored:
            self.stored.append(each)
        return OutcomeUnknown("no answer") if dice < self._trouble else None


def fact(call: str, seq: int, *, last: bool = False) -> OutEvent:
    kind = (CallEnded if last else CallAnswered).DESCRIPTOR.full_name
    return OutEvent("t1", "call", call, seq, kind, b"", datetime.now(UTC), "edge-0")


def publisher(monkeypatch: pytest.MonkeyPatch, stream: Stream) -> tuple[Publisher, dict[str, int]]:
    told: dict[str, int] = {}
    monkeypatch.setattr(module, "publish_all", stream.publish_all)
    monkeypatch.setattr(module, "_RETRY_S", 0.002)
    monkeypatch.setattr(module, "_REFUSED_RETRY_S", 0.002)
    return Publisher(None, told.__setitem__), told  # type: ignore[arg-type]


async def test_what_calls_say_at_one_moment_leaves_together(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(0.0)
    made, told = publisher(monkeypatch, stream)
    made.push([fact("first", 1)])
    await eventually(lambda: told == {"first": 1})
    for call in ("a", "b"):
        made.push([fact(call, 1), fact(call, 2)])
    await eventually(lambda: len(told) == 3)
    assert stream.bursts == [["first/1"], ["a/1", "a/2", "b/1", "b/2"]]
    assert told == {"first": 1, "a": 2, "b": 2}


async def test_a_bus_that_comes_back_in_the_middle_swaps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(0.0)
    made, _ = publisher(monkeypatch, stream)
    away = [True, True, True]
    one = stream._one
    monkeypatch.setattr(
        stream, "_one", lambda each: Unavailable("away") if away and away.pop() else one(each)
    )
    made.push([fact("a", seq) for seq in range(1, 6)])
    async with asyncio.timeout(20):
        await made.drain()
    assert stream.stored == [f"a/{seq}" for seq in range(1, 6)]
    assert [len(burst) for burst in stream.bursts] == [1, 1, 1, 1, 4]


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
    assert len(stream.stored) == 60
    # A call's next facts are sent only after all before were acknowledged, or together with them.
    for burst in stream.bursts:
        for call in "abc":
            seqs = [int(each.partition("/")[2]) for each in burst if each.startswith(call)]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True
    assert not list(made.pending())
    await made.stop()
