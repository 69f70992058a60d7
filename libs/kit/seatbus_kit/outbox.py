"""Publishes the events that a compare-and-set has made true, in the order of each entity's sequence."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from seatbus_kit.errors import OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_kit.bus import Bus
    from seatbus_kit.events import OutEvent

log = get_logger("seatbus.outbox")

_REMEMBERED = 50_000
_RETRY_S = 0.1
_REFUSED_RETRY_S = 5.0


class Outbox:
    """One event of an entity is acknowledged before its next is sent, so a stream never sees them swapped.

    An event that was published by somebody else as well is absorbed by its message id.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._queues: dict[str, deque[OutEvent]] = {}
        self._acked: OrderedDict[str, int] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
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
            if len(self._acked) > _REMEMBERED:
                self._acked.popitem(last=False)

    def forget(self, subject: str) -> None:
        """The entity starts anew, with sequence 1."""
        self._acked.pop(subject, None)

    def push(self, subject: str, events: Iterable[OutEvent]) -> asyncio.Task[None] | None:
        """Hands events over, in order; those already acknowledged or queued are skipped.

        Returns the task that publishes them, None when there is nothing to do.
        """
        queue = self._queues.get(subject)
        last = self.handed(subject)
        fresh = [event for event in events if event.seq > last]
        if queue is not None:
            queue.extend(fresh)
            return self._tasks[subject]
        if not fresh:
            return None
        self._queues[subject] = deque(fresh)
        self._idle.clear()
        task = asyncio.create_task(self._publish(subject))
        self._tasks[subject] = task
        return task

    async def flush(self, timeout: float = 10.0) -> bool:
        """Waits until everything is acknowledged; False when the time was up first."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stops at once. What was not published stays pending in its record, for any replica to drain."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _publish(self, subject: str) -> None:
        queue = self._queues[subject]
        try:
            while queue:
                event = queue[0]
                try:
                    await self._bus.publish(event)
                except (Unavailable, OutcomeUnknown):
                    await asyncio.sleep(_RETRY_S)
                    continue
                except SeatbusError as error:
                    # Skipping it would leave a gap that consumers wait for; it stays in the record.
                    log.error(
                        "event refused", event_id=event.event_id, type=event.type_name, error=str(error)
                    )
                    await asyncio.sleep(_REFUSED_RETRY_S)
                    continue
                self.known(subject, event.seq)
                queue.popleft()
        finally:
            del self._queues[subject]
            self._tasks.pop(subject, None)
            if not self._queues:
                self._idle.set()
