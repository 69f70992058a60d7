"""Order out of repeats, gaps and late arrivals: an entity's events come out once, in the order of seq."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from seatbus_reporting.domain.event import Event


@dataclass(slots=True)
class _Gap:
    since: float
    events: dict[int, Event] = field(default_factory=dict)


class Sequencer:
    """`feed` drops what is not newer than seen, holds what comes too early, and returns what is due.

    An entity that is over is remembered among the last `remember` ones, so that its late repeats are dropped
    too. A gap that nobody fills is given up after `patience` seconds (`release`): a board that waits for ever
    is worse than one that missed a fact.
    """

    def __init__(self, *, any_start: bool, patience: float = 3.0, remember: int = 2048) -> None:
        self.seen: dict[str, int] = {}
        self.over: OrderedDict[str, None] = OrderedDict()
        self._gaps: dict[str, _Gap] = {}
        self._any_start = any_start
        self._patience = patience
        self._remember = remember

    @property
    def waiting(self) -> bool:
        return bool(self._gaps)

    def earliest_held(self, stream: str) -> int | None:
        """The lowest stream sequence among held events: a snapshot must not claim to include it."""
        held = [e.stream_seq for g in self._gaps.values() for e in g.events.values() if e.stream == stream]
        return min(held, default=None)

    def feed(self, event: Event, now: float) -> list[Event]:
        entity, seq = event.entity, event.seq
        if entity in self.over:
            return []
        seen = self.seen.get(entity)
        if seen is None:
            seen = seq - 1 if self._any_start else 0
        if seq <= seen:
            return []
        if seq > seen + 1:
            self._gaps.setdefault(entity, _Gap(now)).events.setdefault(seq, event)
            return []
        self.seen[entity] = seq
        gap = self._gaps.get(entity)
        return [event] if gap is None else [event, *self._due(entity, gap)]

    def _due(self, entity: str, gap: _Gap) -> list[Event]:
        due: list[Event] = []
        while (found := gap.events.pop(self.seen[entity] + 1, None)) is not None:
            self.seen[entity] = found.seq
            due.append(found)
        for seq in [seq for seq in gap.events if seq <= self.seen[entity]]:
            del gap.events[seq]
        if not gap.events:
            self._gaps.pop(entity, None)
        return due

    def release(self, now: float) -> list[Event]:
        """What was held for longer than the patience, in order, gaps or not."""
        due: list[Event] = []
        for entity, gap in list(self._gaps.items()):
            if now - gap.since >= self._patience:
                del self._gaps[entity]
                for seq in sorted(gap.events):
                    due.append(gap.events[seq])
                    self.seen[entity] = seq
        return due

    def end(self, entity: str) -> None:
        """The entity is over: later repeats of any of its events are dropped."""
        self.seen.pop(entity, None)
        self._gaps.pop(entity, None)
        self.over[entity] = None
        if len(self.over) > self._remember:
            self.over.popitem(last=False)

    def restore(self, seen: dict[str, int], over: Iterable[str]) -> None:
        self.seen = dict(seen)
        self.over = OrderedDict.fromkeys(over)
