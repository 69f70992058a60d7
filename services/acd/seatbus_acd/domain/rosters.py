"""Rosters: some agents and the strategy that chooses among them. Equal ones are one object.

A gate is one share cap at work: how many agents of its team work for its tenant now. A roster behind gates
gives nobody while one of them is shut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from math import log
from typing import TYPE_CHECKING, TypeAlias

from seatbus_acd.domain.model import Strategy

if TYPE_CHECKING:
    from seatbus_acd.domain.model import AgentKey, AgentSpec, QueueSpec, ShareCap
    from seatbus_acd.domain.pools import Agent, Pool

# The smallest is chosen first.
IdleKey: TypeAlias = "tuple[float, float, AgentKey]"


class Gate:
    __slots__ = ("cap", "pools", "used")

    def __init__(self, cap: ShareCap) -> None:
        self.cap = cap
        self.used = 0
        self.pools: list[Pool] = []

    @property
    def shut(self) -> bool:
        return self.used >= self.cap.most


class Turns:
    """Whose turn it was, shared by all rosters of one queue."""

    __slots__ = ("count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last: dict[AgentKey, int] = {}


class Roster:
    __slots__ = ("gates", "members", "ranks", "strategy", "turns")

    def __init__(
        self,
        members: frozenset[AgentKey],
        strategy: Strategy = Strategy.LONGEST_IDLE,
        ranks: Mapping[AgentKey, tuple[int, int]] | None = None,
        turns: Turns | None = None,
        gates: tuple[Gate, ...] = (),
    ) -> None:
        self.members = members
        self.strategy = strategy
        self.ranks = ranks or {}
        self.turns = turns or Turns()
        self.gates = gates

    def part(self, members: frozenset[AgentKey], gates: tuple[Gate, ...] = ()) -> Roster:
        """Some of the members, chosen from in the same way."""
        return Roster(members, self.strategy, self.ranks, self.turns, gates or self.gates)

    def key_of(self, agent: Agent, pool: Pool) -> IdleKey:
        """The agent's place among the idle ones. It holds until his record changes or he is chosen."""
        status, spec, key = agent.status, agent.spec, agent.key
        if status is None or spec is None:
            raise ValueError(f"agent {key} has no record and cannot be idle")
        idle = status.idle_since
        match self.strategy:
            case Strategy.MOST_SKILLS_FIRST:
                return (-float(len(spec.skills)), idle, key)
            case Strategy.FEWEST_SKILLS_FIRST:
                return (float(len(spec.skills)), idle, key)
            case Strategy.LEAST_OCCUPIED:
                return (status.occupancy, idle, key)
            case Strategy.FEWEST_CONTACTS:
                return (float(status.contacts), idle, key)
            case Strategy.ROUND_ROBIN:
                return (float(self.turns.last.get(key, 0)), float(self.ranks.get(key, (0, 0))[0]), key)
            case Strategy.FIXED_ORDER:
                return (float(self.ranks.get(key, (0, 0))[0]), idle, key)
            case Strategy.WEIGHTED_RANDOM:
                return (pool.virtual + self._draw(key, pool), idle, key)
            case _:
                return (idle, 0.0, key)

    def _draw(self, key: AgentKey, pool: Pool) -> float:
        """A race of exponential clocks: the first to ring is a weighted random choice, and who loses needs no
        new draw. The draw is a hash, so equal histories choose equally.
        """
        pool.draws += 1
        seed = f"{key}/{pool.requirements}/{pool.draws}".encode()
        chance = int.from_bytes(blake2b(seed, digest_size=8).digest(), "big") / 2**64
        weight = self.ranks.get(key, (0, 1))[1] or 1
        return -log(1.0 - chance) / weight

    def chosen(self, key: AgentKey, pool: Pool) -> None:
        if self.strategy is Strategy.ROUND_ROBIN:
            self.turns.count += 1
            self.turns.last[key] = self.turns.count
        elif self.strategy is Strategy.WEIGHTED_RANDOM:
            at = pool.keys.get(key)
            if at is not None:
                pool.virtual = at[0]


class Rosters:
    """All rosters of one configuration."""

    def __init__(
        self, agents: Mapping[AgentKey, AgentSpec], caps: Mapping[AgentKey, tuple[ShareCap, ...]]
    ) -> None:
        self._specs = agents
        self.gates: dict[AgentKey, tuple[Gate, ...]] = {
            team: tuple(Gate(cap) for cap in of_team) for team, of_team in caps.items() if of_team
        }
        self._of_queues: dict[tuple[object, ...], Roster] = {}
        self._singles: dict[AgentKey, Roster] = {}
        self._branches: dict[tuple[Roster, str], Roster] = {}
        self._parts: dict[tuple[Roster, str, str], tuple[Roster, ...]] = {}

    def of_queue(self, spec: QueueSpec, before: Roster | None) -> Roster:
        """`before` is the queue's roster until now: whose turn it is outlives a change of configuration."""
        ranked = spec.strategy in (Strategy.FIXED_ORDER, Strategy.WEIGHTED_RANDOM, Strategy.ROUND_ROBIN)
        ranks = spec.ranks if ranked else {}
        own = spec.key if spec.strategy is Strategy.ROUND_ROBIN else None
        key = (spec.members, spec.strategy, tuple(sorted(ranks.items())), own)
        found = self._of_queues.get(key)
        if found is None:
            same = before is not None and before.strategy is spec.strategy
            turns = before.turns if same and before is not None else None
            found = self._of_queues[key] = Roster(spec.members, spec.strategy, ranks, turns)
        return found

    def single(self, agent: AgentKey) -> Roster:
        found = self._singles.get(agent)
        if found is None:
            found = self._singles[agent] = Roster(frozenset([agent]))
        return found

    def in_branch(self, roster: Roster, branch: str) -> Roster:
        key = (roster, branch)
        found = self._branches.get(key)
        if found is None:
            there = frozenset(
                member
                for member in roster.members
                if (spec := self._specs.get(member)) is not None and spec.branch == branch
            )
            found = self._branches[key] = roster.part(there)
        return found

    def parts(self, roster: Roster, queue: QueueSpec) -> tuple[Roster, ...]:
        """The roster cut by the gates that contacts of `queue` must pass."""
        if not self.gates:
            return (roster,)
        key = (roster, queue.key[0], queue.branch)
        found = self._parts.get(key)
        if found is None:
            groups: dict[tuple[Gate, ...], set[AgentKey]] = defaultdict(set)
            for member in roster.members:
                groups[self.gates_between(member, queue)].add(member)
            # A roster without gates stays what it is, so that it is shared with other queues.
            found = tuple(
                roster.part(frozenset(members), gates) if gates or len(groups) > 1 else roster
                for gates, members in sorted(groups.items(), key=lambda group: sorted(group[1])[:1])
            )
            self._parts[key] = found
        return found

    def gates_between(self, agent: AgentKey, queue: QueueSpec) -> tuple[Gate, ...]:
        spec = self._specs.get(agent)
        if spec is None or spec.team is None:
            return ()
        return tuple(gate for gate in self.gates.get(spec.team, ()) if gate.cap.binds(queue))

    def known(self, members: Iterable[AgentKey]) -> int:
        return sum(member in self._specs for member in members)
