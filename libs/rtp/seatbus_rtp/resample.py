"""Sample-rate conversion by the soxr library. Mono int16 in and out."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from seatbus_rtp.errors import AudioError

Pcm = NDArray[np.int16]


def _check(rate_in: int, rate_out: int) -> None:
    for field, rate in (("rate_in", rate_in), ("rate_out", rate_out)):
        if not 4000 <= rate <= 192_000:
            raise AudioError(field, "4000 to 192000 Hz", rate)


def resample(pcm: Pcm, rate_in: int, rate_out: int) -> Pcm:
    """The whole signal at another rate. Returns the input itself where the rates are equal."""
    _check(rate_in, rate_out)
    if rate_in == rate_out:
        return pcm
    return np.asarray(soxr.resample(pcm, rate_in, rate_out, quality="HQ"), dtype=np.int16)


class StreamResampler:
    """The same in chunks, without seams. The first chunks come out shorter: the filter has to fill."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        _check(rate_in, rate_out)
        self._same = rate_in == rate_out
        self._stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="int16", quality="HQ")

    def feed(self, pcm: Pcm, last: bool = False) -> Pcm:
        """What is ready; with `last` also what was held back."""
        if self._same:
            return pcm
        return np.asarray(self._stream.resample_chunk(pcm, last=last), dtype=np.int16)
