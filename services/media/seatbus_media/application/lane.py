"""One leg's packets on their way to its partner and its taps: the relay path.

Laws: within a run (`seatbus_rtp.run`) a packet costs a comparison and an addition; the leg's statistics and
the partner's stream learn of a run before anybody looks at them, and it ends before others touch them.
No awaits, no logs, no objects for a packet but what a tap keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from seatbus_media.domain.tap import Heard
from seatbus_rtp.packet import HEADER, HEADER_SIZE
from seatbus_rtp.quality import ReceiverStats
from seatbus_rtp.rewriter import StreamRewriter
from seatbus_rtp.run import head, room, step, ticks, without_marker

Tap = Callable[[Heard], None]

_RUN: Final = 250
"""Packets in a run at most: 5 s of arrival times wait for the statistics."""
_NONE: Final = -1

unpack = HEADER.unpack_from
number_of = int.from_bytes


def _nobody(_data: bytes, _now: float) -> None:
    """Takes what comes after the end."""


class Lane:
    """`other` takes what is no audio of the leg. `audio_types` are second bytes, with marker and without."""

    __slots__ = (
        "_bytes",
        "_deliver",
        "_expected",
        "_last",
        "_other",
        "_rewriter",
        "_shift",
        "_stamps",
        "_stats",
        "_step",
        "_stop",
        "_table",
        "_tap",
        "_taps",
        "_untapped",
        "audio_types",
        "newest",
        "relaying",
    )

    def __init__(self, other: Callable[[bytes, float], None]) -> None:
        self.audio_types: frozenset[int] = frozenset()
        self.newest: bytes | None = None
        """The packet of sound that came last."""
        self.relaying = False
        """Whether the leg's packets go to its partner as they come."""
        self._taps: list[Tap] = []
        self._tap: Tap | None = None
        self._untapped = False
        self._other = other
        self._stats = ReceiverStats()
        self._rewriter: StreamRewriter | None = None
        self._deliver: Callable[[bytes], None] | None = None
        self._table: bytes | None = None
        self._last = self._expected = self._stop = _NONE
        self._step = self._shift = 0
        self._stamps: list[float] = []
        self._bytes = 0

    def receive(self, data: bytes, now: float) -> None:
        """A packet of the leg's own peer, decrypted."""
        header = number_of(data[:HEADER_SIZE], "big")
        if header != self._expected:
            self._single(data, now)
            return
        due = header + self._step
        self._expected = due if due != self._stop else _NONE
        self._stamps.append(now)
        self._bytes += len(data)
        self.newest = data
        tap = self._tap
        if tap is not None:
            tap((now, data))
        deliver = self._deliver
        if deliver is not None:
            body = data[HEADER_SIZE:]
            if self._table is not None:
                body = body.translate(self._table)
            deliver((header + self._shift).to_bytes(HEADER_SIZE, "big") + body)

    def _single(self, data: bytes, now: float) -> None:
        """A packet that was not foreseen; with the one before it, it may begin a run."""
        self.end()
        if len(data) < HEADER_SIZE or data[1] not in self.audio_types:
            self._last = _NONE
            self._other(data, now)
            return
        _, _, seq, ts, source = unpack(data)
        self._stats.receive(source, seq, ts, len(data) - HEADER_SIZE, now)
        self.newest = data
        if self._tap is not None:
            self._tap((now, data))
        self._begin(data, self.relay(data, now))

    def relay(self, data: bytes, now: float) -> bytes | None:
        """Sends a packet to the partner, in the order of the relayed stream; returns what was sent."""
        if self._rewriter is None or self._deliver is None:
            return None
        out = self._rewriter.relay(data, now)
        if out is not None:
            self._deliver(out)
        return out

    def _begin(self, data: bytes, out: bytes | None) -> None:
        before, self._last = self._last, head(data)
        grows = step(before, self._last)
        if not grows or not self._stats.newest_is(self._last):
            return
        left = min(_RUN, room(self._last, grows))
        if self.relaying:
            if out is None or self._rewriter is None:
                return
            leaves = without_marker(head(out))
            if not self._rewriter.may_run(leaves, ticks(grows), self.end):
                return
            left = min(left, room(leaves, grows))
            self._shift = leaves - self._last
            self._table = self._rewriter.table(data[1])
        if left < 1:
            return
        self._step = grows
        self._expected = self._last + grows
        self._stop = self._last + grows * (left + 1)

    # -- taps ------------------------------------------------------------------------------------------------

    def add_tap(self, tap: Tap) -> None:
        self._taps.append(tap)
        self._fan_out()

    def remove_tap(self, tap: Tap) -> None:
        if tap in self._taps:
            self._taps.remove(tap)
        self._fan_out()

    def mute(self, on: bool) -> None:
        """While muted no tap hears the leg."""
        self._untapped = on
        self._fan_out()

    def close(self) -> None:
        """Packets go nowhere any more; whoever took the others is let go."""
        self.route(None, None)
        self._other = _nobody
        self._taps.clear()
        self._fan_out()

    def _fan_out(self) -> None:
        taps = () if self._untapped else tuple(self._taps)

        def every(heard: Heard) -> None:
            for tap in taps:
                tap(heard)

        self._tap = every if len(taps) > 1 else next(iter(taps), None)

    # -- what has come ---------------------------------------------------------------------------------------

    def route(self, rewriter: StreamRewriter | None, deliver: Callable[[bytes], None] | None) -> None:
        """From now on packets go into this stream; None: to nobody."""
        self.end()
        self._rewriter, self._deliver = rewriter, deliver
        self.relaying = rewriter is not None

    def end(self) -> None:
        """The run is over: everybody knows of it, and the next packet is looked at in full."""
        self.account()
        self._expected = _NONE

    def account(self) -> None:
        """The statistics and the partner's stream learn of the packets of the run so far."""
        stamps = self._stamps
        if not stamps:
            return
        self._last += self._step * len(stamps)
        size = self._bytes - HEADER_SIZE * len(stamps)
        advance = ticks(self._step)
        self._stats.run(stamps, advance, size)
        if self.relaying and self._rewriter is not None:
            self._rewriter.run(len(stamps), advance, size, stamps[-1])
        stamps.clear()
        self._bytes = 0

    @property
    def stats(self) -> ReceiverStats:
        self.account()
        return self._stats

    @property
    def last_packet_at(self) -> float:
        """Monotonic time of the last packet, 0.0 before the first."""
        return self._stamps[-1] if self._stamps else self._stats.last_packet_at or 0.0
