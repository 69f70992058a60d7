"""A history of what happened, and waits that tell it when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seatbus_testkit.actors import CallEndedFirst, History, told


class Waits:
    """`history` grows by `note`, which wakes whoever waits for a condition."""

    def __init__(self) -> None:
        self.history: History = []
        self._loop = asyncio.get_running_loop()
        self._waiters: list[asyncio.Future[None]] = []

    def note(self, text: str) -> None:
        """Add to the history and wake whoever waits."""
        self.history.append((self._loop.time(), text))
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def over(self) -> bool:
        """Whether nothing more will happen."""
        return False

    async def until(self, reached: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait for a condition. TimeoutError (`CallEndedFirst` if it cannot come) tells the history."""
        deadline = self._loop.time() + timeout
        while not reached():
            if self.over():
                raise CallEndedFirst(f"{self!r} ended before it was {what}: {told(self.history)}")
            left = deadline - self._loop.time()
            if left <= 0:
                raise self.late(what, timeout)
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await asyncio.wait([waiter], timeout=left)

    def late(self, what: str, timeout: float) -> TimeoutError:
        """The error of a wait that took too long."""
        return TimeoutError(f"{self!r} was not {what} within {timeout} s: {told(self.history)}")
