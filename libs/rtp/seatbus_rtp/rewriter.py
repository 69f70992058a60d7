"""One continuous outgoing RTP stream from changing sources (prompt, agent, music, digits).

Laws: the SSRC of the stream never changes; sequence numbers grow by one across a change of source; the
timestamp grows by the time that really passed, in whole frames; the first packet of a new source carries
the marker bit. Inside one source, losses and reordering pass through unchanged, so that the receiver's
statistics stay true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from seatbus_rtp.errors import AudioError, PacketError
from seatbus_rtp.packet import HEADER, HEADER_SIZE, PLAIN, TS_MASK, payload_bounds, ts_delta

MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100
"""RFC 3550 A.1: a jump beyond these is a restarted source once two packets in sequence confirm it."""

_NO_SOURCE: Final = -1
_LOCAL_SOURCE: Final = -2
_MAX_EVENT: Final = 0xFFFF
"""Longest RFC 4733 event in timestamp units: its packets may lie that far behind the newest audio."""

Route = tuple[int, bytes | None]
"""(outgoing payload type, 256-byte translation table or None for a plain copy)."""


_RESUME_JUMP: Final = 100


class StreamState(NamedTuple):
    """A stream at a moment: `at` is monotonic seconds of the newest packet, -1 before the first."""

    ssrc: int
    sequence: int
    timestamp: int
    at: float
    packets: int
    octets: int


class StreamRewriter:
    """State of one outgoing stream. `now` is monotonic seconds; random starts are given from outside.

    `routes` maps each accepted incoming payload type; packets of other types are refused.
    """

    __slots__ = (
        "_event_ts",
        "_frame",
        "_limit",
        "_local_samples",
        "_octets",
        "_packets",
        "_probation",
        "_rate",
        "_routes",
        "_run",
        "_seq",
        "_seq_offset",
        "_source",
        "_span",
        "_started",
        "_time",
        "_ts",
        "_ts_offset",
        "late",
        "malformed",
        "refused",
        "restarts",
        "ssrc",
    )

    def __init__(
        self,
        ssrc: int,
        first_sequence: int,
        first_timestamp: int,
        *,
        routes: Mapping[int, Route] | None = None,
        clock_rate: int = 8000,
        frame_samples: int = 160,
    ) -> None:
        self.ssrc = ssrc & TS_MASK
        self._packets = 0
        self._octets = 0
        self._run: Callable[[], None] | None = None
        self.late = 0
        self.refused = 0
        self.malformed = 0
        self.restarts = 0
        self._rate = clock_rate
        self._frame = frame_samples
        self._limit = 10 * frame_samples
        self._seq = (first_sequence - 1) & 0xFFFF
        self._ts = first_timestamp & TS_MASK
        self._time = 0.0
        self._started = False
        self._source = _NO_SOURCE
        self._seq_offset = 0
        self._ts_offset = 0
        self._span = 0
        self._probation = -1
        self._local_samples = frame_samples
        self._event_ts = 0
        self._routes: dict[int, Route] = {}
        self.set_routes(routes if routes is not None else {0: (0, None), 8: (8, None)})

    def state(self) -> StreamState:
        """What a successor needs to go on with the stream."""
        self._end_run()
        return StreamState(
            self.ssrc, self._seq, self._ts, self._time if self._started else -1.0, self._packets, self._octets
        )

    def resume(
        self,
        state: StreamState,
        kept_at: float,
        now: float,
        clock_rate: int,
        frame_samples: int,
        reserved: int = 0,
    ) -> None:
        """Goes on with a stream of a process that is gone, as it was at `kept_at`. Nobody knows what was sent
        last: the numbers jump ahead of all that can have been sent since, which receivers take for loss.
        `reserved`: exactly so many numbers were set aside for what was sent.
        """
        self.set_clock(clock_rate, frame_samples)
        self.ssrc, self._packets, self._octets = state.ssrc, state.packets, state.octets
        self._seq, self._ts = state.sequence, state.timestamp
        self._source = _NO_SOURCE
        frames = max(0.0, now - kept_at) * clock_rate / frame_samples
        self._seq = (self._seq + (reserved or int(frames) + _RESUME_JUMP)) & 0xFFFF
        self._time = state.at if state.at >= 0 else kept_at
        self._started = True

    @property
    def packets(self) -> int:
        """Packets sent."""
        self._end_run()
        return self._packets

    @property
    def octets(self) -> int:
        """Bytes of payload sent."""
        self._end_run()
        return self._octets

    @property
    def sequence(self) -> int:
        """The newest sequence number sent."""
        self._end_run()
        return self._seq

    @property
    def timestamp(self) -> int:
        """The newest timestamp sent."""
        self._end_run()
        return self._ts

    def timestamp_at(self, now: float) -> int:
        """The timestamp that belongs to `now`, for a sender report (RFC 3550 6.4.1)."""
        self._end_run()
        return (self._ts + round((now - self._time) * self._rate)) & TS_MASK

    def set_routes(self, routes: Mapping[int, Route]) -> None:
        """Replaces the table of accepted payload types. Raises AudioError on a type or table of the wrong
        size.
        """
        table: dict[int, Route] = {}
        for incoming, (outgoing, translation) in routes.items():
            if not (0 <= incoming <= 127 and 0 <= outgoing <= 127):
                raise AudioError("payload_type", "must be 0 to 127", (incoming, outgoing))
            if translation is not None and len(translation) != 256:
                raise AudioError("translation", "must have 256 entries", len(translation))
            table[incoming] = (outgoing, translation)
            table[incoming | 0x80] = (outgoing | 0x80, translation)
        self._end_run()
        self._routes = table

    def set_clock(self, clock_rate: int, frame_samples: int) -> None:
        """Another codec is sent from now on: its timestamps go on from where the stream is."""
        self._end_run()
        if clock_rate != self._rate:
            self._rate = clock_rate
            self._source = _NO_SOURCE
        self._frame = frame_samples
        self._limit = 10 * frame_samples
        self._local_samples = frame_samples

    @property
    def clock_rate(self) -> int:
        return self._rate

    def switch(self) -> None:
        """The next packet comes from another source, even if it happens to carry the same SSRC."""
        self._end_run()
        self._source = _NO_SOURCE

    def relay(self, packet: bytes, now: float) -> bytes | None:
        """The packet as it leaves, or None if it must not be sent (counted in malformed, refused or late)."""
        route = self._place(packet, now)
        if route is None:
            return None
        second, translation, seq, ts, start, end = route
        body = packet[start:end]
        if translation is not None:
            body = body.translate(translation)
        return HEADER.pack(PLAIN, second, seq, ts, self.ssrc) + body

    def relay_into(self, packet: bytes, out: bytearray, now: float) -> int:
        """As `relay`, into the caller's scratch buffer. Returns the size, 0 if nothing is to be sent.

        Only for a transport that copies before it returns: a queued send would see the next packet's bytes.
        """
        route = self._place(packet, now)
        if route is None:
            return 0
        second, translation, seq, ts, start, end = route
        size = HEADER_SIZE + end - start
        if size > len(out):
            raise AudioError("out", f"must hold {size} bytes", len(out))
        HEADER.pack_into(out, 0, PLAIN, second, seq, ts, self.ssrc)
        body = packet[start:end]
        out[HEADER_SIZE:size] = body if translation is None else body.translate(translation)
        return size

    def emit(self, payload_type: int, payload: bytes, now: float, samples: int | None = None) -> bytes:
        """The next frame of a local source (player, tone, mixer). Call `switch` before a new prompt or
        after a pause.
        """
        self._end_run()
        seq = (self._seq + 1) & 0xFFFF
        if self._source == _LOCAL_SOURCE:
            ts = (self._ts + self._local_samples) & TS_MASK
            second = payload_type
        else:
            ts = self._continued_timestamp(now)
            second = payload_type | 0x80
            self._source = _LOCAL_SOURCE
        self._local_samples = self._frame if samples is None else samples
        self._sent(seq, ts, now, len(payload))
        return HEADER.pack(PLAIN, second, seq, ts, self.ssrc) + payload

    def emit_event(self, payload_type: int, payload: bytes, now: float, start: bool) -> bytes:
        """A packet of an RFC 4733 event that we send ourselves; `start` on its first packet only.

        All packets of the event share one timestamp. Audio relayed meanwhile keeps its place around them.
        """
        self._end_run()
        seq = (self._seq + 1) & 0xFFFF
        second = payload_type
        if start:
            self._event_ts = self._continued_timestamp(now)
            self._ts = self._event_ts
            self._time = now
            second |= 0x80
        if self._source >= 0:
            # The event took a number out of the relayed run: everything later moves up by one, and a packet
            # that arrives late from before the event has no number left.
            self._seq_offset += 1
            self._span = 0
        else:
            self._source = _NO_SOURCE
        self._seq = seq
        self._started = True
        self._packets += 1
        self._octets += len(payload)
        return HEADER.pack(PLAIN, second, seq, self._event_ts, self.ssrc) + payload

    # -- runs ------------------------------------------------------------------------------------------------

    def may_run(self, newest: int, step: int, end: Callable[[], None]) -> bool:
        """Whether packets that follow this header (`seatbus_rtp.run`), `step` ticks apart, may leave without
        `relay` from now on. Then `end` is called before the stream is used otherwise, and has to tell of them
        by `run`.
        """
        seq, ts = newest >> 64 & 0xFFFF, newest >> 32 & TS_MASK
        if step > self._limit or (seq, ts, newest & TS_MASK) != (self._seq, self._ts, self.ssrc):
            return False
        self._run = end
        return True

    def run(self, count: int, step: int, octets: int, now: float) -> None:
        """So many packets have left in a run, the last of them at `now`."""
        self._seq = (self._seq + count) & 0xFFFF
        self._ts = (self._ts + count * step) & TS_MASK
        self._time = now
        self._span += count
        self._probation = -1
        self._packets += count
        self._octets += octets

    def table(self, second: int) -> bytes | None:
        """The translation of packets with this second byte."""
        return self._routes[second][1]

    def _end_run(self) -> None:
        end, self._run = self._run, None
        if end is not None:
            end()

    # -- inside ----------------------------------------------------------------------------------------------

    def _place(self, packet: bytes, now: float) -> tuple[int, bytes | None, int, int, int, int] | None:
        """Where the packet goes in the outgoing stream: (second byte, table, seq, ts, payload start, end)."""
        if self._run is not None:
            self._end_run()
        end = len(packet)
        start = HEADER_SIZE
        if end < HEADER_SIZE or packet[0] != PLAIN:
            try:
                start, end = payload_bounds(packet)
            except PacketError:
                self.malformed += 1
                return None
        _, second, seq, ts, source = HEADER.unpack_from(packet)
        route = self._routes.get(second)
        if route is None:
            self.refused += 1
            return None
        second, translation = route
        if source != self._source:
            self._join(source, seq, ts, now)
            second |= 0x80
        seq = (seq + self._seq_offset) & 0xFFFF
        ts = (ts + self._ts_offset) & TS_MASK
        advance = (seq - self._seq) & 0xFFFF
        if 0 < advance <= MAX_MISORDER and (ts - self._ts) & TS_MASK <= self._limit:
            self._seq = seq
            self._ts = ts
            self._time = now
            self._span += advance
            self._probation = -1
        else:
            placed = self._place_unusual(seq, ts, advance, now)
            if placed is None:
                self.late += 1
                return None
            seq, ts, fresh = placed
            if fresh:
                second |= 0x80
        self._packets += 1
        self._octets += end - start
        return second, translation, seq, ts, start, end

    def _place_unusual(self, seq: int, ts: int, advance: int, now: float) -> tuple[int, int, bool] | None:
        """Duplicates, reordering, long gaps and restarts: (seq, ts, new talkspurt), or None to drop."""
        if advance == 0:
            return None
        if advance >= 0x10000 - MAX_MISORDER:
            # A late packet keeps its number unless that number was already used before the last change of
            # source.
            return (seq, ts, False) if 0x10000 - advance <= self._span else None
        if advance > MAX_DROPOUT:
            if self._probation != seq:
                self._probation = (seq + 1) & 0xFFFF
                return None
            next_seq = (self._seq + 1) & 0xFFFF
            self._seq_offset = (self._seq_offset + next_seq - seq) & 0xFFFF
            seq = next_seq
            advance = 1
            self._span = 0
            self.restarts += 1
            self._probation = -1
        fresh = False
        step = ts_delta(ts, self._ts)
        passed = (now - self._time) * self._rate
        if step < -_MAX_EVENT or step > passed + self._rate:
            # The source changed its clock's origin without changing its SSRC.
            moved = self._continued_timestamp(now)
            self._ts_offset = (self._ts_offset + moved - ts) & TS_MASK
            ts = moved
            step = 1
            fresh = True
            self.restarts += 1
        self._seq = seq
        self._span += advance
        if step > 0:
            self._ts = ts
            self._time = now
        return seq, ts, fresh

    def _join(self, source: int, seq: int, ts: int, now: float) -> None:
        """Sets the offsets so that this packet of the new source follows what was sent last."""
        self._source = source
        self._seq_offset = (self._seq + 1 - seq) & 0xFFFF
        moved = self._continued_timestamp(now)
        self._ts_offset = (moved - ts) & TS_MASK
        self._ts = moved
        self._time = now
        self._started = True
        # The joining packet itself adds one; numbers before it belong to the old source.
        self._span = -1
        self._probation = -1

    def _continued_timestamp(self, now: float) -> int:
        """Newest timestamp plus the time passed since, in whole frames and at least one."""
        if not self._started:
            return self._ts
        frames = max(1, round((now - self._time) * self._rate / self._frame))
        return (self._ts + frames * self._frame) & TS_MASK

    def _sent(self, seq: int, ts: int, now: float, size: int) -> None:
        self._seq = seq
        self._ts = ts
        self._time = now
        self._started = True
        self._packets += 1
        self._octets += size
