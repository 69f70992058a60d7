"""A place in a conversation goes from one phone to another one: real audio, and one record."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_sip.replaces import Replaces
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import until_agent
from .conversations import CALLER, SECOND, SPOKEN_DBFS, THIRD, hears, hears_music, talk

pytestmark = pytest.mark.platform


async def with_mobile(platform: Platform, agents: int) -> tuple[TestTenant, str]:
    """a1 has a second device: its username."""
    tenant = await asyncio.to_thread(TestTenant.create, platform, agents=agents)
    mobile = {
        "agent_id": "a1",
        "kind": "DEVICE_KIND_SIP",
        "username": f"{tenant.id}-a1-mobile",
        "password": PASSWORD,
    }
    upserts = {"upserts": [{"id": "a1-mobile", "device": mobile}]}
    await asyncio.to_thread(platform.post, tenant.path("config"), upserts)
    return tenant, str(mobile["username"])


def named(call: PhoneCall) -> dict[str, str]:
    """The dialog of this phone as another one names it."""
    dialog = call.dialog
    assert dialog is not None
    return {"Replaces": str(Replaces(dialog.call_id, str(dialog.remote_tag), dialog.local_tag))}


async def test_the_agent_walks_on_with_another_phone(platform: Platform) -> None:
    tenant, username = await with_mobile(platform, agents=1)
    async with talk(tenant) as call:
        phone = await Phone.start(platform.sip, username=username, password=PASSWORD)
        try:
            taken = await phone.dial(tenant.number, headers=named(call.first))
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


async def test_an_agent_who_asks_a_colleague_and_a_customer_go_on_at_other_phones(platform: Platform) -> None:
    tenant, username = await with_mobile(platform, agents=2)
    async with talk(tenant, "a2") as call:
        await call.ask("consult", {"agent_id": "a2"})
        asked = await call.answer("a2", SECOND)
        phone = await Phone.start(platform.sip, username=username, password=PASSWORD)
        carrier = await Phone.start(platform.sip, host=tenant.caller_host)
        try:
            mobile = await phone.dial(tenant.number, headers=named(call.first))
            await mobile.wait_answered()
            mobile.mouth.play_tone(THIRD, SPOKEN_DBFS)
            await call.first.wait_ended()
            await hears(asked, THIRD)
            await hears(mobile, SECOND)
            await hears_music(call.customer)
            # Somebody else at the customer's end waits on, and then talks with the agent.
            other = await carrier.dial(tenant.number, headers=named(call.customer))
            await other.wait_answered()
            other.mouth.play_tone(CALLER, SPOKEN_DBFS)
            await call.customer.wait_ended()
            await hears_music(other)
            await asked.hang_up()
            await hears(other, THIRD)
            await hears(mobile, CALLER)
            await until_agent(tenant, "a1", presence="READY", work="TALKING")
            await other.hang_up()
            await mobile.wait_ended()
        finally:
            await phone.close()
            await carrier.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "agent_hung_up"),
        ("a1", "caller_hung_up"),
    ]
