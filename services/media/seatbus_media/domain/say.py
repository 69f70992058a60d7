"""Numbers, money, dates, times and digits as words of a language, for a voice to read.

Values: digits `0-9*#`; number `-12.5`; money `12.50` or `12.50 USD`; date `2026-03-01`; time `14:05`.
"""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from typing import Final, Protocol

from seatbus_media.domain import say_en, say_zh

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_MONEY: Final = re.compile(r"(-?[0-9]{1,13}(?:\.[0-9]{1,2})?)(?: ?([A-Z]{3}))?")
_DIGITS: Final = re.compile(r"[0-9*#]{1,64}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"[0-9]{2}:[0-9]{2}")


class SayError(Exception):
    """A value that is not of its kind. `rule` says how it has to look."""

    def __init__(self, kind: str, value: str, rule: str) -> None:
        super().__init__(f"{kind} {value!r}: must be {rule}")
        self.rule = rule


class Language(Protocol):
    """One module a language."""

    def digits(self, text: str) -> str: ...

    def number(self, value: Decimal) -> str: ...

    def money(self, value: Decimal, currency: str) -> str: ...

    def day(self, value: date) -> str: ...

    def clock(self, value: time) -> str: ...


_LANGUAGES: Final[dict[str, Language]] = {"en": say_en, "zh": say_zh, "yue": say_zh, "cmn": say_zh}
_CURRENCY: Final = {"zh": "CNY", "cmn": "CNY", "yue": "HKD"}


def words(kind: str, value: str, language: str) -> str:
    """What a voice of this language has to read. A language without a module reads the value as it stands,
    its digits one by one. Raises SayError.
    """
    tongue = language.lower().partition("-")[0]
    spoken = _LANGUAGES.get(tongue)
    match kind:
        case "digits":
            _check(kind, value, _DIGITS, "digits, * and #")
            return spoken.digits(value) if spoken else ", ".join(value)
        case "number":
            _check(kind, value, _NUMBER, "a number as -12.5, at most 15 digits before the point")
            return spoken.number(Decimal(value)) if spoken else value
        case "money":
            amount = _check(kind, value, _MONEY, "an amount as 12.50 or 12.50 USD")
            currency = amount[2] or _CURRENCY.get(tongue, "USD")
            return spoken.money(Decimal(amount[1]), currency) if spoken else value
        case "date":
            _check(kind, value, _DATE, "a date as 2026-03-01")
            return spoken.day(_calendar(value)) if spoken else value
        case "time":
            _check(kind, value, _TIME, "a time as 14:05")
            return spoken.clock(_clock(value)) if spoken else value
    raise SayError(kind, value, "a known kind")


def _check(kind: str, value: str, pattern: re.Pattern[str], rule: str) -> re.Match[str]:
    found = pattern.fullmatch(value)
    if found is None:
        raise SayError(kind, value, rule)
    return found


def _calendar(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise SayError("date", value, "a day of the calendar") from error


def _clock(value: str) -> time:
    try:
        return time.fromisoformat(value)
    except ValueError as error:
        raise SayError("time", value, "a time of the day") from error
