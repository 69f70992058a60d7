"""A history of what happened, and waits that tell it when they fail."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from seatbus_testkit.actors import CallEndedFirst, CallState, History, told

if TYPE_CHECKING:
    from seatbus_testkit.ears import Ears


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


class CallWaits(Waits):
    """What a test waits for in one call."""

    state: CallState
    status: int | None
    rang_at: float | None
    answered_at: float | None
    ears: Ears

    @property
    @abstractmethod
    def held_by_peer(self) -> bool:
        """Whether the other side has put this call on hold."""

    async def wait_ringing(self, timeout: float = 30.0) -> None:
        """Until 180/183 was sent or received (an answer without ringing counts as well)."""
        await self.until(lambda: self.rang_at is not None or self.answered_at is not None, timeout, "ringing")

    async def wait_answered(self, timeout: float = 30.0) -> None:
        """Until the 200. TimeoutError tells the history, its subclass `CallEndedFirst` that none can come."""
        await self.until(lambda: self.answered_at is not None, timeout, "answered")

    async def wait_status(self, timeout: float = 30.0) -> int:
        """The final status of the INVITE."""
        await self.until(lambda: self.status is not None, timeout, "a final status")
        return self.status or 0

    async def wait_ended(self, timeout: float = 30.0) -> None:
        """Until it is over."""
        await self.until(lambda: self.state == "ended", timeout, "ended")

    async def wait_media(self, packets: int = 1, timeout: float = 30.0) -> None:
        """Until this many RTP packets have come."""
        deadline = self._loop.time() + timeout
        while self.ears.received < packets:
            if self._loop.time() >= deadline:
                raise self.late("RTP", timeout)
            await asyncio.sleep(0.02)

    async def wait_held(self, on: bool = True, timeout: float = 30.0) -> None:
        """Until the other side has held (or resumed) the call."""
        await self.until(lambda: self.held_by_peer is on, timeout, "held" if on else "resumed")
