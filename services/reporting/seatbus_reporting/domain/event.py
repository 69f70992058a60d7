"""What the domain needs to know of a delivered event, whatever brought it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from google.protobuf.message import Message

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(Protocol):
    """`seq` is the entity's gap-free number; `stream_seq` the place in its stream."""

    @property
    def tenant(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def seq(self) -> int: ...
    @property
    def type_name(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def producer(self) -> str: ...
    @property
    def causation(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def stream_seq(self) -> int: ...
    def decode(self) -> Message: ...


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def enum_word(name: str, prefix: str) -> str:
    """`HANGUP_CAUSE_BUSY` -> `busy`; the unspecified value becomes the empty word."""
    word = name.removeprefix(prefix).lower()
    return "" if word == "unspecified" else word
