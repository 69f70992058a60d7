"""A ring of which some agents were reserved when acd died, before any phone rang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.application.contact_forms import visit_of
from seatbus_acd.application.contacts import Contacts
from seatbus_acd.domain.model import Decision, Offer, QueueSpec, Rule
from seatbus_acd.domain.visit import Fence
from seatbus_kit.buckets import Bucket
from seatbus_kit.clock import SystemClock
from seatbus_kit.ids import uuid7
from seatbus_kit.lease import Holder
from seatbus_kit.records import RecordStore
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .world import Call, T, World

AGENTS = ["a1", "a2", "a3"]
GROUP = f"g-{T}"
RING_S = 120


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            ring = tenancy.STRATEGY_SIMULTANEOUS_RING
            await made.configure(AGENTS, strategy=ring, ring_timeout_s=RING_S)
            await made.start("agent_state", "as-1", sweep_s="1")
            await made.login(*AGENTS)
            yield made


async def half_made(world: World) -> tuple[Call, dict[str, str]]:
    """What is left when acd dies: all three offers in the contact's record, and two agents reserved."""
    edge = world.runtime.instances.id
    made = Call(script=["hang"])
    world.edge.calls[made.call_id] = made
    store = RecordStore(
        world.runtime.bus,
        "waiting",
        wire.Contact,
        "contact",
        lambda contact: contact.tenant_id,
        lambda contact: contact.contact_id,
        "acd-0",
    )
    own = Contacts(store, Fence(GROUP, 1), SystemClock())
    await Bucket(world.runtime.bus, "leases").put(f"lease.{GROUP}", Holder("", "", 1, 1).encode(), 0)
    key = (T, made.contact_id)
    queue = QueueSpec((T, "sales"), frozenset((T, name) for name in AGENTS))
    record = wire.Contact(
        tenant_id=T,
        contact_id=key[1],
        call_id=made.call_id,
        queue_id="sales",
        edge_instance=edge,
        channel="voice",
    )
    opened = await own.open(record, queue, made.contact_id)
    assert opened is not None
    rids = {name: uuid7() for name in AGENTS}
    decision = Decision(key, queue.key, 0.0, Rule.SIMULTANEOUS_RING, (T, "a1"))
    first, *also = (
        Offer(key, rid, (T, name), 0, RING_S, 0, decision, ring=rids["a1"]) for name, rid in rids.items()
    )
    await own.offer(visit_of(opened[0]), replace(first, also=tuple(also)), opened[1])
    await store.flush()
    for name in ("a1", "a2"):
        reservation = agent.ReserveRequest(
            context=world.context(),
            agent_id=name,
            rid=rids[name],
            contact_id=made.contact_id,
            contact_tenant_id=T,
            call_id=made.call_id,
            queue_id="sales",
            edge_instance=edge,
            ring_timeout_s=RING_S,
            group=GROUP,
            epoch=1,
        )
        await world.insist(lambda reservation=reservation: invoke(world.agents().Reserve, reservation, 3))
    await store.close()
    return made, rids


async def free(world: World, *names: str) -> bool:
    found = await asyncio.gather(*(world.agent(name) for name in names))
    return all(item.presence == agent_types.PRESENCE_READY and not item.work for item in found)


async def served(world: World, made: Call, names: list[str], winner: str) -> None:
    """They ring, one of them has the contact, the others are as if nothing had been."""
    await eventually(lambda: sorted(made.live.values()) == names, 40)
    rids = {name: rid for rid, name in made.live.items()}
    assert await world.report_work(winner, rids[winner], agent.WORK_EVENT_ANSWERED)
    assert await world.report_offer(made, rids[winner], acd.OFFER_OUTCOME_ANSWERED)
    await world.lose(made, *(rid for name, rid in rids.items() if name != winner))
    assert await free(world, *(name for name in AGENTS if name != winner))
    talks = (await world.agent(winner)).work
    assert [(item.contact_id, item.state) for item in talks] == [
        (made.contact_id, agent_types.WORK_STATE_TALKING)
    ]


async def test_all_are_free_long_before_the_deadline_and_then_the_contact_is_served(world: World) -> None:
    """The edge says twice that no such phone rings, 3 s and 2 s after: so long does this take."""
    made, rids = await half_made(world)
    assert not await free(world, "a1")
    # Nobody holds the group: agent_state finds out by itself.
    await eventually(lambda: free(world, *AGENTS), 60)
    assert not made.live
    assert [(await world.agent(name)).contacts_handled for name in AGENTS] == [0, 0, 0]
    await world.start("acd", "acd-1")
    await served(world, made, AGENTS, "a3")
    assert not set(rids.values()) & set(made.live)


async def test_the_next_holder_rings_those_who_are_reserved_and_the_third_is_free(world: World) -> None:
    made, rids = await half_made(world)
    await world.start("acd", "acd-1")
    await served(world, made, ["a1", "a2"], "a2")
    assert set(made.live) <= {rids["a1"], rids["a2"]}
    other = await world.enqueue(script=["answer", "hang"])
    await asyncio.wait_for(other.done.wait(), 40)
    assert other.connected[0] in ("a1", "a3")
    assert not world.edge.complaints
