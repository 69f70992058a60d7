"""A colleague's phone shows that an agent is called and talks: real agent_state, real calls."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.eventually import eventually
from seatbus_testkit.lamp import subscribe
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue

pytestmark = pytest.mark.platform


async def test_a_lamp_flashes_shines_and_goes_out(platform: Platform) -> None:
    tenant = await asyncio.to_thread(TestTenant.create, platform, agents=2, queue={"wrap_up_s": 0})
    async with (
        agent_phone(tenant, "a1") as phone,
        agent_phone(tenant, "a2", ready=False) as colleague,
        caller_of(tenant) as caller,
    ):
        lamp, response = await subscribe(colleague, tenant.username("a1"), expires=600)
        assert response.status == 200
        await eventually(lambda: lamp.states() == [[]])
        call = await reach_queue(caller, tenant)
        leg = await phone.next_call()
        await leg.ring()
        await eventually(lambda: ["early"] in lamp.states())
        await leg.answer()
        await eventually(lambda: lamp.states()[-1] == ["confirmed"])
        await call.hang_up()
        await eventually(lambda: lamp.states()[-1] == [])
        assert (await lamp.again(0)).status == 200
