from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp import g711, tones
from seatbus_rtp.errors import AudioError
from seatbus_rtp.resample import StreamResampler, resample


def framed(generator: tones.ToneGenerator | tones.CadencedTone, frames: int) -> tones.Pcm:
    return np.concatenate([generator.frame() for _ in range(frames)])


@given(st.floats(100, 3800), st.floats(-40, -1))
def test_a_tone_has_the_frequency_and_level_asked_for(frequency: float, level: float) -> None:
    pcm = framed(tones.ToneGenerator([frequency], level), 10)
    assert tones.dominant_frequency(pcm) == pytest.approx(frequency, abs=1.5)
    assert tones.goertzel_dbfs(pcm, frequency) == pytest.approx(level, abs=0.5)
    assert tones.level_dbfs(pcm) == pytest.approx(level, abs=0.5)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=10))
def test_frames_of_any_size_join_without_a_phase_jump(sizes: list[int]) -> None:
    generator = tones.ToneGenerator([440, 1000], -12)
    pieces = np.concatenate([generator.frame(size) for size in sizes]).astype(int)
    whole = tones.tone([440, 1000], sum(sizes) / 8000).astype(int)
    assert np.max(np.abs(pieces - whole)) <= 1


def test_a_tone_is_found_after_g711() -> None:
    for payload_type in (0, 8):
        pcm = g711.decode(payload_type, g711.encode(payload_type, tones.tone([1000], 0.5, -12)))
        assert tones.dominant_frequency(pcm) == pytest.approx(1000, abs=1)
        assert tones.level_dbfs(pcm) == pytest.approx(-12, abs=0.2)
        assert tones.goertzel_dbfs(pcm, 440) < -45


def test_silence_reads_the_floor() -> None:
    assert tones.level_dbfs(tones.silence()) == tones.FLOOR_DBFS
    assert tones.level_dbfs(tones.silence(0)) == tones.FLOOR_DBFS
    assert tones.dominant_frequency(tones.silence()) == 0.0
    assert not tones.SilenceGenerator().frame().any()


def test_ringback_rings_and_pauses() -> None:
    pcm = framed(tones.CadencedTone(tones.ProgressTone.RINGBACK_EU), 500)
    on, off = pcm[:8000], pcm[8000:40000]
    assert tones.level_dbfs(on) == pytest.approx(-16, abs=0.1)
    assert not off.any()
    assert tones.dominant_frequency(pcm[40000:48000]) == pytest.approx(425, abs=1)


def test_both_tones_of_a_key_are_there() -> None:
    low, high = tones.dtmf_frequencies("#")
    pcm = tones.tone([low, high], 0.1, -10)
    assert (low, high) == (941.0, 1477.0)
    assert tones.goertzel_dbfs(pcm, low) == pytest.approx(-10, abs=0.5)
    assert tones.goertzel_dbfs(pcm, high) == pytest.approx(-10, abs=0.5)
    assert tones.goertzel_dbfs(pcm, 697) < -30


@pytest.mark.parametrize(
    ("frequencies", "level", "field"),
    [([], -12, "frequencies"), ([4000.0], -12, "frequencies"), ([440.0, 480.0], -3, "level_dbfs")],
)
def test_a_tone_that_cannot_be_made_is_refused(frequencies: list[float], level: float, field: str) -> None:
    with pytest.raises(AudioError) as caught:
        tones.ToneGenerator(frequencies, level)
    assert caught.value.field == field


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
def test_resampling_keeps_a_tone_and_its_level_whole_or_in_chunks(rate: int) -> None:
    pcm = tones.tone([1000], 0.5, -12, rate)
    whole = resample(pcm, rate, 8000)
    stream = StreamResampler(rate, 8000)
    parts = [stream.feed(pcm[at : at + rate // 50]) for at in range(0, len(pcm), rate // 50)]
    chunked = np.concatenate([*parts, stream.feed(pcm[:0], last=True)])
    for out in (whole, chunked):
        assert len(out) == pytest.approx(4000, abs=2)
        assert tones.dominant_frequency(out) == pytest.approx(1000, abs=1)
        assert tones.level_dbfs(out[400:-400]) == pytest.approx(-12, abs=0.1)


def test_a_rate_out_of_range_is_refused() -> None:
    with pytest.raises(AudioError) as caught:
        resample(tones.silence(), 100, 8000)
    assert caught.value.field == "rate_in"
