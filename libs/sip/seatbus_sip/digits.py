"""Digits in the body of INFO: `application/dtmf-relay` and `application/dtmf`."""

from __future__ import annotations

from typing import Final

from seatbus_sip.errors import SipParseError
from seatbus_sip.message import Request

DIGIT_TYPES: Final = ("application/dtmf-relay", "application/dtmf")

_DIGITS: Final = frozenset("0123456789*#ABCD")
# As RFC 4733 numbers them; 16 is a hook flash.
_NUMBERED: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": "", "flash": ""}
_LARGEST: Final = 256


def read_digit(request: Request) -> str:
    """The digit; empty for a hook flash, or none. Raises SipParseError: 415 other type, 400 no digit."""
    kind = request.content_type
    if kind not in DIGIT_TYPES:
        raise SipParseError("Content-Type", f"is {' or '.join(DIGIT_TYPES)}", 415)
    if len(request.body) > _LARGEST:
        raise SipParseError("body", f"has at most {_LARGEST} bytes", 413)
    text = request.body.decode("ascii", "replace")
    if kind == "application/dtmf-relay":
        named = dict(
            (name.strip().lower(), value.strip())
            for name, found, value in (line.partition("=") for line in text.splitlines())
            if found
        )
        text = named.get("signal", "")
    word = text.strip()
    digit = _NUMBERED.get(word.lower(), word.upper())
    if digit and digit not in _DIGITS:
        raise SipParseError("body", "names one of 0-9, *, #, A-D")
    return digit
