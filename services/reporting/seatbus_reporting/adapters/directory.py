"""`Directory` from the watched configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seatbus_kit.config_view import ConfigView
from seatbus_reporting.domain.board_view import QueueName


class ConfigDirectory:
    """Answers are cached until the tenant's configuration changes."""

    def __init__(self, config: ConfigView, changed: Callable[[str], None]) -> None:
        self._config = config
        self._changed = changed
        self._queues: dict[str, dict[str, QueueName]] = {}
        self._agents: dict[str, dict[tuple[str, str], str]] = {}
        config.on_change(self._on_change)

    def _on_change(self, tenant: str, kind: str, _id: str) -> None:
        if kind == "queue":
            self._queues.pop(tenant, None)
            self._agents.pop(tenant, None)
            self._changed(tenant)
        elif kind in ("agent", "team"):
            # An agent's name may be shown on the boards of those who borrow the agent.
            self._agents.clear()
            self._changed(tenant)

    def queues(self, tenant: str) -> Mapping[str, QueueName]:
        found = self._queues.get(tenant)
        if found is None:
            found = self._queues[tenant] = {
                id: QueueName(item.queue.name, item.queue.service_level_s)
                for id, item in self._config.objects(tenant, "queue").items()
            }
        return found

    def agents(self, tenant: str) -> Mapping[tuple[str, str], str]:
        found = self._agents.get(tenant)
        if found is None:
            found = self._agents[tenant] = self._load_agents(tenant)
        return found

    def _load_agents(self, tenant: str) -> dict[tuple[str, str], str]:
        found = {
            (tenant, id): item.agent.name
            for id, item in self._config.objects(tenant, "agent").items()
            if not item.agent.disabled
        }
        for queue in self._config.objects(tenant, "queue").values():
            for member in queue.queue.members:
                owner = member.agent_tenant_id
                if not owner or owner == tenant:
                    continue
                theirs = self._config.objects(owner, "agent")
                ids = (
                    [id for id, item in theirs.items() if item.agent.team_id == member.team_id]
                    if member.team_id
                    else [member.agent_id]
                )
                for id in ids:
                    item = theirs.get(id)
                    found[owner, id] = item.agent.name if item is not None else ""
        return found
