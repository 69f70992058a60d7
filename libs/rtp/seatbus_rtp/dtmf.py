"""Telephone events (RFC 4733): digits out as packet payloads, payloads in as digits, each digit once."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from seatbus_rtp.errors import DtmfError
from seatbus_rtp.packet import ts_delta

DIGITS: Final = "0123456789*#ABCD"
"""Position is the event code (RFC 4733 3.2)."""

END_PACKETS: Final = 3
MAX_DURATION: Final = 0xFFFF
PAYLOAD_SIZE: Final = 4
_EVENT: Final = struct.Struct("!BBH")
_NEW_CLOCK_S: Final = 10
"""A timestamp this far behind belongs to a source that restarted its clock, not to a late packet."""


@dataclass(frozen=True, slots=True)
class DtmfEvent:
    """The payload of one event packet. `duration` is in timestamp units since the event's start."""

    event: int
    end: bool
    volume: int
    duration: int

    @classmethod
    def parse(cls, payload: bytes) -> DtmfEvent:
        """Raises DtmfError if there are fewer than four bytes."""
        if len(payload) < PAYLOAD_SIZE:
            raise DtmfError("payload", "at least 4 bytes", len(payload))
        event, flags, duration = _EVENT.unpack_from(payload)
        return cls(event, flags >= 0x80, flags & 0x3F, duration)

    def build(self) -> bytes:
        """Raises DtmfError naming the field out of range."""
        limits = (
            ("event", self.event, 255),
            ("volume", self.volume, 63),
            ("duration", self.duration, MAX_DURATION),
        )
        for field, value, limit in limits:
            if not 0 <= value <= limit:
                raise DtmfError(field, f"must be 0 to {limit}", value)
        return _EVENT.pack(self.event, self.volume | (0x80 if self.end else 0), self.duration)

    @property
    def digit(self) -> str | None:
        """The key, or None for an event that is no key (flash, tones)."""
        return DIGITS[self.event] if self.event < len(DIGITS) else None


@dataclass(frozen=True, slots=True)
class EventStep:
    """What to send at `at_ms` after the first digit began: feed it to `StreamRewriter.emit_event`."""

    at_ms: int
    payload: bytes
    start: bool
    digit: str


def plan_digits(
    digits: str,
    *,
    tone_ms: int = 100,
    gap_ms: int = 80,
    frame_ms: int = 20,
    volume: int = 10,
    clock_rate: int = 8000,
) -> Iterator[EventStep]:
    """Steps for a string of digits, one a frame: start, updates, then the end packet three times a frame
    apart.

    `volume` is in -dBm0. Raises DtmfError (at the call, not later) on an unknown digit or a time that does
    not fit.
    """
    if frame_ms <= 0:
        raise DtmfError("frame_ms", "must be positive", frame_ms)
    if tone_ms < 2 * frame_ms or tone_ms % frame_ms or tone_ms * clock_rate // 1000 > MAX_DURATION:
        raise DtmfError("tone_ms", f"whole frames, at least two, at most {MAX_DURATION} clock ticks", tone_ms)
    if gap_ms < END_PACKETS * frame_ms or gap_ms % frame_ms:
        raise DtmfError("gap_ms", "whole frames, room for the three end packets", gap_ms)
    if not 0 <= volume <= 63:
        raise DtmfError("volume", "must be 0 to 63", volume)
    wanted = digits.upper()
    for digit in wanted:
        if digit not in DIGITS:
            raise DtmfError("digits", f"only {DIGITS}", digit)
    return _steps(wanted, tone_ms, gap_ms, frame_ms, volume, clock_rate)


def _steps(
    digits: str, tone_ms: int, gap_ms: int, frame_ms: int, volume: int, clock_rate: int
) -> Iterator[EventStep]:
    begin = 0
    for digit in digits:
        code = DIGITS.index(digit)
        for at in range(0, tone_ms, frame_ms):
            duration = (at + frame_ms) * clock_rate // 1000
            yield EventStep(begin + at, DtmfEvent(code, False, volume, duration).build(), at == 0, digit)
        final = DtmfEvent(code, True, volume, tone_ms * clock_rate // 1000).build()
        for repeat in range(END_PACKETS):
            yield EventStep(begin + tone_ms + repeat * frame_ms, final, False, digit)
        begin += tone_ms + gap_ms


def scaled_event(payload: bytes, rate_in: int, rate_out: int) -> bytes:
    """The same event for a stream with another clock: its duration counts that clock."""
    if rate_in == rate_out or len(payload) < PAYLOAD_SIZE:
        return payload
    duration = int.from_bytes(payload[2:4], "big") * rate_out // rate_in
    return payload[:2] + min(MAX_DURATION, duration).to_bytes(2, "big") + payload[4:]


class DtmfReceiver:
    """Turns event packets into digits: each once, at its first packet, whatever is lost, doubled or late.

    An event is known by its timestamp. Senders that move the timestamp inside one press, or in the repeated
    end packets, are forgiven: the same digit within `min_gap_ms` of the last is the same press, unless the
    last one ended and this one begins with the marker bit. A press over 65535 ticks continues in a new
    segment (RFC 4733 2.5.1.3).
    """

    __slots__ = ("_clock_rate", "_duration", "_ended", "_event", "_min_gap", "_ssrc", "_ts", "ignored")

    def __init__(self, *, clock_rate: int = 8000, min_gap_ms: int = 20) -> None:
        self._clock_rate = clock_rate
        self._min_gap = min_gap_ms * clock_rate // 1000
        self._ssrc = -1
        self._event = -1
        self._ts = 0
        self._duration = 0
        self._ended = True
        self.ignored = 0

    @property
    def pressed(self) -> str | None:
        """The key whose end has not been seen yet."""
        return None if self._ended or self._event < 0 else DIGITS[self._event]

    def reset(self) -> None:
        self._ssrc = -1
        self._event = -1
        self._ended = True

    def receive(self, payload: bytes, timestamp: int, marker: bool = False, ssrc: int = 0) -> str | None:
        """The digit that this packet begins, or None. Never raises on bytes from the network."""
        if len(payload) < PAYLOAD_SIZE or payload[0] >= len(DIGITS):
            self.ignored += 1
            return None
        event, flags, duration = _EVENT.unpack_from(payload)
        end = flags >= 0x80
        if ssrc != self._ssrc:
            self._ssrc = ssrc
            self._event = -1
        if self._event < 0:
            return self._begin(event, timestamp, duration, end)
        ahead = ts_delta(timestamp, self._ts)
        if ahead == 0 and event == self._event:
            self._duration = max(self._duration, duration)
            self._ended = self._ended or end
            return None
        if ahead <= 0:
            if ahead < -_NEW_CLOCK_S * self._clock_rate:
                return self._begin(event, timestamp, duration, end)
            return None
        gap = ahead - self._duration
        if event == self._event and gap < self._min_gap and not (marker and self._ended):
            self._ts = timestamp
            self._duration = duration
            self._ended = self._ended or end
            return None
        return self._begin(event, timestamp, duration, end)

    def _begin(self, event: int, timestamp: int, duration: int, end: bool) -> str:
        self._event = event
        self._ts = timestamp
        self._duration = duration
        self._ended = end
        return DIGITS[event]
