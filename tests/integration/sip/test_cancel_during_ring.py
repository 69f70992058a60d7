"""The caller gives up while the agent's phone rings."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform

from .wire import Talk, agent, carrier, company, record

pytestmark = pytest.mark.platform


async def test_a_cancel_while_the_phone_rings_reaches_the_phone(platform: Platform) -> None:
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number)
        await caller.response(183, "INVITE")
        ring = await Talk.ringing(phone)
        ring.reply(180)
        call.cancel()
        await caller.response(200, "CANCEL")
        call.ack_refusal(await caller.response(487, "INVITE"))
        ring.reply(200, await phone.request("CANCEL"))
        ring.reply(487)
        await phone.request("ACK")
    found = await record(tenant, "abandoned_in_queue")
    assert found["sip_status"] == 487
    assert found["offers"] == 1
