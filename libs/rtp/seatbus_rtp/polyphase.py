"""Sample-rate conversion by a whole factor, frame by frame: exact lengths, a fixed delay, no seams.

A windowed-sinc low pass (Kaiser), its phases as columns of one matrix: a frame costs one product. The delay
is half the filter, 2 ms at 8 kHz. For whole signals and other ratios see `resample`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seatbus_rtp.errors import AudioError

Pcm = NDArray[np.int16]

_TAPS: Final = 32
"""Taps at the lower rate."""
_BETA: Final = 7.0
_CUT: Final = 0.92
"""Where the low pass begins to close, as a share of the lower rate's half: 3.7 kHz of 4."""


@lru_cache(maxsize=8)
def _low_pass(factor: int) -> NDArray[np.float32]:
    """Unit gain at the higher rate."""
    size = _TAPS * factor
    at = np.arange(size) - (size - 1) / 2
    taps = np.sinc(at * _CUT / factor) * np.kaiser(size, _BETA)
    unit: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return unit


class FrameResampler:
    """One stream. Frames must hold a whole number of samples at both rates."""

    __slots__ = ("_down", "_factor", "_past", "_table")

    def __init__(self, rate_in: int, rate_out: int) -> None:
        """Raises AudioError where neither rate is a multiple of the other."""
        low, high = sorted((rate_in, rate_out))
        if low <= 0 or high % low:
            raise AudioError("rate_out", f"a multiple or a whole part of {rate_in}", rate_out)
        self._factor = high // low
        self._down = rate_in > rate_out
        taps = _low_pass(self._factor)
        if self._down:
            self._table = np.ascontiguousarray(taps[::-1])
            self._past = np.zeros(len(taps) - 1, np.float32)
        else:
            # Column p makes the p-th of the samples that follow one of the input.
            phases = taps.reshape(_TAPS, self._factor)[::-1] * self._factor
            self._table = np.ascontiguousarray(phases)
            self._past = np.zeros(_TAPS - 1, np.float32)

    def feed(self, pcm: Pcm) -> Pcm:
        """The same stretch of time at the other rate. Raises AudioError for a broken frame."""
        if self._factor == 1:
            return pcm
        if self._down and len(pcm) % self._factor:
            raise AudioError("pcm", f"a multiple of {self._factor} samples", len(pcm))
        whole = np.concatenate((self._past, pcm), dtype=np.float32)
        self._past = whole[len(pcm) :]
        windows = sliding_window_view(whole, len(self._table))
        if self._down:
            made = windows[self._factor - 1 :: self._factor] @ self._table
        else:
            made = (windows @ self._table).reshape(-1)
        np.rint(made, out=made)
        np.clip(made, -32768, 32767, out=made)
        return made.astype(np.int16)
