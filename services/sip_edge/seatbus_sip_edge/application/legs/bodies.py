"""Descriptions in messages, alone or as a part of several (RFC 5621)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_sip.bodies import body_of

if TYPE_CHECKING:
    from seatbus_sip.message import Message


def sdp_of(message: Message) -> str:
    """The session description; empty where there is none. Raises SipParseError for an unreadable type."""
    if not message.body:
        return ""
    # Some peers describe without saying so.
    found = body_of(message, "application/sdp") if "Content-Type" in message else message.body
    return found.decode("utf-8", "replace")
