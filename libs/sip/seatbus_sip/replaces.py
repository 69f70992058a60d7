"""Replaces (RFC 3891): which dialog a new one takes the place of."""

from __future__ import annotations

from typing import NamedTuple

from seatbus_sip.errors import SipParseError

_LONGEST = 512


class Replaces(NamedTuple):
    """A dialog as its other end names it: `to_tag` is the tag of whoever receives this."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        flag = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{flag}"


def parse_replaces(text: str) -> Replaces:
    """The value of a Replaces header. Raises `SipParseError` (400)."""
    if len(text) > _LONGEST:
        raise SipParseError("Replaces", f"at most {_LONGEST} characters")
    call_id, *parts = (part.strip() for part in text.split(";"))
    params: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        key = name.strip().lower()
        if key in params:
            raise SipParseError("Replaces", "parameters appear once")
        params[key] = value.strip()
    to_tag, from_tag = params.get("to-tag", ""), params.get("from-tag", "")
    if not (call_id and to_tag and from_tag):
        raise SipParseError("Replaces", "call-id, to-tag and from-tag are needed")
    return Replaces(call_id, to_tag, from_tag, "early-only" in params)
