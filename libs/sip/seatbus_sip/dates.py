"""The Date header (RFC 3261 section 20.17): RFC 1123 dates, in GMT and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from seatbus_sip.errors import SipParseError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT\Z", re.ASCII
)


def parse_date(text: str) -> datetime:
    """The moment, aware. Raises `SipParseError("Date", ...)`."""
    match = _DATE.match(text)
    try:
        if match is not None:
            day, month, year, hour, minute, second = match.groups()
            return datetime(
                int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
            )
    except ValueError:
        pass
    raise SipParseError("Date", "reads like Sat, 13 Nov 2010 23:29:00 GMT")


def format_date(moment: datetime) -> str:
    """The moment as a Date header says it."""
    at = moment.astimezone(UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"
