from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp import tones, wav
from seatbus_rtp.errors import WavError

LEFT = tones.tone([440], 0.5)
RIGHT = tones.tone([1000], 0.5)


def test_a_stereo_file_is_what_the_standard_library_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    wav.write_wav(path, LEFT, RIGHT)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 4000)
        data = np.frombuffer(file.readframes(4000), "<i2").reshape(-1, 2)
    assert np.array_equal(data[:, 0], LEFT)
    assert np.array_equal(data[:, 1], RIGHT)


@given(st.lists(st.integers(-32768, 32767), max_size=400), st.sampled_from([8000, 16000, 48000]))
def test_mono_samples_survive_writing_and_reading(values: list[int], rate: int) -> None:
    pcm = np.array(values, dtype=np.int16)
    file = io.BytesIO()
    writer = wav.WavWriter(file, 1, rate)
    for at in range(0, len(pcm), 160):
        writer.write(pcm[at : at + 160])
    writer.finish()
    reader = wav.WavReader(file)
    pieces = [reader.read(77)[:, 0] for _ in range(len(pcm) // 77 + 2)]
    assert np.array_equal(np.concatenate(pieces), pcm)
    assert (reader.info.rate, reader.info.frames) == (rate, len(pcm))
    assert writer.size == len(file.getvalue())


@given(cut=st.integers(0, 7))
def test_a_file_cut_off_by_a_crash_is_repaired(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    with path.open("wb") as file:
        wav.WavWriter(file, 2).write(LEFT, RIGHT)
    path.write_bytes(path.read_bytes()[: wav.HEADER_SIZE + 16000 - cut])
    with pytest.raises(WavError) as caught:
        wav.read_wav(path)
    assert caught.value.field == "data"
    info = wav.repair(path)
    assert info.frames == (16000 - cut) // 4
    _, pcm = wav.read_wav(path)
    assert np.array_equal(pcm[:, 1], RIGHT[: info.frames])
    before = path.read_bytes()
    assert wav.repair(path) == info
    assert path.read_bytes() == before


def test_repair_refuses_what_it_did_not_write(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for data in (b"", b"RIFF", bytes(100)):
        path.write_bytes(data)
        with pytest.raises(WavError):
            wav.repair(path)
        assert path.read_bytes() == data


def fmt(
    kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, block: int | None = None
) -> bytes:
    width = channels * bits // 8 if block is None else block
    return struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, rate, rate * width, width, bits)


def data_chunk(size: int, real: int | None = None) -> bytes:
    return struct.pack("<4sI", b"data", size) + bytes(size if real is None else real)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(fmt(kind=7) + data_chunk(2), "format", id="mu-law"),
        pytest.param(fmt(bits=8) + data_chunk(2), "bits_per_sample", id="8-bit"),
        pytest.param(fmt(channels=6) + data_chunk(12), "channels", id="six-channels"),
        pytest.param(fmt(channels=0, block=2) + data_chunk(2), "channels", id="no-channel"),
        pytest.param(fmt(rate=96000) + data_chunk(2), "rate", id="96-khz"),
        pytest.param(fmt(block=4) + data_chunk(2), "block_align", id="block-align"),
        pytest.param(data_chunk(2), "fmt", id="samples-first"),
        pytest.param(fmt(), "data", id="no-samples"),
        pytest.param(fmt() + data_chunk(2000, 10), "data", id="cut-off"),
        pytest.param(fmt() + data_chunk(0) + bytes(10), "data", id="unfinished"),
        pytest.param(fmt() + data_chunk(2 * 8000 * 3), "data", id="too-long"),
        pytest.param(struct.pack("<4sI", b"LIST", 1 << 31) + fmt(), "LIST", id="chunk-outside"),
        pytest.param(
            struct.pack("<4sI", b"junk", 0) * 100 + fmt() + data_chunk(2), "chunks", id="too-many-chunks"
        ),
    ],
)
def test_a_file_we_do_not_take_names_field_and_rule(body: bytes, field: str) -> None:
    file = io.BytesIO(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    with pytest.raises(WavError) as caught:
        wav.WavReader(file, wav.WavLimits(max_seconds=2))
    assert caught.value.field == field
    assert caught.value.rule


def test_unknown_chunks_and_odd_lengths_are_skipped() -> None:
    body = struct.pack("<4sI", b"LIST", 3) + bytes(4) + fmt() + data_chunk(6)
    file = io.BytesIO(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    assert wav.read_info(file).frames == 3


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(WavError) as caught:
        wav.read_info(io.BytesIO(b"RIFF\0\0\0\0WAVE" + data.replace(b"data", b"")))
    assert caught.value.field


def test_channels_must_match_what_is_written() -> None:
    with pytest.raises(WavError):
        wav.WavWriter(io.BytesIO(), 1).write(LEFT, RIGHT)
    with pytest.raises(WavError):
        wav.WavWriter(io.BytesIO(), 2).write(LEFT)
    with pytest.raises(WavError):
        wav.WavWriter(io.BytesIO(), 2).write(LEFT, RIGHT[:-1])
    with pytest.raises(WavError):
        wav.WavWriter(io.BytesIO(), 3)
