"""A listener for tests: hears what a phone would hear and writes down everything that a good stream does
not do.

It judges by sequence number and timestamp, never by arrival: a busy test machine delays packets, the stream
is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.codecs import PCMA, PCMU, CodecSpec, make_decoder, ticks_of
from seatbus_rtp.dtmf import DtmfReceiver
from seatbus_rtp.errors import AudioError, PacketError
from seatbus_rtp.packet import HEADER, payload_bounds, seq_delta, ts_delta
from seatbus_rtp.tones import dominant_frequency, level_dbfs

Pcm = NDArray[np.int16]

MAX_PACKETS: Final = 1_000_000
_EVENT_BYTES: Final = 4
_G711: Final[Mapping[int, CodecSpec]] = {0: PCMU, 8: PCMA}


class Fault(Enum):
    MALFORMED = "not an RTP packet"
    PAYLOAD_TYPE = "a payload type nobody negotiated"
    SSRC_CHANGED = "another SSRC inside one leg"
    LOST = "sequence numbers missing"
    DUPLICATE = "a sequence number twice"
    REORDERED = "a packet after its successor"
    TIMESTAMP_JUMP = "timestamp moved on without a marker bit"
    TIMESTAMP_BACK = "timestamp moved back or stood still"


@dataclass(frozen=True, slots=True)
class Discontinuity:
    """One fault. `size` is in packets for sequence faults, in ms for timestamp faults."""

    fault: Fault
    sequence: int
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in the sound: where the stream's clock ran and nothing was sent."""

    at_ms: float
    """From the start of the first packet of its stream."""
    length_ms: float
    lost: int
    """Packets missing in the hole; 0 means the sender did not send."""


@dataclass(frozen=True, slots=True)
class _Heard:
    sequence: int
    """Unwrapped."""
    timestamp: int
    """Unwrapped."""
    marker: bool
    payload_type: int
    payload: bytes
    arrived: float


class _Stream:
    """Packets of one SSRC."""

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self.packets: dict[int, _Heard] = {}
        self.newest = 0
        self.newest_ts = 0
        self.origin = 0

    def ordered(self) -> list[_Heard]:
        return [self.packets[key] for key in sorted(self.packets)]


