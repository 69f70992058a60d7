"""A clock that moves only when the test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Both times of `seatbus_kit.clock.Clock`, advanced together."""

    def __init__(self, start: datetime = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Time passes. Raises ValueError for a negative span: neither clock goes back this way."""
        if seconds < 0:
            raise ValueError("time does not go back; use step_wall for a corrected clock")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def step_wall(self, seconds: float) -> None:
        """The time of day is corrected; the monotonic clock does not notice."""
        self._now += timedelta(seconds=seconds)
