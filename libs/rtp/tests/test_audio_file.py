"""Uploaded files of every kind and rate sound the same; what is no sound is refused by its rule."""

from __future__ import annotations

import contextlib
import io

import av
import numpy as np
import pytest

from seatbus_rtp.audio_file import kind_of, read_audio
from seatbus_rtp.errors import InvalidInputError
from seatbus_rtp.tones import ToneGenerator, dominant_frequency, goertzel_dbfs
from seatbus_rtp.wav import write_wav

KINDS = [
    ("mp3", "mp3", 44_100, "stereo", "fltp"),
    ("flac", "flac", 96_000, "mono", "s16"),
    ("ogg", "libopus", 48_000, "stereo", "flt"),
    ("wav", "pcm_s16le", 22_050, "stereo", "s16"),
]


def made(kind, codec, rate, layout, form, seconds=1.5):
    file = io.BytesIO()
    pcm = ToneGenerator([1000.0], -12.0, rate).frame(round(rate * seconds))
    channels = 2 if layout == "stereo" else 1
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.repeat(pcm, channels)[None, :], "s16", layout)
        frame.sample_rate = rate
        for part in av.AudioResampler(form, layout, rate, stream.codec_context.frame_size or 1024).resample(
            frame
        ):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(("kind", "codec", "rate", "layout", "form"), KINDS)
def test_a_file_of_each_kind_is_heard_at_its_pitch_level_and_length(kind, codec, rate, layout, form):
    data = made(kind, codec, rate, layout, form)
    assert kind_of(data) == kind
    pcm = read_audio(data)
    assert len(pcm) / 8000 == pytest.approx(1.5, abs=0.12)
    steady = pcm[2000:10_000]
    assert dominant_frequency(steady) == pytest.approx(1000, abs=3)
    assert goertzel_dbfs(steady, 1000) == pytest.approx(-12, abs=1)


@pytest.mark.parametrize("kind", [row[0] for row in KINDS])
def test_half_a_file_is_sound_or_refused_and_never_breaks_anything(kind):
    row = next(row for row in KINDS if row[0] == kind)
    data = made(*row)
    for cut in (5, 40, 200, len(data) // 2):
        with contextlib.suppress(InvalidInputError):
            assert len(read_audio(data[:cut]))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x7fELF" + bytes(100), b"<svg></svg>", b"OggS" + bytes(64)]
)
def test_what_is_no_audio_is_refused(data):
    with pytest.raises(InvalidInputError):
        read_audio(data)


def test_what_is_too_long_is_refused(tmp_path):
    path = tmp_path / "long.wav"
    write_wav(path, np.zeros(8000 * 5, np.int16) + 100)
    with pytest.raises(InvalidInputError, match="at most 3 s"):
        read_audio(path.read_bytes(), max_seconds=3)
    with pytest.raises(InvalidInputError, match="at most 1 s"):
        read_audio(made(*KINDS[0]), max_seconds=1)
