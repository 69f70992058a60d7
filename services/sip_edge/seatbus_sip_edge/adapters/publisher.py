"""Takes facts from the journal to their stream: in order for each call, as often as it takes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from seatbus_kit.errors import OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatbus_kit.bus import Bus
    from seatbus_kit.events import OutEvent

log = get_logger("sip_edge.publisher")

_RETRY_S = 0.2
_REFUSED_RETRY_S = 5.0


class Publisher:
    """A call's next fact is sent after its last one was acknowledged; calls do not wait for each other.

    `published(call id, seq)` is told once a call has nothing left to send.
    """

    def __init__(self, bus: Bus, published: Callable[[str, int], None]) -> None:
        self._bus = bus
        self._published = published
        self._queues: dict[str, deque[OutEvent]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def push(self, events: Iterable[OutEvent]) -> None:
        for event in events:
            queue = self._queues.get(event.entity)
            if queue is not None:
                queue.append(event)
                continue
            self._queues[event.entity] = deque([event])
            self._tasks[event.entity] = asyncio.create_task(self._run(event.entity))

    def pending(self) -> Iterable[OutEvent]:
        """What is not acknowledged yet, in the order of each call."""
        for queue in self._queues.values():
            yield from queue

    def unpublished(self, call_id: str) -> list[OutEvent]:
        return list(self._queues.get(call_id, ()))

    async def drain(self) -> None:
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, call_id: str) -> None:
        queue = self._queues[call_id]
        last = 0
        try:
            while queue:
                event = queue[0]
                try:
                    await self._bus.publish(event)
                except (Unavailable, OutcomeUnknown):
                    await asyncio.sleep(_RETRY_S)
                    continue
                except SeatbusError as error:
                    # Skipping it would leave a gap that readers wait for.
                    log.error(
                        "fact refused by the bus, it is sent again in 5 s",
                        tenant=event.tenant,
                        call=call_id,
                        seq=event.seq,
                        type=event.type_name,
                        error=str(error),
                    )
                    await asyncio.sleep(_REFUSED_RETRY_S)
                    continue
                last = event.seq
                queue.popleft()
        finally:
            if not queue:
                del self._queues[call_id]
            self._tasks.pop(call_id, None)
        self._published(call_id, last)
