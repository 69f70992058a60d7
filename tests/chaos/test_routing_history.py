"""Thousands of contacts on two replicas of each service, which are killed and paused, and the bus as well,
while agents join and leave queues, so that routing groups merge and split.

Minutes long: `make chaos`. The history of the run is judged afterwards. The seed is printed; CHAOS_SEED
repeats a run, HISTORY_CONTACTS and HISTORY_AGENTS change its size.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest

from seatbus.acd.v1 import events_pb2 as contact_facts
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.errors import SeatbusError
from seatbus_testkit.history import History
from seatbus_testkit.nats import NatsCluster, NatsServer
from seatbus_testkit.routing_checker import ContactLog, Waiting, lost, overtaken, two_agents, two_at_once
from seatbus_testkit.stuck_agents import Leftover, StuckAgents

from .routing_world import OPERATOR, Caller, Members, RoutingWorld

CONTACTS = int(os.environ.get("HISTORY_CONTACTS", "2000"))
AGENTS = int(os.environ.get("HISTORY_AGENTS", "200"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
TENANTS = 5
# In whose queues several agents ring for one contact.
SIMULTANEOUS = ("t1", "t3")
A_SECOND = float(os.environ.get("HISTORY_RATE", "16"))
LEASE_S = 3.0
STUCK_S = 5.0
# A contact whose offer came to nothing by no fault of the agent is not offered again before.
PAUSE_S = 1.5

Bus: TypeAlias = "NatsServer | NatsCluster"
Fault: TypeAlias = "Callable[[], Awaitable[str]]"


@dataclass
class Run:
    contacts: int
    callers: list[Caller] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    stuck: list[str] = field(default_factory=list)
    longest_stay_s: float = 0.0
    complaints: list[str] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    # How often agents have changed queues.
    changes: int = 0


@asynccontextmanager
async def routing(bus: Bus, directory: Path, program: Sequence[str] = ()) -> AsyncIterator[RoutingWorld]:
    replicas = 1 if isinstance(bus, NatsServer) else 3
    async with RoutingWorld(bus.url, bus.monitor_url, directory, SEED, replicas) as world:
        await asyncio.gather(
            world.start("acd", "acd-1", "acd-2"),
            world.start("agent_state", "as-1", "as-2", program=program),
        )
        yield world


async def configure(world: RoutingWorld) -> Members:
    """Agents serve one or all tenants, so that every queue competes with every other."""
    members = Members(TENANTS, [f"a{i:03}" for i in range(AGENTS)])
    await world.configure(members, SIMULTANEOUS)
    for start in range(0, AGENTS, 20):
        await asyncio.gather(*(world.login(name) for name in members.agents[start : start + 20]))
    return members


async def members_change(world: RoutingWorld, run: Run, members: Members) -> None:
    """A tenant stands alone, or shares agents with others again: its queue leaves their group or joins it."""
    while True:
        await asyncio.sleep(world.chance.uniform(1, 4))
        before = {tenant: members.of(tenant) for tenant in members.tenants}
        members.turn(world.chance.choice(members.tenants))
        await world.serve(members, [t for t in members.tenants if members.of(t) != before[t]])
        run.changes += 1


async def one_caller(world: RoutingWorld, run: Run, caller: Caller) -> None:
    """What the platform refuses an edge that is in the right is a complaint."""
    try:
        await one_visit(world, caller)
    except SeatbusError as error:
        run.complaints.append(f"contact {caller.contact_id} of {caller.queue}: {error!r}")
        caller.done.set()


async def one_visit(world: RoutingWorld, caller: Caller) -> None:
    await world.enqueue(caller)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(caller.done.wait(), caller.patience)
    if not caller.done.is_set() and not caller.answered:
        await world.hang_up(caller)
    await asyncio.wait_for(caller.done.wait(), 120)


async def traffic(world: RoutingWorld, run: Run) -> None:
    chance, tasks = world.chance, []
    for _ in range(run.contacts):
        tenant = f"t{chance.randrange(TENANTS)}"
        patience = chance.uniform(0.05, 2) if chance.random() < 0.1 else 90
        talk_s = chance.uniform(0.5, AGENTS / A_SECOND * 0.9)
        caller = Caller(tenant=tenant, queue=f"q-{tenant}", patience=patience, talk_s=talk_s)
        run.callers.append(caller)
        tasks.append(asyncio.create_task(one_caller(world, run, caller)))
        await asyncio.sleep(chance.expovariate(A_SECOND))
    await asyncio.gather(*tasks)


async def keys_pressed(world: RoutingWorld, agents: list[str]) -> None:
    """Agents pause and come back, whatever they are doing."""
    while True:
        name = world.chance.choice(agents)
        await world.press(name, agent_types.PRESENCE_NOT_READY)
        await asyncio.sleep(world.chance.uniform(0.01, 0.2))
        await world.press(name, agent_types.PRESENCE_READY)


async def all_ready_again(world: RoutingWorld, agents: list[str]) -> None:
    """A supervisor sends back to work whom a missed call has made not ready."""
    while True:
        for name in agents:
            await world.press(name, agent_types.PRESENCE_READY)
            await asyncio.sleep(0.02)


def faults(world: RoutingWorld, bus: Bus) -> list[Fault]:
    async def kill(service: str) -> str:
        victim = world.chance.choice([name for name in world.processes if name.startswith(service)])
        world.respawn(victim)
        return f"kill {service}"

    async def pause(service: str) -> str:
        victim = world.processes[world.chance.choice([p for p in world.processes if p.startswith(service)])]
        victim.signal(signal.SIGSTOP)
        await asyncio.sleep(LEASE_S + world.chance.uniform(0.5, 2))
        victim.signal(signal.SIGCONT)
        return f"pause {service}"

    async def restart_bus() -> str:
        if isinstance(bus, NatsServer):
            await asyncio.to_thread(bus.restart)
            return "restart bus"
        info = await world.runtime.bus.api(f"STREAM.INFO.KV_{world.chance.choice(('waiting', 'agents'))}")
        cluster = info["cluster"]
        leader = bus.by_name(cluster["leader"])  # type: ignore[index,call-overload]
        leader.kill()
        await asyncio.sleep(world.chance.uniform(1, 4))
        await asyncio.to_thread(leader.restart)
        await asyncio.sleep(3)
        return "kill leader"

    return [
        lambda: kill("acd"),
        lambda: kill("as"),
        lambda: pause("acd"),
        lambda: pause("as"),
        restart_bus,
    ]


async def harm(world: RoutingWorld, bus: Bus, run: Run, changes: int) -> None:
    """One fault after the other, until four of five contacts have come, each kind has had its turn and agents
    have changed queues so often.
    """
    kinds = faults(world, bus)
    while len(run.callers) < run.contacts * 0.8 or run.faults.total() < len(kinds) or run.changes < changes:
        await asyncio.sleep(world.chance.uniform(1, 3))
        fault = kinds.pop(0)
        kinds.append(fault)
        began = time.time()
        kind = "bus away too long"
        with contextlib.suppress(TimeoutError):
            kind = await fault()
        run.faults[kind] += 1
        if "bus" in kind or "leader" in kind:
            run.outages.append((began, time.time() + STUCK_S))


async def work_without_a_leg(world: RoutingWorld, name: str) -> list[Leftover]:
    """What an agent has in hand without a live leg at the edge. What never had one counts from its start."""
    alive = (call_types.LEG_STATE_RINGING, call_types.LEG_STATE_ANSWERED)
    edge = world.edge
    return [
        Leftover(
            item.rid,
            f"{name}: {agent_types.WorkState.Name(item.state)} for {item.contact_id}, rid {item.rid}",
            edge.ended_at.get(item.rid, item.created_at.ToMicroseconds() / 1e6),
        )
        for item in (await world.agent(name)).work
        if edge.legs.get(item.rid) not in alive
    ]


async def contact_history(
    world: RoutingWorld, callers: Sequence[Caller]
) -> tuple[dict[str, Waiting], list[str]]:
    """How each contact waited, and complaints: what is missing in any sequence, and who was sent away though
    no queue ever closes. All facts are kept beside the logs.
    """
    logs = {caller.contact_id: ContactLog(caller.contact_id) for caller in callers}
    for caller in callers:
        logs[caller.contact_id].confirmed(caller.confirmed_at)
    complaints: list[str] = []
    kept = (world.directory / "facts.txt").open("w")
    for tenant in [OPERATOR, *(f"t{number}" for number in range(TENANTS))]:
        history = await History.read(world.runtime.bus, tenant)
        complaints += history.gaps()
        for event in sorted(history.events, key=lambda event: (event.entity, event.seq)):
            what = " ".join(str(event.decode()).split())
            kept.write(
                f"{event.entity} {event.seq} {event.occurred_at} {event.producer} {event.type_name} {what}\n"
            )
            if event.domain != "contact":
                continue
            log = logs.setdefault(event.entity, ContactLog(event.entity))
            at, fact = event.occurred_at.timestamp(), event.decode()
            match fact:
                case contact_facts.ContactEnqueued():
                    log.enqueued(at, fact.queue_id)
                case contact_facts.ContactOffered():
                    # Order is that of the decisions: their writes may pass each other while the bus stands.
                    log.offered(fact.decision.at.ToMicroseconds() / 1e6, fact.agent_id, fact.rid)
                case contact_facts.ContactReturned():
                    pause = PAUSE_S if fact.reason in ("failed", "lost_reservation") else 0
                    log.returned(at, pause, fact.rid)
                case contact_facts.ContactEnded():
                    log.ended(at)
                    if fact.outcome == acd_types.VISIT_OUTCOME_OVERFLOWED:
                        complaints.append(f"contact {event.entity} of {fact.queue_id} was sent away")
                case _:
                    pass
    kept.close()
    return {contact: log.waiting() for contact, log in logs.items()}, complaints


async def play(
    world: RoutingWorld, bus: Bus, contacts: int = CONTACTS, pressing: int = 1, changes: int = 0
) -> Run:
    """`changes`: how often agents change queues at least; 0: never."""
    print(f"CHAOS_SEED={SEED}")
    run = Run(contacts)
    members = await configure(world)
    agents = members.agents
    began = time.monotonic()
    background = [
        *(asyncio.create_task(keys_pressed(world, agents)) for _ in range(pressing)),
        asyncio.create_task(all_ready_again(world, agents)),
    ]
    if changes:
        background.append(asyncio.create_task(members_change(world, run, members)))
    callers = asyncio.create_task(traffic(world, run))
    try:
        await harm(world, bus, run, changes)
        judge = StuckAgents(lambda name: work_without_a_leg(world, name), time.time(), STUCK_S)
        await judge.watch(agents, callers.done)
        # Once more when all that was under way has ended.
        await asyncio.sleep(STUCK_S)
        await judge.watch(agents, callers.done)
        run.stuck, run.longest_stay_s = judge.complaints, judge.longest_s
    finally:
        for task in [*background, callers]:
            task.cancel()
        await asyncio.gather(*background, callers, return_exceptions=True)
    talks = world.edge.all_talks()
    waitings, complaints = await contact_history(world, run.callers)
    run.complaints += [
        *two_at_once(talks),
        *two_agents(talks),
        *lost([caller.contact_id for caller in run.callers], waitings),
        *overtaken(list(waitings.values()), run.outages),
        *complaints,
    ]
    late = [caller.contact_id for caller in run.callers if not caller.done.is_set()]
    run.complaints += [f"contact {contact} was neither served nor let go" for contact in late]
    (world.directory / "objections.txt").write_text("\n".join([*run.complaints, *run.stuck]))
    answered = sum(caller.answered for caller in run.callers)
    print(
        f"{len(run.callers)} contacts, {answered} answered, {len(talks)} talks, "
        f"{world.edge.refused} offers refused as stale, {time.monotonic() - began:.0f} s; longest in work "
        f"without a leg after the faults: {run.longest_stay_s:.2f} s; "
        f"faults: {dict(run.faults)}; agents changed queues {run.changes} times"
    )
    return run


@pytest.fixture(params=["one server", "cluster of three"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    kind = NatsServer if request.param == "one server" else NatsCluster
    with kind.start(tmp_path / "nats") as made:
        yield made


@pytest.mark.timeout(1200)
async def test_nobody_is_double_booked_lost_overtaken_or_stuck(bus: Bus, tmp_path: Path) -> None:
    async with routing(bus, tmp_path) as world:
        run = await play(world, bus, changes=6)
    assert run.complaints == []
    assert run.stuck == []
    assert min(run.faults.values()) >= 1
    assert len(run.faults) == 5
    assert run.changes >= 6


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("build", ["safe", "last_writer_wins"])
async def test_a_build_without_compare_and_set_is_found_out(build: str, tmp_path: Path) -> None:
    """The same slow store twice: with compare-and-set nothing happens, without it the judge objects."""
    with NatsServer.start(tmp_path / "nats") as server:
        program = [str(Path(__file__).with_name("slow_agent_state.py")), build]
        async with routing(server, tmp_path, program) as world:
            run = await play(world, server, contacts=CONTACTS // 4, pressing=6)
    found = [*run.complaints, *run.stuck]
    print(f"{build}: the judge has {len(found)} objections, such as {found[:3]}")
    assert bool(found) == (build == "last_writer_wins")
