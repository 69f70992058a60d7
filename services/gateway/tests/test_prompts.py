"""Uploaded prompts: kept as telephone sound, refused by the rule they break."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from seatbus_rtp.tones import dominant_frequency, tone
from seatbus_rtp.wav import WavReader, write_wav

API = "/api/v1/tenants/acme/prompts"


async def test_a_prompt_is_transcoded_once_and_read_back(world: SimpleNamespace, tmp_path) -> None:
    path = tmp_path / "up.wav"
    sound = tone([1000.0], 0.5, -12.0, 44_100)
    write_wav(path, sound, sound, 44_100)
    put = await world.http.put(f"{API}/welcome/audio", content=path.read_bytes())
    assert put.status_code == 200, put.text
    assert put.json()["seconds"] == pytest.approx(0.5, abs=0.01)
    kept = await world.http.get(f"{API}/welcome/audio")
    assert kept.headers["content-type"] == "audio/wav"
    reader = WavReader(io.BytesIO(kept.content))
    assert (reader.info.rate, reader.info.channels) == (8000, 1)
    heard = np.ascontiguousarray(reader.read(reader.info.frames)[:, 0])
    assert dominant_frequency(heard) == pytest.approx(1000, abs=5)


@pytest.mark.parametrize(
    ("prompt", "body", "status"),
    [
        ("welcome", b"<html>", 400),
        ("welcome", b"", 400),
        ("Not.An.Id", b"RIFF", 400),
        ("big", bytes(2 * 1024 * 1024), 400),
    ],
)
async def test_what_is_no_prompt_is_refused(
    world: SimpleNamespace, prompt: str, body: bytes, status: int
) -> None:
    answer = await world.http.put(f"{API}/{prompt}/audio", content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


async def test_a_prompt_that_is_not_there_is_not_found(world: SimpleNamespace) -> None:
    assert (await world.http.get(f"{API}/nobody/audio")).status_code == 404
