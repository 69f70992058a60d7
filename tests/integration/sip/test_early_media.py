"""A number that is answered by the agent: the caller hears 183's audio until then."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform

from .wire import Talk, agent, carrier, company, record, until_talking

pytestmark = pytest.mark.platform


async def test_an_answer_at_the_agent_is_early_media_until_then(platform: Platform) -> None:
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number)
        progress = await caller.response(183, "INVITE")
        assert progress.content_type == "application/sdp"
        assert progress.to.tag
        ring = await Talk.ringing(phone)
        ring.reply(180)
        await caller.silence(200, "INVITE", 0.3)
        await ring.pick_up()
        answer = await call.answered()
        assert answer.body == progress.body
        assert answer.to.tag == progress.to.tag
        await until_talking(tenant)
        await call.ask("BYE")
        ring.reply(200, await phone.request("BYE"))
    found = await record(tenant, "caller_hung_up")
    assert found["agent_id"] == "a1"
    assert found["sip_status"] == 0
