"""What is heard in sound: keys, fax tones, speech, who answers. Speech must not be taken for keys."""

from __future__ import annotations

import numpy as np
import pytest

from seatbus_rtp.activity import AnswerDetector, Answerer, LevelMeter, VoiceActivity, frame_dbfs
from seatbus_rtp.g711 import decode_pcma, encode_pcma
from seatbus_rtp.inband import InbandReceiver
from seatbus_rtp.tones import dtmf_frequencies, silence, tone

ALL_KEYS = "147*2580369#ABCD"


def frames(pcm):
    return [pcm[at : at + 160] for at in range(0, len(pcm) - 159, 160)]


def hear(pcm, **options):
    receiver = InbandReceiver(**options)
    return [found for frame in frames(pcm) for found in receiver.feed(frame)]


def press(keys, ms=50, gap_ms=50, level=-12.0, twist=0.0):
    parts = []
    for key in keys:
        low, high = dtmf_frequencies(key)
        pair = tone([low], ms / 1000, level).astype(np.int32) + tone([high], ms / 1000, level + twist)
        parts += [pair.astype(np.int16), silence(gap_ms * 8)]
    return np.concatenate(parts)


@pytest.mark.parametrize("level", [-4.0, -12.0, -30.0])
def test_every_key_is_heard_once_through_g711(level):
    pcm = decode_pcma(encode_pcma(press(ALL_KEYS, level=level - 4)))
    assert "".join(hear(pcm)) == ALL_KEYS


@pytest.mark.parametrize(("ms", "heard"), [(40, True), (20, False)])
def test_a_tone_counts_from_forty_milliseconds(ms, heard):
    assert (hear(press("5", ms=ms, gap_ms=100)) == ["5"]) is heard


@pytest.mark.parametrize(("twist", "heard"), [(3.0, True), (-7.0, True), (8.0, False), (-12.0, False)])
def test_the_tones_may_differ_as_the_recommendation_allows(twist, heard):
    assert (hear(press("8", twist=twist)) == ["8"]) is heard


def test_a_long_press_is_one_key_and_two_presses_are_two():
    assert hear(press("7", ms=1500)) == ["7"]
    assert hear(press("77", ms=60, gap_ms=60)) == ["7", "7"]


def test_keys_are_heard_over_noise():
    pcm = press(ALL_KEYS, ms=80, level=-14.0)
    noise = np.random.default_rng(1).normal(0, 400, len(pcm))
    assert "".join(hear((pcm + noise).astype(np.int16))) == ALL_KEYS


def test_music_and_single_tones_are_no_keys():
    assert hear(tone([697.0], 1.0, -10.0)) == []
    assert hear(tone([440.0, 880.0, 1320.0], 1.0, -10.0)) == []
    assert hear(tone([440.0, 480.0], 1.0, -10.0)) == []


def test_a_fax_is_known_by_its_tones_and_keys_are_not_taken_for_them():
    calling = np.concatenate([tone([1100.0], 0.5, -15.0), silence(8000)])
    assert hear(np.tile(calling, 3), keys=False, tones=True) == ["fax_calling"]
    assert hear(tone([2100.0], 2.6, -15.0), tones=True) == ["fax_answering"]
    turned = np.concatenate([tone([2100.0], 0.45, -15.0) * (-1) ** turn for turn in range(6)])
    assert hear(turned, tones=True) == ["fax_answering"]
    for packet in range(0, len(turned), 3200):
        turned[packet : packet + 160] = 0
    assert hear(turned, tones=True) == ["fax_answering"]
    assert hear(tone([2100.0], 0.8, -15.0), tones=True) == []
    assert hear(tone([1100.0], 0.2, -15.0), tones=True) == []
    assert "fax_calling" not in hear(press(ALL_KEYS, ms=500), tones=True)


def test_speech_stands_out_of_the_legs_own_noise():
    random = np.random.default_rng(2)
    activity = VoiceActivity()
    noise = random.normal(0, 40, 8000 * 4).astype(np.int16)
    loud = noise.copy()
    loud[8000:16_000] = (loud[8000:16_000] + tone([300.0, 700.0], 1.0, -20.0)).astype(np.int16)
    told = [
        (at * 20, said)
        for at, frame in enumerate(frames(loud))
        if (said := activity.feed(frame_dbfs(frame))) is not None
    ]
    assert [said for _, said in told] == [True, False]
    assert told[0][0] == pytest.approx(1040, abs=30)
    assert told[1][0] == pytest.approx(2500, abs=60)


@pytest.mark.parametrize(
    ("pattern", "verdict"),
    [
        ([(600, False), (700, True), (1200, False)], Answerer.HUMAN),
        ([(300, False), (900, True), (300, False), (1500, True)], Answerer.MACHINE),
        ([(4000, False)], Answerer.MACHINE),
    ],
)
def test_who_answers_is_told_once_by_how_long_it_talks(pattern, verdict):
    detector = AnswerDetector()
    told = [detector.feed(on) for ms, on in pattern for _ in range(ms // 20)]
    assert [said for said in told if said] == [verdict]


def test_the_meter_reads_level_and_peak():
    meter = LevelMeter()
    for frame in frames(tone([1000.0], 0.2, -20.0)):
        meter.feed(frame)
    rms, peak = meter.read()
    assert rms == pytest.approx(-20, abs=0.2)
    assert peak == pytest.approx(-20, abs=0.3)
    assert meter.read() == (-120.0, -120.0)
