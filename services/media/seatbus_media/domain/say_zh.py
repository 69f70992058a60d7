"""Values in Chinese words."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Final

_DIGITS: Final = "零一二三四五六七八九"
_UNITS: Final = ("", "十", "百", "千")
_GROUPS: Final = ("", "万", "亿", "万亿")
_CURRENCIES: Final = {"USD": "美元", "EUR": "欧元", "GBP": "英镑", "HKD": "港元"}
_SPOKEN_ONE: Final = "幺"
"""How a one is said in a telephone number or an account."""


def digits(text: str) -> str:
    names = {"1": _SPOKEN_ONE, "*": "星号", "#": "井号"}
    return ", ".join(names.get(char) or _DIGITS[int(char)] for char in text)


def number(value: Decimal) -> str:
    sign = "负" if value < 0 else ""
    whole, _, rest = f"{abs(value):f}".partition(".")
    spoken = _whole(int(whole))
    if rest.rstrip("0"):
        spoken += "点" + "".join(_DIGITS[int(digit)] for digit in rest.rstrip("0"))
    return sign + spoken


def _whole(value: int) -> str:
    if value == 0:
        return _DIGITS[0]
    groups = []
    while value:
        value, low = divmod(value, 10_000)
        groups.append(low)
    spoken = ""
    gap = False
    for at in range(len(groups) - 1, -1, -1):
        low = groups[at]
        if low == 0:
            gap = bool(spoken)
            continue
        if spoken and (gap or low < 1000):
            spoken += _DIGITS[0]
        spoken += _below_ten_thousand(low, first=not spoken) + _GROUPS[at]
        gap = False
    return spoken


def _below_ten_thousand(value: int, *, first: bool) -> str:
    spoken = ""
    gap = False
    for at in (3, 2, 1, 0):
        digit = value // 10**at % 10
        if digit == 0:
            gap = bool(spoken)
            continue
        if gap:
            spoken += _DIGITS[0]
            gap = False
        # Ten to nineteen at the beginning have no one before the ten.
        plain = first and not spoken and at == 1 and digit == 1
        spoken += ("" if plain else _DIGITS[digit]) + _UNITS[at]
    return spoken


def money(value: Decimal, currency: str) -> str:
    sign = "负" if value < 0 else ""
    whole, small = divmod(round(abs(value) * 100), 100)
    tenths, hundredths = divmod(small, 10)
    if currency in _CURRENCIES:
        plain = number(Decimal(whole) + Decimal(small) / 100)
        return f"{sign}{plain}{_CURRENCIES[currency]}"
    spoken = f"{_whole(whole)}元" if whole or not small else ""
    if tenths:
        spoken += f"{_DIGITS[tenths]}角"
    elif hundredths and whole:
        spoken += _DIGITS[0]
    if hundredths:
        spoken += f"{_DIGITS[hundredths]}分"
    return sign + spoken


def day(value: date) -> str:
    year = "".join(_DIGITS[int(digit)] for digit in str(value.year))
    return f"{year}年{_whole(value.month)}月{_whole(value.day)}日"


def clock(value: time) -> str:
    hour = value.hour
    part = next(name for until, name in _PARTS if hour < until)
    # Two o'clock is counted, not numbered.
    shown = hour if hour <= 12 else hour - 12
    spoken = "两" if shown == 2 else _whole(shown)
    if value.minute == 0:
        return f"{part}{spoken}点整"
    minute = _DIGITS[0] + _whole(value.minute) if value.minute < 10 else _whole(value.minute)
    return f"{part}{spoken}点{minute}分"


_PARTS: Final = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
