"""The outbox: facts of many entities leave together, each entity's in order, and one holds no other up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus_kit.bus import Bus
from seatbus_kit.events import OutEvent, make_event
from seatbus_kit.ids import uuid7
from seatbus_kit.outbox import Outbox
from seatbus_testkit.eventually import eventually


def facts(count: int, reason: str = "") -> list[OutEvent]:
    agent = uuid7()
    message = AgentPresenceChanged(reason=reason)
    return [make_event("t1", "agent", agent, seq, message) for seq in range(1, count + 1)]


def _published(outbox: Outbox, events: list[OutEvent]) -> asyncio.Future[None]:
    done = outbox.push(events[0].subject, events)
    assert done is not None
    return done


def published(monkeypatch: pytest.MonkeyPatch, bus: Bus) -> list[int]:
    """How many facts each write to the socket has; grows."""
    transport: Any = bus.nc._transport
    counts: list[int] = []
    real = transport.write

    def write(data: bytes) -> None:
        if b"HPUB sb.t1." in data:
            counts.append(data.count(b"HPUB "))
        real(data)

    monkeypatch.setattr(transport, "write", write)
    return counts


async def test_first_facts_of_all_leave_together_and_later_ones_after_their_acknowledgement(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, counts = Outbox(bus), published(monkeypatch, bus)
    work = [facts(1), facts(3), facts(2)]
    done = [outbox.push(each[0].subject, each) for each in work]
    assert await outbox.flush()
    assert all(future is not None and future.done() for future in done)
    assert [outbox.acked(each[0].subject) for each in work] == [1, 3, 2]
    assert counts == [3, 2, 1]
    assert outbox.push(work[0][0].subject, work[0]) is None
    await outbox.close()


async def test_a_fact_after_a_pause_leaves_at_once_and_those_close_behind_it_together(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatbus_kit.outbox._GATHER_S", 3600.0)
    outbox, counts = Outbox(bus), published(monkeypatch, bus)
    first = facts(1)
    await asyncio.wait_for(_published(outbox, first), 30.0)
    for _ in range(3):
        each = facts(1)
        _published(outbox, each)
        await asyncio.sleep(0)
    assert await outbox.flush()
    assert counts == [1, 3]
    assert outbox.acked(each[0].subject) == 1
    await outbox.close()


async def test_one_that_cannot_be_sent_holds_nobody_else_up(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(bus)
    large, small = facts(2, "x" * (2 << 20)), [facts(2), facts(1)]
    for each in (small[0], large, small[1]):
        outbox.push(each[0].subject, each)
    await eventually(lambda: [outbox.acked(each[0].subject) for each in small] == [2, 1])
    assert outbox.acked(large[0].subject) == 0
    assert not await outbox.flush(0.2)
    await outbox.close()


async def test_facts_wait_for_a_bus_that_is_away(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, each = Outbox(bus), facts(2)

    def broken(_: bytes) -> None:
        raise OSError("broken")

    monkeypatch.setattr(bus.nc._transport, "write", broken)
    outbox.push(each[0].subject, each)
    assert not await outbox.flush(0.3)
    monkeypatch.undo()
    assert await outbox.flush()
    assert outbox.acked(each[0].subject) == 2
    await outbox.close()


async def test_a_closed_outbox_forgets_what_it_had(bus: Bus) -> None:
    outbox, each = Outbox(bus), facts(2)
    done = outbox.push(each[0].subject, each)
    await outbox.close()
    assert done is not None
    assert done.cancelled()
    assert outbox.handed(each[0].subject) == 0
