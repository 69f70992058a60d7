"""Music on hold, composed for this project and made from sines: nobody owns a right in it but us."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

_RATE: Final = 8000
_BEAT_S: Final = 0.7
_PEAK: Final = 6500.0

# Semitones above A3 (220 Hz). A bar has a bass note, four arpeggio notes and a melody of (beat, note).
_BARS: Final = (
    (-12, (0, 7, 12, 16), ((0.0, 19), (2.0, 16))),
    (-16, (-4, 3, 8, 12), ((0.0, 15), (3.0, 12))),
    (-9, (3, 7, 10, 15), ((0.0, 19), (1.5, 17), (3.0, 15))),
    (-14, (-2, 5, 10, 14), ((0.0, 14), (2.0, 17))),
    (-12, (0, 7, 12, 15), ((0.0, 12), (2.5, 15))),
    (-7, (5, 8, 12, 17), ((0.0, 20), (2.0, 17))),
    (-9, (3, 10, 15, 19), ((0.0, 19), (3.0, 22))),
    (-14, (-2, 5, 8, 14), ((0.0, 17), (2.0, 14))),
)


def compose() -> Pcm:
    """22.4 s of quiet music at 8 kHz that loops without a seam: notes that ring on past the end are heard at
    the beginning.
    """
    beat = round(_BEAT_S * _RATE)
    mix = np.zeros(len(_BARS) * 4 * beat, dtype=np.float64)
    for number, (bass, chord, melody) in enumerate(_BARS):
        start = number * 4 * beat
        _add(mix, start, bass, 2.6, 0.55)
        for step in range(8):
            note = chord[(0, 2, 1, 3, 2, 1, 3, 2)[step]]
            _add(mix, start + step * beat // 2, note, 0.9, 0.32)
        for at, note in melody:
            _add(mix, start + round(at * beat), note + 12, 1.8, 0.26)
    pcm: Pcm = np.rint(mix * (_PEAK / np.abs(mix).max())).astype(np.int16)
    return pcm


def _add(mix: NDArray[np.float64], start: int, note: int, decay_s: float, level: float) -> None:
    length = round(min(2.2 * decay_s, 4.0) * _RATE)
    time = np.arange(length) / _RATE
    pitch = 220.0 * 2 ** (note / 12)
    sound = np.sin(2 * np.pi * pitch * time)
    for harmonic, share in ((2, 0.28), (3, 0.09)):
        if pitch * harmonic < 3400:
            sound += share * np.sin(2 * np.pi * pitch * harmonic * time) * np.exp(-time * 2)
    envelope = np.minimum(1.0, time / 0.015) * np.exp(-2.2 * time / decay_s)
    envelope *= np.minimum(1.0, (time[-1] - time) / 0.05)
    index = (start + np.arange(length)) % len(mix)
    np.add.at(mix, index, level * sound * envelope)
