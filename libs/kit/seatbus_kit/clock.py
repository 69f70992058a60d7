"""Time as an input: services take a `Clock`, tests pass a fake one."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, UTC with microseconds. For facts that people read, never for deadlines."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump. Deadlines and durations are measured on this one."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)


def to_rfc3339(moment: datetime) -> str:
    """UTC with exactly six decimals, so that texts sort as times do."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='microseconds')[:-6]}Z"


def from_rfc3339(text: str) -> datetime:
    """Reads what `to_rfc3339` wrote. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without zone: {text}")
    return moment.astimezone(UTC)
