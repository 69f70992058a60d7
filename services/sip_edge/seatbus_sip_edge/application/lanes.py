"""Work for one call and one neighbour, one piece after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from seatbus_kit.log import get_logger

log = get_logger("sip_edge.lane")

Job: TypeAlias = Callable[[], Awaitable[None]]


class Lane:
    """Runs jobs in order in one task that lives only while there are any."""

    __slots__ = ("_idle", "_jobs", "_name", "_on_idle", "_task")

    def __init__(self, name: str, on_idle: Callable[[], None] | None = None) -> None:
        self._name = name
        self._jobs: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Event | None = None
        self._on_idle = on_idle

    @property
    def busy(self) -> bool:
        return self._task is not None

    def push(self, job: Job) -> None:
        self._jobs.append(job)
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def settled(self, timeout: float) -> bool:
        """Waits until nothing is left; False when the time was up first."""
        if self._task is None:
            return True
        if self._idle is None:
            self._idle = asyncio.Event()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def cancel(self) -> None:
        self._jobs.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._jobs:
                job = self._jobs.popleft()
                try:
                    await job()
                except Exception as error:
                    log.error("work for a call failed", lane=self._name, error=repr(error), exc_info=error)
        finally:
            self._task = None
            if self._idle is not None:
                self._idle.set()
                self._idle = None
        if self._on_idle is not None:
            self._on_idle()
