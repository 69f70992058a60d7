"""Deadlines as scheduled messages: they survive every replica, and any replica acts on them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from seatbus_agent_state.application.ports import Deadline
from seatbus_kit.clock import from_rfc3339, to_rfc3339
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.schedule import schedule

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus

log = get_logger("agent_state.timers")

KIND: Final = "agent"
DURABLE: Final = "agent_state_deadlines"


class ScheduledTimers:
    """One timer a reservation: its wrap-up limit replaces its ring deadline."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._setting: set[asyncio.Task[None]] = set()

    def set(self, deadline: Deadline, delay_s: float) -> None:
        task = asyncio.create_task(self._set(deadline, delay_s))
        self._setting.add(task)
        task.add_done_callback(self._setting.discard)

    async def flush(self) -> None:
        if self._setting:
            await asyncio.wait(self._setting, timeout=2.0)

    async def _set(self, deadline: Deadline, delay_s: float) -> None:
        try:
            await schedule(self._bus, KIND, delay_s, encode(deadline), deadline.rid)
        except SeatbusError as error:
            log.info(
                "timer not set, the sweep will find the deadline",
                tenant=deadline.tenant,
                agent=deadline.agent_id,
                rid=deadline.rid,
                reason=str(error),
            )


def encode(deadline: Deadline) -> bytes:
    return orjson.dumps([deadline.tenant, deadline.agent_id, deadline.rid, to_rfc3339(deadline.at)])


def decode(payload: bytes) -> Deadline:
    """Raises ValueError."""
    fields = orjson.loads(payload)
    if not isinstance(fields, list) or len(fields) != 4:
        raise ValueError("a deadline is [tenant, agent, rid, time]")
    tenant, agent_id, rid, at = fields
    moment: datetime = from_rfc3339(at)
    return Deadline(tenant, agent_id, rid, moment.astimezone(UTC))
