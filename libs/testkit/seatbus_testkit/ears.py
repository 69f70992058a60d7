"""What a phone hears: every RTP packet of a call, judged by sequence and timestamp, never by arrival."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.codecs import PCMA, PCMU, CodecSpec
from seatbus_rtp.dtmf import DtmfReceiver
from seatbus_rtp.errors import PacketError
from seatbus_rtp.packet import is_rtcp, marker, payload, payload_type, ssrc, timestamp
from seatbus_rtp.receiver import Discontinuity, Fault, Gap, StrictReceiver
from seatbus_rtp.tones import FLOOR_DBFS, dominant_frequency, goertzel_dbfs, level_dbfs

Pcm = NDArray[np.int16]

_PACKETS_PER_S = 50
_WARM_UP = 100
"""Packets that a decoder with a memory has to hear before what it says is right."""
_POLL_S = 0.05
_STALE_S = 0.5
"""Beyond its window, silence of the network for this long reads as silence."""


class Ears:
    """Ears of one call. With `keep_s` only about the last seconds are kept (for thousands of long calls)."""

    def __init__(self, keep_s: float | None = None) -> None:
        limit = None if keep_s is None else max(1, round(keep_s * _PACKETS_PER_S))
        self._packets: deque[tuple[bytes, float]] = deque(maxlen=limit)
        self._types: tuple[int, ...] = (0, 8)
        self._codecs: Mapping[int, CodecSpec] = {0: PCMU, 8: PCMA}
        self._event_type: int | None = 101
        self._dtmf = DtmfReceiver()
        self._judge: StrictReceiver | None = None
        self._judged = 0
        self.digits = ""
        self.received = 0
        self.rtcp = 0
        self.malformed = 0
        self.last_at: float | None = None

    def expect(
        self,
        audio_types: tuple[int, ...],
        event_type: int | None,
        codecs: Mapping[int, CodecSpec] | None = None,
    ) -> None:
        """The payload types that were negotiated; others are faults. Of a codec with another RTP clock only
        what comes from now on is heard.
        """
        known = {0: PCMU, 8: PCMA} if codecs is None else codecs
        clocks = {codec.clock_rate for codec in (*known.values(), *self._codecs.values())}
        if len(clocks) > 1:
            self._packets.clear()
            self._judge, self._judged = None, 0
            self._dtmf = DtmfReceiver(clock_rate=next(iter(known.values()), PCMU).clock_rate)
        self._types = audio_types
        self._codecs = known
        self._event_type = event_type

    def receive(self, data: bytes, now: float) -> None:
        """Take in one datagram of the RTP port."""
        if len(data) < 12 or data[0] >> 6 != 2:
            self.malformed += 1
            return
        if is_rtcp(data):
            self.rtcp += 1
            return
        self.received += 1
        self.last_at = now
        self._packets.append((data, now))
        if payload_type(data) == self._event_type:
            try:
                body = payload(data)
            except PacketError:
                self.malformed += 1
                return
            self.digits += self._dtmf.receive(body, timestamp(data), marker(data), ssrc(data)) or ""

    def clear(self) -> None:
        """Forget all that was heard, digits too."""
        self._packets.clear()
        self._judge = None
        self._judged = 0
        self.digits = ""
        self.received = 0
        self.last_at = None

    # ---- sound ------------------------------------------------------------------------------------------
    def pcm(self) -> Pcm:
        """All that was heard at 8 kHz, each packet where its timestamp puts it, zeros in the holes."""
        return self._all().audio()

    def tail(self, window_s: float) -> Pcm:
        """The last seconds; empty if nothing has come for longer than the window."""
        if self.last_at is None or time.monotonic() - self.last_at > window_s + _STALE_S:
            return np.zeros(0, dtype=np.int16)
        # Event packets come beside audio: twice the count surely covers the window.
        wanted = max(2, round(window_s * _PACKETS_PER_S)) * 2
        if not all(codec.is_g711 for codec in self._codecs.values()):
            wanted += _WARM_UP
        recent = self._receiver()
        start = max(0, len(self._packets) - wanted)
        for at in range(start, len(self._packets)):
            recent.receive(*self._packets[at])
        return recent.segment(-window_s)

    def tone(self, window_s: float = 1.0) -> tuple[float, float]:
        """(Hz, dBFS) of the strongest frequency of the last seconds; (0, -120) for silence."""
        pcm = self.tail(window_s)
        if len(pcm) < 160:
            return 0.0, FLOOR_DBFS
        hz = dominant_frequency(pcm)
        return (hz, goertzel_dbfs(pcm, hz)) if 0 < hz < 4000 else (0.0, FLOOR_DBFS)

    def level_dbfs(self, window_s: float = 1.0) -> float:
        """RMS level of the last seconds; a sine of full scale reads 0."""
        return level_dbfs(self.tail(window_s))

    async def wait_tone(
        self,
        hz: float,
        timeout: float = 30.0,
        *,
        tolerance_hz: float = 10.0,
        above_dbfs: float = -45.0,
        window_s: float = 0.3,
    ) -> float:
        """Wait until this tone is what is heard; returns its level in dBFS. TimeoutError says what was."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            heard, level = self.tone(window_s)
            if abs(heard - hz) <= tolerance_hz and level >= above_dbfs:
                return level
            if loop.time() >= deadline:
                raise TimeoutError(
                    f"no {hz:.0f} Hz within {timeout} s: {heard:.0f} Hz at {level:.1f} dBFS is heard, "
                    f"{self.received} packets came"
                )
            await asyncio.sleep(_POLL_S)

    async def wait_level(self, dbfs: float, timeout: float = 30.0, *, window_s: float = 0.2) -> float:
        """Wait until it is at least this loud; returns the level in dBFS."""
        deadline = time.monotonic() + timeout
        while (level := self.level_dbfs(window_s)) < dbfs:
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"not above {dbfs} dBFS within {timeout} s: {level:.1f} dBFS, {self.received} packets"
                )
            await asyncio.sleep(_POLL_S)
        return level

    async def hears_tone(
        self, hz: float, *, window_s: float = 0.5, tolerance_hz: float = 10.0, above_dbfs: float = -45.0
    ) -> bool:
        """Listen for the window, then tell whether this tone was the strongest sound in it."""
        await asyncio.sleep(window_s)
        heard, level = self.tone(window_s)
        return abs(heard - hz) <= tolerance_hz and level >= above_dbfs

    async def wait_digits(self, digits: str, timeout: float = 30.0) -> None:
        """Wait until exactly these digits have been heard since the start or `clear`."""
        deadline = time.monotonic() + timeout
        while self.digits != digits:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"digits {self.digits!r} were heard within {timeout} s, not {digits!r}")
            await asyncio.sleep(_POLL_S)

    # ---- faults -----------------------------------------------------------------------------------------
    @property
    def discontinuities(self) -> list[Discontinuity]:
        """Everything a good stream does not do: loss, reordering, jumps, changes of SSRC."""
        return self._all().faults()

    def faults(self, *kinds: Fault) -> list[Discontinuity]:
        """The discontinuities of these kinds."""
        return self._all().faults(*kinds)

    def gaps(self, over_ms: float = 0.0) -> list[Gap]:
        """Holes in the sound with place and number of lost packets."""
        return self._all().gaps(over_ms)

    def gaps_ms(self, over_ms: float = 0.0) -> list[float]:
        """Lengths of the holes in the sound, by timestamp."""
        return [gap.length_ms for gap in self.gaps(over_ms)]

    def longest_gap_ms(self) -> float:
        """0 for sound without holes."""
        return self._all().max_gap_ms()

    @property
    def duration_ms(self) -> float:
        """Length of what was heard, holes included."""
        return self._all().duration_ms()

    def _receiver(self) -> StrictReceiver:
        codecs = {kind: codec for kind, codec in self._codecs.items() if kind in self._types}
        return StrictReceiver(audio_types=self._types, event_type=self._event_type, codecs=codecs)

    def _all(self) -> StrictReceiver:
        """A receiver that has heard every packet kept; what it has heard already it does not hear twice."""
        if self._judge is None or self._packets.maxlen is not None:
            self._judge, self._judged = self._receiver(), 0
        if self._judged < len(self._packets):
            for at, (data, now) in enumerate(self._packets):
                if at >= self._judged:
                    self._judge.receive(data, now)
            self._judged = len(self._packets)
        return self._judge
