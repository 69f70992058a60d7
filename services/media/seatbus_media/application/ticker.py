"""The 20 ms clock of everything that media sends of itself. It runs only while somebody listens."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final, Protocol

from seatbus_media.application.vigil import VIGIL

FRAME_S: Final = 0.02
_CATCH_UP: Final = 10
"""Frames sent at once after a stall of the process; a longer stall is skipped, and the timestamps say so."""


class Ticking(Protocol):
    def tick(self, now: float) -> bool:
        """Sends the frame of `now`; False when there is nothing more to send."""
        ...

    def skipped(self) -> None:
        """Time was skipped: the next frame is not the direct successor of the last."""
        ...


class Ticker:
    """Drift-free: tick n is due at start + n * 20 ms, whenever the ones before it really ran."""

    def __init__(self) -> None:
        self._members: dict[Ticking, None] = {}
        self._due = 0.0
        self._timer: asyncio.Handle | None = None
        self.late_frames = 0

    def add(self, member: Ticking) -> None:
        """Its first frame is sent at once when the clock stands still, else with the next tick."""
        self._members[member] = None
        if self._timer is None:
            self._due = monotonic()
            self._timer = asyncio.get_running_loop().call_soon(self._run)

    def remove(self, member: Ticking) -> None:
        self._members.pop(member, None)

    def stop(self) -> None:
        self._members.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        # The loop's own clock counts whole milliseconds, the frames' clock must not.
        now = monotonic()
        VIGIL.check(now)
        behind = max(0, int((now - self._due) / FRAME_S))
        if behind > _CATCH_UP:
            self.late_frames += behind
            self._due = now
            for member in tuple(self._members):
                member.skipped()
            behind = 0
        for _ in range(behind + 1):
            for member in tuple(self._members):
                if not member.tick(now):
                    self._members.pop(member, None)
        self._due += FRAME_S * (behind + 1)
        self._timer = None
        if self._members:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, self._due - monotonic()), self._run)
