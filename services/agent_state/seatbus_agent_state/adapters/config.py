"""What the configuration says of agents, from the watched copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatbus.tenancy.v1.types_pb2 import Agent
    from seatbus_kit.config_view import ConfigView


class ConfiguredAgents:
    def __init__(self, view: ConfigView) -> None:
        self._view = view

    def _agent(self, tenant: str, agent_id: str) -> Agent | None:
        found = self._view.get(tenant, "agent", agent_id)
        return found.agent if found is not None else None

    def known(self, tenant: str, agent_id: str) -> bool:
        agent = self._agent(tenant, agent_id)
        return agent is not None and not agent.disabled

    def capacity(self, tenant: str, agent_id: str, channel: str) -> int:
        """Contacts at a time on a channel; one voice contact where nothing is configured."""
        agent = self._agent(tenant, agent_id)
        if agent is None:
            return 0
        if not agent.capacities:
            return 1 if channel == "voice" else 0
        return int(agent.capacities.get(channel, 0))

    def agent_ids(self, tenant: str) -> Iterable[str]:
        return list(self._view.objects(tenant, "agent"))
