"""How long after an agent becomes free his phone gets the next INVITE, on the whole platform.

More callers than agents, so that somebody always waits: each caller who has talked hangs up and dials
again. Talks last 1 s on average, exponentially spread by a seed: equal ones stay in step from the first
burst on, and agents become free a dozen at a time. An agent is free when the bus has told this process of
his record without work; the INVITE is counted when it has reached his phone here. Between the two lie acd's
decision, the contact's record, the reservation and the edge. The rate of calls follows from the number of
agents: `[calls a second] [seconds]`, 20 and 30.

Where the time goes is told by the stamps of the facts that the services write on the way, on one clock:
`freed` (the agent's record), `decided` (acd), `offered` (the contact's record), `reserved` (the agent's,
after a read of the contact's), `taken` (the edge), `invited` (the phone here). How much of it is waiting for
a CPU is told by the kernel's run queue: of the time that a service's loop was on a CPU or ready for one, the
share without one. Above a few per cent it is the machine that is measured. What does not depend on it are the
counts: wake-ups of each process, messages over the bus and writes that it syncs.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from pathlib import Path

import uvloop
from bench_call_cpu_ms import Agent
from bus_traffic import traffic, wake_ups
from run_queue import Turns, turns

from seatbus.acd.v1.events_pb2 import ContactEnqueued, ContactOffered
from seatbus.agent.v1.events_pb2 import AgentWorkChanged
from seatbus.agent.v1.types_pb2 import PRESENCE_READY, WORK_STATE_DONE, WORK_STATE_RESERVED, AgentState
from seatbus.call.v1.events_pb2 import LegCreated
from seatbus_kit.runtime import close_runtime, open_runtime
from seatbus_kit.watch import Change, Watcher
from seatbus_testkit.history import History
from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

# On average.
TALK_S = 1.0
LONGEST_TALK_S = 6.0
WARM_UP_S = 5.0
# Talk and what a platform needs around it: so many agents make one call a second.
AGENTS_A_CALL = 1.2
TARGET_MS = 20.0
ORDER = ("freed", "decided", "offered", "reserved", "taken", "invited")


class Freed:
    """When each agent was last seen without work."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        # Agent, wall time of the INVITE, seconds since he was free.
        self.took: deque[tuple[str, float, float]] = deque(maxlen=100_000)
        # Wall time of each INVITE, by agent.
        self.invites: dict[str, list[float]] = defaultdict(list)

    def changed(self, change: Change) -> None:
        if change.entry is None:
            return
        record = AgentState.FromString(change.entry.value)
        if record.presence == PRESENCE_READY and not record.work:
            self.at[record.agent_id] = asyncio.get_running_loop().time()

    def invited(self, agent: str, at: float) -> None:
        now = time.time()
        self.invites[agent].append(now)
        freed = self.at.pop(agent, None)
        if freed is not None:
            self.took.append((agent, now, at - freed))


def hops(
    history: History, invites: dict[str, list[float]]
) -> tuple[dict[str, list[float]], set[tuple[str, float]]]:
    """Seconds between two stamps of one offer, over all offers that followed a talk of the same agent and a
    wait of the caller; and the INVITEs (agent, wall time) of agents who had waited for the caller.
    """
    freed: dict[str, list[float]] = defaultdict(list)
    came: dict[str, float] = {}
    late: set[tuple[str, float]] = set()
    stamps: dict[str, dict[str, float]] = defaultdict(dict)
    agents: dict[str, str] = {}
    for event in history.events:
        fact, at = event.decode(), event.occurred_at.timestamp()
        if isinstance(fact, AgentWorkChanged) and fact.to == WORK_STATE_DONE:
            freed[event.entity].append(at)
        elif isinstance(fact, AgentWorkChanged) and fact.to == WORK_STATE_RESERVED:
            stamps[fact.rid]["reserved"] = at
        elif isinstance(fact, ContactEnqueued):
            came[event.entity] = at
        elif isinstance(fact, ContactOffered):
            stamps[fact.rid]["came"] = came[event.entity]
            agents[fact.rid] = fact.agent_id
            stamps[fact.rid]["decided"] = fact.decision.at.ToMicroseconds() / 1e6
            stamps[fact.rid]["offered"] = at
        elif isinstance(fact, LegCreated) and fact.rid:
            stamps[fact.rid]["taken"] = at
    found: dict[str, list[float]] = defaultdict(list)
    for rid, agent in agents.items():
        at = stamps[rid]
        if len(at) < len(ORDER) - 1:
            continue
        before = [moment for moment in freed[agent] if moment <= at["decided"]]
        after = [moment for moment in invites[agent] if moment >= at["taken"]]
        if before and after:
            if at["came"] > max(before):
                late.add((agent, min(after)))
                continue
            way = [max(before), *(at[name] for name in ORDER[1:-1]), min(after)]
            for name, one, other in zip(ORDER[1:], way, way[1:], strict=False):
                found[name].append(other - one)
    return found, late


class Seat(Agent):
    def __init__(self, phone: Phone, agent: str, freed: Freed) -> None:
        self.agent = agent
        self._freed = freed
        super().__init__(phone)

    async def _attend(self) -> None:
        while True:
            call = await self.phone.next_call(timeout=3600)
            self._freed.invited(self.agent, asyncio.get_running_loop().time())
            await call.answer()
            call.mouth.mute()


