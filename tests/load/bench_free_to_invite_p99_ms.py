"""How long after an agent becomes free his phone gets the next INVITE, on the whole platform.

More callers than agents, so that somebody always waits: each caller who has talked hangs up and dials
again after a while. Talks and pauses last 1 s on average, exponentially spread by a seed: equal ones stay in
step from the first burst on, and agents become free a dozen at a time. With no pause (`[pause, s]` 0) the
edge sets up the next call just while the agent whom the last one made free is offered; callers who do not
know of each other do not do that. An agent is free when the bus has told this process of his record without
work; the INVITE is counted when it has reached his phone here. Between the two lie acd's decision, the
contact's record, the reservation and the edge. The rate of calls follows from the number of agents:
`[calls a second] [seconds] [pause, s]`, 20, 30 and 1.

Callers and phones are templates over two sockets, without audio: they share the two cores with what is
measured.

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
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from b2bua_peers import SDP, Callers, Phones
from bus_traffic import traffic, wake_ups
from run_queue import Turns, turns

from seatbus.acd.v1.events_pb2 import ContactEnqueued, ContactOffered
from seatbus.agent.v1.events_pb2 import AgentWorkChanged
from seatbus.agent.v1.types_pb2 import PRESENCE_READY, WORK_STATE_DONE, WORK_STATE_RESERVED, AgentState
from seatbus.call.v1.events_pb2 import LegCreated
from seatbus_kit.runtime import close_runtime, open_runtime
from seatbus_kit.watch import Change, Watcher
from seatbus_sip import DigestClient, Response, initial_request, parse_message, sip_uri
from seatbus_testkit.actors import RegistrationRefused
from seatbus_testkit.actors_sip import IDS
from seatbus_testkit.history import History
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


class Crowd(Callers):
    """Callers who talk for a while, hang up, and dial again after a pause, until `until`."""

    def __init__(self, edge: tuple[str, int], number: str, sdp: str, pause_s: float) -> None:
        super().__init__(edge, TALK_S, number, sdp)
        self.until = 0.0
        self.done = 0
        self._pause_s = pause_s
        self._chance = random.Random(1)

    def begin(self, count: int, until: float) -> None:
        """So many callers, who do not all come at once."""
        self.until = until
        loop = asyncio.get_running_loop()
        for _ in range(count):
            loop.call_later(self._chance.uniform(0, 2 * TALK_S), self.dial)

    def talk_s(self) -> float:
        return min(self._chance.expovariate(1 / TALK_S), LONGEST_TALK_S)

    def over(self) -> None:
        self.done += 1
        loop = asyncio.get_running_loop()
        pause = self._chance.expovariate(1 / self._pause_s) if self._pause_s else 0.0
        if loop.time() + pause < self.until:
            loop.call_later(pause, self.dial)


class Registered(Phones):
    """Phones of agents, which register by themselves."""

    def __init__(self, sdp: str, invited: Callable[[str], None]) -> None:
        super().__init__(sdp, invited)
        self._answers: asyncio.Queue[Response] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data.startswith(b"SIP/2.0 "):
            found = parse_message(data)
            if isinstance(found, Response):
                self._answers.put_nowait(found)
            return
        super().datagram_received(data, addr)

    async def register(self, server: tuple[str, int], user: str) -> None:
        """One after the other. Raises RegistrationRefused."""
        digest, address = DigestClient(user, PASSWORD, IDS), self.transport.get_extra_info("sockname")
        aor, call_id, tag = f"<{sip_uri(user, *server)}>", IDS.token(), IDS.token()
        for number in (1, 2):
            request = initial_request(
                "REGISTER",
                str(sip_uri(None, *server)),
                from_=aor,
                to=aor,
                call_id=call_id,
                tag=tag,
                cseq=number,
                contact=f"<{sip_uri(user, *address)}>",
                headers={"Expires": 3600},
            )
            request.prepend("Via", f"SIP/2.0/UDP {address[0]}:{address[1]};branch=z9hG4bK{IDS.token()};rport")
            self.transport.sendto(digest.authorize(request).to_bytes(), server)
            response = await asyncio.wait_for(self._answers.get(), 10)
            if response.status == 200:
                return
            if response.status != 401 or not digest.accept(response, request):
                break
        raise RegistrationRefused(user, response.status, response.reason)


def deaf() -> socket.socket:
    """Where audio goes that nobody hears."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


async def measure(platform: Platform, rate: float, seconds: float, pause_s: float) -> float:
    count = max(2, round(rate * AGENTS_A_CALL))
    crowd_size = count + 10 + round(1.5 * rate * pause_s)
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
    loop = asyncio.get_running_loop()
    ear = deaf()
    sdp = SDP.replace("40000", str(ear.getsockname()[1]))
    agents = {tenant.username(agent): agent for agent in tenant.agents}
    _, phones = await loop.create_datagram_endpoint(
        lambda: Registered(sdp, lambda user: freed.invited(agents[user], loop.time())),
        local_addr=("127.0.0.1", 0),
    )
    for user, agent in agents.items():
        await phones.register(platform.sip, user)
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
    crowd = Crowd(platform.sip, tenant.number, sdp, pause_s)
    trunk, _ = await loop.create_datagram_endpoint(lambda: crowd, local_addr=(tenant.caller_host, 0))
    until = loop.time() + WARM_UP_S + seconds
    crowd.begin(crowd_size, until)
    await asyncio.sleep(WARM_UP_S)
    freed.took.clear()
    monitor = f"http://127.0.0.1:{platform.port_base + 3}"
    before, queued = crowd.done, turns(platform.pids())
    woken, moved = wake_ups(platform.pids()), traffic(monitor)
    await asyncio.sleep(seconds)
    woken, moved = wake_ups(platform.pids()) - woken, traffic(monitor) - moved
    all_took, made = list(freed.took), crowd.done - before
    spent = {name: each.since(queued.get(name, Turns())) for name, each in turns(platform.pids()).items()}
    await asyncio.sleep(LONGEST_TALK_S)
    print(f"{crowd.failed} calls were refused, {crowd.repeated} messages repeated, {crowd.open} did not end")
    crowd.forget()
    for transport in (trunk, phones.transport, ear):
        transport.close()
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
        f"calls_per_s {made / seconds:.1f} ({count} agents, {crowd_size} callers, {len(took)} measured,"
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
    given = sys.argv[1:]
    rate, seconds, pause_s = (float(value) for value in [*given, *("20", "30", "1")[len(given) :]])
    platform = Platform.start(Path(tempfile.mkdtemp(prefix="free-to-invite-")) / "data")
    try:
        p99 = uvloop.run(measure(platform, rate, seconds, pause_s))
    finally:
        platform.stop()
    print(f"free_to_invite_p99_ms {p99:.1f} ms")


if __name__ == "__main__":
    main()
