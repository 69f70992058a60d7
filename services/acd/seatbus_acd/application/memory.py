"""What a holder remembers beside the engine: recent decisions, and how fast a queue is answered."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from seatbus_acd.domain.model import ContactKey, Decision, QueueKey

_CONTACTS: Final = 5_000
_DECISIONS: Final = 16
_SMOOTHING: Final = 0.2


class Decisions:
    """The last decisions of each contact, of ended ones too, while there is room."""

    def __init__(self) -> None:
        self._by_contact: OrderedDict[ContactKey, deque[Decision]] = OrderedDict()

    def add(self, decision: Decision) -> None:
        kept = self._by_contact.get(decision.contact)
        if kept is None:
            kept = self._by_contact[decision.contact] = deque(maxlen=_DECISIONS)
            if len(self._by_contact) > _CONTACTS:
                self._by_contact.popitem(last=False)
        kept.append(decision)

    def of(self, key: ContactKey) -> list[Decision]:
        return list(self._by_contact.get(key, ()))


class WaitEstimates:
    """Expected wait = position × the smoothed interval between two answers of a queue where callers waited.

    Its error is measured: each contact's estimate is compared with the wait it had.
    """

    def __init__(self) -> None:
        # Last answer, smoothed interval, smoothed error.
        self._queues: dict[QueueKey, tuple[float, float, float]] = {}
        self._expected: OrderedDict[ContactKey, float] = OrderedDict()
        # Queues whose statistics nobody has written down yet.
        self._fresh: set[QueueKey] = set()

    def restore(self, queue: QueueKey, statistics: tuple[float, float, float]) -> None:
        """What an earlier holder has observed, where this one has nothing of its own."""
        self._queues.setdefault(queue, statistics)

    def take_fresh(self) -> dict[QueueKey, tuple[float, float, float]]:
        """What has changed since this was asked last."""
        fresh, self._fresh = self._fresh, set()
        return {queue: self._queues[queue] for queue in fresh}

    def enqueued(self, contact: ContactKey, queue: QueueKey, position: int) -> None:
        """Notes what a caller was told."""
        _, interval, _ = self._queues.get(queue, (0.0, 0.0, 0.0))
        if interval:
            self._expected[contact] = interval * position
            if len(self._expected) > _CONTACTS:
                self._expected.popitem(last=False)

    def answered(self, queue: QueueKey, at: float, contact: ContactKey, came: float) -> None:
        last, interval, error = self._queues.get(queue, (0.0, 0.0, 0.0))
        # Only while somebody waits does the interval between answers say how fast they are.
        if last and came <= last:
            gap = at - last
            interval = gap if not interval else interval + _SMOOTHING * (gap - interval)
        expected = self._expected.pop(contact, None)
        if expected is not None:
            missed = abs(at - came - expected)
            error = missed if not error else error + _SMOOTHING * (missed - error)
        self._queues[queue] = (at, interval, error)
        self._fresh.add(queue)

    def left(self, contact: ContactKey) -> None:
        self._expected.pop(contact, None)

    def estimate(self, queue: QueueKey, position: int) -> tuple[int, int]:
        """Seconds, and the mean error so far; zeros while nothing was observed."""
        _, interval, error = self._queues.get(queue, (0.0, 0.0, 0.0))
        return round(interval * position), round(error)
