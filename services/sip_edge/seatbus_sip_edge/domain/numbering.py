"""Telephone numbers: from what people and trunks write to E.164, and back to what a trunk wants.

Inside the platform a number is `+` and its digits wherever a dial plan can tell; what it cannot tell (service
numbers, extensions, star codes) stays as it was dialled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip.headers import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_sip.uri import Uri

_SEPARATORS: Final = str.maketrans("", "", " -./()\u00a0")
_TELEPHONE: Final = re.compile(r"[+]?[0-9*#().\-]+")
_E164_DIGITS: Final = 15
# Shorter ones are service numbers and mean something in their own network alone.
_SHORTEST_LOCAL: Final = 3
_SHORTEST_NATIONAL: Final = 7
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """How numbers are written in one place; all parts are digits. Without a country nothing is known."""

    country: str = ""
    national: str = ""
    international: str = "00"
    area: str = ""
    outside: str = ""

    @classmethod
    def of(cls, message: tenancy.DialPlan) -> Plan:
        return cls(
            message.country_code,
            message.national_prefix,
            message.international_prefix or "00",
            message.area_code,
            message.outside_prefix,
        )


def is_e164(number: str) -> bool:
    """Whether this is `+` and 7 to 15 digits (shorter ones are no subscriber's)."""
    digits = number[1:]
    return number.startswith("+") and digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15


def digits_of(number: str) -> str:
    """The number without its `+`: what prefixes are compared with."""
    return number.removeprefix("+")


def normalise(written: str, plan: Plan) -> str:
    """The number in E.164 with `+`, or as it was written where the plan cannot tell."""
    text = written.translate(_SEPARATORS)[:_LONGEST]
    if text.startswith("+"):
        return text
    if not (text.isascii() and text.isdigit()):
        return text
    if plan.international and text.startswith(plan.international):
        return _known(text[len(plan.international) :], text)
    if not plan.country:
        return text
    if plan.national and text.startswith(plan.national):
        return _known(plan.country + text[len(plan.national) :], text)
    if plan.area and len(text) >= _SHORTEST_LOCAL:
        return _known(plan.country + plan.area + text, text)
    if not plan.national and len(text) >= _SHORTEST_NATIONAL:
        return _known(plan.country + text, text)
    return text


def dialled(written: str, plan: Plan) -> str:
    """As `normalise`, for what a person at a phone dials: the digit for an outside line comes off first."""
    text = written.translate(_SEPARATORS)[:_LONGEST]
    if plan.outside and text.startswith(plan.outside) and len(text) > len(plan.outside):
        text = text[len(plan.outside) :]
    return normalise(text, plan)


def _known(digits: str, written: str) -> str:
    number = f"+{digits}"
    return number if is_e164(number) else written


def brought(written: str, plan: Plan) -> str:
    """As `normalise`, for what a trunk brings: a trunk that says its country writes E.164 without `+` too."""
    number = normalise(written, plan)
    if number.startswith("+") or not plan.country or not number.startswith(plan.country):
        return number
    return _known(number, number)


def written_for(number: str, style: int, plan: Plan) -> str:
    """The number as a trunk wants it. What is no E.164 is left as it is."""
    if not is_e164(number):
        return number
    digits = digits_of(number)
    match style:
        case tenancy.NUMBER_FORMAT_PLAIN:
            return digits
        case tenancy.NUMBER_FORMAT_NATIONAL if plan.country and digits.startswith(plan.country):
            return plan.national + digits[len(plan.country) :]
        case tenancy.NUMBER_FORMAT_NATIONAL | tenancy.NUMBER_FORMAT_INTERNATIONAL:
            return (plan.international or "00") + digits
        case _:
            return number


def longest_prefix(number: str, prefixes: Iterable[str]) -> int:
    """Length of the longest prefix that fits; -1: none does. Prefixes are E.164, with or without `+`."""
    digits = digits_of(number)
    best = -1
    for prefix in prefixes:
        wanted = digits_of(prefix)
        if len(wanted) > best and digits.startswith(wanted):
            best = len(wanted)
    return best


def fits(number: str, patterns: Iterable[str]) -> bool:
    """Whether the number is one of these; a pattern that ends with `*` is a prefix."""
    digits = digits_of(number)
    for pattern in patterns:
        wanted = digits_of(pattern)
        if digits.startswith(wanted[:-1]) if wanted.endswith("*") else digits == wanted:
            return True
    return False


def number_in(uri: Uri) -> str:
    """The number, or user, of an address, without what is for networks alone.

    Separators of a tel URI (RFC 3966 section 5.1.1), and parameters of a number in a user part (RFC 3261
    section 19.1.6): `+1-212-555-1212;npdi`. A service stays as it is named: `urn:service:sos.police`.
    """
    user = clean_text(uri.username)
    if uri.scheme == "urn":
        return f"urn:{user}"
    if uri.scheme == "tel":
        return user.translate(_SEPARATORS)
    number, parameters, _ = user.partition(";")
    return number if parameters and _TELEPHONE.fullmatch(number) else user


def masked(number: str) -> str:
    """What an agent sees of a number that is not for his eyes: the last two digits."""
    digits = digits_of(number)
    return "*" * max(0, len(digits) - 2) + digits[-2:] if len(digits) > 4 else "*" * len(digits)
