"""Queues, members and agents from the watched copy of the configuration."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.adapters.topology import Topology
from seatbus_acd.domain.callers import CallerRules, Numbers
from seatbus_acd.domain.model import (
    DEFAULT_RING_AGENTS,
    DEFAULT_RING_TIMEOUT_S,
    AgentKey,
    AgentSpec,
    CallbackRules,
    Comfort,
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
    from seatbus.ivr.v1.types_pb2 import Flow
    from seatbus_acd.adapters.topology import Together
    from seatbus_kit.config_view import ConfigView

log = get_logger("acd.config")

# Team -> its agents.
_Teams: TypeAlias = "Mapping[AgentKey, frozenset[AgentKey]]"
KINDS = frozenset({"tenant", "queue", "agent", "team", "flow"})
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
    tenancy.STRATEGY_SIMULTANEOUS_RING: Strategy.SIMULTANEOUS_RING,
}


class TopologyReader:
    """Objects that the watched copy has not replaced are not read again."""

    def __init__(self, view: ConfigView) -> None:
        self._view = view
        self._warned: set[QueueKey] = set()
        self._last: Topology | None = None
        self._agents: dict[AgentKey, tuple[tenancy.ConfigObject, AgentSpec]] = {}
        self._flows: dict[tuple[str, str], tuple[tenancy.ConfigObject, Together]] = {}
        # With the teams that its members came from.
        self._queues: dict[QueueKey, tuple[tenancy.ConfigObject, _Teams, QueueSpec]] = {}

    def read(self) -> Topology:
        tenants = sorted(self._view.tenants())
        agents, teams = self._read_agents(tenants)
        read: dict[QueueKey, tuple[tenancy.ConfigObject, _Teams, QueueSpec]] = {}
        caps: dict[AgentKey, tuple[ShareCap, ...]] = {}
        for tenant in tenants:
            for queue_id, found in self._view.objects(tenant, "queue").items():
                key = (tenant, queue_id)
                known = self._queues.get(key)
                if (
                    known is None
                    or known[0] is not found
                    or any(frozenset(teams.get(team, ())) != members for team, members in known[1].items())
                ):
                    used = _teams_of(key[0], found.queue, teams)
                    known = (found, used, self._queue(key, found.queue, teams))
                read[key] = known
            for team_id, found in self._view.objects(tenant, "team").items():
                if found.team.share_caps:
                    size = len(teams.get((tenant, team_id), ()))
                    caps[tenant, team_id] = tuple(_cap(cap, tenant, size) for cap in found.team.share_caps)
        self._queues = read
        queues = {key: spec for key, (_, _, spec) in read.items()}
        self._last = Topology.after(self._last, queues, agents, caps, self._read_flows(tenants))
        return self._last

    def _read_flows(self, tenants: list[str]) -> Together:
        """The queues that a flow names for one contact."""
        read: dict[tuple[str, str], tuple[tenancy.ConfigObject, Together]] = {}
        for tenant in tenants:
            for flow_id, found in self._view.objects(tenant, "flow").items():
                known = self._flows.get((tenant, flow_id))
                if known is None or known[0] is not found:
                    known = (found, _together(tenant, found.flow))
                read[tenant, flow_id] = known
        self._flows = read
        return frozenset(named for _, of_flow in read.values() for named in of_flow)

    def _read_agents(
        self, tenants: list[str]
    ) -> tuple[dict[AgentKey, AgentSpec], Mapping[AgentKey, set[AgentKey]]]:
        read: dict[AgentKey, tuple[tenancy.ConfigObject, AgentSpec]] = {}
        teams: dict[AgentKey, set[AgentKey]] = defaultdict(set)
        for tenant in tenants:
            for agent_id, found in self._view.objects(tenant, "agent").items():
                key = (tenant, agent_id)
                known = self._agents.get(key)
                if known is None or known[0] is not found:
                    known = (found, _agent(key, found.agent))
                read[key] = known
                team = known[1].team
                if team is not None:
                    teams[team].add(key)
        self._agents = read
        return {key: spec for key, (_, spec) in read.items()}, teams

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
            _callback(queue.callback) if queue.HasField("callback") else None,
            queue.last_agent_s,
            queue.ring_agents or DEFAULT_RING_AGENTS,
        )


def _callback(policy: tenancy.CallbackPolicy) -> CallbackRules:
    default = CallbackRules()
    return CallbackRules(
        policy.customer_first,
        policy.max_attempts or default.max_attempts,
        policy.retry_s or default.retry_s,
        policy.ring_timeout_s or default.ring_timeout_s,
        policy.schedule_id,
        policy.max_age_s or default.max_age_s,
    )


def _agent(key: AgentKey, agent: tenancy.Agent) -> AgentSpec:
    return AgentSpec(
        key,
        {skill.name: skill.level for skill in agent.skills},
        dict(agent.capacities),
        agent.disabled,
        agent.branch_id,
        (key[0], agent.team_id) if agent.team_id else None,
    )


def _together(tenant: str, flow: Flow) -> Together:
    nodes = [node.queue for node in flow.nodes if node.HasField("queue") and node.queue.also_queue_ids]
    return frozenset(
        ((tenant, node.queue_id), *((tenant, id) for id in node.also_queue_ids)) for node in nodes
    )


def _teams_of(tenant: str, queue: tenancy.Queue, teams: Mapping[AgentKey, set[AgentKey]]) -> _Teams:
    named = ((m.agent_tenant_id or tenant, m.team_id) for m in queue.members if m.team_id)
    return {team: frozenset(teams.get(team, ())) for team in named}


def _levels(skills: Iterable[Skill]) -> Requirements:
    return tuple(sorted((skill.name, skill.level) for skill in skills))


def _cap(cap: tenancy.ShareCap, tenant: str, team_size: int) -> ShareCap:
    most = cap.max_agents or max(1, math.floor(team_size * cap.percent / 100))
    return ShareCap(cap.tenant_id or tenant, cap.branch_id, most)
