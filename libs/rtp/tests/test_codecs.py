"""Codecs by listening: what goes in comes out at its pitch and level, in frames of the right length."""

from __future__ import annotations

import numpy as np
import pytest

from seatbus_rtp.codecs import BY_NAME, G722, OPUS, PCMA, make_decoder, make_encoder, named, ticks_of
from seatbus_rtp.errors import AudioError
from seatbus_rtp.polyphase import FrameResampler
from seatbus_rtp.tones import ToneGenerator, dominant_frequency, goertzel_dbfs, level_dbfs

RATES = (8000, 16_000, 48_000)


def speak(codec, rate, hz=1000.0, seconds=1.0, level=-12.0, out_rate=8000, **options):
    generator = ToneGenerator([hz], level, rate)
    encoder = make_encoder(codec, rate, **options)
    decoder = make_decoder(codec, out_rate)
    payloads = [encoder.encode(generator.frame(rate // 50)) for _ in range(round(seconds * 50))]
    return payloads, np.concatenate([decoder.decode(payload) for payload in payloads])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_tone_keeps_its_pitch_and_level_through_every_codec_at_every_rate(name, rate):
    payloads, heard = speak(BY_NAME[name], rate)
    assert len(heard) == 8000
    steady = heard[2000:]
    assert dominant_frequency(steady) == pytest.approx(1000, abs=3)
    assert goertzel_dbfs(steady, 1000) == pytest.approx(-12, abs=1.0)
    assert {ticks_of(BY_NAME[name], payload) for payload in payloads} == {BY_NAME[name].frame_ticks}


def test_wideband_survives_where_both_ends_are_wideband_and_not_through_a_narrow_one():
    _, wide = speak(G722, 16_000, 5000.0, out_rate=16_000)
    spectrum = np.abs(np.fft.rfft(wide[4000:12_000]))
    assert int(np.argmax(spectrum)) * 2 == pytest.approx(5000, abs=4)
    _, narrow = speak(PCMA, 16_000, 5000.0, out_rate=16_000)
    assert level_dbfs(narrow[4000:]) < -60


def test_the_rtp_clocks_are_those_of_the_rfcs():
    assert (G722.clock_rate, G722.rate, G722.frame_ticks) == (8000, 16_000, 160)
    assert (OPUS.clock_rate, OPUS.frame_ticks) == (48_000, 960)
    assert named("OPUS") is OPUS
    assert named("opus") is OPUS
    assert named("g729") is None


def test_dtx_sends_nothing_in_silence_and_speech_at_once():
    encoder = make_encoder(OPUS, 8000, dtx=True)
    silence = np.zeros(160, np.int16)
    tone = ToneGenerator([700.0], -10.0)
    quiet = [encoder.encode(silence) for _ in range(100)]
    assert sum(not payload for payload in quiet) > 60
    assert quiet[:5].count(b"") == 0
    assert all(encoder.encode(tone.frame()) for _ in range(20))


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_speech_in_opus_carries_the_packet_before_once_more(rate):
    """By the second flag of a SILK frame, whose bits are as likely as not (RFC 6716 4.2.3): low bit-rate
    redundancy. libopus leaves it out where it finds the rate too low.
    """
    at = np.arange(4 * rate) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 25 * np.sin(2 * np.pi * 0.7 * at)) / rate
    wave = sum(np.sin(harmonic * pitch + harmonic) / harmonic for harmonic in range(1, 24))
    said = (2500 * wave * (0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * at))).astype(np.int16)
    carried = {}
    for fec in (True, False):
        encoder = make_encoder(OPUS, rate, fec=fec)
        payloads = [encoder.encode(frame) for frame in said.reshape(-1, rate // 50)]
        assert all(payload[0] >> 3 < 12 for payload in payloads)
        carried[fec] = sum(bool(payload[1] & 0x40) for payload in payloads) / len(payloads)
    assert carried[False] == 0
    assert carried[True] > 0.5


def test_bytes_that_are_no_opus_give_no_sound_and_break_nothing():
    decoder = make_decoder(OPUS)
    assert len(decoder.decode(b"\xff" * 40)) == 0
    assert len(decoder.decode(b"")) == 0
    payloads, _ = speak(OPUS, 8000, seconds=0.2)
    assert sum(len(decoder.decode(payload)) for payload in payloads) == 1600


def test_an_opus_packet_tells_its_length_by_its_first_bytes():
    assert ticks_of(OPUS, bytes([0b01001_000])) == 960  # SILK wide, 20 ms
    assert ticks_of(OPUS, bytes([0b11111_001])) == 1920  # CELT full, two of 20 ms
    assert ticks_of(OPUS, bytes([0b00011_011, 2])) == 5760  # SILK narrow, two of 60 ms
    assert ticks_of(OPUS, b"") == 0


@pytest.mark.parametrize(("low", "high"), [(8000, 16_000), (8000, 48_000), (16_000, 48_000)])
def test_frames_change_their_rate_without_a_seam(low, high):
    generator = ToneGenerator([1000.0], -12.0, low)
    up, down = FrameResampler(low, high), FrameResampler(high, low)
    back = np.concatenate([down.feed(up.feed(generator.frame(low // 50))) for _ in range(50)])
    steady = back[low // 10 :].astype(np.float64)
    at = np.arange(len(steady))
    basis = np.stack((np.sin(2 * np.pi * 1000 * at / low), np.cos(2 * np.pi * 1000 * at / low)), axis=1)
    found, *_ = np.linalg.lstsq(basis, steady, rcond=None)
    rest = steady - basis @ found
    assert 20 * np.log10(np.hypot(*found) / 32768) == pytest.approx(-12, abs=0.2)
    # A click at the seams of frames would stand out of the noise of rounding.
    assert np.abs(rest).max() < 8


def test_a_rate_that_does_not_fit_is_refused():
    with pytest.raises(AudioError):
        FrameResampler(8000, 44_100)
    with pytest.raises(AudioError):
        make_encoder(OPUS, 44_100)
