"""The mixer of one call, while anybody in it hears more than one voice: packets of those who are heard go
through a jitter buffer each, every 20 ms each mixed leg gets its own sum.

Legs that hear only their partner are no part of it, their packets are relayed.
"""

from __future__ import annotations

from typing import Final

from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.ports import Pcm
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.clips import FRAME, Law
from seatbus_media.domain.hearing import Matrix
from seatbus_media.domain.tap import Heard
from seatbus_rtp import g711
from seatbus_rtp.errors import PacketError
from seatbus_rtp.jitter import JitterBuffer
from seatbus_rtp.mixer import Mixer
from seatbus_rtp.packet import HEADER, HEADER_SIZE, PLAIN, payload_bounds

_MIN_MS: Final = 40
_MAX_MS: Final = 160
_BACKLOG: Final = 100
"""Packets of one leg worth hearing at a tick: a stalled process finds more."""


class Voice:
    """One leg as a speaker. Its packets wait in `heard` until the tick, as a recording's do."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.heard: list[Heard] = []
        self.tap = self.heard.append
        self._buffer = JitterBuffer(min_ms=_MIN_MS, max_ms=_MAX_MS)
        self._source = -1

    def frame(self) -> Pcm | None:
        """What the leg says now; None for nothing."""
        heard = self.heard
        if heard:
            for _, packet in heard[-_BACKLOG:]:
                self._take(packet)
            heard.clear()
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
        law = self.endpoint.law_of(second & 0x7F)
        if law is None:
            return
        if source != self._source:
            self._source = source
            self._buffer.reset()
        self._buffer.put(timestamp, g711.decode(law, packet[start:end]))


class Room:
    """Ticks while it has listeners; `arrange` changes who hears whom at any moment."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self._mixer: Mixer[Endpoint] = Mixer(FRAME)
        self._voices: dict[Endpoint, Voice] = {}
        self._waits: set[Endpoint] = set()

    def arrange(self, hears: Matrix[Endpoint]) -> None:
        """Sets what is mixed; legs that are no longer in it hear their partners again."""
        left = set(self._mixer.listeners) - set(hears)
        came = set(hears) - set(self._mixer.listeners)
        self._mixer.route(hears)
        wanted = {speaker for speakers in hears.values() for speaker in speakers}
        for endpoint in wanted - set(self._voices):
            voice = self._voices[endpoint] = Voice(endpoint)
            endpoint.add_tap(voice.tap)
        for endpoint in set(self._voices) - wanted:
            endpoint.remove_tap(self._voices.pop(endpoint).tap)
        for endpoint in left:
            endpoint.hear_mix(False)
        for endpoint in came:
            endpoint.hear_mix(True)
        self._waits = (self._waits | came) - left
        if hears:
            self._ticker.add(self)
        else:
            self._ticker.remove(self)

    def tick(self, now: float) -> bool:
        listeners = self._mixer.listeners
        if not listeners:
            return False
        rows = self._mixer.mix({endpoint: voice.frame() for endpoint, voice in self._voices.items()})
        coded: dict[Law, bytes] = {}
        for row, listener in enumerate(listeners):
            if not listener.takes_mix:
                self._waits.add(listener)
                continue
            law = listener.law
            data = coded.get(law)
            if data is None:
                data = coded[law] = g711.encode(law, rows.reshape(-1))
            if listener in self._waits:
                # Something else, or nothing, was sent meanwhile: the timestamp has to catch up.
                self._waits.discard(listener)
                listener.rewriter.switch()
            listener.send_frame(data[row * FRAME : (row + 1) * FRAME], now)
        return True

    def skipped(self) -> None:
        self._waits.update(self._mixer.listeners)
