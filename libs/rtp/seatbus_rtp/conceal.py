"""Sound in place of packets that did not come, after the idea of ITU-T G.711 appendix I: the last period of
the pitch is repeated, ever more softly, for 60 ms.

Laws: what goes before is never changed, so nothing is delayed; what is made begins where the last sample
ended and is led over into what follows. Whole sound costs nothing: nobody asks here for it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Sound = NDArray[np.float32]

_SHORTEST_MS: Final = 5
_LONGEST_MS: Final = 15
"""A pitch of 200 to 66 Hz; a higher one is found as a multiple of its period."""
_ALIKE_MS: Final = 20
_LEAST_MS: Final = 20
_FULL_MS: Final = 10
_LENGTH_MS: Final = 60
_JOIN_MS: Final = 4
_LONGEST_JOIN_MS: Final = 10
_NOTHING: Final = np.zeros(0, np.float32)


class Concealment:
    """Of one stream. `reach` is how many samples before a hole `mend` wants to see."""

    __slots__ = ("_at", "_join", "_joined", "_made", "_open", "_per_ms", "reach")

    def __init__(self, rate: int) -> None:
        self._per_ms = rate // 1000
        self.reach = (_LONGEST_MS + _ALIKE_MS) * self._per_ms
        self._made: Sound = _NOTHING
        self._at = 0
        self._join = self._joined = 0
        self._open = False

    @property
    def open(self) -> bool:
        """Whether a hole is being filled, or not yet led over into what follows it."""
        return self._open

    @property
    def silent(self) -> bool:
        """Whether all is said that can be said in this hole."""
        return self._open and self._at >= len(self._made)

    def stop(self) -> None:
        """What follows has nothing to do with what was."""
        self._open = False
        self._made = _NOTHING
        self._at = self._join = self._joined = 0

    def lose(self, past: Pcm) -> None:
        """There is a hole here, of no length yet."""
        if not self._open or self._joined:
            self._begin(past.astype(np.float32))

    def mend(self, frame: Pcm, present: NDArray[np.bool_], past: Pcm) -> Pcm:
        """The frame without holes. `past` is what was played before it, `reach` samples if there are."""
        whole = frame.astype(np.float32)
        edges = [0, *(np.flatnonzero(np.diff(present)) + 1).tolist(), len(frame)]
        for start, end in pairwise(edges):
            if present[start]:
                self._lead_over(whole[start:end])
                continue
            if not self._open or self._joined:
                self._begin(np.concatenate((past, whole[:start]), dtype=np.float32)[-self.reach :])
            whole[start:end] = self._more(end - start)
        return np.rint(np.clip(whole, -32768, 32767)).astype(np.int16)

    def _begin(self, past: Sound) -> None:
        """A hole: makes all that can be said in it."""
        self._open, self._at, self._join, self._joined = True, 0, 0, 0
        self._made = _NOTHING
        if len(past) < _LEAST_MS * self._per_ms:
            return
        lag = self._pitch(past)
        soft = lag // 4
        fade = np.arange(1, soft + 1, dtype=np.float32) / soft
        period = past[-lag:].copy()
        # Its end becomes what goes before its beginning, so that turn follows turn without a step.
        period[-soft:] += (past[-lag - soft : -lag] - period[-soft:]) * fade
        size = _LENGTH_MS * self._per_ms
        made = np.resize(period, size)
        made[:soft] += (past[-1] - past[-lag - 1]) * (1 - fade)
        full = _FULL_MS * self._per_ms
        made[full:] *= 1 - np.arange(1, size - full + 1, dtype=np.float32) / (size - full)
        self._made = made

    def _pitch(self, past: Sound) -> int:
        """The period by which the sound is most like itself."""
        longest, shortest = min(_LONGEST_MS * self._per_ms, len(past) // 2), _SHORTEST_MS * self._per_ms
        size = len(past) - longest
        before = sliding_window_view(past, size)[: longest - shortest + 1]
        alike = before @ past[-size:]
        power = np.einsum("ij,ij->i", before, before)
        return longest - int(np.argmax(alike / np.sqrt(power + 1)))

    def _more(self, size: int) -> Sound:
        part = self._made[self._at : self._at + size]
        self._at += size
        return part if len(part) == size else np.concatenate((part, np.zeros(size - len(part), np.float32)))

    def _lead_over(self, sound: Sound) -> None:
        """Sound goes on: it grows while what was made goes on and fades. The longer the hole, the longer."""
        if not self._open:
            return
        if not self._joined:
            lasted_ms = self._at // self._per_ms
            self._join = min(max(lasted_ms * 4 // 10, _JOIN_MS), _LONGEST_JOIN_MS) * self._per_ms
        size = min(len(sound), self._join - self._joined)
        grown = np.arange(self._joined + 1, self._joined + size + 1, dtype=np.float32) / (self._join + 1)
        made = self._more(size)
        sound[:size] = made + (sound[:size] - made) * grown
        self._joined += size
        if self._joined == self._join:
            self.stop()
