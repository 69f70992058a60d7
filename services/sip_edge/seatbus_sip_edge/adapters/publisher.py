"""Takes facts from the journal to their stream: in order for each call, as often as it takes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from seatbus.call.v1.events_pb2 import CallEnded
from seatbus_kit.batch import MOST, publish_all
from seatbus_kit.errors import OutcomeUnknown, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatbus_kit.bus import Bus
    from seatbus_kit.errors import SeatbusError
    from seatbus_kit.events import OutEvent

log = get_logger("sip_edge.publisher")

_GATHER_S: Final = 0.03
_RETRY_S: Final = 0.2
_REFUSED_RETRY_S: Final = 5.0
_LAST: Final = CallEnded.DESCRIPTOR.full_name


class Publisher:
    """What all calls say within 30 ms leaves together; a call's last fact does not wait for others.

    A call's next facts are sent after its last ones were acknowledged; calls do not wait for each other.
    While it is not known that the bus stores, one fact goes alone: were it refused and the next one of its
    call taken, the stream would have them swapped.
    `published(call id, seq)` is told once a call has nothing left to send.
    """

    def __init__(self, bus: Bus, published: Callable[[str, int], None]) -> None:
        self._bus = bus
        self._published = published
        self._queues: dict[str, deque[OutEvent]] = {}
        # Calls whose facts wait for the next burst; the others are on their way or wait to be repeated.
        self._ready: dict[str, None] = {}
        self._gathering: asyncio.TimerHandle | None = None
        self._bursts: set[asyncio.Task[None]] = set()
        self._repeats: dict[str, asyncio.TimerHandle] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._hurry = False
        self._answers = False
        self._probing = False
        self._stopped = False

    def push(self, events: Iterable[OutEvent]) -> None:
        for event in events:
            call_id = event.entity
            queue = self._queues.get(call_id)
            if queue is None:
                self._queues[call_id] = deque((event,))
                self._empty.clear()
                self._ready[call_id] = None
            else:
                queue.append(event)
            if call_id in self._ready:
                self._soon(at_once=event.type_name == _LAST)

    def pending(self) -> Iterable[OutEvent]:
        """What is not acknowledged yet, in the order of each call."""
        for queue in self._queues.values():
            yield from queue

    def discard(self, call_id: str) -> None:
        """Another edge speaks for this call now: what is not on its way yet never goes."""
        handle = self._repeats.pop(call_id, None)
        if handle is not None:
            handle.cancel()
        if call_id in self._ready or handle is not None:
            self._ready.pop(call_id, None)
            self._queues.pop(call_id, None)
            if not self._queues:
                self._empty.set()

    def unpublished(self, call_id: str) -> list[OutEvent]:
        return list(self._queues.get(call_id, ()))

    async def drain(self) -> None:
        self._hurry = True
        if self._ready:
            self._soon(at_once=True)
        await self._empty.wait()

    async def stop(self) -> None:
        """At once. What was not acknowledged stays in the journal."""
        self._stopped = True
        if self._gathering is not None:
            self._gathering.cancel()
        for handle in self._repeats.values():
            handle.cancel()
        tasks = tuple(self._bursts)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ends(self) -> bool:
        return any(self._queues[call_id][-1].type_name == _LAST for call_id in self._ready)

    def _soon(self, *, at_once: bool, pause: float = 0.0) -> None:
        at_once = at_once or self._hurry
        if self._gathering is not None:
            if not at_once:
                return
            self._gathering.cancel()
        loop = asyncio.get_running_loop()
        self._gathering = loop.call_later(0.0 if at_once else pause or _GATHER_S, self._start)

    def _start(self) -> None:
        self._gathering = None
        burst: list[OutEvent] = []
        if not self._answers:
            if self._probing or not self._ready:
                return
            self._probing = True
        while self._ready and len(burst) < MOST:
            call_id = next(iter(self._ready))
            del self._ready[call_id]
            if self._probing:
                burst.append(self._queues[call_id][0])
                break
            burst.extend(list(self._queues[call_id])[:MOST])
        if self._ready and not self._probing:
            self._soon(at_once=True)
        if burst:
            task = asyncio.create_task(self._send(burst))
            self._bursts.add(task)
            task.add_done_callback(self._bursts.discard)

    async def _send(self, burst: list[OutEvent]) -> None:
        failed: dict[str, SeatbusError] = {}
        sent: dict[str, int] = {}
        try:
            results = await publish_all(self._bus, burst)
        finally:
            probed, self._probing = self._probing, False
        self._answers = not any(isinstance(error, Unavailable | OutcomeUnknown) for error in results)
        for event, error in zip(burst, results, strict=True):
            call_id = event.entity
            if error is None and call_id not in failed:
                # What follows a failure goes again with it: the message id absorbs what was stored.
                self._queues[call_id].popleft()
                sent[call_id] = event.seq
            elif error is not None and call_id not in failed:
                failed[call_id] = error
                self._refused(event, error)
        for call_id in sent.keys() | failed.keys():
            if call_id in failed:
                continue
            if self._queues[call_id]:
                self._ready[call_id] = None
            else:
                del self._queues[call_id]
                self._published(call_id, sent[call_id])
        if self._ready:
            if self._answers:
                self._soon(at_once=probed or self._ends())
            else:
                self._soon(at_once=False, pause=_RETRY_S)
        if not self._queues:
            self._empty.set()

    def _refused(self, event: OutEvent, error: SeatbusError) -> None:
        """Skipping a fact would leave a gap that readers wait for: it is repeated until it is there."""
        pause = _RETRY_S
        if not isinstance(error, Unavailable | OutcomeUnknown):
            pause = _REFUSED_RETRY_S
            log.error(
                "fact refused by the bus, it is sent again in 5 s",
                tenant=event.tenant,
                call=event.entity,
                seq=event.seq,
                type=event.type_name,
                error=str(error),
            )
        if not self._stopped:
            self._repeats[event.entity] = asyncio.get_running_loop().call_later(
                pause, self._repeat, event.entity
            )

    def _repeat(self, call_id: str) -> None:
        self._repeats.pop(call_id, None)
        self._ready[call_id] = None
        self._soon(at_once=False)
