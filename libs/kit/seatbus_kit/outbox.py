"""Publishes the events that a compare-and-set has made true, in the order of each entity's sequence."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextvars import Context
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from seatbus_kit.batch import MOST, store_all
from seatbus_kit.burst import MOST_FACTS, fitting, message_of, tail
from seatbus_kit.bus import PubAck
from seatbus_kit.errors import Conflict, OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seatbus_kit.bus import Bus
    from seatbus_kit.events import OutEvent

log = get_logger("seatbus.outbox")

_REMEMBERED: Final = 50_000
# What happens within this time leaves together, an entity's events as one message: each message is a synced
# write, and one that comes alone costs the server four times as much as one of several. Nobody waits for it.
_GATHER_S: Final = 0.05
_RETRY_S: Final = 0.1
_REFUSED_RETRY_S: Final = 5.0
# An entity whose key comes back has been away for longer (`MARKER_TTL_S`), clocks differ by less.
_EARLIER_LIFE: Final = timedelta(seconds=60)


class _End(NamedTuple):
    """Of an entity's events on the stream: the last one's sequence, and the stream's sequence of the message
    that has it, None where that is to be asked for.
    """

    seq: int
    place: int | None


_NOTHING: Final = _End(0, 0)
_UNKNOWN: Final = _End(0, None)


class Outbox:
    """Events of one entity and moment are one message; its next message is sent after the last one was
    acknowledged. Those of all entities leave together.

    Several processes may publish one entity's events, and cut them another way. So each message names the one
    that it follows, and the stream refuses it when there is another: then the end of the stream tells what is
    there. No event is stored twice or out of its order, whoever was killed or stood still.
    """

    def __init__(self, bus: Bus, remembered: int = _REMEMBERED) -> None:
        """`remembered` is of how many entities it keeps in mind what is published; others are asked for."""
        self._bus = bus
        self._remembered = remembered
        self._queues: dict[str, deque[OutEvent]] = {}
        self._ends: OrderedDict[str, _End] = OrderedDict()
        self._empty: dict[str, asyncio.Future[None]] = {}
        # With which event the next message of an entity has to end.
        self._cuts: dict[str, int] = {}
        # Whose first event was refused, and until when it rests.
        self._resting: dict[str, float] = {}
        # Whose end was another one than we thought, with the last attempt.
        self._overtaken: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._flushing = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def acked(self, subject: str) -> int:
        """The highest sequence of `subject` known to be on its stream, 0 when nothing is known."""
        return self._ends.get(subject, _UNKNOWN).seq

    def handed(self, subject: str) -> int:
        """The highest sequence of `subject` that is acknowledged or queued here."""
        queue = self._queues.get(subject)
        return queue[-1].seq if queue else self.acked(subject)

    def forget(self, subject: str) -> None:
        """The entity starts anew, with sequence 1."""
        self._ends.pop(subject, None)
        self._know(subject, _NOTHING)

    async def missing(self, events: Sequence[OutEvent]) -> list[OutEvent]:
        """Those of an entity's `events` that are not on their stream. Raises as `Bus.api` does."""
        if not events:
            return []
        subject = events[0].subject
        if self.acked(subject) < events[-1].seq:
            await self._look(events[0])
        acked = self.acked(subject)
        return [event for event in events if event.seq > acked]

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
        pause = 0.0 if self._flushing else _GATHER_S
        while self._queues:
            await self._rest(pause)
            pause = await self._burst()

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
        """Sends the next message of every entity; returns for how long the next ones may wait."""
        now = asyncio.get_running_loop().time()
        ready = (subject for subject in self._queues if self._resting.get(subject, now) <= now)
        subjects = list(islice(ready, MOST))
        if not subjects:
            return _RETRY_S
        away = await self._look_for(subjects)
        more = len(subjects) == MOST
        cuts: list[list[OutEvent]] = []
        behind: list[int] = []
        for subject in subjects:
            place = self._ends.get(subject, _UNKNOWN).place
            if place is not None and subject in self._queues:
                facts = self._next(subject)
                more = more or len(facts) < len(self._queues[subject])
                cuts.append(facts)
                behind.append(place)
        messages = [message_of(facts) for facts in cuts]
        results = await store_all(self._bus, messages, behind) if cuts else []
        refused: SeatbusError | None = None
        for facts, result in zip(cuts, results, strict=True):
            subject = facts[0].subject
            if isinstance(result, PubAck):
                self._published(subject, facts[-1].seq, result.seq)
            elif isinstance(result, Conflict):
                # At once, but for one whose other message is still on its way through the replicas.
                away = away or subject in self._overtaken
                more = True
                self._lost(subject)
            elif isinstance(result, Unavailable | OutcomeUnknown):
                away = True
                if isinstance(result, OutcomeUnknown):
                    self._cuts[subject] = facts[-1].seq
            elif result is refused:
                # Not sent, because one before it cannot be.
                more = True
            else:
                refused = result
                self._refused(facts, result)
        if away:
            return _RETRY_S
        return 0.0 if more or self._flushing else _GATHER_S

    async def _look_for(self, subjects: list[str]) -> bool:
        """Asks for the ends that are not known; whether one could not be told."""
        unknown = [subject for subject in subjects if self._ends.get(subject, _UNKNOWN).place is None]
        results = await asyncio.gather(
            *(self._look(self._queues[subject][0]) for subject in unknown), return_exceptions=True
        )
        away = False
        for result in results:
            if isinstance(result, SeatbusError):
                log.info("events wait for the bus", reason=str(result))
                away = True
            elif result is not None:
                raise result
        return away

    async def _look(self, first: OutEvent) -> None:
        """Asks the stream for the end of an entity of which `first` is to be published."""
        subject = first.subject
        found = await tail(self._bus, first.domain.upper(), subject)
        seq = found.seq
        if (
            seq >= first.seq
            and found.occurred_at is not None
            and found.occurred_at < first.occurred_at - _EARLIER_LIFE
        ):
            seq = 0
        known = self._ends.get(subject, _UNKNOWN)
        if known.place is None or seq > known.seq:
            self._know(subject, _End(max(seq, known.seq), found.place))
        self._drop(subject)

    def _next(self, subject: str) -> list[OutEvent]:
        """What goes as one message: what is in doubt as it was, what was refused one by one."""
        facts = list(islice(self._queues[subject], MOST_FACTS + 1))
        last = self._cuts.get(subject)
        if last is not None:
            facts = [fact for fact in facts if fact.seq <= last] or facts[:1]
        return facts[: fitting(facts)]

    def _know(self, subject: str, end: _End) -> None:
        self._ends[subject] = end
        self._ends.move_to_end(subject)
        if len(self._ends) > self._remembered:
            self._ends.popitem(last=False)

    def _published(self, subject: str, last: int, place: int) -> None:
        if last >= self.acked(subject):
            self._know(subject, _End(last, place))
        self._cuts.pop(subject, None)
        self._resting.pop(subject, None)
        self._overtaken.discard(subject)
        self._drop(subject)

    def _drop(self, subject: str) -> None:
        """Leaves out of an entity's queue what is on its stream."""
        queue = self._queues.get(subject)
        if queue is None:
            return
        acked = self.acked(subject)
        while queue and queue[0].seq <= acked:
            queue.popleft()
        if queue:
            return
        del self._queues[subject]
        self._empty.pop(subject).set_result(None)
        if not self._queues:
            self._idle.set()

    def _lost(self, subject: str) -> None:
        """Somebody else has published for this entity, or the stream has dropped what was there."""
        self._know(subject, _End(self.acked(subject), None))
        self._cuts.pop(subject, None)
        self._overtaken.add(subject)

    def _refused(self, facts: list[OutEvent], error: SeatbusError) -> None:
        """Skipping it would leave a gap that consumers wait for; it stays in the record."""
        first = facts[0]
        log.error(
            "events refused",
            event_id=first.event_id,
            type=first.type_name,
            events=len(facts),
            error=str(error),
        )
        self._cuts[first.subject] = first.seq
        self._resting[first.subject] = asyncio.get_running_loop().time() + _REFUSED_RETRY_S
