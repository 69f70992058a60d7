"""Structured readers of header values that are neither addresses nor numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from seatbus_sip.errors import SipParseError
from seatbus_sip.headers import parse_params, unquote
from seatbus_sip.message import Message


class Value(NamedTuple):
    """`text;name=value`: Event, Subscription-State, Session-Expires, Accept, Replaces, Retry-After ..."""

    text: str
    params: Mapping[str, str | None]

    def get(self, name: str) -> str:
        """A parameter without its quotes; empty if it is absent or has no value."""
        return unquote(self.params.get(name) or "")


def parse_value(text: str, field: str) -> Value:
    """One value and its parameters. Raises `SipParseError(field, ...)`."""
    head, _, tail = text.partition(";")
    return Value(head.strip(" \t"), parse_params(tail, field) if tail else {})


def read_values(message: Message, name: str) -> list[Value]:
    """Values of the header, top first, lists taken apart. Raises `SipParseError(name, ...)`."""
    return [parse_value(value, name) for value in message.values(name)]


def retry_after(message: Message) -> int:
    """Seconds of Retry-After, without its comment and parameters; 0: there is none that can be read."""
    digits = (message.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else 0


class Reason(NamedTuple):
    """One value of Reason (RFC 3326): why a request was sent. `cause` is None if none is given."""

    protocol: str
    cause: int | None
    text: str


def read_reasons(message: Message) -> list[Reason]:
    """Values of Reason, protocols in upper case. What cannot be read is left out: it is a remark."""
    found: list[Reason] = []
    for raw in message.values("Reason"):
        try:
            value = parse_value(raw, "Reason")
        except SipParseError:
            continue
        cause = value.get("cause")
        number = int(cause) if cause.isascii() and cause.isdigit() and len(cause) <= 3 else None
        found.append(Reason(value.text.upper(), number, value.get("text")))
    return found


def read_privacy(message: Message) -> frozenset[str]:
    """What the caller wants hidden (RFC 3323, `id` of RFC 3325), in lower case; empty or `none`: nothing."""
    raw = message.get("Privacy") or ""
    return frozenset(part.strip().lower() for part in raw.replace(",", ";").split(";") if part.strip())