async def calls(caller: Phone, tenant: TestTenant, until: float, done: list[float], seed: int) -> None:
    loop, chance = asyncio.get_running_loop(), random.Random(seed)
    await asyncio.sleep(chance.uniform(0, 2 * TALK_S))
    while loop.time() < until:
        call = await caller.dial(tenant.number)
        call.mouth.mute()
        await call.wait_answered(timeout=60)
        await asyncio.sleep(min(chance.expovariate(1 / TALK_S), LONGEST_TALK_S))
        await call.hang_up()
        done.append(loop.time())


async def measure(platform: Platform, rate: float, seconds: float) -> float:
    count = max(2, round(rate * AGENTS_A_CALL))
    tenant = TestTenant.create(
        platform,
        agents=count,
        queue={"wrap_up_s": 0, "record": False},
        number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"},
        flow_nodes=[
            {"id": "queue", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
            {"id": "bye", "hang_up": {}},
        ],
    )
    freed = Freed()
    runtime = await open_runtime(platform.bus_settings())
    watcher = Watcher(runtime.bus, "agents")
    watcher.subscribe(freed.changed)
    await watcher.start()
    seats = []
    for agent in tenant.agents:
        phone = await Phone.start(platform.sip, username=tenant.username(agent), password=PASSWORD)
        phone.policy = Policy.ring()
        await phone.register()
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        seats.append(Seat(phone, agent, freed))
    caller = await Phone.start(platform.sip, host=tenant.caller_host)
    loop = asyncio.get_running_loop()
    began, done = loop.time(), list[float]()
    until = began + WARM_UP_S + seconds
    callers = [asyncio.create_task(calls(caller, tenant, until, done, i)) for i in range(count + 10)]
    await asyncio.sleep(WARM_UP_S)
    freed.took.clear()
    monitor = f"http://127.0.0.1:{platform.port_base + 3}"
    before, queued = len(done), turns(platform.pids())
    woken, moved = wake_ups(platform.pids()), traffic(monitor)
    await asyncio.sleep(seconds)
    woken, moved = wake_ups(platform.pids()) - woken, traffic(monitor) - moved
    all_took, made = list(freed.took), len(done) - before
    spent = {name: each.since(queued.get(name, Turns())) for name, each in turns(platform.pids()).items()}
    results = await asyncio.gather(*callers, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    if failed:
        print(f"{len(failed)} callers gave up, first: {failed[0]!r}", file=sys.stderr)
    await caller.close()
    for seat in seats:
        await seat.close()
    await watcher.stop()
    found, late = hops(await History.read(runtime.bus, tenant.id), freed.invites)
    await close_runtime(runtime)
    took = sorted(seconds for agent, at, seconds in all_took if (agent, at) not in late)
    for name, each in sorted(spent.items(), key=lambda item: -item[1].all_used):
        ready = each.used + each.waited
        text = f"{name}: {each.all_used * 1000 / max(made, 1):.2f} ms of CPU a call, idle time included"
        if ready and not name.startswith("nats"):
            text += f"; {ready / seconds * 100:.0f} % of the time its loop ran or was ready to,"
            text += f" {each.waited / ready * 100:.0f} % of that without a CPU"
        print(text)
    counts(woken, moved, max(made, 1))
    for name, hop in found.items():
        hop.sort()
        p50, p99 = (hop[int(len(hop) * share)] * 1000 for share in (0.5, 0.99))
        print(f"until {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(hop)})")
    p50, p90, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.9, 0.99))
    print(
        f"calls_per_s {made / seconds:.1f} ({count} agents, {count + 10} callers, {len(took)} measured,"
        f" {len(all_took) - len(took)} agents had waited for a caller)"
    )
    print(f"free_to_invite_p50_ms {p50:.1f} ms")
    print(f"free_to_invite_p90_ms {p90:.1f} ms (target for p99: {TARGET_MS:.0f} ms)")
    return p99


def counts(woken: Counter[str], moved: Counter[tuple[str, str]], calls: int) -> None:
    each = ", ".join(f"{name} {count / calls:.1f}" for name, count in woken.most_common())
    print(f"wake-ups a call: {woken.total() / calls:.0f} ({each})")
    for what, title in (("in", "to the bus"), ("out", "from it"), ("stored", "stored and synced")):
        some = Counter({name: count for (kind, name), count in moved.items() if kind == what})
        each = ", ".join(f"{name} {count / calls:.1f}" for name, count in some.most_common(12))
        print(f"messages a call {title}: {some.total() / calls:.1f} ({each})")


def main() -> None:
    rate, seconds = (float(value) for value in [*sys.argv[1:], *("20", "30")[len(sys.argv) - 1 :]])
    platform = Platform.start(Path(tempfile.mkdtemp(prefix="free-to-invite-")) / "data")
    try:
        p99 = uvloop.run(measure(platform, rate, seconds))
    finally:
        platform.stop()
    print(f"free_to_invite_p99_ms {p99:.1f} ms")


if __name__ == "__main__":
    main()
