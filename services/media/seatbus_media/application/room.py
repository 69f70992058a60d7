"""The mixer of one call, while anybody in it hears more than one voice, or a voice that speaks another codec:
packets of those who are heard go through a jitter buffer each, every 20 ms each mixed leg gets its own sum.

Legs that hear only their partner, in a codec they know, are no part of it: their packets are relayed. The
room is wideband where all in it are.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.ports import Pcm
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.hearing import Matrix
from seatbus_media.domain.tap import Heard
from seatbus_rtp import g711
from seatbus_rtp.codecs import FRAMES_PER_S, CodecSpec, Decoder, Encoder, make_decoder, make_encoder
from seatbus_rtp.errors import PacketError
from seatbus_rtp.jitter import JitterBuffer
from seatbus_rtp.mixer import Mixer
from seatbus_rtp.packet import HEADER, HEADER_SIZE, PLAIN, TS_MASK, payload_bounds, ts_delta

_NARROW: Final = 8000
_WIDE: Final = 16_000
_MIN_MS: Final = 40
_MAX_MS: Final = 160
_JUST_S: Final = 0.06
"""Who was heard so long ago is still talking."""
_BACKLOG: Final = 100
"""Packets of one leg worth hearing at a tick: a stalled process finds more."""


class Voice:
    """One leg as a speaker. Its packets wait in `heard` until the tick, as a recording's do."""

    def __init__(self, endpoint: Endpoint, rate: int) -> None:
        self.endpoint = endpoint
        self.heard: list[Heard] = []
        self.tap = self.heard.append
        self._rate = rate
        self._buffer = JitterBuffer(
            rate=rate, frame_samples=rate // FRAMES_PER_S, min_ms=_MIN_MS, max_ms=_MAX_MS
        )
        self._source = -1
        self._ts = 0
        self._place = 0
        self._events = endpoint.keys.events
        self._codec: CodecSpec | None = None
        self._decoder: Decoder | None = None

    def follow(self, packet: bytes) -> None:
        """Who hears the leg has heard this packet of it, by relay: here the next one comes later."""
        codec = self.endpoint.codec_of(packet[1] & 0x7F)
        # Others begin in the middle of what they remember.
        if codec is not None and codec.is_g711 and packet[0] == PLAIN:
            self._buffer.follow(make_decoder(codec, self._rate).decode(packet[HEADER_SIZE:]))

    def frame(self) -> Pcm | None:
        """What the leg says now; None for nothing."""
        heard = self.heard
        if heard:
            self._buffer.hushed = False
            for _, packet in heard[-_BACKLOG:]:
                self._take(packet)
            heard.clear()
        if self._events != self.endpoint.keys.events:
            # A key is pressed in place of sound: what a phone lets through of its tone must not be drawn out.
            self._events = self.endpoint.keys.events
            self._buffer.hushed = True
        frame = self._buffer.get()
        return frame if self.endpoint.may_speak else None

    def _take(self, packet: bytes) -> None:
        _, second, _, timestamp, source = HEADER.unpack_from(packet)
        start, end = HEADER_SIZE, len(packet)
        if packet[0] != PLAIN:
            try:
                start, end = payload_bounds(packet)
            except PacketError:
                return
        codec = self.endpoint.codec_of(second & 0x7F)
        if codec is None:
            return
        if source != self._source or self._decoder is None or codec is not self._codec:
            if source != self._source or self._codec is None or codec.clock_rate != self._codec.clock_rate:
                if self._codec is not None:
                    self._buffer.reset()
                self._ts = timestamp
            self._source, self._codec = source, codec
            self._decoder = make_decoder(codec, self._rate)
        # The buffer counts samples, whatever the codec's clock counts.
        moved = ts_delta(timestamp, self._ts) * self._rate // codec.clock_rate
        self._ts, self._place = timestamp, (self._place + moved) & TS_MASK
        self._buffer.put(self._place, self._decoder.decode(packet[start:end]))


