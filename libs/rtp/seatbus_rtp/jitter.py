"""A playout buffer in front of a mixer: packets in when they come, one frame out every 20 ms.

Laws: a sample is played at the place its timestamp gives it, or not at all; the delay grows at once when
packets come too late, and the delay that was never used in a second is given back; it never passes the
maximum. A sender whose clock is not ours is followed by bending: a frame is made of a few samples more or
less (about 1 %), without a seam, so that a drift never costs a frame. Only a store beyond the maximum is cut.
What is missing is concealed, for 60 ms (`seatbus_rtp.conceal`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.conceal import Concealment
from seatbus_rtp.errors import AudioError
from seatbus_rtp.packet import TS_MASK, ts_delta

Pcm = NDArray[np.int16]

_RING: Final = 1 << 14
"""Samples: two seconds at 8 kHz. A power of two: a timestamp masks to its place, also across the wrap."""
_WINDOW: Final = 50
"""Frames between two looks at the store: a second."""
_STRETCH: Final = 4
"""Samples that a frame may lack and is still made whole by stretching what there is."""


class JitterBuffer:
    """Samples of one source. `put` takes packets of any length; `get` gives frames of one length."""

    __slots__ = (
        "_bend",
        "_bent",
        "_concealment",
        "_frame",
        "_frames_seen",
        "_hold",
        "_known",
        "_max",
        "_min",
        "_missed",
        "_newest_end",
        "_next",
        "_playing",
        "_present",
        "_ring",
        "_spare",
        "_started",
        "bends",
        "hushed",
        "late",
        "missing",
        "skipped",
        "target",
        "underruns",
    )

    def __init__(
        self, *, rate: int = 8000, frame_samples: int = 160, min_ms: int = 40, max_ms: int = 200
    ) -> None:
        """The delay is fixed where `min_ms` equals `max_ms`. Raises AudioError on a range it cannot hold."""
        if not 0 < min_ms <= max_ms:
            raise AudioError("min_ms", "above 0 and not above max_ms", min_ms)
        if max_ms * rate // 1000 > _RING // 2:
            raise AudioError("max_ms", f"at most {_RING * 500 // rate} ms", max_ms)
        self._frame = frame_samples
        self._min = max(frame_samples, min_ms * rate // 1000)
        self._max = max(self._min, max_ms * rate // 1000)
        # Only where `_present` says so there is something to play. What was played stays for a while.
        self._ring = np.zeros(_RING, dtype=np.int16)
        self._present = np.zeros(_RING, dtype=np.bool_)
        self._known = 0
        self._concealment = Concealment(rate)
        self._next = 0
        self._newest_end = 0
        self._started = False
        self._playing = False
        self._spare = _RING
        self._frames_seen = 0
        self._hold = False
        self._missed: int | None = None
        self._bend = 0
        self._bent = {
            bend: np.arange(frame_samples) * ((frame_samples + bend) / frame_samples)
            for bend in range(-_STRETCH, 3)
        }
        self.target = self._min
        self.hushed = False
        """Holes that begin now are silence: the source has stopped on purpose."""
        self.bends = 0
        self.late = 0
        self.missing = 0
        self.skipped = 0
        self.underruns = 0

    @property
    def depth(self) -> int:
        """Samples from the next one to play to the end of the newest packet."""
        return max(0, ts_delta(self._newest_end, self._next)) if self._started else 0

    def reset(self) -> None:
        """Another source follows: forget the samples, keep the delay that was learned."""
        self._present[:] = False
        self._known = 0
        self._concealment.stop()
        self._started = False
        self._playing = False
        self._hold = False
        self._missed = None
        self._bend = 0

    def follow(self, pcm: Pcm) -> None:
        """What was heard of the source until now, by another way: it goes on from there until it plays."""
        self._concealment.lose(pcm)

    def put(self, timestamp: int, pcm: Pcm) -> None:
        """Takes one packet's samples. What comes too late is dropped and counted."""
        size = len(pcm)
        if size == 0 or size > _RING // 4:
            return
        if not self._started:
            self._next = timestamp
            self._newest_end = timestamp
            self._started = True
        ahead = ts_delta(timestamp, self._next)
        if not self._playing and -self._max <= ahead < 0:
            # Reordered before playing began: it becomes the first.
            self._next = timestamp
            ahead = 0
        if ahead + size > _RING // 2 or ahead < -_RING // 2:
            self.reset()
            self.put(timestamp, pcm)
            return
        if ahead < 0:
            self.late += 1
            if self._missed is not None and -self._frame < ts_delta(self._missed, timestamp) < size:
                # It was waited for, so no duplicate: the next ones will be as late.
                self._grow()
                self._hold = self._playing
            if ahead + size <= 0:
                return
            pcm = pcm[-ahead:]
            timestamp = self._next
        at = timestamp & (_RING - 1)
        first = min(len(pcm), _RING - at)
        self._ring[at : at + first] = pcm[:first]
        self._present[at : at + first] = True
        if first < len(pcm):
            self._ring[: len(pcm) - first] = pcm[first:]
            self._present[: len(pcm) - first] = True
        end = (timestamp + len(pcm)) & TS_MASK
        if ts_delta(end, self._newest_end) > 0:
            self._newest_end = end

    def get(self) -> Pcm | None:
        """The next frame, whatever is missing in it concealed; None while there is nothing to play."""
        depth = self.depth
        if not self._playing:
            if depth < self.target:
                return self._concealed() if self._concealment.open else None
            self._playing = True
            self._spare = _RING
            self._frames_seen = 0
        elif depth == 0:
            self.underruns += 1
            self._grow()
            concealed = self._concealed()
            self._playing = False
            self._started = False
            self._known = 0
            self._bend = 0
            return concealed
        if depth > self._max:
            self._skip(depth - self._max)
        if self._hold:
            self._hold = False
            if depth + self._frame <= self.target:
                self.missing += self._frame
                concealed = self._concealed()
                return concealed if concealed is not None else np.zeros(self._frame, dtype=np.int16)
        bend = self._bend
        if 0 < self._frame - depth <= _STRETCH:
            bend = depth - self._frame
        if bend and depth >= self._frame + bend:
            frame = self._bent_frame(bend)
        else:
            frame = self._take(self._frame)
        self._settle(depth)
        return frame

    def _take(self, size: int) -> Pcm:
        """The next samples. Their places are free now."""
        place = self._next
        at = place & (_RING - 1)
        end = at + size
        self._next = (place + size) & TS_MASK
        self._known += size
        frame: Pcm
        if end > _RING:
            places = np.arange(at, end) & (_RING - 1)
            frame, present = self._ring[places], self._present[places]
            self._present[places] = False
        else:
            frame, present = self._ring[at:end].copy(), self._present[at:end]
        count = int(np.count_nonzero(present))
        if count < size:
            self._missed = place
            self.missing += size - count
        if count < size or self._concealment.open:
            frame = self._concealment.mend(frame, present, self._past(place, self._known - size))
            self._ring[np.arange(at, end) & (_RING - 1)] = frame
        self._present[at:end] = False
        return frame

    def _past(self, place: int, known: int) -> Pcm:
        """What was played before this place."""
        size = 0 if self.hushed else min(known, self._concealment.reach)
        past: Pcm = self._ring[np.arange(place - size, place) & (_RING - 1)]
        return past

    def _concealed(self) -> Pcm | None:
        """A frame while there is nothing; None where nothing more can be said."""
        if self._concealment.silent:
            return None
        nothing = np.zeros(self._frame, dtype=np.int16)
        absent = np.zeros(self._frame, dtype=np.bool_)
        concealed = self._concealment.mend(nothing, absent, self._past(self._next, self._known))
        return concealed if concealed.any() else None

    def _bent_frame(self, bend: int) -> Pcm:
        """A frame made of `bend` samples more than it has: the clock of the sender is not ours."""
        taken = self._take(self._frame + bend)
        beyond = self._next & (_RING - 1)
        after = self._ring[beyond] if self._present[beyond] else taken[-1]
        self.bends += 1
        whole = np.append(taken, after)
        bent: Pcm = np.rint(np.interp(self._bent[bend], np.arange(len(whole)), whole)).astype(np.int16)
        return bent

    def _skip(self, samples: int) -> None:
        """Cuts whole frames out; the sound before is led over into the one behind."""
        frames = -(-samples // self._frame)
        self._concealment.lose(self._past(self._next, self._known))
        places = np.arange(self._next, self._next + frames * self._frame) & (_RING - 1)
        self._present[places] = False
        self._next = (self._next + frames * self._frame) & TS_MASK
        self._known = 0
        self.skipped += frames

    def _grow(self) -> None:
        self.target = min(self._max, self.target + self._frame)
        self._frames_seen = 0

    def _settle(self, depth: int) -> None:
        """Once a second: what to do about the store that was never used, or is about to run out."""
        self._spare = min(self._spare, depth)
        self._frames_seen += 1
        if self._frames_seen < _WINDOW:
            return
        spare, frame = self._spare, self._frame
        self._bend = 0
        if spare > self.target + frame:
            self._bend = 2 if spare > self.target + 2 * frame else 1
        elif spare > 2 * frame and self.target > self._min:
            self.target -= frame
        elif spare < frame or (spare < min(self.target, 2 * frame) and depth < self._max - frame):
            # A slow sender slips by a whole packet at a time: only a whole frame in reserve is one.
            self._bend = -1 if self._min < self._max else 0
        self._spare = _RING
        self._frames_seen = 0
