"""Contacts without a call on their way to another queue: in one place at a time, whoever dies or is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1.types_pb2 import Route
from seatbus_acd.domain.model import LeaveReason
from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually

from .here import HELP, SALES, Here, replica
from .world import T

CHAT: dict[str, Any] = {"edge_instance": "", "channel": "chat"}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with replica(tmp_path) as made:
        yield made


async def chat(here: Here, **fields: Any) -> str:
    contact_id = uuid7()
    await here.enqueue(contact_id, **{**CHAT, **fields})
    return contact_id


async def move(here: Here, contact_id: str) -> api.MoveResponse:
    request = api.MoveRequest(
        context=RequestContext(request_id=uuid7(), tenant_id=T), contact_id=contact_id, to_queue_id="help"
    )
    return await here.servicer.Move(request, cast("Any", None))


def waiting(here: Here, queue: tuple[str, str]) -> list[str]:
    contacts = sorted(here.held.engine.queues[queue].contacts.values(), key=lambda one: one.place)
    return [contact.spec.key[1] for contact in contacts]


async def onward(here: Here, contact_id: str) -> wire.Onward:
    found = await here.held.contacts.onward((T, contact_id))
    assert found is not None
    return found


@pytest.mark.parametrize("opened", [False, True], ids=["before the next visit", "after it"])
async def test_the_next_holder_completes_what_the_last_one_began(here: Here, opened: bool) -> None:
    contact_id = await chat(here)
    here.away.set()
    asked = asyncio.ensure_future(move(here, contact_id))
    await eventually(lambda: (T, contact_id) not in here.held.engine.contacts)

    async def has_set_out() -> bool:
        return await here.held.contacts.onward((T, contact_id)) is not None

    await eventually(has_set_out)
    going = await onward(here, contact_id)
    if opened:
        record = await here.held.contacts.read((T, contact_id))
        assert record is not None
        here.away.clear()
        await here.open(record)
        here.away.set()
    asked.cancel()
    await here.take_over()
    assert (T, contact_id) not in here.held.engine.contacts, "it is offered to nobody"
    here.away.clear()
    await eventually(lambda: (T, contact_id) not in here.held.visits)
    assert (waiting(here, HELP), waiting(here, SALES)) == ([going.contact_id], [])
    assert (await move(here, contact_id)).contact_id == going.contact_id
    ended = await here.held.contacts.ended_as((T, contact_id))
    assert ended is not None
    assert ended[0] == wire.VISIT_OUTCOME_TRANSFERRED_OUT


async def test_who_is_away_is_waited_for_and_who_asks_again_hears_the_same(here: Here) -> None:
    contact_id = await chat(here)
    here.away.set()
    asked = [asyncio.ensure_future(move(here, contact_id)) for _ in range(2)]
    await eventually(lambda: (T, contact_id) not in here.held.engine.contacts)
    here.away.clear()
    first, second = await asyncio.gather(*asked)
    assert first.contact_id == second.contact_id
    assert waiting(here, HELP) == [first.contact_id]


async def test_what_the_other_queue_refuses_stays_in_its_place(here: Here) -> None:
    here.help_closed = True
    here.configure()
    older = await chat(here)
    younger = await chat(here)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await move(here, older)
        assert refused.value.reason == "queue_closed"
    assert waiting(here, SALES) == [older, younger]
    record = await here.held.contacts.read((T, older))
    assert record is not None
    assert not record.HasField("onward")


async def test_overflow_follows_the_routes_of_queues_that_refuse_and_no_further(here: Here) -> None:
    """`help` is closed and leads back to where the contact came from."""
    here.help_closed = True
    here.routes = {SALES: Route(queue_id="help"), HELP: Route(queue_id="sales")}
    here.configure()
    contact_id = await chat(here)
    visit = here.held.visits[T, contact_id]
    spec = here.held.engine.contacts[T, contact_id].spec
    await here.held.departures.overflow(visit, spec, LeaveReason.MAX_WAIT)
    found = await onward(here, contact_id)
    assert (found.cause, found.queue_id, found.refusal) == ("max_wait", "", "queue_closed")
    ended = await here.held.contacts.ended_as((T, contact_id))
    assert ended is not None
    assert ended[0] == wire.VISIT_OUTCOME_OVERFLOWED
    assert (T, contact_id) not in here.held.visits


async def test_queues_that_overflow_into_each_other_end_it_at_last(here: Here) -> None:
    here.routes = {SALES: Route(queue_id="help")}
    contact_id = await chat(here, visit=31)
    visit = here.held.visits[T, contact_id]
    spec = here.held.engine.contacts[T, contact_id].spec
    await here.held.departures.overflow(visit, spec, LeaveReason.MAX_WAIT)
    assert (await onward(here, contact_id)).refusal == "too_many_visits"
    assert waiting(here, HELP) == []


async def test_what_goes_on_keeps_its_place_class_and_wishes(here: Here) -> None:
    contact_id = await chat(here, priority=5, attributes={"page": "cart"}, caller="ann")
    later = await chat(here, queue_id="help", priority=5)
    moved = await move(here, contact_id)
    assert moved.position == 1
    assert waiting(here, HELP) == [moved.contact_id, later]
    record = await here.held.contacts.read((T, moved.contact_id))
    assert record is not None
    assert (record.visit, record.priority, record.caller) == (1, 5, "ann")
    assert (record.previous_contact_id, record.interaction_id) == (contact_id, contact_id)
    assert dict(record.attributes) == {"page": "cart"}
