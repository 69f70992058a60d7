"""The configuration as routing sees it: queues, agents, share caps, and which queues are decided together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from seatbus_acd.domain.groups import groups
from seatbus_acd.domain.model import Configured

if TYPE_CHECKING:
    from seatbus_acd.domain.model import AgentKey, AgentSpec, QueueKey, QueueSpec, ShareCap

# Queues that one contact may wait in at once.
Together: TypeAlias = "frozenset[tuple[QueueKey, ...]]"


@dataclass(frozen=True, slots=True)
class Shape:
    """Who is decided with whom."""

    group_of: Mapping[QueueKey, str]
    queues_of: Mapping[str, frozenset[QueueKey]]
    agent_group: Mapping[AgentKey, str]
    # Tenant -> the group that answers for what belongs to no queue any more.
    first_group: Mapping[str, str]

    @classmethod
    def of(
        cls,
        queues: Mapping[QueueKey, QueueSpec],
        agents: Mapping[AgentKey, AgentSpec],
        caps: Mapping[AgentKey, tuple[ShareCap, ...]],
        together: Together,
    ) -> Shape:
        group_of = groups(queues, agents, caps, together)
        queues_of: dict[str, set[QueueKey]] = defaultdict(set)
        agent_group: dict[AgentKey, str] = {}
        first: dict[str, str] = {}
        for key in sorted(group_of):
            group = group_of[key]
            queues_of[group].add(key)
            first.setdefault(key[0], group)
            agent_group |= dict.fromkeys(queues[key].members, group)
        return cls(group_of, {name: frozenset(keys) for name, keys in queues_of.items()}, agent_group, first)


@dataclass(frozen=True, slots=True)
class Topology:
    """`changed` are the groups in which something differs from the topology that was read before."""

    queues: Mapping[QueueKey, QueueSpec]
    agents: Mapping[AgentKey, AgentSpec]
    caps: Mapping[AgentKey, tuple[ShareCap, ...]]
    together: Together
    shape: Shape
    changed: frozenset[str]

    @classmethod
    def after(
        cls,
        last: Topology | None,
        queues: Mapping[QueueKey, QueueSpec],
        agents: Mapping[AgentKey, AgentSpec],
        caps: Mapping[AgentKey, tuple[ShareCap, ...]],
        together: Together = frozenset(),
    ) -> Topology:
        """What did not change is the same object as in `last`: so one tenant's change costs little."""
        if last is None:
            shape = Shape.of(queues, agents, caps, together)
            return cls(queues, agents, caps, together, shape, frozenset(shape.queues_of))
        new_queues = {
            key for key in queues.keys() | last.queues if queues.get(key) is not last.queues.get(key)
        }
        new_agents = {
            key for key in agents.keys() | last.agents if agents.get(key) is not last.agents.get(key)
        }
        same_links = (
            caps == last.caps
            and together == last.together
            and all(_links(queues.get(key)) == _links(last.queues.get(key)) for key in new_queues)
            and all(_team(agents.get(key)) == _team(last.agents.get(key)) for key in new_agents)
        )
        shape = last.shape if same_links else Shape.of(queues, agents, caps, together)
        changed: set[str | None] = set()
        for one in (last.shape, shape):
            changed |= {one.group_of.get(key) for key in new_queues}
            changed |= {one.agent_group.get(key) for key in new_agents}
        if shape is not last.shape:
            for group in shape.queues_of.keys() | last.shape.queues_of:
                if shape.queues_of.get(group) != last.shape.queues_of.get(group):
                    changed.add(group)
        if caps != last.caps:
            changed |= set(shape.queues_of)
        named = frozenset(name for name in changed if name is not None)
        return cls(queues, agents, caps, together, shape, named)

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(self.shape.queues_of)

    def group(self, key: QueueKey) -> str | None:
        return self.shape.group_of.get(key)

    def group_of_agent(self, key: AgentKey) -> str | None:
        return self.shape.agent_group.get(key)

    def first_group(self, tenant: str) -> str | None:
        return self.shape.first_group.get(tenant)

    def groups_of(self, tenant: str) -> list[str]:
        return sorted({group for key, group in self.shape.group_of.items() if key[0] == tenant})

    def part(self, group: str) -> Configured:
        """What the holder of one group is told."""
        queues = {key: self.queues[key] for key in sorted(self.shape.queues_of.get(group, ()))}
        members = {member for queue in queues.values() for member in queue.members}
        agents = {member: self.agents[member] for member in members if member in self.agents}
        teams = {agent.team for agent in agents.values()}
        return Configured(queues, agents, {team: caps for team, caps in self.caps.items() if team in teams})


def _links(queue: QueueSpec | None) -> object:
    return (queue.members, queue.overflow_queues) if queue is not None else None


def _team(agent: AgentSpec | None) -> object:
    return (agent.team,) if agent is not None else None
