"""Tells agent_state when an agent can no longer be rung, and when again: no call for an unplugged phone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.common.v1 import types_pb2 as common
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_sip_edge.application.edge import Edge

log = get_logger("sip_edge.devices")

_RPC_S: Final = 2.0
# agent_state restores nobody whose phone was away for longer.
_WORTH_S: Final = 30.0
_ACTOR: Final = common.Actor(kind=common.ACTOR_KIND_SYSTEM, id="sip_edge")
_Agent = tuple[str, str]


class DeviceWatch:
    """What was told last of each agent; only a change is told, one after the other for each agent."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._reachable: dict[_Agent, bool] = {}
        self._wanted: dict[_Agent, tuple[str, bool]] = {}
        self._tasks: dict[_Agent, asyncio.Task[None]] = {}

    def changed(self, username: str) -> None:
        """A binding of this account came or went."""
        # What is being changed is complete after this turn of the loop.
        self._edge.loop.call_soon(self._look, username)

    def lost(self, tenant: str, agent_id: str) -> None:
        """A phone that may seem registered is not there: agent_state hears of the next registration."""
        if self._rings(tenant, agent_id):
            self._reachable[tenant, agent_id] = False

    def _look(self, username: str) -> None:
        found = self._edge.config.device_by_username(username)
        if found is None:
            return
        tenant, device_id, device = found
        who = (tenant, device.agent_id)
        reachable = self._rings(tenant, device.agent_id)
        if self._reachable.get(who, not reachable) == reachable:
            return
        self._say(who, device_id, reachable=reachable)

    def back(self, tenant: str, agent_id: str, device_id: str) -> None:
        """A phone that was lost has registered, perhaps before agent_state heard of the loss."""
        self._say((tenant, agent_id), device_id, reachable=True)

    def _say(self, who: _Agent, device_id: str, *, reachable: bool) -> None:
        self._reachable[who] = reachable
        self._wanted[who] = (device_id, reachable)
        if who not in self._tasks:
            task = self._tasks[who] = asyncio.create_task(self._tell(who))
            task.add_done_callback(lambda _: self._tasks.pop(who, None))

    def _rings(self, tenant: str, agent_id: str) -> bool:
        """Any device will do: a browser that closes costs nothing while a desk phone is there."""
        if self._edge.registrar.reach(tenant, agent_id) is not None:
            return True
        devices = self._edge.config.devices_of(tenant, agent_id)
        return any(device.kind == tenancy.DEVICE_KIND_EXTERNAL for _, device in devices)

    async def _tell(self, who: _Agent) -> None:
        tenant, agent_id = who
        while who in self._wanted:
            device_id, registered = self._wanted.pop(who)
            request = agent.ReportDeviceRequest(
                context=common.RequestContext(request_id=uuid7(), tenant_id=tenant, actor=_ACTOR),
                agent_id=agent_id,
                device_id=device_id,
                registered=registered,
            )
            try:
                await self._edge.neighbours.command(
                    "agent_state",
                    "ReportDevice",
                    request,
                    timeout=_RPC_S,
                    deadline=self._edge.monotonic() + _WORTH_S,
                    go_on=lambda: who not in self._wanted,
                )
            except SeatbusError as error:
                log.warning(
                    "agent_state does not hear of a phone",
                    tenant=tenant,
                    agent=agent_id,
                    registered=registered,
                    reason=str(error),
                )

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
