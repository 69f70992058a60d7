"""The timers of all transactions, by their deadlines."""

from __future__ import annotations

import heapq

from seatbus_sip.tables import Timer
from seatbus_sip.transactions import Transaction


class Timers:
    """A timer that its transaction has stopped or set anew stays until its turn, and is passed over then."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Transaction, Timer]] = []
        self._armed = 0

    def arm(self, transaction: Transaction, timer: Timer, deadline: float) -> None:
        self._armed += 1
        heapq.heappush(self._heap, (deadline, self._armed, transaction, timer))

    def next_deadline(self) -> float | None:
        """When `pop` has something to give; None if nothing runs."""
        heap = self._heap
        while heap and heap[0][2].deadlines.get(heap[0][3]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def pop(self, now: float) -> tuple[Transaction, Timer] | None:
        """A timer that is due, earliest first, no longer armed; None if there is none."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            deadline, _, transaction, timer = heapq.heappop(heap)
            if transaction.deadlines.get(timer) == deadline:
                del transaction.deadlines[timer]
                return transaction, timer
        return None
