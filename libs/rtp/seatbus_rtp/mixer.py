"""Many voices into many ears: each listener gets the sum of those it may hear, at their gains, never its own.

Laws: who hears whom is a matrix given from outside; what is not in it is not heard, to the last bit. Sums
that leave the range of 16 bits are cut there, they do not wrap. A change of the matrix is faded over one
frame, so that nobody hears a click. No clock and no buffer inside: one frame of each speaker in, one frame
for each listener out (`jitter.JitterBuffer` stands before it).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.errors import AudioError

Pcm = NDArray[np.int16]
Gains = NDArray[np.float32]

MAX_GAIN: Final = 16.0
K = TypeVar("K", bound=Hashable)


def everyone(members: Iterable[K], gain: float = 1.0) -> dict[K, dict[K, float]]:
    """The matrix of a conference: each of the members hears all others."""
    listed = tuple(members)
    return {listener: {speaker: gain for speaker in listed if speaker != listener} for listener in listed}


class Mixer(Generic[K]):
    """Mixes frames of one length. Keys are whatever the owner calls its speakers and listeners by."""

    __slots__ = ("_exact", "_fade", "_gains", "_heard", "_old", "_routes", "frame_samples", "listeners")

    def __init__(self, frame_samples: int = 160) -> None:
        self.frame_samples = frame_samples
        self.listeners: tuple[K, ...] = ()
        """The order of the rows that `mix` gives."""
        self._routes: dict[K, dict[K, float]] = {}
        self._heard: tuple[K, ...] = ()
        self._gains: Gains = np.zeros((0, 0), np.float32)
        self._old: Gains | None = None
        self._exact = True
        self._fade: Gains = np.linspace(0, 1, frame_samples, endpoint=False, dtype=np.float32)

    @property
    def speakers(self) -> tuple[K, ...]:
        """Those whose frames the next `mix` wants; one frame after a change also those who fade out."""
        return self._heard

    def route(self, matrix: Mapping[K, Mapping[K, float]]) -> None:
        """Sets who hears whom: gains by listener, then speaker. Raises AudioError on a listener that would
        hear itself and on a gain outside 0 to MAX_GAIN.
        """
        routes: dict[K, dict[K, float]] = {}
        for listener, gains in matrix.items():
            for speaker, gain in gains.items():
                if speaker == listener:
                    raise AudioError("matrix", "nobody hears itself", listener)
                if not (math.isfinite(gain) and 0 <= gain <= MAX_GAIN):
                    raise AudioError("gain", f"0 to {MAX_GAIN}", gain)
            routes[listener] = {speaker: gain for speaker, gain in gains.items() if gain}
        if routes == self._routes:
            return
        before, self._routes = self._routes, routes
        self.listeners = tuple(routes)
        known = dict.fromkeys(speaker for gains in routes.values() for speaker in gains)
        known |= dict.fromkeys(speaker for listener in routes for speaker in before.get(listener, {}))
        self._heard = tuple(known)
        self._old = self._table(before)
        self._gains = self._table(routes)

    def mix(self, frames: Mapping[K, Pcm | None]) -> Pcm:
        """One frame for each of `listeners`, as rows. A speaker without a frame is silent."""
        size = self.frame_samples
        voices = np.zeros((len(self._heard), size), np.float32)
        for row, speaker in enumerate(self._heard):
            frame = frames.get(speaker)
            if frame is not None:
                voices[row] = frame
        mixed = self._gains @ voices
        if self._old is not None:
            mixed += (self._old @ voices - mixed) * (1 - self._fade)
            self._settle()
            np.rint(mixed, out=mixed)
        elif not self._exact:
            np.rint(mixed, out=mixed)
        np.clip(mixed, -32768, 32767, out=mixed)
        return mixed.astype(np.int16)

    def _settle(self) -> None:
        """After a fade only those who are heard count."""
        self._old = None
        self._heard = tuple(dict.fromkeys(speaker for gains in self._routes.values() for speaker in gains))
        self._gains = self._table(self._routes)
        # Sums of whole numbers are exact: floats of 24 bits hold 256 voices at full scale.
        self._exact = bool(np.all(self._gains == np.rint(self._gains)))

    def _table(self, routes: Mapping[K, Mapping[K, float]]) -> Gains:
        table = np.zeros((len(self.listeners), len(self._heard)), np.float32)
        for row, listener in enumerate(self.listeners):
            gains = routes.get(listener, {})
            for column, speaker in enumerate(self._heard):
                table[row, column] = gains.get(speaker, 0.0)
        return table
