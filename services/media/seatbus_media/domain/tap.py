"""A recording's clock: two legs' packets become two channels of one length, side by side in time.

Laws: position 0 is the moment of the start, 8000 positions a second, of a wideband call 16,000. Of a leg's
first packets the one with the least delay takes the position of its arrival, all others are placed beside it
by their RTP timestamps, so jitter leaves no trace. If the leg's clock leaves ours (its arrivals no longer
fit), it is placed by arrival again. What never came is silence.
Sound of other codecs becomes G.711 at the cut, a second at a time; at 16 kHz all becomes 16-bit samples.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import numpy as np

from seatbus_media.domain.clips import LAW_CODEC, SILENCE, Law
from seatbus_rtp import g711
from seatbus_rtp.codecs import CodecSpec, Decoder, make_decoder
from seatbus_rtp.errors import PacketError
from seatbus_rtp.packet import HEADER, HEADER_SIZE, PLAIN, payload_bounds, ts_delta

RATE: Final = 8000
WIDE: Final = 16_000
HOLD_BACK: Final = 1600
"""Samples that a regular cut leaves, so that packets that come late still find their place."""
MAX_WAIT: Final = 12_000
"""Samples that a cut waits for a leg that was heard of and owes the rest: the process may have stood still
while its packets lay in the socket, and timers run before sockets are read.
"""
_EARLY: Final = 480
_LATE: Final = 16_000
_DRIFT: Final = 80
"""A leg whose packets all come this much later or earlier than its own clock says is moved: two legs stay
side by side within 20 ms, whatever their clocks do. Lateness of fewer packets than `_EVIDENCE` says nothing
about a clock, for a network or a process may be slow for a while; nothing comes before it was said.
"""
_EVIDENCE: Final = 200
_RUN: Final = 8

Heard = tuple[float, bytes]
"""(monotonic arrival, RTP packet)."""
CodecOf = Callable[[int], CodecSpec | None]
"""The codec that a leg means by a payload type; None if it is no audio."""


def static_codec(payload_type: int) -> CodecSpec | None:
    """G.711 by its static types."""
    return LAW_CODEC[Law(payload_type)] if payload_type in tuple(Law) else None


def width_of(rate: int) -> int:
    """Bytes of a sample: of G.711, or of 16 bits."""
    return 1 if rate == RATE else 2


class Channel:
    """One leg on the recording's clock. The relay path only calls `hear`; the work is done at a cut."""

    def __init__(self, law: Law, codec_of: CodecOf = static_codec, rate: int = RATE) -> None:
        # Times and packets in turn: a pair of each would be one more object for every packet.
        self._heard: list[Any] = []
        self.hear: Callable[[Heard], None] = self._heard.extend
        self._law = law
        self._codec_of = codec_of
        self._decoders: dict[int, tuple[CodecSpec, Decoder]] = {}
        self._rate = rate
        self._width = width_of(rate)
        self._silence = SILENCE[law][:1] if self._width == 1 else bytes(self._width)
        scale = rate // RATE
        self._early, self._late, self._drift = _EARLY * scale, _LATE * scale, _DRIFT * scale
        self._source = -1
        self._ts = 0
        self._pos = 0
        self._seen = 0
        self._least = self._late
        self._waiting: list[tuple[int, bytes]] = []
        self.newest = 0

    def forget(self) -> None:
        """Drops what was heard and not cut, and places the next packet by its arrival."""
        self._heard.clear()
        self._waiting.clear()
        self._source = -1
        self.newest = 0

    def place(self, zero: float) -> None:
        """Gives everything heard its position; `zero` is the monotonic time of position 0."""
        arrivals: list[float] = self._heard[0::2]
        packets: list[bytes] = self._heard[1::2]
        self._heard.clear()
        if not (len(packets) >= _RUN and self._place_run(arrivals, packets, zero)):
            self._place_each(arrivals, packets, zero)

    def _place_run(self, arrivals: list[float], packets: list[bytes], zero: float) -> bool:
        """All at once, where the packets follow each other without a gap, as nearly always. False: nothing
        was done.
        """
        size = len(packets[0])
        sound_size = size - HEADER_SIZE
        if sound_size <= 0 or set(map(len, packets)) != {size}:
            return False
        rows = np.frombuffer(b"".join(packets), np.uint8).reshape(-1, size)
        words = np.ascontiguousarray(rows[:, :HEADER_SIZE]).view(">u4").astype(np.uint32)
        payload_type = packets[0][1] & 0x7F
        codec = self._codec_of(payload_type)
        steps = words[1:, 1] - words[:-1, 1]
        if (
            codec is None
            or codec.static_type is None
            or self._width != 1
            or not codec.is_g711
            or (words[:, 0] & 0xFF7F_0000 != PLAIN << 24 | payload_type << 16).any()
            or (words[:, 2] != self._source & 0xFFFF_FFFF).any()
            or self._source < 0
            or (steps != sound_size).any()
        ):
            return False
        first = self._pos + ts_delta(int(words[0, 1]), self._ts)
        slots = ((np.array(arrivals) - zero) * RATE).astype(np.int64)
        drift = slots - (first + sound_size * np.arange(len(packets)))
        least = int(drift.min())
        if least < -self._early or int(drift.max()) > self._late:
            return False
        sound = rows[:, HEADER_SIZE:].tobytes()
        if codec.static_type != self._law:
            sound = sound.translate(g711.translation(codec.static_type, self._law))
        self._waiting.append((first, sound))
        self.newest = max(self.newest, first + len(sound))
        self._ts = int(words[-1, 1])
        self._pos = first + len(sound) - sound_size
        self._follow_clock(len(packets), least)
        return True

    def _place_each(self, arrivals: list[float], packets: list[bytes], zero: float) -> None:
        least = self._late
        for index, (arrived, packet) in enumerate(zip(arrivals, packets, strict=True)):
            _, second, _, ts, source = HEADER.unpack_from(packet)
            slot = int((arrived - zero) * self._rate)
            codec = self._codec_of(second & 0x7F)
            if codec is None:
                continue
            pos = self._pos + ts_delta(ts, self._ts) * self._rate // codec.clock_rate
            drift = slot - pos
            if source != self._source or drift > self._late or drift < -self._early:
                self._source = source
                self._seen, self._least = 0, self._late
                least = self._late
                pos = self._begin(arrivals[index:], packets[index:], zero)
                drift = slot - pos
            least = min(least, drift)
            self._ts = ts
            self._pos = pos
            sound = self._sound(packet, second & 0x7F, codec)
            if sound:
                self._waiting.append((pos, sound))
                self.newest = max(self.newest, pos + len(sound) // self._width)
        self._follow_clock(len(packets), least)

    def _begin(self, arrivals: list[float], packets: list[bytes], zero: float) -> int:
        """Where the first packet of a source belongs: no packet comes before it was said, and one that lay in
        the socket came late, so of those that follow each other the one with the least delay decides.
        """
        best = slot = int((arrivals[0] - zero) * self._rate)
        _, _, _, first, source = HEADER.unpack_from(packets[0])
        for arrived, packet in zip(arrivals[1:], packets[1:], strict=True):
            _, second, _, ts, other = HEADER.unpack_from(packet)
            codec = self._codec_of(second & 0x7F)
            if codec is None:
                continue
            begun = int((arrived - zero) * self._rate) - ts_delta(ts, first) * self._rate // codec.clock_rate
            # A greater step is another clock and no delay that ends.
            if other != source or begun < best - self._early or begun > slot + self._late:
                break
            best = min(best, begun)
        return best if best < slot - self._drift else slot

    def _follow_clock(self, count: int, least: int) -> None:
        # The clock has moved only if every packet of a while came late: after a stall the last are on time.
        self._seen += count
        self._least = min(self._least, least)
        if self._seen < (_RUN if self._least < -self._drift else _EVIDENCE):
            return
        if self._drift < abs(self._least) < self._late:
            self._pos += self._least
        self._seen, self._least = 0, self._late

    def cut(self, start: int, until: int) -> bytes:
        """The samples [start, until) of what was placed."""
        out = bytearray(self._silence) * (until - start)
        waiting, self._waiting = self._waiting, []
        for position, sound in waiting:
            self._lay(out, start, until, position, sound)
        return bytes(out)

    def _sound(self, packet: bytes, payload_type: int, codec: CodecSpec) -> bytes:
        if packet[0] == PLAIN:
            sound = packet[HEADER_SIZE:]
        else:
            try:
                first, end = payload_bounds(packet)
            except PacketError:
                return b""
            sound = packet[first:end]
        if codec.is_g711 and self._width == 1:
            table = g711.translation(codec.static_type or 0, self._law)
            return sound if table is None else sound.translate(table)
        known = self._decoders.get(payload_type)
        if known is None or known[0] is not codec:
            known = self._decoders[payload_type] = (codec, make_decoder(codec, self._rate))
        samples = known[1].decode(sound)
        return g711.encode(self._law, samples) if self._width == 1 else samples.astype("<i2").tobytes()

    def _lay(self, out: bytearray, start: int, until: int, position: int, sound: bytes) -> None:
        width = self._width
        if position < start:
            sound = sound[(start - position) * width :]
            position = start
        end = position + len(sound) // width
        if end > until:
            keep = max(0, until - position)
            self._waiting.append((position + keep, sound[keep * width :]))
            sound = sound[: keep * width]
        if sound:
            at = (position - start) * width
            out[at : at + len(sound)] = sound


class TapMode(Enum):
    ON = "on"
    PAUSED = "paused"
    """The clock stands: what is said leaves no trace, not even its length."""
    MASKED = "masked"
    """The clock runs and the sound is silence."""


class Timeline:
    """Both channels of a recording and the clock they share. `now` is monotonic seconds."""

    def __init__(
        self,
        law: Law,
        now: float,
        left: CodecOf = static_codec,
        right: CodecOf = static_codec,
        rate: int = RATE,
    ) -> None:
        self.law = law
        self.rate = rate
        self.left = Channel(law, left, rate)
        self.right = Channel(law, right, rate)
        self.position = 0
        self.mode = TapMode.ON
        self._zero = now
        self._paused_at = 0.0

    @property
    def zero(self) -> float:
        """Monotonic time of position 0."""
        return self._zero

    def resume(self, zero: float, mode: TapMode, now: float) -> None:
        """Goes on with the clock of a process that is gone; what it may have cut is not cut again."""
        self._zero = zero
        self.mode = mode
        self._paused_at = now
        self.position = max(0, int((now - zero) * self.rate))

    def cut(self, now: float, *, final: bool = False) -> tuple[int, bytes, bytes] | None:
        """(offset, left, right) of what has become certain since the last cut; None if that is nothing."""
        if self.mode is TapMode.PAUSED:
            self._drop()
            return None
        if self.mode is TapMode.MASKED:
            self._drop()
        scale = self.rate // RATE
        clock = int((now - self._zero) * self.rate)
        until = clock if final else clock - HOLD_BACK * scale
        for channel in (self.left, self.right):
            channel.place(self._zero)
            if not final and channel.newest and clock - channel.newest < MAX_WAIT * scale:
                until = min(until, channel.newest)
        if until <= self.position:
            return None
        start, self.position = self.position, until
        return start, self.left.cut(start, until), self.right.cut(start, until)

    def switch(self, mode: TapMode, now: float) -> tuple[int, bytes, bytes] | None:
        """Changes the mode. Returns the last cut of the old one: nothing said before is lost to the new."""
        if mode is self.mode:
            return None
        last = self.cut(now, final=True)
        if self.mode is TapMode.PAUSED:
            self._zero += now - self._paused_at
        if mode is TapMode.PAUSED:
            self._paused_at = now
        self._drop()
        self.mode = mode
        return last

    def _drop(self) -> None:
        self.left.forget()
        self.right.forget()
