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
_BURST_S: Final = 0.2
_HOLD_S: Final = 2.0


class ScheduledTimers:
    """One timer a reservation: its wrap-up limit replaces its ring deadline.

    A far deadline is held back for a while: most reservations are answered before, and need no timer.
    What a killed process had not set yet is found by the sweep.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._due: dict[str, tuple[Deadline, float]] = {}
        self._held: dict[str, tuple[Deadline, float]] = {}
        self._burst: asyncio.TimerHandle | None = None
        self._holding: asyncio.TimerHandle | None = None
        self._setting: set[asyncio.Task[None]] = set()

    def set(self, deadline: Deadline, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        key = _key(deadline)
        self.forget(key)
        if delay_s >= 2 * _HOLD_S:
            self._held[key] = (deadline, loop.time() + delay_s)
            if self._holding is None:
                self._holding = loop.call_later(_HOLD_S, self._hold_no_longer)
            return
        self._due[key] = (deadline, loop.time() + delay_s)
        if delay_s < 2 * _BURST_S:
            self._set_all()
        elif self._burst is None:
            self._burst = loop.call_later(_BURST_S, self._set_all)

    def forget(self, rid: str) -> None:
        self._due.pop(rid, None)
        self._held.pop(rid, None)

    async def flush(self) -> None:
        self._hold_no_longer()
        self._set_all()
        if self._setting:
            await asyncio.wait(self._setting, timeout=2.0)

    def _hold_no_longer(self) -> None:
        """A deadline that came in between goes along: it is held for a shorter time."""
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        self._due.update(self._held)
        self._held.clear()
        self._set_all()

    def _set_all(self) -> None:
        if self._burst is not None:
            self._burst.cancel()
            self._burst = None
        due, self._due = self._due, {}
        for deadline, at in due.values():
            task = asyncio.create_task(self._set(deadline, at))
            self._setting.add(task)
            task.add_done_callback(self._setting.discard)

    async def _set(self, deadline: Deadline, at: float) -> None:
        delay_s = max(0.0, at - asyncio.get_running_loop().time())
        try:
            await schedule(self._bus, KIND, delay_s, encode(deadline), _key(deadline))
        except SeatbusError as error:
            log.info(
                "timer not set, the sweep will find the deadline",
                tenant=deadline.tenant,
                agent=deadline.agent_id,
                rid=deadline.rid,
                reason=str(error),
            )


def _key(deadline: Deadline) -> str:
    return deadline.rid or f"break-{deadline.tenant}-{deadline.agent_id}"


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
