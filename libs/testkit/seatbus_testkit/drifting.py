"""A phone whose clock is not quite right, and how far two of them are apart in what was recorded of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.g711 import encode_pcmu
from seatbus_rtp.packet import build

FRAME: Final = 160
_QUIET: Final = bytes([0xFF]) * FRAME
_LOUD: Final = encode_pcmu(np.full(FRAME, 20_000, np.int16))


class DriftingSpeaker:
    """Says a mark of 20 ms every `mark_every_s` of true time in PCMU, with a clock that runs `ppm` fast."""

    def __init__(self, ppm: float, seed: int, mark_every_s: float = 30.0) -> None:
        self._rate = 8000 * (1 + ppm * 1e-6)
        self._mark_every_s = mark_every_s
        self._number = 0
        self._stamp = random.Random(seed).getrandbits(32)
        self._source = seed

    def said_before(self, now: float) -> Iterator[tuple[float, bytes]]:
        """(when it is complete, packet) of what is new; times are true seconds since the beginning."""
        while (at := (self._number + 1) * FRAME / self._rate) < now:
            stamp = (self._stamp + self._number * FRAME) & 0xFFFFFFFF
            yield at, build(0, self._number & 0xFFFF, stamp, self._source, self._sound())
            self._number += 1

    def _sound(self) -> bytes:
        """The frame's samples: a mark begins in its midst, where true time wants it."""
        first = self._number * FRAME
        mark = round(round(first / self._rate / self._mark_every_s) * self._mark_every_s * self._rate)
        if mark == 0 or not -FRAME < mark - first < FRAME:
            return _QUIET
        begin = max(0, mark - first)
        end = min(FRAME, mark - first + FRAME)
        return _QUIET[:begin] + _LOUD[begin:end] + _QUIET[end:]


def marks(loud: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where marks begin, of whether each sample is loud."""
    at = np.flatnonzero(loud)
    return at[np.flatnonzero(np.diff(at, prepend=-8000) > 4000)]