class _Listener:
    """What a leg hears of the room, in its codec."""

    def __init__(self, endpoint: Endpoint, rate: int) -> None:
        self._endpoint = endpoint
        self._rate = rate
        self._codec: CodecSpec | None = None
        self._encoder: Encoder | None = None

    def encode(self, pcm: Pcm) -> bytes:
        codec = self._endpoint.hears
        if self._encoder is None or codec is not self._codec:
            self._codec = codec
            self._encoder = make_encoder(codec, self._rate, dtx=self._endpoint.wants_dtx)
        return self._encoder.encode(pcm)


class Room:
    """Ticks while it has listeners; `arrange` changes who hears whom at any moment."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self._rate = _NARROW
        self._mixer: Mixer[Endpoint] = Mixer(_NARROW // FRAMES_PER_S)
        self._voices: dict[Endpoint, Voice] = {}
        self._listeners: dict[Endpoint, _Listener] = {}
        self._waits: set[Endpoint] = set()
        self._heard_before: list[tuple[Voice, bytes, float]] = []

    def arrange(self, hears: Matrix[Endpoint]) -> None:
        """Sets what is mixed; legs that are no longer in it hear their partners again."""
        before = set(self._mixer.listeners)
        left, came = before - set(hears), set(hears) - before
        wanted = {speaker for speakers in hears.values() for speaker in speakers}
        self._set_rate(wanted, set(hears))
        self._mixer.route(hears)
        for endpoint in wanted - set(self._voices):
            voice = self._voices[endpoint] = Voice(endpoint, self._rate)
            endpoint.add_tap(voice.tap)
            if endpoint.newest is not None:
                self._heard_before.append((voice, endpoint.newest, endpoint.lane.last_packet_at))
        for endpoint in set(self._voices) - wanted:
            endpoint.remove_tap(self._voices.pop(endpoint).tap)
        for endpoint in left:
            self._listeners.pop(endpoint, None)
            endpoint.hear_mix(False)
        for endpoint in came:
            endpoint.hear_mix(True)
        self._waits = (self._waits | came) - left
        if hears:
            self._ticker.add(self)
        else:
            self._ticker.remove(self)

    def _set_rate(self, speakers: set[Endpoint], listeners: set[Endpoint]) -> None:
        codecs = {one.says for one in speakers} | {one.hears for one in listeners}
        rate = _WIDE if codecs and all(codec.rate >= _WIDE for codec in codecs) else _NARROW
        if rate == self._rate:
            return
        self._rate = rate
        self._mixer = Mixer(rate // FRAMES_PER_S)
        self._listeners.clear()
        for endpoint, voice in self._voices.items():
            endpoint.remove_tap(voice.tap)
        self._voices.clear()

    def tick(self, now: float) -> bool:
        listeners = self._mixer.listeners
        for voice, packet, heard_at in self._heard_before:
            if now - heard_at < _JUST_S:
                voice.follow(packet)
        self._heard_before.clear()
        if not listeners:
            return False
        rows = self._mixer.mix({endpoint: voice.frame() for endpoint, voice in self._voices.items()})
        coded: dict[int, bytes] = {}
        for row, listener in enumerate(listeners):
            if not listener.takes_mix:
                self._waits.add(listener)
                continue
            if listener in self._waits:
                # Something else, or nothing, was sent meanwhile: the timestamp has to catch up.
                self._waits.discard(listener)
                listener.rewriter.switch()
            listener.send_frame(self._coded(rows, row, listener, coded), now)
        return True

    def _coded(self, rows: Pcm, row: int, listener: Endpoint, coded: dict[int, bytes]) -> bytes:
        law = listener.hears.static_type
        if law is None or not listener.hears.is_g711 or self._rate != _NARROW:
            own = self._listeners.get(listener)
            if own is None:
                own = self._listeners[listener] = _Listener(listener, self._rate)
            return own.encode(rows[row])
        # All who hear one law are coded at once.
        data = coded.get(law)
        if data is None:
            data = coded[law] = g711.encode(law, np.ascontiguousarray(rows).reshape(-1))
        size = rows.shape[1]
        return data[row * size : (row + 1) * size]

    def skipped(self) -> None:
        self._waits.update(self._mixer.listeners)
