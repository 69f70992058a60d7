"""Where a chunk goes in a recording that already has some audio. Offsets are samples per channel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placement:
    """Write `gap` samples of silence, then the chunk from `skip` on."""

    gap: int
    skip: int


def place(stored: int, offset: int, length: int) -> Placement:
    """`stored` samples are in the file. What is there already is never written again: the first one stays.

    >>> place(100, 100, 50)
    Placement(gap=0, skip=0)
    >>> place(100, 80, 50)
    Placement(gap=0, skip=20)
    >>> place(100, 130, 50)
    Placement(gap=30, skip=0)
    """
    if offset >= stored:
        return Placement(offset - stored, 0)
    return Placement(0, min(length, stored - offset))
