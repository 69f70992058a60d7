"""Routing groups on a real bus: they merge, split and move with everybody in the place that he had."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import service_pb2 as call
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.application.underway import Underway
from seatbus_acd.domain.groups import groups
from seatbus_acd.domain.model import AgentSpec, QueueKey, QueueSpec
from seatbus_acd.entrypoints.desk import Desk
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import NotFound, Refused
from seatbus_kit.lease import Holder
from seatbus_kit.rpc import invoke, stream
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .world import Call, T, World


def spec(name: str, *members: str, tenant: str = T, **fields: Any) -> QueueSpec:
    return QueueSpec((tenant, name), frozenset((tenant, member) for member in members), **fields)


def named(*queues: QueueSpec, agents: dict[tuple[str, str], AgentSpec] | None = None) -> dict[str, str]:
    teams = {agent.team for agent in (agents or {}).values() if agent.team}
    found = groups({queue.key: queue for queue in queues}, agents or {}, teams)
    return {key[1]: group for key, group in found.items()}


def test_queues_are_of_one_group_when_an_agent_an_overflow_or_a_capped_team_joins_them() -> None:
    assert named(spec("a", "1"), spec("b", "2")) == {"a": "g-acme", "b": "g-acme_b"}
    assert named(spec("a", "1"), spec("b", "1", "2"), spec("c", "2")) == dict.fromkeys("abc", "g-acme")
    assert named(spec("a", "1"), spec("b", "2", overflow_queues=((T, "a"),)))["b"] == "g-acme"
    team = {(T, name): AgentSpec((T, name), team=(T, "red")) for name in "12"}
    assert named(spec("a", "1"), spec("b", "2"), agents=team)["b"] == "g-acme"
    assert named(spec("a", "1"), spec("b", "2"), spec("c"))["c"] == "g-acme", "nobody serves it"
    across = groups(
        {
            ("x", "q"): QueueSpec(("x", "q"), frozenset([("operator", "o")])),
            ("y", "q"): QueueSpec(("y", "q"), frozenset([("operator", "o")])),
        },
        {},
    )
    assert set(across.values()) == {"g-x"}


async def test_a_queue_that_is_not_here_is_looked_up_before_anybody_is_refused() -> None:
    arrived: set[QueueKey] = set()

    class Routes:
        def group(self, key: QueueKey) -> str:
            if key not in arrived:
                raise NotFound(f"no queue {key[1]}", field="queue_id")
            return "g-acme"

    async def look_up(key: QueueKey) -> None:
        arrived.update([key] if key[1] == "new" else [])

    desk = Desk(cast("Any", Routes()), cast("Any", None), "acd-1", look_up, Underway())
    assert await desk.must_know((T, "new")) == "g-acme"
    with pytest.raises(NotFound):
        await desk.must_know((T, "old"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            await made.configure(["a1", "a2"])
            await queues(made, sales=["a1"], service=["a2"])
            await asyncio.gather(made.start("acd", "acd-1", "acd-2"), made.start("agent_state", "as-1"))
            yield made


async def queues(world: World, **members: list[str]) -> None:
    bucket = Bucket(world.runtime.bus, "config")
    for queue_id, names in members.items():
        who = [tenancy.Member(agent_id=name) for name in names]
        made = tenancy.Queue(name=queue_id, members=who, ring_timeout_s=1, allow_pull=True)
        item = tenancy.ConfigObject(tenant_id=T, id=queue_id, queue=made)
        key = f"{T}.queue.{queue_id}"
        entry = await bucket.read(key)
        await bucket.put(key, item.SerializeToString(), entry.revision if entry else 0)


async def holder_of(world: World, group: str) -> str:
    entry = await Bucket(world.runtime.bus, "leases").get(f"lease.{group}")
    return Holder.decode(entry.value).owner if entry else ""


async def enqueue(world: World, queue_id: str, **fields: Any) -> Call:
    made = Call(queue=queue_id, caller=fields.pop("caller", ""))
    request = world.enqueue_request(made, **fields)
    await world.insist(lambda: invoke(world.acd().Enqueue, request, 3))
    return made


async def snapshot(world: World) -> dict[str, acd_types.QueueSnapshot]:
    answer = await invoke(world.acd("acd-2").Snapshot, acd.SnapshotRequest(tenant_id=T), 2)
    return {queue.queue_id: queue for queue in answer.queues}


async def waiting(world: World, **counts: int) -> bool:
    shown = await snapshot(world)
    return {name: queue.waiting for name, queue in shown.items() if queue.waiting} == counts


async def group_of(world: World, made: Call) -> str:
    entry = await Bucket(world.runtime.bus, "waiting").read(f"{T}.{made.contact_id}")
    return acd_types.Contact.FromString(entry.value).group if entry else ""


async def test_who_logged_in_while_his_queue_was_a_group_of_its_own_is_called_when_it_is_back(
    world: World,
) -> None:
    async def alone(yes: bool) -> None:
        async def agreed() -> bool:
            return bool(await holder_of(world, "g-acme_service")) == yes

        await queues(world, service=["a2"] if yes else ["a1", "a2"])
        await eventually(agreed)

    await alone(True)
    await alone(False)
    await alone(True)
    await world.login("a2")
    await alone(False)
    made = await enqueue(world, "service")
    await eventually(lambda: made.connected == ["a2"])


async def test_groups_merge_and_split_by_hand_over_and_nobody_loses_his_place(world: World) -> None:
    await eventually(lambda: holder_of(world, "g-acme_service"))
    calls = []
    for queue_id in ("service", "sales", "service", "sales"):
        calls.append(await enqueue(world, queue_id))
    assert [await group_of(world, made) for made in calls] == ["g-acme_service", "g-acme"] * 2

    # a1 serves both now: one group, and the order is that of all four.
    await queues(world, service=["a1", "a2"])

    async def merged() -> bool:
        return {await group_of(world, made) for made in calls} == {"g-acme"}

    await eventually(merged)
    assert await holder_of(world, "g-acme_service") == ""

    # Apart again, while all four wait; then who is free serves his own queue in its order.
    await queues(world, service=["a2"])

    async def split() -> bool:
        return [await group_of(world, made) for made in calls] == ["g-acme_service", "g-acme"] * 2

    await eventually(split)
    await eventually(lambda: waiting(world, sales=2, service=2))
    await world.login("a1", "a2")
    await asyncio.wait_for(asyncio.gather(*(made.done.wait() for made in calls)), 40)
    place = world.edge.order.index
    assert place(calls[0].contact_id) < place(calls[2].contact_id)
    assert place(calls[1].contact_id) < place(calls[3].contact_id)
    assert [made.connected for made in calls] == [["a2"], ["a1"]] * 2
    assert not world.edge.complaints


async def test_every_group_of_a_drained_replica_is_taken_at_once(world: World) -> None:
    names = ["g-acme", "g-acme_service"]

    async def held() -> bool:
        return all([await holder_of(world, name) for name in names])

    await eventually(held)
    owners = {await holder_of(world, name) for name in names}
    old = world.processes[owners.pop()]
    its = [name for name in names if await holder_of(world, name) == old.instance]
    old.signal(signal.SIGTERM)
    new = "acd-2" if old.instance == "acd-1" else "acd-1"
    for name in its:
        await world.taken(name, new, waited_out=False)
    assert {await holder_of(world, name) for name in names} == {new}


async def test_a_contact_is_explained_moved_prioritised_previewed_and_pulled(world: World) -> None:
    first, second, third = [await enqueue(world, "sales") for _ in range(3)]
    ids = [made.contact_id for made in (first, second, third)]

    async def previewed() -> list[str]:
        request = acd.PreviewRequest(tenant_id=T, queue_id="sales")
        answer = await invoke(world.acd("acd-2").Preview, request, 2)
        return [shown.contact_id for shown in answer.waiting]

    assert await previewed() == ids
    for instance in ("acd-1", "acd-2"):
        request = acd.ExplainRequest(tenant_id=T, contact_id=ids[1])
        told = await invoke(world.acd(instance).Explain, request, 2)
        assert (told.position, told.decisions[-1].rule) == (2, "no_agent_ready")

    ask = acd.PrioritiseRequest(context=world.context(), contact_id=ids[2], priority=5)
    assert (await invoke(world.acd("acd-1").Prioritise, ask, 2)).position == 1
    assert await previewed() == [ids[2], ids[0], ids[1]]

    # The edge is told where the caller goes, and which place he keeps there.
    move = acd.MoveRequest(context=world.context(), contact_id=ids[0], to_queue_id="service")
    await invoke(world.acd("acd-2").Move, move, 3)
    assert first.left == call.LEAVE_REASON_MOVED
    left = world.edge.departures[first.call_id]
    assert (left.overflow.queue_id, left.first_fifo > 0) == ("service", True)
    nowhere = acd.MoveRequest(context=world.context(), contact_id=ids[1], to_queue_id="nowhere")
    with pytest.raises(NotFound):
        await invoke(world.acd("acd-1").Move, nowhere, 3)
    again = await enqueue(
        world, "service", first_fifo=left.first_fifo, first_enqueued_at=left.first_enqueued_at
    )
    entry = await Bucket(world.runtime.bus, "waiting").read(f"{T}.{again.contact_id}")
    assert entry is not None
    assert acd_types.Contact.FromString(entry.value).fifo == left.first_fifo

    pull = acd.PullRequest(context=world.context(), contact_id=ids[1], agent_id="a1")
    with pytest.raises(Refused):
        await invoke(world.acd("acd-1").Pull, pull, 3)
    await world.login("a1")
    await asyncio.wait_for(asyncio.gather(second.done.wait(), third.done.wait()), 40)
    assert world.edge.order[:2] == [ids[2], ids[1]]


async def test_the_live_snapshot_follows_the_queues_of_all_groups(world: World) -> None:
    seen: list[dict[str, int]] = []

    async def watch() -> None:
        request = acd.SnapshotRequest(tenant_id=T)
        async for shown in stream(world.acd("acd-1").WatchSnapshot, request, 10):
            seen.append({queue.queue_id: queue.waiting for queue in shown.queues})
            if seen[-1] == {"sales": 1, "service": 1}:
                return

    watching = asyncio.create_task(watch())
    await eventually(lambda: bool(seen))
    await enqueue(world, "sales")
    await enqueue(world, "service")
    await asyncio.wait_for(watching, 40)
    assert seen[0] in ({}, {"sales": 0, "service": 0}, {"sales": 0}, {"service": 0})


async def test_callers_who_are_green_go_first_and_blocked_ones_are_refused(world: World) -> None:
    bucket = Bucket(world.runtime.bus, "config")
    entry = await bucket.read(f"{T}.queue.sales")
    assert entry is not None
    item = tenancy.ConfigObject.FromString(entry.value)
    item.queue.green_numbers.append("+861391*")
    item.queue.green_attribute = "vip"
    item.queue.blocked_numbers.append("+8613666")
    await bucket.put(f"{T}.queue.sales", item.SerializeToString(), entry.revision)

    async def refused() -> bool:
        try:
            await enqueue(world, "sales", caller="+8613666")
        except Refused as error:
            return error.reason == "blocked_caller"
        return False

    await eventually(refused)
    plain = await enqueue(world, "sales", caller="+8613500000001")
    green = await enqueue(world, "sales", caller="8613912345678")
    marked = await enqueue(world, "sales", attributes={"vip": "yes"})
    await world.login("a1")
    calls = (plain, green, marked)
    await asyncio.wait_for(asyncio.gather(*(made.done.wait() for made in calls)), 40)
    order = [world.edge.order.index(made.contact_id) for made in (green, marked, plain)]
    assert order == sorted(order)


async def _asked_by(world: World, made: Call, edge: str, request_id: str) -> None:
    world.edge.calls[made.call_id] = made
    request = acd.EnqueueRequest(
        context=world.context(request_id),
        contact_id=made.contact_id,
        call_id=made.call_id,
        queue_id="sales",
        edge_instance=edge,
    )
    await world.insist(lambda: invoke(world.acd().Enqueue, request, 3))


async def test_a_visit_is_offered_at_the_edge_that_has_taken_over_its_call(world: World) -> None:
    await eventually(lambda: holder_of(world, "g-acme_service"))
    made = Call()
    await _asked_by(world, made, "edge-that-died", made.contact_id)
    await _asked_by(world, made, world.runtime.instances.id, f"{made.contact_id}:2")
    entry = await Bucket(world.runtime.bus, "waiting").read(f"{T}.{made.contact_id}")
    assert entry is not None
    assert acd_types.Contact.FromString(entry.value).edge_instance == world.runtime.instances.id
    await world.login("a1")
    await eventually(lambda: made.offered_to == ["a1"])


async def test_an_offer_that_the_next_edge_of_its_call_does_not_know_is_made_again(world: World) -> None:
    await eventually(lambda: holder_of(world, "g-acme_service"))
    bucket = Bucket(world.runtime.bus, "config")
    entry = await bucket.read(f"{T}.queue.sales")
    assert entry is not None
    item = tenancy.ConfigObject.FromString(entry.value)
    item.queue.ring_timeout_s = 120
    await bucket.put(f"{T}.queue.sales", item.SerializeToString(), entry.revision)
    await world.login("a1")
    made = Call(script=["hang", "answer"])
    await _asked_by(world, made, world.runtime.instances.id, made.contact_id)
    await eventually(lambda: made.offered_to == ["a1"])
    # As the other edge has the call, nobody is called for it.
    world.edge.close(made, made.live_rid)
    await _asked_by(world, made, "edge-of-earlier-times", f"{made.contact_id}:2")

    async def free() -> bool:
        found = await Bucket(world.runtime.bus, "agents").read(f"{T}.a1")
        return found is not None and not agent_types.AgentState.FromString(found.value).work

    await eventually(free)
    await _asked_by(world, made, world.runtime.instances.id, f"{made.contact_id}:3")
    # Long before the ring timeout and before agent_state asks who still rings.
    await asyncio.wait_for(made.done.wait(), 40)
    assert made.offered_to == ["a1", "a1"]


async def test_a_waiting_caller_hears_comfort_messages_also_from_the_next_holder(world: World) -> None:
    bucket = Bucket(world.runtime.bus, "config")
    entry = await bucket.read(f"{T}.queue.sales")
    assert entry is not None
    item = tenancy.ConfigObject.FromString(entry.value)
    item.queue.comfort.first_s = item.queue.comfort.every_s = 1
    await bucket.put(f"{T}.queue.sales", item.SerializeToString(), entry.revision)
    made = await enqueue(world, "sales")
    await eventually(lambda: (made.contact_id, 0, 1) in world.edge.announced)
    (await world.holder()).signal(signal.SIGTERM)
    await eventually(lambda: (made.contact_id, 3, 1) in world.edge.announced)
    numbers = [number for _, number, _ in world.edge.announced]
    assert numbers == sorted(set(numbers)), "none is told twice"


async def test_a_contact_in_two_queues_of_a_group_is_won_once(world: World) -> None:
    with pytest.raises(Refused, match="shares no agents"):
        await enqueue(world, "sales", also_queue_ids=["service"])
    node = ivr.Node(id="wait", queue=ivr.QueueNode(queue_id="sales", also_queue_ids=["service"]))
    await world.put(
        [tenancy.ConfigObject(tenant_id=T, id="main", flow=ivr.Flow(name="Main", start="wait", nodes=[node]))]
    )
    made: list[Call] = []

    async def taken() -> bool:
        try:
            made.append(await enqueue(world, "sales", also_queue_ids=["service"]))
        except Refused:
            return False
        return True

    await eventually(taken)
    await eventually(lambda: waiting(world, sales=1, service=1))
    await world.login("a2")
    await asyncio.wait_for(made[0].done.wait(), 40)
    assert made[0].connected == ["a2"]
    await eventually(lambda: waiting(world))
    request = acd.ExplainRequest(tenant_id=T, contact_id=made[0].contact_id)
    told = await invoke(world.acd("acd-1").Explain, request, 2)
    assert told.decisions[-1].won_queue_id == "service"
    await world.login("a1")
    await asyncio.sleep(0.3)
    assert made[0].connected == ["a2"]
    assert not world.edge.complaints
