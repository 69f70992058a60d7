"""Schedules of agents: who is logged in hears of the end, and the beginning, of a shift."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor
from seatbus_agent_state.application.service import Who
from seatbus_agent_state.domain.states import Presence, Shift
from seatbus_agent_state.domain.turn import Turn
from seatbus_kit.errors import SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_agent_state.application.ports import Directory, Share, ShiftConfig
    from seatbus_agent_state.application.service import AgentService
    from seatbus_kit.clock import Clock

log = get_logger("agent_state.shifts")

_SYSTEM: Final = Actor(kind=ACTOR_KIND_SYSTEM, id="agent_state")


class Shifts:
    """Each agent is looked at by one replica. What was applied is in the record: nothing changes twice."""

    def __init__(
        self,
        service: AgentService,
        config: ShiftConfig,
        directory: Directory,
        share: Share,
        clock: Clock,
        *,
        sweep_s: float,
    ) -> None:
        self._service = service
        self._config = config
        self._directory = directory
        self._share = share
        self._clock = clock
        self._sweep_s = sweep_s

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except SeatbusError as error:
                log.warning("shifts are looked at again", reason=str(error))
            await asyncio.sleep(self._sweep_s)

    async def sweep(self) -> None:
        now = self._clock.now()
        open_now: dict[tuple[str, str], bool | None] = {}
        for tenant, agent_id, schedule_id, policy in self._config.shifts():
            record = self._directory.of_tenant(tenant).get(agent_id)
            if record is None or Presence(record.presence) is Presence.LOGGED_OUT:
                continue
            key = (tenant, schedule_id)
            if key not in open_now:
                open_now[key] = self._config.on_shift(tenant, schedule_id, now)
            on = open_now[key]
            if on is None or Shift(record.shift) is (Shift.ON if on else Shift.OFF):
                continue
            if not self._share.mine(f"{tenant}.{agent_id}"):
                continue
            who = Who(tenant, agent_id, _SYSTEM, uuid7())
            await self._service.expire(who, partial(Turn.shift, on=on, policy=policy))
            if record.shift:
                log.info("shift", tenant=tenant, agent=agent_id, began=on, policy=policy.name.lower())
