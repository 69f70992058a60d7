"""Takes facts from the journal to their stream: in order for each call, as often as it takes."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from seatbus.call.v1.events_pb2 import CallEnded
from seatbus_kit.batch import MOST, store_all
from seatbus_kit.burst import MOST_FACTS, fitting, message_of, tail
from seatbus_kit.errors import Conflict, OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatbus_kit.burst import OutMessage
    from seatbus_kit.bus import Bus
    from seatbus_kit.events import OutEvent

log = get_logger("sip_edge.publisher")

_GATHER_S: Final = 0.03
_RETRY_S: Final = 0.2
_REFUSED_RETRY_S: Final = 5.0
_LAST: Final = CallEnded.DESCRIPTOR.full_name
_STREAM: Final = "CALL"


class Publisher:
    """What a call says within 30 ms is one message, and what all calls say leaves together; a call's last
    fact does not wait for others.

    A call's next message is sent after its last one was acknowledged; calls do not wait for each other. While
    it is not known that the bus stores, one message goes alone, so that a bus that refuses or does not answer
    is asked little. A message whose outcome is not known is repeated as it was, whatever has come since: its
    id absorbs it then. A predecessor's message may come after we have asked what is there; the stream refuses
    ours then, and is asked again.
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
        # How many facts a call's next message has to have.
        self._cuts: dict[str, int] = {}
        # Calls of a predecessor of which it is not known yet what their stream has.
        self._asked: set[str] = set()
        # And where their facts on the stream end: it refuses ours when one of the predecessor's came since.
        self._behind: dict[str, int] = {}
        self._asking: asyncio.Task[None] | None = None
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

    def resume(self, events: Iterable[OutEvent]) -> None:
        """Facts that a predecessor may have published: what their stream has is not sent again."""
        for event in events:
            queue = self._queues.get(event.entity)
            if queue is None:
                self._queues[event.entity] = deque((event,))
                self._asked.add(event.entity)
            else:
                queue.append(event)
        self._ask_soon()

    def _ask_soon(self) -> None:
        if self._asked and self._asking is None and not self._stopped:
            self._empty.clear()
            self._asking = asyncio.create_task(self._ask(), name="facts of a predecessor")

    async def _ask(self) -> None:
        while self._asked:
            call_id = next(iter(self._asked))
            try:
                found = await tail(self._bus, _STREAM, self._queues[call_id][0].subject)
            except SeatbusError as error:
                log.info("facts of a predecessor wait for the bus", reason=str(error))
                await asyncio.sleep(_RETRY_S)
                continue
            if call_id not in self._asked:
                continue
            self._asked.discard(call_id)
            self._behind[call_id] = found.place
            queue, last = self._queues[call_id], 0
            while queue and queue[0].seq <= found.seq:
                last = queue.popleft().seq
            self._go_on(call_id, last)
            if call_id in self._ready:
                self._soon(at_once=True)
            elif not self._queues:
                self._empty.set()
        self._asking = None

    def pending(self) -> Iterable[OutEvent]:
        """What is not acknowledged yet, in the order of each call."""
        for queue in self._queues.values():
            yield from queue

    def discard(self, call_id: str) -> None:
        """Another edge speaks for this call now: what is not on its way yet never goes."""
        handle = self._repeats.pop(call_id, None)
        if handle is not None:
            handle.cancel()
        if call_id in self._ready or call_id in self._asked or handle is not None:
            self._ready.pop(call_id, None)
            self._asked.discard(call_id)
            self._queues.pop(call_id, None)
            self._cuts.pop(call_id, None)
            self._behind.pop(call_id, None)
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
        tasks = (*self._bursts, *((self._asking,) if self._asking is not None else ()))
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
        calls: list[str] = []
        if not self._answers:
            if self._probing or not self._ready:
                return
            self._probing = True
        most = 1 if self._probing else MOST
        while self._ready and len(calls) < most:
            call_id = next(iter(self._ready))
            del self._ready[call_id]
            calls.append(call_id)
        if self._ready and not self._probing:
            self._soon(at_once=True)
        if calls:
            task = asyncio.create_task(self._send([self._next(call_id) for call_id in calls]))
            self._bursts.add(task)
            task.add_done_callback(self._bursts.discard)

    def _next(self, call_id: str) -> list[OutEvent]:
        facts = list(islice(self._queues[call_id], MOST_FACTS + 1))
        return facts[: self._cuts.get(call_id) or fitting(facts)]

    async def _send(self, cuts: list[list[OutEvent]]) -> None:
        messages: list[OutMessage] = [message_of(facts) for facts in cuts]
        behind = [self._behind.get(facts[0].entity) for facts in cuts]
        try:
            results = await store_all(self._bus, messages, behind)
        finally:
            probed, self._probing = self._probing, False
        self._answers = not any(isinstance(result, Unavailable | OutcomeUnknown) for result in results)
        for facts, result in zip(cuts, results, strict=True):
            call_id = facts[0].entity
            if isinstance(result, Conflict) and call_id in self._behind:
                self._cuts.pop(call_id, None)
                self._asked.add(call_id)
                continue
            if isinstance(result, SeatbusError):
                self._refused(facts, result)
                continue
            self._behind.pop(call_id, None)
            self._cuts.pop(call_id, None)
            queue = self._queues[call_id]
            for _ in facts:
                queue.popleft()
            self._go_on(call_id, facts[-1].seq)
        self._ask_soon()
        if self._ready:
            if self._answers:
                self._soon(at_once=probed or self._ends())
            else:
                self._soon(at_once=False, pause=_RETRY_S)
        if not self._queues:
            self._empty.set()

    def _go_on(self, call_id: str, published: int) -> None:
        """The facts up to this one are on their stream."""
        if self._queues[call_id]:
            self._ready[call_id] = None
        else:
            del self._queues[call_id]
            self._behind.pop(call_id, None)
            self._published(call_id, published)

    def _refused(self, facts: list[OutEvent], error: SeatbusError) -> None:
        """Skipping a fact would leave a gap that readers wait for: it is repeated until it is there."""
        pause, first = _RETRY_S, facts[0]
        if isinstance(error, OutcomeUnknown):
            self._cuts[first.entity] = len(facts)
        elif not isinstance(error, Unavailable):
            # Surely not stored, unless an attempt before is in doubt: one by one they may be taken.
            self._cuts.setdefault(first.entity, 1)
            pause = _REFUSED_RETRY_S
            log.error(
                "facts refused by the bus, they are sent again in 5 s",
                tenant=first.tenant,
                call=first.entity,
                seq=first.seq,
                facts=len(facts),
                type=first.type_name,
                error=str(error),
            )
        if not self._stopped:
            self._repeats[first.entity] = asyncio.get_running_loop().call_later(
                pause, self._repeat, first.entity
            )

    def _repeat(self, call_id: str) -> None:
        self._repeats.pop(call_id, None)
        self._ready[call_id] = None
        self._soon(at_once=False)
