"""Queues, members and agents from the watched copy of the configuration."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.domain.callers import CallerRules, Numbers
from seatbus_acd.domain.groups import groups
from seatbus_acd.domain.model import (
    DEFAULT_RING_TIMEOUT_S,
    AgentKey,
    AgentSpec,
    Comfort,
    Configured,
    QueueKey,
    QueueSpec,
    Relaxation,
    Requirements,
    ShareCap,
    Strategy,
)
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus.common.v1.types_pb2 import Skill
    from seatbus_kit.config_view import ConfigView

log = get_logger("acd.config")

KINDS = frozenset({"tenant", "queue", "agent", "team"})
_DEFAULT_SERVICE_LEVEL_S = 20
_STRATEGIES: Final = {
    tenancy.STRATEGY_UNSPECIFIED: Strategy.LONGEST_IDLE,
    tenancy.STRATEGY_LONGEST_IDLE: Strategy.LONGEST_IDLE,
    tenancy.STRATEGY_MOST_SKILLS_FIRST: Strategy.MOST_SKILLS_FIRST,
    tenancy.STRATEGY_FEWEST_SKILLS_FIRST: Strategy.FEWEST_SKILLS_FIRST,
    tenancy.STRATEGY_LEAST_OCCUPIED: Strategy.LEAST_OCCUPIED,
    tenancy.STRATEGY_FEWEST_CONTACTS: Strategy.FEWEST_CONTACTS,
    tenancy.STRATEGY_ROUND_ROBIN: Strategy.ROUND_ROBIN,
    tenancy.STRATEGY_FIXED_ORDER: Strategy.FIXED_ORDER,
    tenancy.STRATEGY_WEIGHTED_RANDOM: Strategy.WEIGHTED_RANDOM,
}


@dataclass(frozen=True)
class Topology:
    """The configuration as routing sees it."""

    queues: Mapping[QueueKey, QueueSpec]
    agents: Mapping[AgentKey, AgentSpec]
    group_of: Mapping[QueueKey, str]
    caps: Mapping[AgentKey, tuple[ShareCap, ...]] = field(default_factory=dict)

    @cached_property
    def _queues_of(self) -> Mapping[str, list[QueueKey]]:
        found: dict[str, list[QueueKey]] = defaultdict(list)
        for key in sorted(self.group_of):
            found[self.group_of[key]].append(key)
        return found

    @cached_property
    def agent_group(self) -> Mapping[AgentKey, str]:
        return {member: self.group_of[key] for key, queue in self.queues.items() for member in queue.members}

    @cached_property
    def first_group(self) -> Mapping[str, str]:
        """Tenant -> the group that answers for what belongs to no queue any more."""
        first: dict[str, str] = {}
        for tenant, queue in sorted(self.group_of):
            first.setdefault(tenant, self.group_of[tenant, queue])
        return first

    @property
    def groups(self) -> frozenset[str]:
        return frozenset(self._queues_of)

    def queues_of(self, group: str) -> frozenset[QueueKey]:
        return frozenset(self._queues_of.get(group, ()))

    def groups_of(self, tenant: str) -> list[str]:
        return sorted({group for key, group in self.group_of.items() if key[0] == tenant})

    def part(self, group: str) -> Configured:
        """What the holder of one group is told."""
        queues = {key: self.queues[key] for key in self._queues_of.get(group, ())}
        members = {member for queue in queues.values() for member in queue.members}
        agents = {member: self.agents[member] for member in members if member in self.agents}
        teams = {agent.team for agent in agents.values()}
        return Configured(queues, agents, {team: caps for team, caps in self.caps.items() if team in teams})


class TopologyReader:
    def __init__(self, view: ConfigView) -> None:
        self._view = view
        self._warned: set[QueueKey] = set()

    def read(self) -> Topology:
        tenants = sorted(self._view.tenants())
        agents: dict[AgentKey, AgentSpec] = {}
        teams: dict[AgentKey, set[AgentKey]] = defaultdict(set)
        for tenant in tenants:
            for agent_id, found in self._view.objects(tenant, "agent").items():
                key, agent = (tenant, agent_id), found.agent
                team = (tenant, agent.team_id) if agent.team_id else None
                agents[key] = AgentSpec(
                    key,
                    {skill.name: skill.level for skill in agent.skills},
                    dict(agent.capacities),
                    agent.disabled,
                    agent.branch_id,
                    team,
                )
                if team is not None:
                    teams[team].add(key)
        queues: dict[QueueKey, QueueSpec] = {}
        caps: dict[AgentKey, tuple[ShareCap, ...]] = {}
        for tenant in tenants:
            for queue_id, found in self._view.objects(tenant, "queue").items():
                queues[tenant, queue_id] = self._queue((tenant, queue_id), found.queue, teams)
            for team_id, found in self._view.objects(tenant, "team").items():
                if found.team.share_caps:
                    size = len(teams.get((tenant, team_id), ()))
                    caps[tenant, team_id] = tuple(_cap(cap, tenant, size) for cap in found.team.share_caps)
        return Topology(queues, agents, groups(queues, agents, caps), caps)

    def _strategy(self, key: QueueKey, queue: tenancy.Queue) -> Strategy:
        found = _STRATEGIES.get(queue.strategy)
        if found is not None:
            return found
        if key not in self._warned:
            self._warned.add(key)
            log.warning(
                "strategy not served by this version, longest idle is used",
                tenant=key[0],
                queue=key[1],
                strategy=tenancy.Strategy.Name(queue.strategy),
            )
        return Strategy.LONGEST_IDLE

    def _queue(
        self, key: QueueKey, queue: tenancy.Queue, teams: Mapping[AgentKey, set[AgentKey]]
    ) -> QueueSpec:
        members: set[AgentKey] = set()
        ranks: dict[AgentKey, tuple[int, int]] = {}
        for member in queue.members:
            tenant = member.agent_tenant_id or key[0]
            who = (
                {(tenant, member.agent_id)} if member.agent_id else teams.get((tenant, member.team_id), set())
            )
            members |= who
            if member.order or member.weight:
                ranks |= dict.fromkeys(who, (member.order, member.weight))
        comfort = queue.comfort
        return QueueSpec(
            key,
            frozenset(members),
            _levels(queue.requirements),
            queue.priority,
            queue.ageing_s,
            queue.ring_timeout_s or DEFAULT_RING_TIMEOUT_S,
            queue.wrap_up_s,
            queue.service_level_s or _DEFAULT_SERVICE_LEVEL_S,
            queue.short_abandon_s,
            queue.max_waiting,
            queue.max_wait_s,
            queue.closed,
            self._strategy(key, queue),
            ranks,
            queue.branch_id,
            queue.own_branch_first,
            tuple(
                Relaxation(step.after_s, _levels(step.requirements), step.other_branches, step.overflow)
                for step in sorted(queue.relaxation, key=lambda step: step.after_s)
            ),
            tuple((key[0], other) for other in queue.overflow_queue_ids if other != key[1]),
            queue.sticky_s,
            queue.allow_pull,
            queue.leave_without_agents,
            Comfort(comfort.first_s or comfort.every_s, comfort.every_s)
            if comfort.first_s or comfort.every_s
            else None,
            CallerRules(
                Numbers.of(queue.green_numbers), queue.green_attribute, Numbers.of(queue.blocked_numbers)
            ),
        )


def _levels(skills: Iterable[Skill]) -> Requirements:
    return tuple(sorted((skill.name, skill.level) for skill in skills))


def _cap(cap: tenancy.ShareCap, tenant: str, team_size: int) -> ShareCap:
    most = cap.max_agents or max(1, math.floor(team_size * cap.percent / 100))
    return ShareCap(cap.tenant_id or tenant, cap.branch_id, most)
