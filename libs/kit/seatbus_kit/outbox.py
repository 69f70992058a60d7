"""Publishes the events that a compare-and-set has made true, in the order of each entity's sequence."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextvars import Context
from itertools import islice
from typing import TYPE_CHECKING, Final

from seatbus_kit.batch import MOST, publish_all
from seatbus_kit.errors import OutcomeUnknown, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_kit.bus import Bus
    from seatbus_kit.errors import SeatbusError
    from seatbus_kit.events import OutEvent

log = get_logger("seatbus.outbox")

_REMEMBERED: Final = 50_000
# What happens within this time after a burst leaves with the next one: a message that comes alone costs the
# server four times as much as one of several, and its acknowledgement wakes this process.
_GATHER_S: Final = 0.05
_RETRY_S: Final = 0.1
_REFUSED_RETRY_S: Final = 5.0


class Outbox:
    """One event of an entity is acknowledged before its next is sent, so a stream never sees them swapped;
    the first ones of all entities leave together.

    An event that was published by somebody else as well is absorbed by its message id.
    """

    def __init__(self, bus: Bus, remembered: int = _REMEMBERED) -> None:
        """`remembered` is of how many entities it keeps in mind what is published; others are asked for."""
        self._bus = bus
        self._remembered = remembered
        self._queues: dict[str, deque[OutEvent]] = {}
        self._acked: OrderedDict[str, int] = OrderedDict()
        self._empty: dict[str, asyncio.Future[None]] = {}
        # Whose first event was refused, and until when it rests.
        self._resting: dict[str, float] = {}
        self._next_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._flushing = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def acked(self, subject: str) -> int:
        """The highest sequence of `subject` known to be on its stream, 0 when nothing is known."""
        return self._acked.get(subject, 0)

    def handed(self, subject: str) -> int:
        """The highest sequence of `subject` that is acknowledged or queued here."""
        queue = self._queues.get(subject)
        return queue[-1].seq if queue else self.acked(subject)

    def known(self, subject: str, seq: int) -> None:
        """Somebody saw sequence `seq` on the stream."""
        if seq > self._acked.get(subject, 0):
            self._acked[subject] = seq
            self._acked.move_to_end(subject)
            if len(self._acked) > self._remembered:
                self._acked.popitem(last=False)

    def forget(self, subject: str) -> None:
        """The entity starts anew, with sequence 1."""
        self._acked.pop(subject, None)

    def push(self, subject: str, events: Iterable[OutEvent]) -> asyncio.Future[None] | None:
        """Hands events over, in order; those already acknowledged or queued are skipped.

        Returns what is done once they are published, None when there is nothing to do.
        """
        last = self.handed(subject)
        fresh = [event for event in events if event.seq > last]
        queue = self._queues.get(subject)
        if queue is not None:
            queue.extend(fresh)
            return self._empty[subject]
        if not fresh:
            return None
        self._queues[subject] = deque(fresh)
        self._idle.clear()
        empty = self._empty[subject] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            # Its log lines are of no call.
            self._task = asyncio.create_task(self._run(), name="outbox", context=Context())
        return empty

    async def flush(self, timeout: float = 10.0) -> bool:
        """Waits until everything is acknowledged; False when the time was up first."""
        self._flushing += 1
        self._wake.set()
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        finally:
            self._flushing -= 1
        return True

    async def close(self) -> None:
        """Stops at once. What was not published stays pending in its record, for any replica to drain."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for empty in self._empty.values():
            empty.cancel()
        self._empty.clear()
        self._queues.clear()
        self._idle.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.0 if self._flushing else self._next_at - loop.time()
        while self._queues:
            await self._rest(pause)
            pause = await self._burst()
            self._next_at = loop.time() + pause

    async def _rest(self, seconds: float) -> None:
        """That long, or until somebody wants everything out."""
        if seconds <= 0:
            return
        self._wake.clear()
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    async def _burst(self) -> float:
        """Sends the first event of every entity; returns for how long the next ones may wait."""
        now = asyncio.get_running_loop().time()
        ready = (subject for subject in self._queues if self._resting.get(subject, now) <= now)
        subjects = list(islice(ready, MOST))
        if not subjects:
            return _RETRY_S
        results = await publish_all(self._bus, [self._queues[subject][0] for subject in subjects])
        refused: SeatbusError | None = None
        away = more = False
        for subject, error in zip(subjects, results, strict=True):
            if error is None:
                more = self._published(subject) or more
            elif isinstance(error, Unavailable | OutcomeUnknown):
                away = True
            elif error is refused:
                # Not sent, because one before it cannot be.
                more = True
            else:
                refused = error
                self._refused(subject, error)
        if away:
            return _RETRY_S
        return 0.0 if more or self._flushing or len(subjects) == MOST else _GATHER_S

    def _published(self, subject: str) -> bool:
        """The first event of an entity is on its stream; whether it has more."""
        queue = self._queues[subject]
        self.known(subject, queue.popleft().seq)
        self._resting.pop(subject, None)
        if queue:
            return True
        del self._queues[subject]
        self._empty.pop(subject).set_result(None)
        if not self._queues:
            self._idle.set()
        return False

    def _refused(self, subject: str, error: SeatbusError) -> None:
        """Skipping it would leave a gap that consumers wait for; it stays in the record."""
        event = self._queues[subject][0]
        log.error("event refused", event_id=event.event_id, type=event.type_name, error=str(error))
        self._resting[subject] = asyncio.get_running_loop().time() + _REFUSED_RETRY_S
