"""Two legs whose clocks drift apart stay side by side in the recording: half an hour in accelerated time."""

from __future__ import annotations

import random

import numpy as np
import pytest

from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap import WIDE, Channel, Timeline
from seatbus_rtp.codecs import G722, OPUS, PCMU, CodecSpec, make_encoder
from seatbus_rtp.packet import build
from seatbus_rtp.tones import ToneGenerator, goertzel_dbfs
from seatbus_testkit.drifting import DriftingSpeaker, marks

CALL_S = 1800
MARK_EVERY_S = 30


class Late:
    """Puts a speaker's packets into a channel, a little late each."""

    def __init__(self, channel: Channel, ppm: float, seed: int) -> None:
        self._channel = channel
        self._speaker = DriftingSpeaker(ppm, seed, MARK_EVERY_S)
        self._random = random.Random(seed)

    def speak_until(self, now: float) -> None:
        for at, packet in self._speaker.said_before(now):
            self._channel.hear((at + min(self._random.expovariate(1 / 0.004), 0.03), packet))


@pytest.mark.parametrize(("left", "right"), [(50.0, -50.0), (100.0, 0.0), (0.0, 100.0)])
def test_half_an_hour_of_drift_leaves_both_channels_within_20_ms(left: float, right: float) -> None:
    timeline = Timeline(Law.PCMU, 0.0)
    speakers = [Late(timeline.left, left, 1), Late(timeline.right, right, 2)]
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
    heard = [marks(sound != 0xFF) for sound in sounds]
    assert len(heard[0]) == len(heard[1]) == CALL_S // MARK_EVERY_S - 1
    apart = np.abs(heard[0] - heard[1])
    assert apart.max() <= 160, f"{apart.max() / 8:.1f} ms apart"
    true = np.arange(1, CALL_S // MARK_EVERY_S) * MARK_EVERY_S * 8000
    for positions in heard:
        assert np.abs(positions - true).max() <= 320


@pytest.mark.parametrize(("left", "right"), [(G722, PCMU), (OPUS, G722), (PCMU, OPUS)])
def test_a_wideband_call_is_kept_at_16_khz_with_both_channels_side_by_side(
    left: CodecSpec, right: CodecSpec
) -> None:
    """Both say the same tone at the same times; of a wideband leg 5 kHz are there, too."""
    timeline = Timeline(Law.PCMU, 0.0, lambda _: left, lambda _: right, WIDE)
    for codec, channel in ((left, timeline.left), (right, timeline.right)):
        rate = 8000 if codec is PCMU else WIDE
        encoder = make_encoder(codec, rate)
        low, high = ToneGenerator([1000.0], -15.0, rate=rate), ToneGenerator([5000.0], -20.0, rate=WIDE)
        for number in range(200):
            says = number // 25 % 2 == 1
            frame = low.frame(rate // 50) if says else np.zeros(rate // 50, np.int16)
            if says and rate == WIDE:
                frame = frame + high.frame(rate // 50)
            packet = build(9, number, number * codec.frame_ticks, 5, encoder.encode(frame))
            channel.hear((number * 0.02, packet))
    parts = [cut for at in (1.3, 2.3, 3.3, 4.3) if (cut := timeline.cut(at)) is not None]
    assert [part[0] for part in parts] == [0, *(len(part[1]) // 2 + part[0] for part in parts[:-1])]
    sounds = [np.frombuffer(b"".join(part[side] for part in parts), "<i2") for side in (1, 2)]
    assert len(sounds[0]) == len(sounds[1]) == 4 * WIDE
    begins = []
    for codec, sound in zip((left, right), sounds, strict=True):
        loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 2000)
        edges = loud[np.flatnonzero(np.diff(loud, prepend=-WIDE) > WIDE // 4)]
        assert len(edges) == 4
        begins.append(edges)
        middle = sound[int(0.6 * WIDE) : int(0.9 * WIDE)]
        assert goertzel_dbfs(middle, 1000.0, WIDE) == pytest.approx(-15, abs=2)
        high_dbfs = goertzel_dbfs(middle, 5000.0, WIDE)
        assert high_dbfs < -50 if codec is PCMU else high_dbfs == pytest.approx(-20, abs=3)
    assert np.abs(begins[0] - begins[1]).max() <= WIDE // 50
    assert np.abs(begins[0] - np.array([0.5, 1.5, 2.5, 3.5]) * WIDE).max() <= WIDE // 50
