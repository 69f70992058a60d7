"""An agent whose phone is gone is not routable at once, and is as before when it comes back in time."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent, wait_level

pytestmark = pytest.mark.platform


async def test_an_idle_agent_whose_connection_breaks_gets_no_call_until_the_phone_is_back(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller:
        async with agent_phone(tenant, "a1", transport="TCP") as phone:
            await until_agent(tenant, "a1", presence="READY")
            phone.vanish()
            await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "device_lost"
        call = await reach_queue(caller, tenant)
        await wait_level(call, -45)
        back = await agent_phone_again(tenant)
        await until_agent(tenant, "a1", presence="READY", work="RINGING")
        ringing = await back.next_call()
        await ringing.answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await call.hang_up()
        await back.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=ringing.request.get("X-Seatbus-Call-Id"))
    assert (cdr["offers"], cdr["cause"]) == (1, "caller_hung_up")


async def agent_phone_again(tenant: TestTenant) -> Phone:
    """The same account registers anew, without a log-in."""
    phone = await Phone.start(
        tenant.platform.sip_over("TCP"), username=tenant.username("a1"), password=PASSWORD, transport="TCP"
    )
    await phone.register()
    return phone
