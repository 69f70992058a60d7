"""Values in English words."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Final

_UP_TO_NINETEEN: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_FROM_TWENTY: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_OF_THE_YEAR: Final = "January February March April May June July August September October November December"
_SMALL: Final = tuple(_UP_TO_NINETEEN.split())
_TENS: Final = tuple(_FROM_TWENTY.split())
_MONTHS: Final = tuple(_OF_THE_YEAR.split())
_SCALES: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth",
}  # fmt: skip
_MONEY: Final = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
}


def digits(text: str) -> str:
    names = {"*": "star", "#": "pound"}
    return ", ".join(names.get(char) or _SMALL[int(char)] for char in text)


def number(value: Decimal) -> str:
    sign = "minus " if value < 0 else ""
    whole, _, rest = f"{abs(value):f}".partition(".")
    spoken = _whole(int(whole))
    if rest.rstrip("0"):
        spoken += " point " + " ".join(_SMALL[int(digit)] for digit in rest.rstrip("0"))
    return sign + spoken


def _whole(value: int) -> str:
    parts = []
    for size, name in _SCALES:
        if value >= size:
            parts.append(f"{_whole(value // size)} {name}")
            value %= size
    if value or not parts:
        below = _below_thousand(value)
        parts.append(f"and {below}" if parts and value < 100 else below)
    return " ".join(parts)


def _below_thousand(value: int) -> str:
    if value < 20:
        return _SMALL[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens - 2] + (f" {_SMALL[ones]}" if ones else "")
    hundreds, rest = divmod(value, 100)
    return f"{_SMALL[hundreds]} hundred" + (f" and {_below_thousand(rest)}" if rest else "")


def money(value: Decimal, currency: str) -> str:
    one, many, small_one, small_many = _MONEY.get(currency, (currency, currency, "cent", "cents"))
    sign = "minus " if value < 0 else ""
    whole, small = divmod(round(abs(value) * 100), 100)
    parts = []
    if whole or not small:
        parts.append(f"{_whole(whole)} {one if whole == 1 else many}")
    if small:
        parts.append(f"{_whole(small)} {small_one if small == 1 else small_many}")
    return sign + " and ".join(parts)


def day(value: date) -> str:
    return f"{_MONTHS[value.month - 1]} {_ordinal(value.day)}, {_year(value.year)}"


def _ordinal(value: int) -> str:
    head, _, last = _below_thousand(value).rpartition(" ")
    spoken = _ORDINALS.get(last) or f"{last}th"
    return f"{head} {spoken}" if head else spoken


def _year(value: int) -> str:
    century, rest = divmod(value, 100)
    if value < 1000 or (century % 10 == 0 and rest < 10):
        return _whole(value)
    if not rest:
        return f"{_below_thousand(century)} hundred"
    return f"{_below_thousand(century)} " + (f"oh {_SMALL[rest]}" if rest < 10 else _below_thousand(rest))


def clock(value: time) -> str:
    hour = value.hour % 12 or 12
    half = "A M" if value.hour < 12 else "P M"
    minute = value.minute
    if minute == 0:
        return f"{_SMALL[hour]} o'clock {half}"
    spoken = f"oh {_SMALL[minute]}" if minute < 10 else _below_thousand(minute)
    return f"{_SMALL[hour]} {spoken} {half}"
