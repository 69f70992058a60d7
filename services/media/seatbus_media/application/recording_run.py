"""One recording of a session: taps two endpoints, cuts a second at a time, hands it to the recorder."""

from __future__ import annotations

from base64 import b64encode
from time import monotonic
from typing import Final, NamedTuple

from seatbus.recording.v1.service_pb2 import Open
from seatbus_media.application.cutter import Cutter
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.ports import Recorder
from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap import RATE, WIDE, TapMode, Timeline, width_of
from seatbus_media.domain.tap_buffer import TapChunk

_PIECE: Final = 32_000
"""Samples in one chunk at most: a chunk after a stall must still fit into a message."""
_SIGN_OF_LIFE: Final = 10
"""Cuts without sound (a pause) after which the store is told that the tap lives."""


def rate_of(left: Endpoint, right: Endpoint) -> int:
    """What a recording of these legs is stored at: as wide as the widest of them."""
    return WIDE if any(one.hears.rate >= WIDE or one.says.rate >= WIDE for one in (left, right)) else RATE


class RecordingRun:
    class Kept(NamedTuple):
        """What a successor of this process needs to go on."""

        id: str
        left: str
        right: str
        opening: Open
        law: int
        mode: str
        zero: float

    def __init__(
        self,
        recording_id: str,
        opening: Open,
        left: Endpoint,
        right: Endpoint,
        recorder: Recorder,
        cutter: Cutter,
        kept: Kept | None = None,
    ) -> None:
        self.id = recording_id
        self._opening = opening
        self._recorder = recorder
        self._ends = (left, right)
        law = next((Law(one.hears.static_type or 0) for one in (left, right) if one.hears.is_g711), Law.PCMU)
        if kept is not None:
            law = Law(kept.law)
        rate = opening.sample_rate or RATE
        self._timeline = Timeline(law, monotonic(), left.codec_of, right.codec_of, rate)
        if kept is not None:
            self._timeline.resume(kept.zero, TapMode(kept.mode), monotonic())
        self._taps = (self._timeline.left.hear, self._timeline.right.hear)
        left.add_tap(self._taps[0])
        right.add_tap(self._taps[1])
        self._idle = 0
        self._cutter = cutter
        cutter.add(self)

    def kept(self) -> dict[str, object]:
        """As `Kept`, in plain values."""
        left, right = self._ends
        return {
            "id": self.id,
            "left": left.id,
            "right": right.id,
            "opening": b64encode(self._opening.SerializeToString()).decode(),
            "law": int(self._timeline.law),
            "mode": self._timeline.mode.value,
            "zero": self._timeline.zero,
        }

    def control(self, mode: TapMode) -> None:
        self._hand_over(self._timeline.switch(mode, monotonic()))

    def finish(self) -> None:
        """Everything heard until now is handed over and the recording is closed."""
        self._cutter.remove(self)
        for end, tap in zip(self._ends, self._taps, strict=True):
            end.catch_up()
            end.remove_tap(tap)
        self._hand_over(self._timeline.cut(monotonic(), final=True))
        self._recorder.finish(self.id)

    def abandon(self) -> None:
        """The store refused the recording: nothing more is tapped."""
        self._cutter.remove(self)
        for end, tap in zip(self._ends, self._taps, strict=True):
            end.remove_tap(tap)

    def cut(self) -> None:
        self._hand_over(self._timeline.cut(monotonic()))

    def _hand_over(self, cut: tuple[int, bytes, bytes] | None) -> None:
        law, width = self._timeline.law, width_of(self._timeline.rate)
        if cut is None:
            self._idle += 1
            if self._idle % _SIGN_OF_LIFE == 0:
                self._recorder.write(self.id, TapChunk(self._timeline.position, b"", b"", law))
            return
        self._idle = 0
        offset, left, right = cut
        size = _PIECE * width
        for at in range(0, len(left), size):
            chunk = TapChunk(offset + at // width, left[at : at + size], right[at : at + size], law, width)
            self._recorder.write(self.id, chunk)
