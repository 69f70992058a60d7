"""The same call with other people's phones: SIPp dials with real RTP and digits, baresip answers."""

from __future__ import annotations

import asyncio
import io
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from seatbus_rtp.tones import dominant_frequency, level_dbfs
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .sip.peers import baresip_agent, run_sipp

pytestmark = [pytest.mark.platform, pytest.mark.peer]


@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays captured RTP through raw sockets: needs root")
async def test_sipp_dials_presses_one_and_talks_to_baresip(platform: Platform, tmp_path: Path) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with baresip_agent(tmp_path, platform.sip, tenant.username("a1"), PASSWORD, hz=1000):

        def registered() -> bool:
            found = platform.get(tenant.path("registrations"))["registrations"]
            return any(item["username"] == tenant.username("a1") for item in found)

        await asyncio.to_thread(platform.until, registered, 40, "baresip to register")
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        result = await run_sipp(
            tmp_path,
            platform.sip,
            host=tenant.caller_host,
            service=tenant.number,
            talk_ms=5000,
            hz=440,
            seconds=6,
        )
        assert result.code == 0, result.output[-3000:]
        cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert cdr["digits"] == "1"
    assert cdr["agent_id"] == "a1"
    assert cdr["caller"] == "13800138000"
    answer = await asyncio.to_thread(
        platform.http.get, tenant.path(f"recordings/{cdr['recording_id']}/audio")
    )
    with wave.open(io.BytesIO(answer.content)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    left, right = (np.ascontiguousarray(frames[16000:32000, channel]) for channel in (0, 1))
    assert dominant_frequency(left) == pytest.approx(440, abs=8)
    assert level_dbfs(left) == pytest.approx(-12, abs=1.5)
    assert dominant_frequency(right) == pytest.approx(1000, abs=8)
    assert level_dbfs(right) > -30
    heard = max(tmp_path.glob("dump-*dec*.wav"), key=lambda path: path.stat().st_size)
    with wave.open(str(heard)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        rate = file.getframerate()
    assert dominant_frequency(np.ascontiguousarray(pcm[rate : 2 * rate]), rate) == pytest.approx(440, abs=8)
