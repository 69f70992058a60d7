"""A desk phone and a soft phone of one agent, over different transports, ring for one customer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent
from .sip.peers import sipp_agent

pytestmark = pytest.mark.platform


def with_soft_phone(platform: Platform) -> TestTenant:
    """One agent with two devices, both of which ring."""
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0, "ring_timeout_s": 10})
    soft = {
        "agent_id": "a1",
        "kind": "DEVICE_KIND_SIP",
        "username": f"{tenant.id}-soft",
        "password": PASSWORD,
        "priority": 1,
    }
    agent = {"name": "A1", "branch_id": "main", "ring_policy": "RING_POLICY_ALL"}
    platform.post(
        tenant.path("config"),
        {"upserts": [{"id": "a1", "agent": agent}, {"id": "a1-soft", "device": soft}]},
    )
    return tenant


async def test_who_answers_first_talks_and_the_other_phone_is_silent_again(platform: Platform) -> None:
    tenant = await asyncio.to_thread(with_soft_phone, platform)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as desk:
        soft = await Phone.start(
            platform.sip_over("TCP"), username=f"{tenant.id}-soft", password=PASSWORD, transport="TCP"
        )
        await soft.register()
        call = await reach_queue(caller, tenant)
        one, other = await asyncio.gather(desk.next_call(), soft.next_call())
        await asyncio.gather(one.ring(), other.ring())
        await other.answer()
        await one.wait_ended()
        other.mouth.play_tone(1000, -15)
        call.mouth.play_tone(600, -15)
        await call.ears.wait_tone(1000)
        await other.ears.wait_tone(600)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await call.hang_up()
        await other.wait_ended()
        await until_agent(tenant, "a1", presence="READY")
        await soft.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert (cdr["offers"], [segment["cause"] for segment in cdr["segments"]]) == (1, ["caller_hung_up"])


@pytest.mark.peer
async def test_sipp_that_answers_after_another_phone_has_the_call_gets_ack_and_bye(
    platform: Platform, tmp_path: Path
) -> None:
    tenant = await asyncio.to_thread(with_soft_phone, platform)
    soft = f"{tenant.id}-soft"
    async with (
        caller_of(tenant) as caller,
        sipp_agent(tmp_path, platform.sip, soft, PASSWORD, "agent_answers_late.xml") as sipp,
        agent_phone(tenant, "a1") as desk,
    ):
        call = await reach_queue(caller, tenant)
        leg = await desk.next_call()
        await leg.ring()
        await until_agent(tenant, "a1", presence="READY", work="RINGING")
        await leg.answer()
        output, _ = await asyncio.wait_for(sipp.communicate(), 15)
        assert sipp.returncode == 0, output[-3000:]
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        assert not call.over()
        await call.hang_up()
        await until_agent(tenant, "a1", presence="READY")
