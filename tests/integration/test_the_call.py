"""The call that must work: number, greeting, digit, queue, agent, audio, recording, record, board."""

from __future__ import annotations

import asyncio
import io
import wave
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from seatbus_rtp.tones import dominant_frequency, level_dbfs
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, ended_visits, reach_queue, until_agent, wait_level

pytestmark = pytest.mark.platform

CALLER_HZ, AGENT_HZ = 440.0, 1000.0
# Records have the time of day, the test a clock of its own.
CLOCKS_S = 0.1
LEVEL_DBFS = -15.0


def when(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_a_caller_presses_one_and_talks_to_the_longest_idle_agent(
    platform: Platform, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    tenant = TestTenant.create(platform, agents=2, queue={"wrap_up_s": 30})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a2") as longest_idle:
        await asyncio.sleep(0.2)
        async with agent_phone(tenant, "a1"):
            began = loop.time()
            call = await reach_queue(caller, tenant)
            ringing = await longest_idle.next_call()
            await ringing.ring()
            await until_agent(tenant, "a2", presence="READY", work="RINGING")
            await wait_level(call, -45)  # music until somebody answers
            await ringing.answer()
            await call_talks(call, ringing)
            await until_agent(tenant, "a2", presence="READY", work="TALKING")
            assert platform.get(tenant.path("board"))["queues"][0]["talking"] == 1
            hung_up = loop.time()
            await call.hang_up()
            await ringing.wait_ended()
            assert ringing.ended_by == "remote"
            await until_agent(tenant, "a2", presence="READY", work="WRAP_UP")
            await asyncio.to_thread(tenant.agent_do, "a2", "complete_wrap_up")
            await until_agent(tenant, "a2", presence="READY")

    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    recorded = loop.time()
    assert cdr["digits"] == "1"
    assert cdr["queue_id"] == tenant.queue
    assert cdr["agent_id"] == "a2"
    assert cdr["dialed"].lstrip("+") == tenant.number
    assert cdr["offers"] == 1
    assert cdr["queue_visits"] == 1
    times = [when(cdr[name]) for name in ("started_at", "answered_at", "queued_at", "bridged_at", "ended_at")]
    assert times == sorted(times)
    # It begins between the dialling and the answer, and ends between the hang-up and its record.
    assert call.answered_at is not None
    assert hung_up - call.answered_at - CLOCKS_S < times[-1] - times[0] < recorded - began + CLOCKS_S
    assert abs(cdr["duration_us"] / 1e6 - (times[-1] - times[0])) < 0.01
    # The talk ends with the hang-up; the call a little later, when media and both phones have let go.
    (segment,) = cdr["segments"]
    assert abs(cdr["talk_us"] / 1e6 - (when(segment["ended_at"]) - times[3])) < 0.05
    assert 0 <= (times[4] - times[3]) - cdr["talk_us"] / 1e6 < recorded - hung_up + CLOCKS_S
    assert cdr["caller_mos"] > 3.5
    assert len(tenant.cdrs(limit=100)) == 1

    await recording_has_both(platform, tenant, cdr)
    visits = await ended_visits(tenant, 1)
    assert [(v["outcome"], v["agent_id"]) for v in visits] == [("answered", "a2")]
    queue = await asyncio.to_thread(tenant.board_queue)
    assert (queue["offered"], queue["answered"], queue["abandoned"], queue["waiting"]) == (1, 1, 0, 0)
    assert queue["service_level"] == 1.0

    def all_states() -> bool:
        rows = platform.get(tenant.path("agent-intervals"), agent_id="a2")["intervals"]
        return {"ready", "ringing", "talking", "wrap_up"} <= {row["state"] for row in rows}

    await asyncio.to_thread(platform.until, all_states, 40, "the intervals of the agent in the store")


async def call_talks(call, ringing) -> None:  # type: ignore[no-untyped-def]
    """Both sides send their tone and hear the other's, at its level and without a gap over 60 ms."""
    call.mouth.play_tone(CALLER_HZ, LEVEL_DBFS)
    ringing.mouth.play_tone(AGENT_HZ, LEVEL_DBFS)
    await ringing.ears.wait_tone(CALLER_HZ)
    await call.ears.wait_tone(AGENT_HZ)
    await asyncio.sleep(0.3)
    call.ears.clear()
    ringing.ears.clear()
    await asyncio.sleep(3)
    for ears, mouth, expected in (
        (ringing.ears, call.mouth, CALLER_HZ),
        (call.ears, ringing.mouth, AGENT_HZ),
    ):
        hz, dbfs = ears.tone(2.0)
        assert hz == pytest.approx(expected, abs=8)
        assert dbfs == pytest.approx(LEVEL_DBFS, abs=1.5)
        assert ears.longest_gap_ms() <= 60 + mouth.longest_hole_ms


async def recording_has_both(platform: Platform, tenant: TestTenant, cdr: dict[str, object]) -> None:
    """Caller left, agent right, each with its tone; the file plays and is as long as the talk."""
    assert cdr["recording_id"]

    def stored() -> float:  # the file is closed after the call: its figures join the record a moment later
        return float(tenant.wait_cdr(call_id=cdr["call_id"])["recording_ms"])

    recorded_ms = await asyncio.to_thread(
        platform.until, stored, 45, "the recording's length in the call record"
    )
    path = f"/tenants/{tenant.id}/recordings/{cdr['recording_id']}/audio"
    answer = await asyncio.to_thread(platform.http.get, path)
    assert answer.status_code == 200
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    seconds = len(frames) / 8000
    assert seconds == pytest.approx(float(str(cdr["talk_us"])) / 1e6, abs=0.5)
    assert recorded_ms == pytest.approx(seconds * 1000, abs=30)
    middle = frames[-16000 - 8000 : -8000]
    for channel, expected in ((0, CALLER_HZ), (1, AGENT_HZ)):
        pcm = np.ascontiguousarray(middle[:, channel])
        assert dominant_frequency(pcm) == pytest.approx(expected, abs=8)
        assert level_dbfs(pcm) == pytest.approx(LEVEL_DBFS, abs=1.5)
