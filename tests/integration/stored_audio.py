"""What is on a recording, as the API gives it."""

from __future__ import annotations

import io
import wave

import numpy as np

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .conversations import CALLER, FIRST

_WINDOW = 800


def stored(platform: Platform, tenant: TestTenant, recording_id: str) -> np.ndarray:
    """Both channels of a recording, once it is complete: the customer's and the agent's."""
    path = tenant.path(f"recordings/{recording_id}/audio")
    platform.until(lambda: platform.http.get(path).status_code == 200, 60, f"recording {recording_id}")
    answer = platform.http.get(path)
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)


def tones_when_complete(platform: Platform, tenant: TestTenant, recording_id: str) -> tuple[float, float]:
    """How loud the customer is on the left and the agent on the right, half a second after it began."""
    pcm = stored(platform, tenant, recording_id)[4000:8000]
    return goertzel_dbfs(pcm[:, 0], CALLER), goertzel_dbfs(pcm[:, 1], FIRST)


def loudest(channel: np.ndarray, hz: float) -> float:
    """Level of a tone where it is loudest, in dBFS over 100 ms."""
    starts = range(0, len(channel) - _WINDOW, _WINDOW)
    return max(goertzel_dbfs(channel[start : start + _WINDOW], hz) for start in starts)