class StrictReceiver:
    """Feed it every packet of one leg with `receive`, then ask. Sound is decoded on demand, at 8 kHz.

    `codecs` names the payload types of all codecs that may be heard; they are of one RTP clock, that of the
    first: a leg that changes to a codec of another clock is judged by another receiver.
    """

    def __init__(
        self,
        *,
        audio_types: tuple[int, ...] = (0, 8),
        event_type: int | None = 101,
        codecs: Mapping[int, CodecSpec] | None = None,
    ) -> None:
        known = _G711 if codecs is None else codecs
        self._codecs = (
            {kind: known.get(kind, PCMU) for kind in audio_types} if codecs is None else dict(codecs)
        )
        self._audio_types = frozenset(self._codecs)
        self._per_ms = next(iter(self._codecs.values()), PCMU).clock_rate // 1000
        self._event_type = event_type
        self._streams: list[_Stream] = []
        self._arrival_faults: list[Discontinuity] = []
        self._dtmf = DtmfReceiver()
        self.digits = ""
        self.packets = 0
        self.first_at: float | None = None
        self.last_at: float | None = None

    def receive(self, data: bytes, now: float = 0.0) -> str | None:
        """Takes one packet; returns the digit it began, if any. Raises AudioError past a million packets."""
        if self.packets >= MAX_PACKETS:
            raise AudioError("packets", f"at most {MAX_PACKETS}", self.packets)
        try:
            start, end = payload_bounds(data)
        except PacketError:
            self._fault(Fault.MALFORMED, -1)
            return None
        _, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        payload_type = second & 0x7F
        marker = second >= 0x80
        if payload_type != self._event_type and payload_type not in self._audio_types:
            self._fault(Fault.PAYLOAD_TYPE, sequence, payload_type)
            return None
        self.packets += 1
        self.first_at = now if self.first_at is None else self.first_at
        self.last_at = now
        self._place(ssrc, sequence, timestamp, marker, payload_type, data[start:end], now)
        if payload_type != self._event_type:
            return None
        digit = self._dtmf.receive(data[start:end], timestamp, marker, ssrc)
        self.digits += digit or ""
        return digit

    @property
    def ssrcs(self) -> list[int]:
        """In order of appearance; a well-behaved leg has one."""
        return [stream.ssrc for stream in self._streams]

    def faults(self, *kinds: Fault) -> list[Discontinuity]:
        """All faults, or those of the given kinds. Empty is what a test wants."""
        found = list(self._arrival_faults)
        for stream in self._streams:
            found += self._stream_faults(stream)
        return [fault for fault in found if not kinds or fault.fault in kinds]

    def gaps(self, over_ms: float = 0.0) -> list[Gap]:
        """Holes in the sound longer than `over_ms`, by timestamp. Time covered by a telephone event is no
        hole.
        """
        found = []
        for stream in self._streams:
            covered: int | None = None
            previous: _Heard | None = None
            for heard in stream.ordered():
                if covered is not None and previous is not None:
                    hole = (heard.timestamp - covered) / self._per_ms
                    if hole > over_ms:
                        lost = heard.sequence - previous.sequence - 1
                        found.append(Gap((covered - stream.origin) / self._per_ms, hole, lost))
                end = heard.timestamp + self._span(heard)
                covered = end if covered is None else max(covered, end)
                previous = heard
        return found

    def max_gap_ms(self) -> float:
        return max((gap.length_ms for gap in self.gaps()), default=0.0)

    def audio(self) -> Pcm:
        """Everything heard: each packet where its timestamp puts it, zeros in the holes, streams one after
        another.
        """
        parts = [self._stream_audio(stream) for stream in self._streams]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)

    def segment(self, start_s: float, end_s: float | None = None) -> Pcm:
        """A part of `audio`; a negative start counts from the end."""
        pcm = self.audio()
        return pcm[round(start_s * 8000) : None if end_s is None else round(end_s * 8000)]

    def duration_ms(self) -> float:
        return len(self.audio()) / 8

    def frequency(self, start_s: float = 0.0, end_s: float | None = None) -> float:
        """Dominant frequency in Hz of a part; 0.0 if there is too little sound to tell."""
        pcm = self.segment(start_s, end_s)
        return dominant_frequency(pcm) if len(pcm) >= 160 else 0.0

    def level(self, start_s: float = 0.0, end_s: float | None = None) -> float:
        """Level in dBFS of a part."""
        return level_dbfs(self.segment(start_s, end_s))

    # -- inside --------------------------------------------------------------------------------------------

    def _fault(self, fault: Fault, sequence: int, size: float = 0.0) -> None:
        self._arrival_faults.append(Discontinuity(fault, sequence, size))

    def _place(
        self,
        ssrc: int,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload_type: int,
        payload: bytes,
        now: float,
    ) -> None:
        stream = self._streams[-1] if self._streams else None
        if stream is None or stream.ssrc != ssrc:
            if stream is not None:
                self._fault(Fault.SSRC_CHANGED, sequence)
            stream = _Stream(ssrc)
            stream.newest = sequence
            stream.newest_ts = timestamp
            self._streams.append(stream)
            unwrapped, unwrapped_ts = sequence, timestamp
            stream.origin = timestamp
        else:
            ahead = seq_delta(sequence, stream.newest & 0xFFFF)
            unwrapped = stream.newest + ahead
            unwrapped_ts = stream.newest_ts + ts_delta(timestamp, stream.newest_ts & 0xFFFFFFFF)
            if unwrapped in stream.packets:
                self._fault(Fault.DUPLICATE, sequence, 1)
                return
            if ahead < 0:
                self._fault(Fault.REORDERED, sequence, -ahead)
            else:
                stream.newest = unwrapped
                stream.newest_ts = unwrapped_ts
        stream.packets[unwrapped] = _Heard(unwrapped, unwrapped_ts, marker, payload_type, payload, now)

    def _span(self, heard: _Heard) -> int:
        """How many ticks of the stream's clock the packet accounts for."""
        if heard.payload_type != self._event_type:
            return ticks_of(self._codecs[heard.payload_type], heard.payload)
        return int.from_bytes(heard.payload[2:4], "big") if len(heard.payload) >= _EVENT_BYTES else 0

    def _stream_faults(self, stream: _Stream) -> list[Discontinuity]:
        found = []
        previous: _Heard | None = None
        for heard in stream.ordered():
            if previous is not None:
                found += self._between(previous, heard)
            previous = heard
        return found

    def _between(self, previous: _Heard, heard: _Heard) -> list[Discontinuity]:
        found = []
        number = heard.sequence & 0xFFFF
        missing = heard.sequence - previous.sequence - 1
        if missing:
            found.append(Discontinuity(Fault.LOST, number, missing))
        step = heard.timestamp - previous.timestamp
        event = heard.payload_type == self._event_type
        if step == 0 and event and previous.payload_type == self._event_type:
            return found
        if step <= 0:
            # An event keeps the timestamp of its start while audio that is sent beside it goes on.
            if not event and previous.payload_type != self._event_type:
                found.append(Discontinuity(Fault.TIMESTAMP_BACK, number, step / self._per_ms))
            return found
        # Lost packets are taken to be as long as the one before them.
        due = self._span(previous) * (1 + missing)
        if previous.payload_type != self._event_type and step != due and not heard.marker:
            found.append(Discontinuity(Fault.TIMESTAMP_JUMP, number, (step - due) / self._per_ms))
        return found

    def _stream_audio(self, stream: _Stream) -> Pcm:
        heard = stream.ordered()
        if not heard:
            return np.zeros(0, dtype=np.int16)
        origin = min(one.timestamp for one in heard)
        end = max(one.timestamp + self._span(one) for one in heard)
        clock = self._per_ms // 8
        size = (end - origin) // clock
        if size > MAX_PACKETS * 160:
            raise AudioError("timestamp", "a stream may not span hours", size / 8000)
        pcm = np.zeros(size, dtype=np.int16)
        decoders = {kind: make_decoder(codec) for kind, codec in self._codecs.items()}
        for one in heard:
            if one.payload_type in self._audio_types:
                sound = decoders[one.payload_type].decode(one.payload)
                at = (one.timestamp - origin) // clock
                sound = sound[: size - at]
                pcm[at : at + len(sound)] = sound
        return pcm
