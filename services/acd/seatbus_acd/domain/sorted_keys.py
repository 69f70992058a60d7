"""A sorted set of keys in short runs: insert, remove, first and rank without moving the whole."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar


class Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


K = TypeVar("K", bound=Ordered)

_RUN = 512


class SortedKeys(Generic[K]):
    """Keys must be comparable with each other and unique."""

    __slots__ = ("_lasts", "_runs", "_size")

    def __init__(self) -> None:
        self._runs: list[list[K]] = []
        self._lasts: list[K] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[K]:
        for run in self._runs:
            yield from run

    def add(self, key: K) -> None:
        """Does nothing for a key that is there."""
        if not self._runs:
            self._runs.append([key])
            self._lasts.append(key)
            self._size = 1
            return
        at = min(bisect_left(self._lasts, key), len(self._runs) - 1)
        run = self._runs[at]
        index = bisect_left(run, key)
        if index < len(run) and run[index] == key:
            return
        insort(run, key)
        self._size += 1
        self._lasts[at] = run[-1]
        if len(run) > 2 * _RUN:
            rest = run[_RUN:]
            del run[_RUN:]
            self._lasts[at] = run[-1]
            self._runs.insert(at + 1, rest)
            self._lasts.insert(at + 1, rest[-1])

    def discard(self, key: K) -> None:
        """Does nothing for a key that is not there."""
        at = bisect_left(self._lasts, key)
        if at == len(self._runs):
            return
        run = self._runs[at]
        index = bisect_left(run, key)
        if index == len(run) or run[index] != key:
            return
        del run[index]
        self._size -= 1
        if run:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at]
            del self._lasts[at]

    def first(self) -> K | None:
        return self._runs[0][0] if self._runs else None

    def rank(self, key: K) -> int:
        """How many keys are smaller."""
        at = bisect_left(self._lasts, key)
        before = sum(map(len, self._runs[:at]))
        return before + (bisect_left(self._runs[at], key) if at < len(self._runs) else 0)
