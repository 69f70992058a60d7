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
    """Expected wait = position × the smoothed interval between two answers of the queue."""

    def __init__(self) -> None:
        self._queues: dict[QueueKey, tuple[float, float, float]] = {}

    def answered(self, queue: QueueKey, at: float) -> None:
        last, interval, deviation = self._queues.get(queue, (0.0, 0.0, 0.0))
        if last:
            gap = at - last
            if not interval:
                interval = gap
            deviation += _SMOOTHING * (abs(gap - interval) - deviation)
            interval += _SMOOTHING * (gap - interval)
        self._queues[queue] = (at, interval, deviation)

    def estimate(self, queue: QueueKey, position: int) -> tuple[int, int]:
        """Seconds, and the mean error to expect; zeros while nothing was observed."""
        _, interval, deviation = self._queues.get(queue, (0.0, 0.0, 0.0))
        return round(interval * position), round(deviation * position)
