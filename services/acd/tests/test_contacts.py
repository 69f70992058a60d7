"""Records of contacts on a real bus, under one lease and the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contact_forms import FRONT, spec_of, visit_of
from seatbus_acd.application.contacts import Contacts
from seatbus_acd.domain.model import Decision, Offer, QueueSpec, Rule
from seatbus_acd.domain.visit import Fence, offers_of
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import Refused
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

    seen = await own.adopt(key, (), "look")
    assert seen is not None
    assert (seen[0].state, seen[0].offer.rid) == (wire.CONTACT_STATE_OFFERED, rid)
    # A new holder does: nobody holds the agent for it.
    taken = await contacts(runtime, 2).adopt(key, (), "takeover")
    assert taken is not None
    assert (taken[0].state, taken[0].epoch, taken[0].fifo) == (wire.CONTACT_STATE_WAITING, 2, opened[1])


async def test_offers_of_a_ring_stand_or_fall_each_by_itself_and_one_of_them_ends_the_visit(
    runtime: Runtime,
) -> None:
    own, key = contacts(runtime, 1), (T, uuid7())
    record = wire.Contact(tenant_id=T, contact_id=key[1], call_id=uuid7(), queue_id="sales")
    opened = await own.open(record, QUEUE, "open")
    assert opened is not None
    visit = visit_of(opened[0])
    decision = Decision(key, QUEUE.key, 0.0, Rule.SIMULTANEOUS_RING, (T, "a1"))
    rids = [uuid7() for _ in range(4)]
    first, *also = (
        Offer(key, rid, (T, f"a{number}"), 1, 20, 0, decision, ring=rids[0])
        for number, rid in enumerate(rids, 1)
    )
    await own.offer(visit, replace(first, also=tuple(also)), opened[1])
    assert [made.rid for made in spec_of(await stored(own, key), 1).offered] == rids

    # One of them, then the first: the others ring on.
    await own.give_back(visit, rids[2], "busy")
    await own.give_back(visit, rids[0], "no_answer")
    now = await stored(own, key)
    assert (now.state, now.offers) == (wire.CONTACT_STATE_OFFERED, 4)
    assert [made.rid for made in offers_of(now)] == [rids[1], rids[3]]
    assert {made.ring_rid for made in offers_of(now)} == {rids[0]}

    # The next holder keeps whom the agents' records know.
    later = contacts(runtime, 2)
    taken = await later.adopt(key, [rids[3]], "takeover")
    assert taken is not None
    assert [made.agent_id for made in offers_of(taken[0])] == ["a4"]
    for rid in (rids[0], rids[1]):
        with pytest.raises(Refused):
            await later.end(key, wire.VISIT_OUTCOME_ANSWERED, lambda _: QUEUE, f"end {rid}", rid=rid)
    await later.end(key, wire.VISIT_OUTCOME_ANSWERED, lambda _: QUEUE, "end", rid=rids[3])
    # Another replica reads from the marker who had it.
    assert await contacts(runtime, 3).ended_as(key) == (wire.VISIT_OUTCOME_ANSWERED, rids[3])


async def test_the_second_of_a_ring_ends_the_visit_and_the_first_is_refused(runtime: Runtime) -> None:
    own, key = contacts(runtime, 1), (T, uuid7())
    record = wire.Contact(tenant_id=T, contact_id=key[1], call_id=uuid7(), queue_id="sales")
    opened = await own.open(record, QUEUE, "open")
    assert opened is not None
    decision = Decision(key, QUEUE.key, 0.0, Rule.SIMULTANEOUS_RING, (T, "a1"))
    one, two = uuid7(), uuid7()
    second = Offer(key, two, (T, "a2"), 1, 20, 0, decision, ring=one)
    both = Offer(key, one, (T, "a1"), 1, 20, 0, decision, (second,), one)
    await own.offer(visit_of(opened[0]), both, opened[1])
    await own.end(key, wire.VISIT_OUTCOME_ANSWERED, lambda _: QUEUE, "second", rid=two)
    with pytest.raises(Refused):
        await own.end(key, wire.VISIT_OUTCOME_ANSWERED, lambda _: QUEUE, "first", rid=one)
    assert await contacts(runtime, 1).ended_as(key) == (wire.VISIT_OUTCOME_ANSWERED, two)


async def stored(own: Contacts, key: tuple[str, str]) -> wire.Contact:
    record = await own.read(key)
    assert record is not None
    return record


def test_the_front_of_a_queue_is_before_everybody_who_came_earlier() -> None:
    waited, put_in_front = (
        wire.Contact(tenant_id=T, contact_id=uuid7(), queue_id="sales", fifo=fifo) for fifo in (7, FRONT)
    )
    waited.enqueued_at.FromSeconds(1_000_000)
    put_in_front.enqueued_at.FromSeconds(2_000_000)
    assert spec_of(put_in_front, 9).came_at < spec_of(waited, 7).came_at
    assert spec_of(put_in_front, 9).enqueued_at == 2_000_000
