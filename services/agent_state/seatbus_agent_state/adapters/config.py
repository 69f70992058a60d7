"""What the configuration says of agents, from the watched copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from seatbus_agent_state.domain.states import LoginPolicy, ShiftEnd
from seatbus_contracts.hours import schedule_open

if TYPE_CHECKING:
    from datetime import datetime

    from seatbus.agent.v1.types_pb2 import WorkItem
    from seatbus.tenancy.v1.types_pb2 import Agent
    from seatbus_kit.config_view import ConfigView


class ConfiguredAgents:
    def __init__(self, view: ConfigView) -> None:
        self._view = view

    def _agent(self, tenant: str, agent_id: str) -> Agent | None:
        found = self._view.get(tenant, "agent", agent_id)
        return found.agent if found is not None else None

    async def known(self, tenant: str, agent_id: str) -> bool:
        """One who was configured a moment ago is asked for."""
        found = await self._view.ask(tenant, "agent", agent_id)
        return found is not None and not found.agent.disabled

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

    def place(self, tenant: str, agent_id: str) -> tuple[str, str]:
        """Team and branch."""
        agent = self._agent(tenant, agent_id)
        return (agent.team_id, agent.branch_id) if agent is not None else ("", "")

    def shifts(self) -> Iterable[tuple[str, str, str, ShiftEnd]]:
        """Tenant, agent, schedule and policy of each agent whose shifts matter."""
        return [
            (tenant, agent_id, item.agent.schedule_id, ShiftEnd(item.agent.shift_policy))
            for tenant in self._view.tenants()
            for agent_id, item in self._view.objects(tenant, "agent").items()
            if item.agent.shift_policy and item.agent.schedule_id
        ]

    def on_shift(self, tenant: str, schedule_id: str, now: datetime) -> bool | None:
        """None for a schedule that is lost: nothing follows from it."""
        found = self._view.get(tenant, "schedule", schedule_id)
        return schedule_open(found.schedule, now) if found is not None else None

    def seat_refusal(self, tenant: str, seat_id: str) -> str:
        """Where no seats are configured any word names one."""
        seats = self._view.objects(tenant, "seat")
        return f"tenant {tenant} has no seat {seat_id}" if seats and seat_id not in seats else ""

    def login_policy(self, tenant: str) -> LoginPolicy:
        found = self._view.get(tenant, "tenant", tenant)
        policy = found.tenant.login_policy if found is not None else 0
        return LoginPolicy(policy or LoginPolicy.ASK)

    def reason_refusal(self, tenant: str, reason: str) -> str:
        """Where no reason codes are configured any word is one."""
        codes = self._view.objects(tenant, "reason_code")
        if not codes or reason in codes:
            return ""
        return (
            f"{reason or 'no reason'} is none of the tenant's reason codes: {', '.join(sorted(codes)[:20])}"
        )

    def reason_limit_s(self, tenant: str, reason: str) -> int:
        found = self._view.get(tenant, "reason_code", reason) if reason else None
        return int(found.reason_code.limit_s) if found is not None else 0

    def refusal(self, tenant: str, queue_id: str, code: str) -> str:
        """Why a disposition may not be given; where none are configured for the queue any word is one."""
        of_queue = {
            id: item.disposition
            for id, item in self._view.objects(tenant, "disposition").items()
            if not item.disposition.queue_ids or queue_id in item.disposition.queue_ids
        }
        if not of_queue or code in of_queue:
            return ""
        return f"{code} is no disposition of queue {queue_id or '-'}: {', '.join(sorted(of_queue)[:20])}"

    def add_rules(self, item: WorkItem) -> None:
        """The rules of the queue that gave the contact go along with it."""
        found = self._view.get(item.tenant_id, "queue", item.queue_id) if item.queue_id else None
        if found is not None:
            item.disposition_required = found.queue.disposition_required
            item.max_wrap_up_s = found.queue.max_wrap_up_s
