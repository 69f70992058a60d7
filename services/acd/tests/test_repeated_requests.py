"""What comes again is answered as before, and an offer that stands is known to record and engine alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus_kit.errors import NotFound, Refused, ResourceExhausted
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually

from .here import A1, A2, Here, replica
from .world import T

CHAT: dict[str, Any] = {"edge_instance": "", "channel": "chat"}
CALL_BACK: dict[str, Any] = {"edge_instance": "", "callback": wire.Callback(number="+4930123")}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with replica(tmp_path) as made:
        yield made


def context() -> RequestContext:
    return RequestContext(request_id=uuid7(), tenant_id=T)


async def requeue(here: Here, contact_id: str, *, front: bool) -> int:
    request = api.RequeueRequest(context=context(), contact_id=contact_id, front=front)
    answer = await here.servicer.Requeue(request, cast("Any", None))
    return answer.position


async def cancel(here: Here, contact_id: str, **fields: Any) -> wire.VisitOutcome:
    asked = {"outcome": wire.VISIT_OUTCOME_ABANDONED, **fields}
    request = api.CancelRequest(context=context(), contact_id=contact_id, **asked)
    answer = await here.servicer.Cancel(request, cast("Any", None))
    return answer.outcome


async def explain(here: Here, contact_id: str) -> api.ExplainResponse:
    request = api.ExplainRequest(tenant_id=T, contact_id=contact_id)
    return await here.servicer.Explain(request, cast("Any", None))


async def test_who_is_put_to_the_front_is_offered_once_to_the_next_who_is_free(here: Here) -> None:
    contact_id = uuid7()
    here.neighbours.may_release.set()
    await here.enqueue(contact_id)
    here.ready(A1, 1)
    await here.offered((contact_id, A1))
    here.ready(A2, 2)
    assert await requeue(here, contact_id, front=True) == 0
    await here.offered((contact_id, A1), (contact_id, A2))
    await eventually(lambda: not here.held.busy)
    record = await here.held.contacts.read((T, contact_id))
    assert record is not None
    engine = here.held.engine.contacts[T, contact_id]
    assert (record.offer.rid, record.fifo) == (engine.rid, 1)
    assert record.offers == 2, "nobody was rung in vain"
    assert here.neighbours.releasing == ["a1"]


async def test_who_waits_is_put_to_the_front(here: Here) -> None:
    first, older, younger = uuid7(), uuid7(), uuid7()
    for contact_id in (first, older, younger):
        await here.enqueue(contact_id)
    # It was the first of all that the bucket ever had, and that is the front.
    await cancel(here, first)
    assert await requeue(here, younger, front=True) == 1
    here.ready(A1, 1)
    await here.offered((younger, A1))


@pytest.mark.parametrize("fields", [{}, CHAT], ids=["call", "chat"])
@pytest.mark.parametrize("again", ["same request", "another request"])
async def test_who_was_taken_in_is_not_refused_later(here: Here, again: str, fields: dict[str, Any]) -> None:
    here.configure(max_waiting=1)
    waits, ended = uuid7(), uuid7()
    await here.enqueue(ended, **fields)
    await cancel(here, ended)
    assert (await here.enqueue(waits, **fields)).position == 1
    for closed in (False, True):
        here.configure(max_waiting=1, closed=closed)
        request_id = "" if again == "same request" else uuid7()
        assert (await here.enqueue(ended, request_id, **fields)).position == 0
        assert (T, ended) not in here.held.engine.contacts, "it has ended for good"
        with pytest.raises(Refused if closed else ResourceExhausted):
            await here.enqueue(uuid7(), **fields)


async def test_a_repetition_finds_what_another_holder_wrote(here: Here) -> None:
    """The engine does not know the contact yet, and the queue is closed by now."""
    contact_id = uuid7()
    await here.enqueue(contact_id, **CHAT)
    here.held.left((T, contact_id))
    here.configure(closed=True)
    await here.enqueue(contact_id, uuid7(), **CHAT)
    assert (T, contact_id) in here.held.visits


async def test_a_contact_id_is_one_contact(here: Here) -> None:
    call, chat = uuid7(), uuid7()
    await here.enqueue(call)
    await here.enqueue(chat, **CHAT)
    for known in (True, False):
        if not known:
            for contact_id in (call, chat):
                here.held.left((T, contact_id))
        wrong = [(call, CHAT), (chat, {}), (chat, {**CHAT, "queue_id": "help"})]
        if known:
            wrong += [(call, CALL_BACK), (chat, CALL_BACK)]
        for contact_id, fields in wrong:
            with pytest.raises(Refused) as refused:
                await here.enqueue(contact_id, uuid7(), **fields)
            assert (refused.value.reason, refused.value.field) == ("other_contact", "contact_id")
    record = await here.held.contacts.read((T, call))
    assert record is not None
    assert record.edge_instance == "edge-1"


async def test_what_nobody_knows_is_not_found(here: Here) -> None:
    with pytest.raises(NotFound):
        await requeue(here, uuid7(), front=True)
    with pytest.raises(NotFound):
        await cancel(here, uuid7(), without_call=True)
    with pytest.raises(NotFound):
        await explain(here, uuid7())
    ended = uuid7()
    await here.enqueue(ended)
    await cancel(here, ended)
    await explain(here, ended)


async def test_who_holds_the_line_is_not_cancelled_as_a_call_back(here: Here) -> None:
    call, chat = uuid7(), uuid7()
    await here.enqueue(call)
    await here.enqueue(chat, **CHAT)
    for contact_id in (call, chat, uuid7()):
        with pytest.raises(NotFound):
            await cancel(here, contact_id, outcome=wire.VISIT_OUTCOME_CALLBACK)
    assert {(T, call), (T, chat)} <= here.held.engine.contacts.keys()
    await cancel(here, call)
    assert await cancel(here, call, outcome=wire.VISIT_OUTCOME_CALLBACK) == wire.VISIT_OUTCOME_ABANDONED
