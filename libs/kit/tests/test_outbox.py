"""The outbox: facts of many entities leave together, each entity's in order, and one holds no other up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus_kit import outbox as outbox_module
from seatbus_kit.burst import MOST_FACTS, stored_events
from seatbus_kit.bus import Bus, PubAck
from seatbus_kit.errors import NotFound, OutcomeUnknown, SeatbusError
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


async def stored(bus: Bus, events: list[OutEvent]) -> list[list[int]]:
    """The numbers of an entity's events, message by message, as the stream has them."""
    subject, at, found = events[0].subject, 1, []
    while True:
        try:
            answer: Any = await bus.api("STREAM.MSG.GET.AGENT", {"seq": at, "next_by_subj": subject})
        except NotFound:
            return found
        at = answer["message"]["seq"] + 1
        found.append([event.seq for event in stored_events("AGENT", answer)])


async def test_events_of_one_entity_are_one_message_and_those_of_all_leave_together(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, counts = Outbox(bus), published(monkeypatch, bus)
    work = [facts(1), facts(3), facts(2)]
    done = [outbox.push(each[0].subject, each) for each in work]
    assert await outbox.flush()
    assert all(future is not None and future.done() for future in done)
    assert [outbox.acked(each[0].subject) for each in work] == [1, 3, 2]
    assert counts == [3]
    assert [await stored(bus, each) for each in work] == [[[1]], [[1, 2, 3]], [[1, 2]]]
    assert outbox.push(work[0][0].subject, work[0]) is None
    await outbox.close()


async def test_what_comes_within_a_moment_waits_for_its_end(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatbus_kit.outbox._GATHER_S", 3600.0)
    outbox, counts = Outbox(bus), published(monkeypatch, bus)
    first, more = facts(3), facts(1)
    done = _published(outbox, first[:1])
    _published(outbox, more)
    await asyncio.sleep(0.05)
    assert not done.done()
    outbox.push(first[0].subject, first)
    assert await outbox.flush()
    assert (await stored(bus, first), counts) == ([[1, 2, 3]], [2])
    monkeypatch.setattr("seatbus_kit.outbox._GATHER_S", 0.02)
    await asyncio.wait_for(_published(outbox, facts(1)), 30.0)
    await outbox.close()


async def test_more_than_a_message_may_hold_is_several_in_order(bus: Bus) -> None:
    outbox, each = Outbox(bus), facts(MOST_FACTS + 2)
    _published(outbox, each)
    assert await outbox.flush()
    sizes = [len(message) for message in await stored(bus, each)]
    assert sizes == [MOST_FACTS, 2]
    await outbox.close()


async def test_who_was_overtaken_sends_what_is_missing_alone(bus: Bus) -> None:
    one, other, each = Outbox(bus), Outbox(bus), facts(6)
    _published(one, each[:2])
    assert await one.flush()
    # It has not heard of the first message, and says more than the other one has.
    _published(other, each[:4])
    assert await other.flush()
    _published(one, each[2:3])
    assert await one.flush()
    assert one.acked(each[0].subject) == 4
    _published(one, each[3:])
    assert await one.flush()
    assert await stored(bus, each) == [[1, 2], [3, 4], [5, 6]]
    await one.close()
    await other.close()


async def test_two_that_publish_at_the_same_time_store_nothing_twice(bus: Bus) -> None:
    one, other, each = Outbox(bus), Outbox(bus), facts(40)
    both = (one, other)
    for end in range(1, 41):
        # Each knows the record's events up to another place.
        for outbox in both:
            outbox.push(each[0].subject, each[: min(40, end + (outbox is other))])
        if end % 5 == 0:
            await asyncio.gather(*(outbox.flush() for outbox in both))
    found = [seq for message in await stored(bus, each) for seq in message]
    assert found == list(range(1, 41))
    assert [outbox.acked(each[0].subject) for outbox in both] == [40, 40]
    for outbox in both:
        await outbox.close()


async def test_a_message_whose_answer_was_lost_is_sent_as_it_was(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, each = Outbox(bus), facts(5)
    outbox.forget(each[0].subject)
    sent: list[tuple[int, ...]] = []
    real = outbox_module.store_all

    async def lossy(bus: Bus, messages: Any, behind: Any) -> list[PubAck | SeatbusError]:
        sent.append(tuple(int(message.event_id.rpartition("-")[2]) for message in messages))
        results = await real(bus, messages, behind)
        return results if len(sent) > 1 else [OutcomeUnknown("lost")] * len(results)

    monkeypatch.setattr(outbox_module, "store_all", lossy)
    done = _published(outbox, each[:2])
    await eventually(lambda: len(sent) == 1)
    outbox.push(each[0].subject, each)
    await asyncio.wait_for(done, 30.0)
    assert sent == [(2,), (2,), (5,)]
    assert await stored(bus, each) == [[1, 2], [3, 4, 5]]
    await outbox.close()


async def test_an_entity_whose_key_came_back_begins_anew_behind_its_earlier_life(bus: Bus) -> None:
    old = facts(3)
    for fact in old:
        await bus.publish(replace(fact, occurred_at=fact.occurred_at - timedelta(minutes=5)))
    for outbox, anew in ((Outbox(bus), True), (Outbox(bus), False)):
        if anew:
            outbox.forget(old[0].subject)
        # Numbers that were there before, in messages of other ids.
        now = [replace(fact, occurred_at=datetime.now(UTC)) for fact in old[:2]]
        assert await outbox.missing(now) == (now if anew else [])
        if anew:
            _published(outbox, now)
            assert await outbox.flush()
        await outbox.close()
    assert await stored(bus, old) == [[1], [2], [3], [1, 2]]


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
