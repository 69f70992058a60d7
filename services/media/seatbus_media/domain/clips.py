"""Sound ready to send: G.711 in both laws, cut into whole frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp import g711

Pcm = NDArray[np.int16]

FRAME: Final = 160
FOREVER: Final = 0xFFFF_FFFF


class Law(IntEnum):
    """The static payload type of each G.711 law (RFC 3551)."""

    PCMU = 0
    PCMA = 8


SILENCE: Final = {
    Law.PCMU: bytes([g711.PCMU_SILENCE]) * FRAME,
    Law.PCMA: bytes([g711.PCMA_SILENCE]) * FRAME,
}


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of sound, a whole number of 20 ms frames long."""

    pcmu: bytes
    pcma: bytes

    @classmethod
    def from_pcm(cls, pcm: Pcm, gain_db: int = 0) -> Clip:
        """8 kHz mono. The last frame is filled up with silence."""
        if gain_db:
            pcm = np.clip(np.rint(pcm * 10 ** (gain_db / 20)), -32768, 32767).astype(np.int16)
        missing = -len(pcm) % FRAME
        if missing:
            pcm = np.concatenate((pcm, np.zeros(missing, np.int16)))
        return cls(g711.encode_pcmu(pcm), g711.encode_pcma(pcm))

    def with_gain(self, gain_db: int) -> Clip:
        return self if not gain_db else Clip.from_pcm(g711.decode_pcmu(self.pcmu), gain_db)

    def of(self, law: Law) -> bytes:
        return self.pcmu if law is Law.PCMU else self.pcma

    @property
    def size(self) -> int:
        """Bytes of memory, both laws."""
        return 2 * len(self.pcmu)

    @property
    def seconds(self) -> float:
        return len(self.pcmu) / 8000


class PlayCursor:
    """Where a listener is in a playlist. `times` is how often it runs, FOREVER without end."""

    __slots__ = ("_at", "_clips", "_index", "_left")

    def __init__(self, clips: Sequence[Clip], times: int = 1) -> None:
        self._clips = [clip for clip in clips if clip.pcmu]
        self._left = max(1, times)
        self._index = 0
        self._at = 0

    def next_frame(self, law: Law) -> bytes | None:
        """20 ms of sound, None at the end."""
        if not self._clips:
            return None
        data = self._clips[self._index].of(law)
        at = self._at
        if at >= len(data):
            self._at = at = 0
            self._index += 1
            if self._index == len(self._clips):
                self._index = 0
                if self._left != FOREVER:
                    self._left -= 1
                    if self._left == 0:
                        self._clips = []
                        return None
            data = self._clips[self._index].of(law)
        self._at = at + FRAME
        return data[at : at + FRAME]
