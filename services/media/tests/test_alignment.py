"""Two legs whose clocks drift apart stay side by side in the recording: half an hour in accelerated time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap import Channel, Timeline
from seatbus_rtp.g711 import encode_pcmu
from seatbus_rtp.packet import build

CALL_S = 1800
MARK_EVERY_S = 30
QUIET = bytes([0xFF]) * 160
LOUD = encode_pcmu(np.full(160, 20_000, np.int16))


class Speaker:
    """Says a mark of 20 ms every 30 s of true time, with a clock that runs `ppm` fast."""

    def __init__(self, channel: Channel, ppm: float, seed: int) -> None:
        self._channel = channel
        self._rate = 8000 * (1 + ppm * 1e-6)
        self._random = random.Random(seed)
        self._number = 0
        self._stamp = self._random.getrandbits(32)
        self._source = seed

    def speak_until(self, now: float) -> None:
        while (at := (self._number + 1) * 160 / self._rate) < now:
            stamp = (self._stamp + self._number * 160) & 0xFFFFFFFF
            packet = build(0, self._number & 0xFFFF, stamp, self._source, self._sound())
            jitter = self._random.expovariate(1 / 0.004)
            self._channel.heard.append((at + min(jitter, 0.03), packet))
            self._number += 1

    def _sound(self) -> bytes:
        """The frame's samples: a mark begins in its midst, where true time wants it."""
        first = self._number * 160
        mark = round(round(first / self._rate / MARK_EVERY_S) * MARK_EVERY_S * self._rate)
        if mark == 0 or not -160 < mark - first < 160:
            return QUIET
        begin = max(0, mark - first)
        end = min(160, mark - first + 160)
        return QUIET[:begin] + LOUD[begin:end] + QUIET[end:]


def marks(sound: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(sound != 0xFF)
    return loud[np.flatnonzero(np.diff(loud, prepend=-8000) > 4000)]


@pytest.mark.parametrize(("left", "right"), [(50.0, -50.0), (100.0, 0.0), (0.0, 100.0)])
def test_half_an_hour_of_drift_leaves_both_channels_within_20_ms(left: float, right: float) -> None:
    timeline = Timeline(Law.PCMU, 0.0)
    speakers = [Speaker(timeline.left, left, 1), Speaker(timeline.right, right, 2)]
    parts: list[tuple[int, bytes, bytes]] = []
    for second in range(1, CALL_S + 1):
        for speaker in speakers:
            speaker.speak_until(second)
        cut = timeline.cut(second + 0.05)
        if cut is not None:
            parts.append(cut)
    sounds = [np.frombuffer(b"".join(part[side] for part in parts), np.uint8) for side in (1, 2)]
    assert len(sounds[0]) == len(sounds[1])
    assert len(sounds[0]) == pytest.approx(CALL_S * 8000, abs=4000)
    heard = [marks(sound) for sound in sounds]
    assert len(heard[0]) == len(heard[1]) == CALL_S // MARK_EVERY_S - 1
    apart = np.abs(heard[0] - heard[1])
    assert apart.max() <= 160, f"{apart.max() / 8:.1f} ms apart"
    true = np.arange(1, CALL_S // MARK_EVERY_S) * MARK_EVERY_S * 8000
    for positions in heard:
        assert np.abs(positions - true).max() <= 320
