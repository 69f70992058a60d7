"""Timers of contacts: at most one of a kind each; a new one replaces the last."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatbus_acd.domain.model import ContactKey
    from seatbus_acd.domain.pools import Contact


class Kind(IntEnum):
    # The longest wait is over.
    LIFE = 0
    # The contact's wishes are relaxed.
    STEP = 1
    # An offer is looked into, a rest ends, or a departure is repeated.
    OWN = 2
    COMFORT = 3


class Timers:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Kind, ContactKey]] = []
        self._count = 0

    @property
    def next_at(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def arm(self, contact: Contact, kind: Kind, at: float) -> None:
        self._count += 1
        contact.armed[kind] = self._count
        heapq.heappush(self._heap, (at, self._count, kind, contact.spec.key))

    def due(self, now: float, contacts: dict[ContactKey, Contact]) -> Iterator[tuple[Kind, Contact]]:
        """What has expired, in order. What is armed meanwhile is looked at too. Those in front that nobody
        waits for any more are dropped, so that nobody wakes for them.
        """
        heap = self._heap
        while heap:
            at, token, kind, key = heap[0]
            contact = contacts.get(key)
            if contact is not None and contact.armed.get(kind) == token:
                if at > now:
                    return
                heapq.heappop(heap)
                del contact.armed[kind]
                yield kind, contact
            else:
                heapq.heappop(heap)
