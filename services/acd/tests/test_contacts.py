"""Records of contacts on a real bus, under one lease and the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contacts import FRONT, Contacts, spec_of, visit_of
from seatbus_acd.domain.model import Decision, Offer, QueueSpec, Rule
from seatbus_acd.domain.visit import Fence
from seatbus_kit.clock import SystemClock
from seatbus_kit.ids import uuid7
from seatbus_kit.records import RecordStore
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.routing_world import EdgeSettings

from .world import T

QUEUE = QueueSpec((T, "sales"), frozenset([(T, "a1")]))


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    with NatsServer.start(tmp_path) as server:
        made = await open_runtime(EdgeSettings(nats_url=server.url, instance_id="holder"))
        yield made
        await close_runtime(made)


def contacts(runtime: Runtime, epoch: int) -> Contacts:
    store = RecordStore(
        runtime.bus,
        "waiting",
        wire.Contact,
        "contact",
        lambda contact: contact.tenant_id,
        lambda contact: contact.contact_id,
        "holder",
    )
    return Contacts(store, Fence("g", epoch), SystemClock())


async def test_a_look_for_strays_does_not_take_back_what_the_holder_itself_has_offered_meanwhile(
    runtime: Runtime,
) -> None:
    own = contacts(runtime, 1)
    key = (T, uuid7())
    record = wire.Contact(tenant_id=T, contact_id=key[1], call_id=uuid7(), queue_id="sales")
    opened = await own.open(record, QUEUE, "open")
    assert opened is not None
    decision = Decision(key, QUEUE.key, 0.0, Rule.LONGEST_IDLE, (T, "a1"))
    rid = uuid7()
    await own.offer(visit_of(opened[0]), Offer(key, rid, (T, "a1"), 1, 20, 0, decision), opened[1])

    seen = await own.adopt(key, lambda _: False, "look")
    assert seen is not None
    assert (seen[0].state, seen[0].offer.rid) == (wire.CONTACT_STATE_OFFERED, rid)
    # A new holder does: nobody holds the agent for it.
    taken = await contacts(runtime, 2).adopt(key, lambda _: False, "takeover")
    assert taken is not None
    assert (taken[0].state, taken[0].epoch, taken[0].fifo) == (wire.CONTACT_STATE_WAITING, 2, opened[1])


def test_the_front_of_a_queue_is_before_everybody_who_came_earlier() -> None:
    waited, put_in_front = (
        wire.Contact(tenant_id=T, contact_id=uuid7(), queue_id="sales", fifo=fifo) for fifo in (7, FRONT)
    )
    waited.enqueued_at.FromSeconds(1_000_000)
    put_in_front.enqueued_at.FromSeconds(2_000_000)
    assert spec_of(put_in_front, 9).came_at < spec_of(waited, 7).came_at
    assert spec_of(put_in_front, 9).enqueued_at == 2_000_000
