"""Phones and carriers whose audio is encrypted by keys in the SDP: baresip, both ways."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.eventually import eventually
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent
from .sip.peers import baresip_agent

pytestmark = [pytest.mark.platform, pytest.mark.peer]

CALLER_HZ, BARESIP_HZ = 440.0, 1000.0


def heard_by_baresip(folder: Path, hz: float) -> float:
    """Level of a tone in what baresip has written so far, dBFS; over its loudest second."""
    written = max(folder.glob("dump-*dec*.wav"), key=lambda path: path.stat().st_size, default=None)
    data = written.read_bytes()[44:] if written is not None else b""
    pcm = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
    seconds = (pcm[at : at + 8000] for at in range(0, len(pcm) - 8000, 4000))
    return max((goertzel_dbfs(second, hz) for second in seconds), default=-120.0)


async def baresip_hears(folder: Path, hz: float) -> None:
    """Returns once it has heard a second of this tone as it is played here, without a gap."""
    await eventually(lambda: heard_by_baresip(folder, hz) == pytest.approx(-15, abs=2), 40, 0.2)


async def test_a_phone_that_must_encrypt_talks_with_a_caller(platform: Platform, tmp_path: Path) -> None:
    tenant = TestTenant.create(platform, agents=1)
    user = tenant.username("a1")
    fields = {"agent_id": "a1", "kind": "DEVICE_KIND_SIP", "username": user, "password": PASSWORD}
    fields["media_security"] = "MEDIA_SECURITY_SDES_REQUIRED"
    platform.post(tenant.path("config"), {"upserts": [{"id": "a1-phone", "device": fields}]})
    async with baresip_agent(tmp_path, platform.sip, user, PASSWORD, hz=1000, encryption="srtp-mand"):

        def registered() -> bool:
            there = platform.get(tenant.path("registrations"))["registrations"]
            return any(item["username"] == user for item in there)

        await asyncio.to_thread(platform.until, registered, 40, "baresip to register")
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        async with caller_of(tenant) as caller:
            call = await reach_queue(caller, tenant)
            call.mouth.play_tone(CALLER_HZ, -15.0)
            await until_agent(tenant, "a1", presence="READY", work="TALKING")
            await eventually(lambda: goertzel_dbfs(call.ears.tail(0.4), BARESIP_HZ) > -25)
            await baresip_hears(tmp_path, CALLER_HZ)
            await call.hang_up()


async def test_a_carrier_that_must_encrypt_is_answered_so_and_refused_when_it_does_not(
    platform: Platform, tmp_path: Path
) -> None:
    nodes = [
        {"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
        {"id": "bye", "hang_up": {"audio": [{"text": "Good bye."}]}},
    ]
    tenant = TestTenant.create(platform, agents=1, flow_nodes=nodes)
    trunk = {
        "name": "Carrier",
        "source_addresses": [tenant.caller_host],
        "media_security": "MEDIA_SECURITY_SDES_REQUIRED",
    }
    platform.post(tenant.path("config"), {"upserts": [{"id": "trunk", "trunk": trunk}]})
    await asyncio.sleep(0.5)
    async with caller_of(tenant) as plain:
        call = await plain.dial(tenant.number)
        await call.wait_ended()
        assert call.status == 488
    async with (
        agent_phone(tenant, "a1") as phone,
        baresip_agent(
            tmp_path,
            platform.sip,
            "carrier",
            "none",
            hz=1000,
            encryption="srtp-mand",
            host=tenant.caller_host,
            dials=tenant.number,
        ),
    ):
        ringing = await phone.next_call(15)
        await ringing.answer()
        ringing.mouth.play_tone(CALLER_HZ, -15.0)
        await eventually(lambda: goertzel_dbfs(ringing.ears.tail(0.4), BARESIP_HZ) > -25)
        await baresip_hears(tmp_path, CALLER_HZ)
        await ringing.hang_up()
