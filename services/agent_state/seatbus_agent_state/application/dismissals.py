"""Agents who are disabled or removed while they are logged in."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor
from seatbus_agent_state.application.service import Who
from seatbus_agent_state.domain.states import DISABLED, Presence
from seatbus_agent_state.domain.turn import Turn
from seatbus_kit.errors import SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_agent_state.application.ports import AgentConfig, Directory, Share
    from seatbus_agent_state.application.service import AgentService

log = get_logger("agent_state.dismissals")

_SYSTEM: Final = Actor(kind=ACTOR_KIND_SYSTEM, id="agent_state")


class Dismissals:
    """They are logged out, after the contact in hand. Only changes of the configuration are looked at."""

    def __init__(
        self,
        service: AgentService,
        config: AgentConfig,
        directory: Directory,
        share: Share,
        *,
        sweep_s: float,
    ) -> None:
        self._service = service
        self._config = config
        self._directory = directory
        self._share = share
        self._sweep_s = sweep_s
        self._changed: set[tuple[str, str]] = set()

    def changed(self, tenant: str, kind: str, id: str) -> None:
        if kind == "agent":
            self._changed.add((tenant, id))

    async def run(self) -> None:
        while True:
            await self.sweep()
            await asyncio.sleep(self._sweep_s)

    async def sweep(self) -> None:
        """Who could not be logged out yet, or is another replica's to log out, is looked at again."""
        for tenant, agent_id in sorted(self._changed):
            record = self._directory.of_tenant(tenant).get(agent_id)
            self._changed.discard((tenant, agent_id))
            if record is None or Presence(record.presence) is Presence.LOGGED_OUT:
                continue
            try:
                if await self._config.known(tenant, agent_id):
                    continue
                self._changed.add((tenant, agent_id))
                if record.deferred_presence != Presence.LOGGED_OUT.value and self._share.mine(
                    f"{tenant}.{agent_id}"
                ):
                    await self._log_out(tenant, agent_id)
            except SeatbusError as error:
                self._changed.add((tenant, agent_id))
                log.warning("agent is looked at again", tenant=tenant, agent=agent_id, reason=str(error))

    async def _log_out(self, tenant: str, agent_id: str) -> None:
        who = Who(tenant, agent_id, _SYSTEM, uuid7())
        log_out = partial(Turn.force, presence=Presence.LOGGED_OUT, reason=DISABLED)
        await self._service.expire(who, log_out)
        log.info("agent is disabled or gone, logged out", tenant=tenant, agent=agent_id)
