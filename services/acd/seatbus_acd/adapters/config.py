"""Queues, members and agents from the watched copy of the configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.domain.groups import groups
from seatbus_acd.domain.model import (
    DEFAULT_RING_TIMEOUT_S,
    AgentKey,
    AgentSpec,
    Configured,
    QueueKey,
    QueueSpec,
)
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_kit.config_view import ConfigView

log = get_logger("acd.config")

KINDS = frozenset({"tenant", "queue", "agent", "team"})
_DEFAULT_SERVICE_LEVEL_S = 20
_LONGEST_IDLE = frozenset({tenancy.STRATEGY_UNSPECIFIED, tenancy.STRATEGY_LONGEST_IDLE})


@dataclass(frozen=True, slots=True)
class Topology:
    """The configuration as routing sees it."""

    queues: Mapping[QueueKey, QueueSpec]
    agents: Mapping[AgentKey, AgentSpec]
    group_of: Mapping[str, str]  # tenant -> routing group

    def tenants(self, group: str) -> frozenset[str]:
        return frozenset(tenant for tenant, name in self.group_of.items() if name == group)

    def part(self, group: str) -> Configured:
        """What the holder of one group is told."""
        return Configured(
            {key: queue for key, queue in self.queues.items() if self.group_of[key[0]] == group},
            {key: agent for key, agent in self.agents.items() if self.group_of[key[0]] == group},
        )


class TopologyReader:
    def __init__(self, view: ConfigView) -> None:
        self._view = view
        self._warned: set[QueueKey] = set()

    def read(self) -> Topology:
        tenants = sorted(self._view.tenants())
        agents: dict[AgentKey, AgentSpec] = {}
        teams: dict[tuple[str, str], set[AgentKey]] = defaultdict(set)
        for tenant in tenants:
            for agent_id, found in self._view.objects(tenant, "agent").items():
                key = (tenant, agent_id)
                agents[key] = AgentSpec(
                    key,
                    {skill.name: skill.level for skill in found.agent.skills},
                    dict(found.agent.capacities),
                    found.agent.disabled,
                )
                if found.agent.team_id:
                    teams[tenant, found.agent.team_id].add(key)
        queues: dict[QueueKey, QueueSpec] = {}
        for tenant in tenants:
            for queue_id, found in self._view.objects(tenant, "queue").items():
                queues[tenant, queue_id] = self._queue((tenant, queue_id), found.queue, teams)
        return Topology(queues, agents, groups(tenants, queues.values()))

    def _queue(
        self, key: QueueKey, queue: tenancy.Queue, teams: Mapping[tuple[str, str], set[AgentKey]]
    ) -> QueueSpec:
        if queue.strategy not in _LONGEST_IDLE and key not in self._warned:
            self._warned.add(key)
            log.warning(
                "strategy not served by this version, longest idle is used",
                tenant=key[0],
                queue=key[1],
                strategy=tenancy.Strategy.Name(queue.strategy),
            )
        members: set[AgentKey] = set()
        for member in queue.members:
            tenant = member.agent_tenant_id or key[0]
            if member.agent_id:
                members.add((tenant, member.agent_id))
            else:
                members |= teams.get((tenant, member.team_id), set())
        return QueueSpec(
            key,
            frozenset(members),
            tuple(sorted((skill.name, skill.level) for skill in queue.requirements)),
            queue.priority,
            queue.ageing_s,
            queue.ring_timeout_s or DEFAULT_RING_TIMEOUT_S,
            queue.wrap_up_s,
            queue.service_level_s or _DEFAULT_SERVICE_LEVEL_S,
            queue.short_abandon_s,
            queue.max_waiting,
            queue.max_wait_s,
            queue.closed,
        )
