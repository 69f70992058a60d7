"""When recordings are cut: each once a second, spread over it, one in a turn of the event loop, so that no
packet waits for many recordings that began together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Final, Protocol

PERIOD_S: Final = 1.0
_SLOTS: Final = 10
_SLOT_S: Final = PERIOD_S / _SLOTS


class Cuttable(Protocol):
    def cut(self) -> None:
        """Hands over what has become certain since the last time."""
        ...


class Cutter:
    """Its timer runs only while there is something to cut."""

    def __init__(self) -> None:
        self._slots: list[dict[Cuttable, None]] = [{} for _ in range(_SLOTS)]
        self._slot_of: dict[Cuttable, int] = {}
        self._due: deque[Cuttable] = deque()
        self._began = 0.0
        self._slot = 0
        self._timer: asyncio.Handle | None = None
        self._work: asyncio.Handle | None = None

    def add(self, one: Cuttable) -> None:
        """To be cut from now on, where the fewest others are."""
        at = min(range(_SLOTS), key=lambda slot: len(self._slots[slot]))
        self._slots[at][one] = None
        self._slot_of[one] = at
        if self._timer is None:
            self._began, self._slot = monotonic(), 0
            self._wait()

    def remove(self, one: Cuttable) -> None:
        at = self._slot_of.pop(one, None)
        if at is not None:
            del self._slots[at][one]

    def _wait(self) -> None:
        # The timer sleeps over slots where nobody is.
        following = self._slot + 1
        while not self._slots[following % _SLOTS] and following < self._slot + _SLOTS:
            following += 1
        pause = max(0.0, self._began + following * _SLOT_S - monotonic())
        self._timer = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        reached = int((monotonic() - self._began) / _SLOT_S + 0.5)
        for slot in range(max(self._slot, reached - _SLOTS) + 1, reached + 1):
            self._due.extend(self._slots[slot % _SLOTS])
        self._slot = max(self._slot, reached)
        self._timer = None
        if self._slot_of:
            self._wait()
        if self._due and self._work is None:
            self._cut()

    def _cut(self) -> None:
        self._work = None
        one = self._due.popleft()
        if one in self._slot_of:
            one.cut()
        if self._due:
            self._work = asyncio.get_running_loop().call_soon(self._cut)
