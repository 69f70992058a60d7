"""Linphone takes a caller, asks baresip, and joins the two: REFER with Replaces; each is heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import caller_of, reach_queue, until_agent, until_bridged
from .conversations import CALLER, SECOND, SPOKEN_DBFS, hears, hears_music
from .sip.baresip import told_baresip
from .sip.linphone import linphone_agent
from .test_baresip import give_extension, registered

pytestmark = [pytest.mark.platform, pytest.mark.peer]


@pytest.mark.parametrize(("transport", "other"), [("udp", "tls"), ("tcp", "udp"), ("tls", "tcp")])
async def test_linphone_asks_a_colleague_and_joins_the_caller_to_her(
    platform: Platform, tmp_path: Path, transport: str, other: str
) -> None:
    tenant = TestTenant.create(
        platform, agents=2, queue={"ring_timeout_s": 20, "members": [{"agent_id": "a1"}]}
    )
    give_extension(tenant)
    name = tenant.username
    at, there = (platform.sip_over(one.upper()) for one in (transport, other))
    async with (
        caller_of(tenant) as caller,
        linphone_agent(tmp_path / "linphone", at, name("a1"), PASSWORD, transport) as phone,
        told_baresip(
            tmp_path / "baresip", there, name("a2"), PASSWORD, hz=int(SECOND), transport=other
        ) as colleague,
    ):
        await registered(tenant, "a1", transport)
        await registered(tenant, "a2", other)
        await asyncio.to_thread(tenant.agent_do, "a2", "login", ready=False)
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = await reach_queue(caller, tenant)
        call.mouth.play_tone(CALLER, SPOKEN_DBFS)
        await phone.shows("Receiving new incoming call")
        await phone.say("answer")
        await until_bridged(tenant)
        await phone.shows("Media streams established")
        await phone.say("pause")
        await hears_music(call)
        await phone.shows("now paused")
        await phone.say(f"call sip:2002@{at[0]}:{at[1]}")
        await colleague.until("CALL_INCOMING")
        await colleague.say("accept")
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        await phone.shows("Call 2 with")
        await phone.say("transfer 1 --to-call 2")
        await hears(call, SECOND)
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        await colleague.say("hangup")
        await call.wait_ended()
        assert call.ended_by == "remote"
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "agent_hung_up"),
    ]
