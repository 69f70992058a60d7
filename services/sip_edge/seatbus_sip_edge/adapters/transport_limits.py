"""How many connections may be open, from whom, and for how long without a word. Time is an input."""

from __future__ import annotations

import resource
from collections import Counter
from dataclasses import dataclass, field

from seatbus_sip.framing import FramingLimits


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`half_open` counts connections that have not brought a complete SIP message yet.

    They have `half_open_s` from accept to that message, TLS and WebSocket handshakes included. `idle_s` lies
    above the longest registration: whoever is silent that long is registered no more. `backlog` in bytes: a
    peer that does not read what it is sent is cut off.
    """

    total: int = 20_000
    per_source: int = 1_000
    half_open: int = 2_000
    half_open_per_source: int = 100
    half_open_s: float = 10.0
    idle_s: float = 7_200.0
    backlog: int = 1 << 20
    framing: FramingLimits = field(default_factory=FramingLimits)


# Of the process's files, those that are not connections of SIP: bus, gRPC, journal, logs.
_OTHER_FILES = 256


def room_for_connections(wanted: int) -> int:
    """How many of the wanted connections this process can hold, after raising its file limit for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))


class Gate:
    """Counts connections: each that `admit` let in may become `established`, and is `released` once."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._half_open: Counter[str] = Counter()
        self.total = 0
        self.half_open = 0

    def admit(self, source: str) -> str:
        """Why this source may not connect now; empty if it may."""
        limits = self._limits
        if self.total >= limits.total:
            return "too many connections"
        if self._open[source] >= limits.per_source:
            return "too many connections from this address"
        if self.half_open >= limits.half_open:
            return "too many silent connections"
        if self._half_open[source] >= limits.half_open_per_source:
            return "too many silent connections from this address"
        self.total += 1
        self.half_open += 1
        self._open[source] += 1
        self._half_open[source] += 1
        return ""

    def established(self, source: str) -> None:
        """The connection has brought its first message."""
        self.half_open -= 1
        _less(self._half_open, source)

    def released(self, source: str, *, half_open: bool) -> None:
        """The connection is gone."""
        self.total -= 1
        _less(self._open, source)
        if half_open:
            self.established(source)


def _less(counter: Counter[str], source: str) -> None:
    counter[source] -= 1
    if counter[source] <= 0:
        del counter[source]
