"""Facts that are sent together are stored in order, once, and a lost answer costs neither."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus_kit.batch import publish_all
from seatbus_kit.bus import Bus
from seatbus_kit.errors import OutcomeUnknown, Refused, Unavailable
from seatbus_kit.events import OutEvent, make_event
from seatbus_kit.ids import uuid7


def events(count: int, entity: str = "") -> list[OutEvent]:
    agent = entity or uuid7()
    return [make_event("t1", "agent", agent, seq, AgentPresenceChanged()) for seq in range(1, count + 1)]


async def stored(bus: Bus, entity: str) -> list[int]:
    """The sequence numbers of an entity, in the order of the stream."""
    sub = await bus.js.subscribe(f"sb.t1.agent.{entity}", ordered_consumer=True)
    found, left = [], 1
    while left:
        msg = await sub.next_msg(timeout=20)
        found.append(int(msg.headers["Sb-Seq"]))
        left = msg.metadata.num_pending
    return found


async def test_all_are_stored_in_order(bus: Bus) -> None:
    facts = events(40)
    assert await publish_all(bus, facts) == [None] * 40
    assert await stored(bus, facts[0].entity) == list(range(1, 41))


async def test_a_repeat_after_a_lost_answer_stores_nothing_twice(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = events(6)
    heard = bus._answered

    def lossy(subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if b'"seq"' not in data or orjson.loads(data)["seq"] % 3:
            heard(subject, reply, data, headers)

    for sid in bus.nc.direct:
        monkeypatch.setitem(bus.nc.direct, sid, lossy)
    results = await publish_all(bus, facts, timeout=1.5)
    assert [type(result) for result in results if result] == [OutcomeUnknown] * 2
    monkeypatch.undo()
    first = next(at for at, result in enumerate(results) if result)
    assert await publish_all(bus, facts[first:]) == [None] * (6 - first)
    assert await stored(bus, facts[0].entity) == [1, 2, 3, 4, 5, 6]
    assert not bus._waiting


async def test_nothing_follows_one_that_cannot_be_sent(bus: Bus) -> None:
    facts = events(3)
    large: Any = OutEvent(**{name: getattr(facts[1], name) for name in OutEvent.__slots__} | _LARGE)
    results = await publish_all(bus, [facts[0], large, facts[2]])
    assert results[0] is None
    assert isinstance(results[1], Refused)
    assert isinstance(results[2], Refused)
    assert await stored(bus, facts[0].entity) == [1]


_LARGE = {"payload": b"x" * (2 << 20)}


async def test_a_burst_is_one_write(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    transport: Any = bus.nc._transport
    writes: list[bytes] = []
    real = transport.write

    def write(data: bytes) -> None:
        writes.append(data)
        real(data)

    monkeypatch.setattr(transport, "write", write)
    assert await publish_all(bus, events(12)) == [None] * 12
    assert [data.count(b"HPUB ") for data in writes if b"HPUB sb.t1." in data] == [12]


async def test_a_connection_that_breaks_in_a_burst_leaves_nobody_waiting(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: bytes) -> None:
        raise OSError("broken")

    monkeypatch.setattr(bus.nc._transport, "write", broken)
    results = await publish_all(bus, events(3))
    monkeypatch.undo()
    assert [type(result) for result in results] == [OutcomeUnknown] * 3
    assert not bus._waiting
    assert await publish_all(bus, events(3)) == [None] * 3


async def test_without_a_connection_nothing_is_sent(bus: Bus) -> None:
    await bus.close()
    results = await publish_all(bus, events(2))
    assert [type(result) for result in results] == [Unavailable] * 2


async def test_a_cancelled_burst_leaves_no_question_open(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    for sid in bus.nc.direct:
        monkeypatch.setitem(bus.nc.direct, sid, lambda *_: None)
    task = asyncio.create_task(publish_all(bus, events(3)))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not bus._waiting
