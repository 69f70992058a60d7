"""Whether a leg speaks, what answers it, and how loud it is: frames of 20 ms at 8 kHz in, events out.

Speech is what stands out of the leg's own noise, whose level is followed in the pauses. People who answer say
a word or two and wait; machines talk on: this is how they are told apart (a guess, told as one).
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.tones import FLOOR_DBFS

Pcm = NDArray[np.int16]

_FRAME_MS: Final = 20
_ABOVE_DB: Final = 9.0
_LEAST_DBFS: Final = -48.0
_START_FLOOR: Final = -60.0
_RISE_DB: Final = 0.05
"""How fast the noise's level follows upwards, in dB a frame: 2.5 dB a second."""
_ONSET: Final = 3
_HANGOVER: Final = 25


def frame_dbfs(pcm: Pcm) -> float:
    """RMS level; a sine of full scale is 0."""
    if not len(pcm):
        return FLOOR_DBFS
    sound = pcm.astype(np.float32)
    mean = float(sound @ sound) / len(sound)
    return max(FLOOR_DBFS, 10 * math.log10(mean / (32768**2 / 2))) if mean > 0 else FLOOR_DBFS


class VoiceActivity:
    """`feed` gives True when speech begins, False when it has been over for half a second, else None."""

    __slots__ = ("_floor", "_loud", "_quiet", "speaking")

    def __init__(self) -> None:
        self.speaking = False
        self._floor = _START_FLOOR
        self._loud = 0
        self._quiet = 0

    def feed(self, dbfs: float) -> bool | None:
        if dbfs < self._floor:
            self._floor = max(FLOOR_DBFS, dbfs)
        elif not self.speaking:
            self._floor += min(_RISE_DB, dbfs - self._floor)
        if dbfs >= max(_LEAST_DBFS, self._floor + _ABOVE_DB):
            self._loud += 1
            self._quiet = 0
            if not self.speaking and self._loud >= _ONSET:
                self.speaking = True
                return True
            return None
        self._loud = 0
        self._quiet += 1
        if self.speaking and self._quiet >= _HANGOVER:
            self.speaking = False
            return False
        return None


class Answerer(Enum):
    HUMAN = "human"
    MACHINE = "machine"


class AnswerDetector:
    """Begins at the answer. `feed` gives its verdict once."""

    INITIAL_SILENCE_MS: Final = 3500
    GREETING_MS: Final = 1800
    PAUSE_MS: Final = 900
    LONGEST_MS: Final = 6000

    __slots__ = ("_at", "_done", "_pause", "_spoken", "_started")

    def __init__(self) -> None:
        self._at = 0
        self._started = False
        self._spoken = 0
        self._pause = 0
        self._done = False

    def feed(self, speaking: bool) -> Answerer | None:
        """`speaking`: this frame is speech, without hangover."""
        if self._done:
            return None
        self._at += _FRAME_MS
        if speaking:
            self._started = True
            self._spoken += _FRAME_MS + self._pause
            self._pause = 0
        elif self._started:
            self._pause += _FRAME_MS
        verdict = self._verdict()
        self._done = verdict is not None
        return verdict

    def _verdict(self) -> Answerer | None:
        if self._spoken >= self.GREETING_MS:
            return Answerer.MACHINE
        if not self._started:
            return Answerer.MACHINE if self._at >= self.INITIAL_SILENCE_MS else None
        if self._pause >= self.PAUSE_MS:
            return Answerer.HUMAN
        return Answerer.MACHINE if self._at >= self.LONGEST_MS else None


class LevelMeter:
    """RMS and peak since they were last read."""

    __slots__ = ("_frames", "_peak", "_power")

    def __init__(self) -> None:
        self._power = 0.0
        self._frames = 0
        self._peak = 0

    def feed(self, pcm: Pcm) -> None:
        sound = pcm.astype(np.float32)
        self._power += float(sound @ sound) / max(1, len(sound))
        self._frames += 1
        self._peak = max(self._peak, int(np.abs(sound).max()) if len(sound) else 0)

    def read(self) -> tuple[float, float]:
        """(RMS, peak) in dBFS, and a new start."""
        mean = self._power / self._frames if self._frames else 0.0
        rms = 10 * math.log10(mean / (32768**2 / 2)) if mean > 0 else FLOOR_DBFS
        peak = 20 * math.log10(self._peak / 32768) if self._peak else FLOOR_DBFS
        self._power, self._frames, self._peak = 0.0, 0, 0
        return max(FLOOR_DBFS, rms), max(FLOOR_DBFS, peak)
