"""Sound ready to send: whole frames of 20 ms, coded once for each codec that somebody listens in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp import g711
from seatbus_rtp.codecs import PCMA, PCMU, CodecSpec, Encoder, make_encoder

Pcm = NDArray[np.int16]

FRAME: Final = 160
FRAME_MS: Final = 20
FOREVER: Final = 0xFFFF_FFFF
_BYTES_A_SAMPLE: Final = 5
"""The samples and their forms in all codecs, about."""


class Law(IntEnum):
    """The static payload type of each G.711 law (RFC 3551)."""

    PCMU = 0
    PCMA = 8


SILENCE: Final = {
    Law.PCMU: bytes([g711.PCMU_SILENCE]) * FRAME,
    Law.PCMA: bytes([g711.PCMA_SILENCE]) * FRAME,
}


@lru_cache(maxsize=8)
def quiet_frame(codec: CodecSpec) -> bytes:
    """20 ms of silence."""
    encoder = make_encoder(codec)
    return [encoder.encode(np.zeros(FRAME, np.int16)) for _ in range(10)][-1]


def amplified(pcm: Pcm, gain_db: float) -> Pcm:
    """What leaves the range of 16 bits is cut there."""
    louder: Pcm = np.clip(np.rint(pcm * 10 ** (gain_db / 20)), -32768, 32767).astype(np.int16)
    return louder


class Clip:
    """A piece of sound at 8 kHz, a whole number of 20 ms frames long."""

    __slots__ = ("_coded", "pcm")

    def __init__(self, pcm: Pcm) -> None:
        self.pcm = pcm
        self._coded: dict[CodecSpec, Sequence[bytes]] = {}

    @classmethod
    def from_pcm(cls, pcm: Pcm, gain_db: float = 0) -> Clip:
        """8 kHz mono. The last frame is filled up with silence."""
        if gain_db:
            pcm = amplified(pcm, gain_db)
        missing = -len(pcm) % FRAME
        if missing:
            pcm = np.concatenate((pcm, np.zeros(missing, np.int16)))
        return cls(pcm)

    def with_gain(self, gain_db: float) -> Clip:
        return self if not gain_db else Clip.from_pcm(self.pcm, gain_db)

    def coded(self, codec: CodecSpec) -> Sequence[bytes] | None:
        """The frames in this codec; None if they have to be made first by `encode`, which takes its time."""
        found = self._coded.get(codec)
        if found is None and codec.is_g711:
            return self.encode(codec)
        return found

    def encode(self, codec: CodecSpec) -> Sequence[bytes]:
        """May run on another thread."""
        if codec.is_g711:
            data = g711.encode(codec.static_type or 0, self.pcm)
            frames: Sequence[bytes] = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
        else:
            encoder = make_encoder(codec)
            frames = [encoder.encode(self.pcm[at : at + FRAME]) for at in range(0, len(self.pcm), FRAME)]
        self._coded[codec] = frames
        return frames

    @property
    def frames(self) -> int:
        return len(self.pcm) // FRAME

    def frame(self, index: int) -> Pcm:
        return self.pcm[index * FRAME : (index + 1) * FRAME]

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return _BYTES_A_SAMPLE * len(self.pcm)

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 8000


LAW_CODEC: Final = {Law.PCMU: PCMU, Law.PCMA: PCMA}


class Voice:
    """Codes one listener's stream frame by frame where no ready frames are there."""

    __slots__ = ("_codec", "_encoder")

    def __init__(self) -> None:
        self._codec: CodecSpec | None = None
        self._encoder: Encoder | None = None

    def encode(self, pcm: Pcm, codec: CodecSpec) -> bytes:
        if self._encoder is None or codec is not self._codec:
            self._codec, self._encoder = codec, make_encoder(codec)
        return self._encoder.encode(pcm)
