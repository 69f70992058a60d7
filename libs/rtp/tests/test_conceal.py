"""Concealment by listening: tones, a voice that changes, noise; 5 % of the packets are missing."""

from __future__ import annotations

import random

import numpy as np
import pytest

from seatbus_rtp.codecs import G722, OPUS, PCMA, PCMU, CodecSpec, make_decoder, make_encoder
from seatbus_rtp.conceal import Concealment
from seatbus_rtp.jitter import JitterBuffer
from seatbus_rtp.tones import Pcm, goertzel_dbfs, level_dbfs, silence, tone


def over_a_lossy_way(sound: Pcm, rate: int, lost: set[int]) -> Pcm:
    """What a buffer of a fixed delay plays, in the places of what was said."""
    size = rate // 50
    buffer = JitterBuffer(rate=rate, frame_samples=size, min_ms=60, max_ms=60)
    heard = []
    for number in range(len(sound) // size + 2):
        if number not in lost and (packet := sound[number * size : (number + 1) * size]).size:
            buffer.put(number * size, packet)
        if (frame := buffer.get()) is not None:
            heard.append(frame)
    assert buffer.missing == len(lost) * size
    return np.concatenate(heard)


def some(count: int, seed: int) -> set[int]:
    """5 % of these packets, two in a row now and then, none three times."""
    chosen = random.Random(seed)
    lost = {number for number in range(10, count - 5) if chosen.random() < 0.05}
    return {number for number in lost if not {number - 1, number - 2} <= lost}


def steepest(sound: Pcm) -> int:
    return int(np.abs(np.diff(sound.astype(np.int32))).max())


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("hz", [70.0, 150.0, 437.3, 1103.7, 2511.0, 3300.0])
def test_a_tone_goes_on_in_its_phase_a_little_softer_and_without_a_click(hz: float, rate: int) -> None:
    said = tone([hz], 10.0, -15.0, rate)
    size, lost = rate // 50, some(500, 3)
    heard = over_a_lossy_way(said, rate, lost)
    assert len(heard) == len(said)
    assert steepest(heard) <= 1.1 * steepest(said)
    singles = [at for at in lost if not {at - 1, at + 1} & lost]
    assert len(singles) > 10
    for at in singles:
        hole = slice(at * size, (at + 1) * size)
        assert level_dbfs(heard[hole]) == pytest.approx(level_dbfs(said[hole]), abs=1.5)
        assert level_dbfs(heard[hole] - said[hole].astype(np.float64)) < -15 - 15
    untouched = np.ones(len(said), np.bool_)
    for at in lost:
        untouched[at * size : (at + 2) * size] = False
    assert np.array_equal(heard[untouched], said[untouched])


# Behind a loss narrow-band Opus loses a pure tone for a while, whoever conceals it: SILK is of speech.
@pytest.mark.parametrize(
    ("codec", "rate"), [(PCMU, 8000), (PCMA, 16_000), (G722, 8000), (G722, 16_000), (OPUS, 16_000)]
)
def test_a_codec_that_remembers_what_went_before_is_concealed_as_well(codec: CodecSpec, rate: int) -> None:
    """G.722 and Opus go on from another state than the encoder's, and from a gap in what is resampled."""
    size, lost = rate // 50, some(250, 4)
    encoder, decoder = make_encoder(codec, rate), make_decoder(codec, rate)
    buffer = JitterBuffer(rate=rate, frame_samples=size, min_ms=60, max_ms=60)
    heard = []
    for number, frame in enumerate(tone([437.3], 5.0, -15.0, rate).reshape(-1, size)):
        payload = encoder.encode(frame)
        if number not in lost:
            buffer.put(number * size, decoder.decode(payload))
        if (played := buffer.get()) is not None:
            heard.append(played)
    assert buffer.missing > 5 * size
    whole = np.concatenate(heard)[rate // 2 :]
    levels = [goertzel_dbfs(whole[at : at + 4 * size], 437.3, rate) for at in range(0, 4 * rate, size)]
    # Opus needs a packet or two to find its level again; silence in two packets of four would leave -21.
    assert min(levels) > (-20.5 if codec is OPUS else -17.5)
    assert max(levels) < -13.5
    # The edge of a hole would be up to six times as steep.
    assert steepest(whole) <= 2 * steepest(tone([437.3], 1.0, -15.0, rate))


def voice(seconds: float) -> Pcm:
    """A glottal wave of harmonics whose pitch goes up and down, syllable by syllable."""
    at = np.arange(int(seconds * 8000)) / 8000
    pitch = 2 * np.pi * np.cumsum(120 + 25 * np.sin(2 * np.pi * 0.7 * at)) / 8000
    wave = sum(np.sin(harmonic * pitch + harmonic) / harmonic for harmonic in range(1, 24))
    made: Pcm = (2500 * wave * (0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * at))).astype(np.int16)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_a_voice_has_no_holes_and_no_clicks(seed: int) -> None:
    said = voice(12.0)
    lost = some(600, seed)
    heard = over_a_lossy_way(said, 8000, lost)
    assert steepest(heard) <= 1.1 * steepest(said)
    singles = [at for at in lost if not {at - 1, at + 1} & lost]
    levels = [
        (level_dbfs(heard[at * 160 : at * 160 + 160]), level_dbfs(said[at * 160 : at * 160 + 160]))
        for at in singles
    ]
    assert len(levels) > 12
    assert np.abs([one - other for one, other in levels]).max() < 6
    rest = heard - said.astype(np.float64)
    # Silence in the holes would leave as much wrong as was said there.
    for at in singles:
        hole = slice(at * 160, at * 160 + 160)
        assert level_dbfs(rest[hole]) < level_dbfs(said[hole])


def test_noise_stays_noise_of_its_level() -> None:
    said = np.random.default_rng(5).normal(0, 1500, 80_000).astype(np.int16)
    lost = some(500, 2)
    heard = over_a_lossy_way(said, 8000, lost)
    levels = [level_dbfs(heard[at * 160 : at * 160 + 160]) for at in lost if at - 1 not in lost]
    assert np.abs(np.array(levels) - level_dbfs(said)).max() < 4


def test_a_long_hole_fades_to_silence_in_60_ms_and_what_follows_grows_out_of_it() -> None:
    said, present = tone([500.0], 1.0, -12.0), np.ones(160, np.bool_)
    concealment = Concealment(8000)
    past = said[: concealment.reach]
    hole = np.concatenate([concealment.mend(silence(160), ~present, past) for _ in range(5)])
    parts = [level_dbfs(hole[at : at + 80]) for at in range(0, 480, 80)]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] == pytest.approx(-12, abs=0.5)
    assert parts[-1] < -28
    assert not hole[480:].any()
    assert concealment.silent
    # The louder it begins, the more it would click.
    begin = said[164:324]
    after = concealment.mend(begin, present, hole)
    assert np.abs(after[:8]).max() < np.abs(begin).max() // 8
    assert np.array_equal(after[80:], begin[80:])
    assert not concealment.open


def test_a_hole_may_begin_and_end_anywhere_in_a_frame() -> None:
    said = tone([437.3], 0.5, -12.0)
    for start, end in ((0, 1), (37, 40), (80, 160), (159, 160), (0, 160)):
        concealment = Concealment(8000)
        present = np.ones(160, np.bool_)
        present[start:end] = False
        broken = np.where(present, said[1600:1760], 0).astype(np.int16)
        first = concealment.mend(broken, present, said[1600 - concealment.reach : 1600])
        second = concealment.mend(said[1760:1920], np.ones(160, np.bool_), said[:0])
        both = np.concatenate((said[1590:1600], first, second))
        assert steepest(both) <= 1.1 * steepest(said)
        assert np.array_equal(first[:start], said[1600 : 1600 + start])
        assert not concealment.open
        assert np.array_equal(second[80:], said[1840:1920])


def test_with_too_little_sound_before_a_hole_is_silence() -> None:
    concealment = Concealment(8000)
    absent = np.zeros(160, np.bool_)
    assert not concealment.mend(silence(160), absent, tone([500.0], 0.019)).any()
    assert concealment.silent
    concealment.stop()
    assert level_dbfs(concealment.mend(silence(160), absent, tone([500.0], 0.02))) > -13.5
