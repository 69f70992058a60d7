"""A request whose caller gives up while its write is on its way: the engine knows what the bus knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from seatbus.acd.v1 import service_pb2 as api
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually

from .here import A1, A2, Here, replica
from .world import T


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with replica(tmp_path) as made:
        yield made


@pytest.mark.parametrize("lossy", [False, True], ids=["late answer", "lost answer"])
async def test_a_contact_that_is_back_is_served_before_a_later_one(here: Here, lossy: bool) -> None:
    older, younger = uuid7(), uuid7()
    await here.enqueue(older)
    here.ready(A1, 1)
    await here.offered((older, A1))
    await here.enqueue(younger)
    here.bucket.lossy = lossy
    await here.given_up(here.report(older, api.OFFER_OUTCOME_BUSY))
    here.ready(A2, 2)
    await here.offered((older, A1), (older, A2))


@pytest.mark.parametrize("lossy", [False, True], ids=["late answer", "lost answer"])
async def test_a_contact_that_came_first_is_served_first(here: Here, lossy: bool) -> None:
    older, younger = uuid7(), uuid7()
    here.bucket.lossy = lossy
    await here.given_up(here.enqueue(older))
    await here.enqueue(younger)
    here.ready(A1, 1)
    await here.offered((older, A1))


async def test_a_repeated_request_joins_the_one_that_is_under_way(here: Here) -> None:
    """Of its own first try it would be refused: that one fills the queue."""
    here.configure(max_waiting=1)
    contact_id = uuid7()
    here.bucket.slow = True
    first = asyncio.ensure_future(here.enqueue(contact_id))
    await here.bucket.stored.wait()
    again = asyncio.ensure_future(here.enqueue(contact_id))
    await asyncio.sleep(0)
    first.cancel()
    here.bucket.answer.set()
    assert (await again).position == 1


async def test_a_failed_offer_is_known_before_its_agent_is_free(here: Here) -> None:
    """The owner of agents' states takes its time; the contact does not wait for that."""
    contact_id = uuid7()
    await here.enqueue(contact_id)
    here.ready(A1, 1)
    await here.offered((contact_id, A1))
    report = asyncio.ensure_future(here.report(contact_id, api.OFFER_OUTCOME_FAILED))
    await eventually(lambda: here.neighbours.releasing == ["a1"])
    assert here.held.engine.contacts[T, contact_id].rid == ""
    here.neighbours.may_release.set()
    await report


async def test_a_contact_that_is_put_back_waits_before_its_agent_is_free(here: Here) -> None:
    contact_id = uuid7()
    await here.enqueue(contact_id)
    here.ready(A1, 1)
    await here.offered((contact_id, A1))
    request = api.RequeueRequest(context=RequestContext(tenant_id=T), contact_id=contact_id)
    assert (await here.servicer.Requeue(request, cast("Any", None))).position == 1
    await eventually(lambda: here.neighbours.releasing == ["a1"])
    here.ready(A2, 2)
    await here.offered((contact_id, A1), (contact_id, A2))
