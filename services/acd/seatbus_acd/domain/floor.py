"""The floor: queues, agents and the pools between them, kept in line with each agent's record."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from seatbus_acd.domain.model import DEFAULT_CHANNEL, Configured, Requirements
from seatbus_acd.domain.pools import Agent, Pool, Queue
from seatbus_acd.domain.rosters import Roster, Rosters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_acd.domain.model import AgentKey, AgentStatus, QueueKey, QueueSpec
    from seatbus_acd.domain.pools import Contact
    from seatbus_acd.domain.rosters import Gate

_MAX_SPARE_POOLS: Final = 4096


class Floor:
    def __init__(self) -> None:
        self.queues: dict[QueueKey, Queue] = {}
        self.agents: dict[AgentKey, Agent] = {}
        self.rosters = Rosters({}, {})
        # Gates that have opened and may let somebody through.
        self.opened: list[Gate] = []
        self._pools: dict[tuple[Roster, str, Requirements], Pool] = {}
        self._queues_of: dict[Roster, list[Queue]] = {}

    def configure(self, event: Configured) -> None:
        """Indexes are built anew: configuration changes are rare, decisions are not."""
        old = self.queues
        self.rosters = Rosters(event.agents, event.caps)
        self._pools = {}
        self._queues_of = {}
        self.opened = []
        self.queues = {}
        for agent in self.agents.values():
            agent.spec = None
            agent.pools, agent.idle, agent.rosters = {}, {}, []
            agent.gated, agent.team_gates = {}, ()
        for key, spec in event.agents.items():
            agent = self.agent(key)
            agent.spec = spec
            if spec.team is not None:
                agent.team_gates = self.rosters.gates.get(spec.team, ())
        for queue_key, queue_spec in event.queues.items():
            before = old.get(queue_key)
            roster = self.rosters.of_queue(queue_spec, before.roster if before else None)
            queue = self.queues[queue_key] = Queue(queue_spec, roster)
            queue.answered = before.answered if before else 0
            self._enlist(roster, queue)
        for agent in self.agents.values():
            self._count_gates(agent)
        for queue in self.queues.values():
            self.pools(queue.roster, DEFAULT_CHANNEL, queue.spec.requirements, queue.spec)

    def _enlist(self, roster: Roster, queue: Queue) -> None:
        queues = self._queues_of.get(roster)
        if queues is None:
            queues = self._queues_of[roster] = []
            # Who is met first is indexed first: that must not depend on how this process hashes.
            for member in sorted(roster.members):
                self.agent(member).rosters.append(roster)
            queue.present = sum(self.agent(member).present for member in roster.members)
        else:
            queue.present = queues[0].present
        queues.append(queue)

    def agent(self, key: AgentKey) -> Agent:
        agent = self.agents.get(key)
        if agent is None:
            agent = self.agents[key] = Agent(key)
        return agent

    # Agents

    def see(self, agent: Agent, status: AgentStatus | None) -> list[Queue]:
        """Takes his record over; returns queues whose last member has left."""
        was_present = agent.present
        agent.status = status
        if status is not None:
            for rid in status.items:
                agent.claims.pop(rid, None)
        deserted: list[Queue] = []
        if agent.present != was_present:
            step = 1 if agent.present else -1
            for roster in agent.rosters:
                for queue in self._queues_of[roster]:
                    queue.present += step
                    if not queue.present:
                        deserted.append(queue)
        self.index(agent)
        return deserted

    def claim(self, agent: Agent, contact: Contact, rid: str) -> None:
        if agent.status is None or rid not in agent.status.items:
            agent.claims[rid] = (contact.spec.channel, contact.spec.queue)
        agent.chosen += 1
        self.index(agent)

    def release(self, agent: Agent, rid: str) -> None:
        agent.claims.pop(rid, None)
        self.index(agent)

    def index(self, agent: Agent) -> None:
        """Brings the agent's places among the idle ones of his pools in line with his state."""
        if agent.team_gates or agent.gated:
            self._count_gates(agent)
        status = agent.status
        for channel, pools in agent.pools.items():
            have = agent.idle.get(channel)
            want = None
            if status is not None and agent.free(channel):
                want = (status.idle_since, status.contacts, status.occupancy, agent.chosen)
            if want == have:
                continue
            if have is not None:
                del agent.idle[channel]
                for pool in pools:
                    pool.remove(agent)
            if want is not None:
                agent.idle[channel] = want
                for pool in pools:
                    pool.add(agent)

    def _count_gates(self, agent: Agent) -> None:
        """Counts the agent's contacts against the share caps of his team."""
        status = agent.status
        now: dict[str, tuple[Gate, ...]] = {}
        if agent.team_gates:
            known = status.queues if status is not None else {}
            claimed = ((rid, queue) for rid, (_, queue) in agent.claims.items())
            for rid, key in chain(known.items(), claimed):
                queue = self.queues.get(key)
                if queue is not None and rid not in now:
                    gates = tuple(gate for gate in agent.team_gates if gate.cap.binds(queue.spec))
                    if gates:
                        now[rid] = gates
        before = agent.gated
        if now == before:
            return
        agent.gated = now
        for gate in {gate for gates in now.values() for gate in gates} - _all(before):
            gate.used += 1
        for gate in _all(before) - _all(now):
            if gate.shut:
                self.opened.append(gate)
            gate.used -= 1

    # Pools

    def pools(
        self, roster: Roster, channel: str, requirements: Requirements, queue: QueueSpec
    ) -> tuple[Pool, ...]:
        """The pools of a roster for contacts of `queue`."""
        return tuple(self._pool(part, channel, requirements) for part in self.rosters.parts(roster, queue))

    def _pool(self, roster: Roster, channel: str, requirements: Requirements) -> Pool:
        key = (roster, channel, requirements)
        pool = self._pools.get(key)
        if pool is not None:
            return pool
        pool = self._pools[key] = Pool(roster, channel, requirements)
        for gate in roster.gates:
            gate.pools.append(pool)
        for member in sorted(roster.members):
            agent = self.agent(member)
            spec = agent.spec
            if spec is None or spec.disabled or not spec.meets(requirements):
                continue
            pool.eligible += 1
            agent.pools.setdefault(channel, []).append(pool)
            if channel in agent.idle:
                pool.add(agent)
            elif agent.status is not None and agent.free(channel):
                self.index(agent)
        return pool

    @property
    def has_spare_pools(self) -> bool:
        return len(self._pools) > len(self.queues) + _MAX_SPARE_POOLS

    def drop_spare_pools(self, used: Iterable[Pool]) -> None:
        """Requirements that callers brought along are forgotten once nobody waits with them."""
        kept = set(used)
        for queue in self.queues.values():
            kept.update(self.pools(queue.roster, DEFAULT_CHANNEL, queue.spec.requirements, queue.spec))
        for key, pool in list(self._pools.items()):
            if pool in kept:
                continue
            del self._pools[key]
            for gate in pool.roster.gates:
                gate.pools.remove(pool)
            for member in pool.roster.members:
                pools = self.agents[member].pools.get(pool.channel, [])
                if pool in pools:
                    pools.remove(pool)


def _all(gated: dict[str, tuple[Gate, ...]]) -> set[Gate]:
    return {gate for gates in gated.values() for gate in gates}
