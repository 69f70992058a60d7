"""A conversation goes from one phone of its agent to another one: real audio, and one record."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_sip.replaces import Replaces
from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import until_agent
from .conversations import CALLER, SECOND, SPOKEN_DBFS, hears, talk

pytestmark = pytest.mark.platform


async def test_the_agent_walks_on_with_another_phone(platform: Platform) -> None:
    tenant = await asyncio.to_thread(TestTenant.create, platform, agents=1)
    mobile = {
        "agent_id": "a1",
        "kind": "DEVICE_KIND_SIP",
        "username": f"{tenant.id}-a1-mobile",
        "password": PASSWORD,
    }
    upserts = {"upserts": [{"id": "a1-mobile", "device": mobile}]}
    await asyncio.to_thread(platform.post, tenant.path("config"), upserts)
    async with talk(tenant) as call:
        dialog = call.first.dialog
        assert dialog is not None
        named = Replaces(dialog.call_id, str(dialog.remote_tag), dialog.local_tag)
        phone = await Phone.start(platform.sip, username=mobile["username"], password=PASSWORD)
        try:
            taken = await phone.dial(tenant.number, headers={"Replaces": str(named)})
            await taken.wait_answered()
            taken.mouth.play_tone(SECOND, SPOKEN_DBFS)
            await call.first.wait_ended()
            await hears(taken, CALLER)
            await hears(call.customer, SECOND)
            await until_agent(tenant, "a1", presence="READY", work="TALKING")
            await taken.hang_up()
            await call.customer.wait_ended()
        finally:
            await phone.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a1", "agent_hung_up"),
    ]
    await until_agent(tenant, "a1", presence="READY")
