"""Notices that this process stood still, before it sends another packet.

A process that was stopped, or whose machine was, does not know what happened meanwhile: its calls may have
been moved. Whoever is about to act compares the time with `until`, which a timer pushes on while all is well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

STALE_S: Final = 1.5
"""Shorter than the time after which owners move calls away from an instance that does not answer."""
_BEAT_S: Final = 0.25


class Vigil:
    """One a process: it has one clock."""

    __slots__ = ("_beat", "_stalled", "_timer", "until")

    def __init__(self) -> None:
        self.until = float("inf")
        self._stalled: Callable[[float], None] | None = None
        self._beat: Callable[[float], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, stalled: Callable[[float], None], beat: Callable[[float], None]) -> None:
        """`stalled` is called once for each stall, with its length or more; `beat` while all is well."""
        self._stalled, self._beat = stalled, beat
        self.until = monotonic() + STALE_S
        self._tick()

    def stop(self) -> None:
        self.until = float("inf")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self, now: float) -> None:
        if now > self.until:
            stood = now - self.until + STALE_S
            self.until = now + STALE_S
            if self._stalled is not None:
                self._stalled(stood)

    def _tick(self) -> None:
        now = monotonic()
        self.check(now)
        self.until = now + STALE_S
        if self._beat is not None:
            self._beat(now)
        self._timer = asyncio.get_running_loop().call_later(_BEAT_S, self._tick)


VIGIL: Final = Vigil()
