"""Hand-over of a routing group: from SIGTERM of the acd replica that has it to its successor's first choice.

Two replicas of acd and one of agent_state on a real NATS server, an edge by script; 200 agents talk, 1,000
callers wait, calls end all the time, and one more agent gets ready while nobody holds the group. Three times
are printed for each hand-over: until the lease was given up, until the successor had it, until it chose an
agent. Then one holder is killed with SIGKILL, for which the lease has to run out. The floor, in the same run:
one compare-and-set of a contact's size, and so many of them as contacts wait, sent at once: the least that
fences all of them off from the holder of before (the successor begins with those whose turn is first).
"""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1.events_pb2 import ContactOffered
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.consumer import Consumer
from seatbus_kit.events import InEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.lease import TAKEOVER_S, Holder
from seatbus_kit.rpc import invoke
from seatbus_kit.watch import Change, Watcher
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.routing_world import Line, RoutingEdge, RoutingWorld

TENANT = "acme"
GROUP = f"g-{TENANT}"
AGENTS = 200
SPARE = 20
WAITING = 1000
HAND_OVERS = 7
TALK_S = (5.0, 15.0)
CONTACT = bytes(400)


class Edge(RoutingEdge[Line]):
    world: RoutingWorld[Any]
    answered = 0

    async def ring(self, line: Line, rid: str, agent_id: str) -> None:
        world = self.world
        await world.report_work(agent_id, rid, agent.WORK_EVENT_ANSWERED)
        self.legs[rid] = call_types.LEG_STATE_ANSWERED
        await world.report_offer(line, rid, acd.OFFER_OUTCOME_ANSWERED)
        self.answered += 1
        await asyncio.sleep(random.uniform(*TALK_S))
        self.close(line, rid)
        await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)


class Decisions:
    """When each replica first chose an agent under an epoch, by its own clock."""

    def __init__(self, world: RoutingWorld[Any]) -> None:
        self.of: dict[str, list[float]] = {}
        self._consumer = Consumer(world.runtime.bus, "CONTACT", f"bench-{uuid7()}", self._heard, linger=0.01)

    async def __aenter__(self) -> Decisions:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def _heard(self, events: list[InEvent]) -> None:
        for event in events:
            fact = event.decode()
            if isinstance(fact, ContactOffered):
                at = fact.decision.at.ToMicroseconds() / 1e6
                self.of.setdefault(event.producer, []).append(at)

    def first(self, replica: str, after: float) -> float:
        return min((at for at in self.of.get(replica, ()) if at > after), default=0.0)


class Leases:
    """Who had the group's lease since when."""

    def __init__(self, watcher: Watcher) -> None:
        self.changes: list[tuple[float, str]] = []
        self._watcher = watcher
        watcher.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        if change.key == f"lease.{GROUP}" and change.entry is not None:
            self.changes.append((time.time(), Holder.decode(change.entry.value).owner))

    def when(self, owner: str, after: float) -> float:
        return next((at for at, held_by in self.changes if at > after and held_by == owner), 0.0)

    @property
    def owner(self) -> str:
        entry = self._watcher.entries.get(f"lease.{GROUP}")
        return Holder.decode(entry.value).owner if entry is not None else ""


async def begin(world: RoutingWorld[Any]) -> None:
    names = [f"a{index}" for index in range(AGENTS + SPARE)]
    queue = tenancy.Queue(
        name="Sales", members=[tenancy.Member(agent_id=name) for name in names], ring_timeout_s=60
    )
    await world.put(
        [
            tenancy.ConfigObject(tenant_id=TENANT, id=TENANT, tenant=tenancy.Tenant(name="Acme")),
            *(
                tenancy.ConfigObject(tenant_id=TENANT, id=name, agent=tenancy.Agent(name=name))
                for name in names
            ),
            tenancy.ConfigObject(tenant_id=TENANT, id="sales", queue=queue),
        ]
    )
    await world.start("acd", "acd-1", "acd-2")
    await world.start("agent_state", "as-1")
    await asyncio.gather(*(world.login(name) for name in names))
    await asyncio.gather(*(press(world, name, ready=False) for name in names[AGENTS:]))


async def press(world: RoutingWorld[Any], agent_id: str, *, ready: bool) -> None:
    presence = agent_types.PRESENCE_READY if ready else agent_types.PRESENCE_NOT_READY
    request = agent.SetPresenceRequest(
        context=world.context_of(TENANT),
        agent_id=agent_id,
        presence=presence,
        reason="" if ready else "pause",
    )
    await world.insist(lambda: invoke(world.agents().SetPresence, request, 3))


