"""Opening hours: a pure function of the periods, the closed dates and the time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from seatbus.ivr.v1 import types_pb2 as ivr
    from seatbus.tenancy.v1 import types_pb2 as tenancy


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_open(
    time_zone: str, periods: Iterable[ivr.OpenPeriod], closed_dates: Iterable[str], now: datetime
) -> bool:
    """Whether `now` (with a zone) lies in a period of its weekday in `time_zone`, and its date is not closed.

    A period includes its first minute and excludes its last; 24:00 is the end of the day. Weekday, date and
    time are those of the wall clock there, also on the days when that clock is changed. Raises
    ZoneInfoNotFoundError for an unknown zone.
    """
    there = now.astimezone(_zone(time_zone))
    if there.date().isoformat() in set(closed_dates):
        return False
    weekday, clock = there.isoweekday(), there.strftime("%H:%M")
    return any(
        period.weekday == weekday and getattr(period, "from") <= clock < period.until for period in periods
    )


def schedule_open(schedule: tenancy.Schedule, now: datetime) -> bool:
    """As `is_open`, of a tenant's schedule."""
    return is_open(schedule.time_zone, schedule.open, schedule.closed_dates, now)
