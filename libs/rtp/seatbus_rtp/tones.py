"""Tones made and measured. Levels are in dBFS where a sine of full scale (amplitude 32768) is 0 dBFS
(AES17).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.errors import AudioError

Pcm = NDArray[np.int16]

RATE: Final = 8000
FRAME: Final = 160
"""20 ms at 8 kHz."""
FULL_SCALE: Final = 32768.0
FLOOR_DBFS: Final = -120.0
"""What a measurement returns for digital silence."""

_ROWS: Final = (697.0, 770.0, 852.0, 941.0)
_COLUMNS: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_PAD: Final = "123A456B789C*0#D"


def dtmf_frequencies(digit: str) -> tuple[float, float]:
    """(low, high) in Hz of a key (ITU-T Q.23). Raises AudioError on anything else."""
    at = _PAD.find(digit.upper()) if len(digit) == 1 else -1
    if at < 0:
        raise AudioError("digit", f"one of {_PAD}", digit)
    return _ROWS[at // 4], _COLUMNS[at % 4]


def silence(samples: int = FRAME) -> Pcm:
    return np.zeros(samples, np.int16)


class ToneGenerator:
    """A sum of sines without a phase jump between frames. `level_dbfs` is the level of each component."""

    def __init__(self, frequencies: Sequence[float], level_dbfs: float = -12.0, rate: int = RATE) -> None:
        if not frequencies:
            raise AudioError("frequencies", "at least one")
        for frequency in frequencies:
            if not 0 < frequency < rate / 2:
                raise AudioError("frequencies", f"between 0 and {rate / 2} Hz", frequency)
        amplitude = FULL_SCALE * 10 ** (level_dbfs / 20)
        if amplitude * len(frequencies) > FULL_SCALE:
            raise AudioError(
                "level_dbfs", f"the sum of {len(frequencies)} components must not clip", level_dbfs
            )
        self._amplitude = amplitude
        self._steps = 2 * math.pi * np.asarray(frequencies, dtype=np.float64) / rate
        self._phases = np.zeros(len(frequencies), dtype=np.float64)

    def frame(self, samples: int = FRAME) -> Pcm:
        """The next `samples` samples, int16."""
        index = np.arange(samples, dtype=np.float64)
        wave = np.sin(self._phases[:, None] + self._steps[:, None] * index).sum(axis=0) * self._amplitude
        self._phases = (self._phases + self._steps * samples) % (2 * math.pi)
        pcm: Pcm = np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
        return pcm


class SilenceGenerator:
    """Nothing, with the interface of a tone."""

    def frame(self, samples: int = FRAME) -> Pcm:
        return silence(samples)


@dataclass(frozen=True, slots=True)
class ToneSpec:
    """A call-progress tone: components in Hz and the on/off times in ms, repeated; () is continuous."""

    frequencies: tuple[float, ...]
    cadence_ms: tuple[int, ...] = ()


class ProgressTone(Enum):
    """Call-progress tones by country (ITU-T E.180 supplement 2)."""

    RINGBACK_EU = ToneSpec((425.0,), (1000, 4000))
    RINGBACK_US = ToneSpec((440.0, 480.0), (2000, 4000))
    RINGBACK_CN = ToneSpec((450.0,), (1000, 4000))
    RINGBACK_GB = ToneSpec((400.0, 450.0), (400, 200, 400, 2000))
    BUSY_EU = ToneSpec((425.0,), (500, 500))
    BUSY_US = ToneSpec((480.0, 620.0), (500, 500))
    BUSY_CN = ToneSpec((450.0,), (350, 350))
    CONGESTION_US = ToneSpec((480.0, 620.0), (250, 250))
    DIAL_EU = ToneSpec((425.0,))
    DIAL_US = ToneSpec((350.0, 440.0))


class CadencedTone:
    """A tone switched on and off by its cadence, at sample accuracy. Starts with the first on-time."""

    def __init__(self, spec: ToneSpec | ProgressTone, level_dbfs: float = -16.0, rate: int = RATE) -> None:
        value = spec.value if isinstance(spec, ProgressTone) else spec
        if len(value.cadence_ms) % 2 or any(part <= 0 for part in value.cadence_ms):
            raise AudioError("cadence_ms", "pairs of positive on and off times", value.cadence_ms)
        self._tone = ToneGenerator(value.frequencies, level_dbfs, rate)
        edges = np.cumsum([part * rate // 1000 for part in value.cadence_ms], dtype=np.int64)
        self._edges = edges
        self._period = int(edges[-1]) if len(edges) else 0
        self._at = 0

    def frame(self, samples: int = FRAME) -> Pcm:
        pcm = self._tone.frame(samples)
        if not self._period:
            return pcm
        position = (self._at + np.arange(samples)) % self._period
        pcm[np.searchsorted(self._edges, position, side="right") % 2 == 1] = 0
        self._at = (self._at + samples) % self._period
        return pcm


def tone(frequencies: Sequence[float], seconds: float, level_dbfs: float = -12.0, rate: int = RATE) -> Pcm:
    """A tone of the given length in one array."""
    return ToneGenerator(frequencies, level_dbfs, rate).frame(round(seconds * rate))


def level_dbfs(pcm: Pcm) -> float:
    """RMS level; a full-scale sine reads 0. FLOOR_DBFS for silence or no samples."""
    if len(pcm) == 0:
        return FLOOR_DBFS
    rms = math.sqrt(float(np.mean(np.square(pcm.astype(np.float64)))))
    return _to_dbfs(rms * math.sqrt(2))


def goertzel_dbfs(pcm: Pcm, frequency: float, rate: int = RATE) -> float:
    """Level of one frequency, a rectangular window over the whole array (resolution is rate / length).

    The single-bin transform that Goertzel's recursion computes, as one vector product.
    """
    if len(pcm) == 0:
        return FLOOR_DBFS
    if not 0 < frequency < rate / 2:
        raise AudioError("frequency", f"between 0 and {rate / 2} Hz", frequency)
    turn = np.exp(-2j * math.pi * frequency / rate * np.arange(len(pcm)))
    return _to_dbfs(2 * abs(complex(np.dot(pcm.astype(np.float64), turn))) / len(pcm))


def dominant_frequency(pcm: Pcm, rate: int = RATE) -> float:
    """The strongest frequency in Hz, 0.0 for silence. Good to about 1 Hz from 100 ms of a steady tone.

    Hann window, FFT padded to four times the length, parabola through the logarithm of the top three bins.
    """
    if len(pcm) < 16:
        raise AudioError("pcm", "at least 16 samples", len(pcm))
    samples = pcm.astype(np.float64)
    samples -= samples.mean()
    size = 1 << (4 * len(pcm) - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    peak = int(np.argmax(spectrum))
    if spectrum[peak] <= 1e-6:
        return 0.0
    if peak in (0, len(spectrum) - 1):
        return peak * rate / size
    left, middle, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    return float((peak + shift) * rate / size)


def _to_dbfs(amplitude: float) -> float:
    if amplitude <= 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 20 * math.log10(amplitude / FULL_SCALE))