async def callers(world: RoutingWorld[Any], count: int) -> None:
    async def one() -> None:
        request = world.enqueue_request(Line(tenant=TENANT, queue="sales"))
        await world.insist(lambda: invoke(world.acd().Enqueue, request, 3))

    for start in range(0, count, 50):
        await asyncio.gather(*(one() for _ in range(min(50, count - start))))


async def waiting(world: RoutingWorld[Any]) -> int:
    request = acd.SnapshotRequest(tenant_id=TENANT)
    answer = await world.insist(lambda: invoke(world.acd().Snapshot, request, 3))
    return int(sum(queue.waiting for queue in answer.queues))


async def hand_over(
    world: RoutingWorld[Any], leases: Leases, decisions: Decisions, how: signal.Signals, spare: str
) -> tuple[float, float, float]:
    """Milliseconds until the lease was free, the successor had it, and it chose an agent."""
    await callers(world, WAITING - await waiting(world))
    # What belongs to the arrivals has been done.
    await asyncio.sleep(2.0)
    old = world.processes[leases.owner]
    new = next(name for name in ("acd-1", "acd-2") if name != old.instance)
    began = time.time()
    old.signal(how)
    if how is signal.SIGTERM:
        await eventually(lambda: leases.when("", began) > 0, 30, every=0.002)
    await press(world, spare, ready=True)
    await eventually(lambda: decisions.first(new, began) > 0 and leases.when(new, began) > 0, 30)
    free, taken, chose = leases.when("", began), leases.when(new, began), decisions.first(new, began)
    await asyncio.to_thread(old.popen.wait, 30)
    world.respawn(old.instance)
    await eventually(lambda: (found := world.runtime.instances.get(old.instance)) and not found.draining, 30)
    await asyncio.sleep(3.0)
    since = [max(0.0, at - began) * 1000 for at in (free, taken, chose)]
    return since[0], since[1], since[2]


async def floor(world: RoutingWorld[Any]) -> tuple[float, float]:
    """Milliseconds for one compare-and-set, and for as many at once as contacts wait."""
    bucket = Bucket(world.runtime.bus, "dialogs")
    singles = []
    for number in range(200):
        began = time.perf_counter()
        await bucket.put(f"floor.single.{number}", CONTACT, 0)
        singles.append(time.perf_counter() - began)
    rounds = []
    for number in range(3):
        began = time.perf_counter()
        await asyncio.gather(*(bucket.put(f"floor.{number}.{i}", CONTACT, 0) for i in range(WAITING)))
        rounds.append(time.perf_counter() - began)
    return statistics.median(singles) * 1000, min(rounds) * 1000


async def measure(url: str, folder: Path, rounds: int) -> float:
    edge = Edge()
    async with RoutingWorld(url, folder, edge, TENANT) as world:
        edge.world = world
        single, all_at_once = await floor(world)
        await begin(world)
        watcher = Watcher(world.runtime.bus, "leases")
        leases = Leases(watcher)
        await watcher.start()
        async with Decisions(world) as decisions:
            await callers(world, AGENTS + WAITING)
            await eventually(lambda: edge.answered >= AGENTS, 60)
            took = []
            for number in range(rounds):
                spare = f"a{AGENTS + number}"
                free, taken, chose = await hand_over(world, leases, decisions, signal.SIGTERM, spare)
                took.append(chose)
                print(
                    f"hand-over {number + 1}: lease free after {free:.0f} ms, taken after {taken:.0f} ms, "
                    f"first decision after {chose:.0f} ms"
                )
            spare = f"a{AGENTS + rounds}"
            _, taken, chose = await hand_over(world, leases, decisions, signal.SIGKILL, spare)
        await watcher.stop()
    print(
        f"killed (-9): lease taken after {taken:.0f} ms (it runs out after {TAKEOVER_S * 1000:.0f}), "
        f"first decision after {chose:.0f} ms"
    )
    p50 = statistics.median(took)
    print(
        f"floor: one compare-and-set {single:.2f} ms, {WAITING} at once {all_at_once:.0f} ms; "
        f"a hand-over is {p50 / all_at_once:.2f} times that"
    )
    print(f"{AGENTS} agents, {WAITING} waiting, {edge.answered} answered; max {max(took):.0f} ms")
    return p50


def main() -> None:
    rounds = min(int(sys.argv[1]), SPARE - 1) if len(sys.argv) > 1 else HAND_OVERS
    folder = Path(tempfile.mkdtemp(prefix="handover-"))
    (folder / "nats").mkdir()
    with NatsServer.start(folder / "nats") as server:
        p50 = uvloop.run(measure(server.url, folder, rounds))
    print(f"handover_ms {p50:.0f} ms")


if __name__ == "__main__":
    main()
