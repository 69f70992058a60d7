"""Provisional responses that want a PRACK (RFC 3262), as the one who sends and as the one who gets them."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .held import T1_S
from .wire import Talk, Wire, agent, carrier, company, record, sdp, until_talking

pytestmark = pytest.mark.platform


AT_AGENT = {"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"}


@pytest.mark.parametrize("header", ["Supported", "Require"])
async def test_early_media_is_repeated_until_its_prack(platform: Platform, header: str) -> None:
    tenant = await company(platform, number=AT_AGENT)
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number, headers={header: "100rel"})
        first = call.learn(await caller.response(183, "INVITE"))
        assert first.get("Require") == "100rel"
        again = await caller.response(183, "INVITE")
        assert (again.get("RSeq"), again.body) == (first.get("RSeq"), first.body)
        await call.ask("PRACK", 481, headers={"RAck": "1 1 INVITE"})
        await call.ask("PRACK", headers={"RAck": f"{first.get('RSeq')} 1 INVITE"})
        caller.inbox.clear()
        await caller.silence(183, "INVITE", 0.5)
        ring = await Talk.ringing(phone)
        await ring.pick_up()
        # The offer was answered in the 183: the 200 has nothing to add.
        answer = await call.answered_to(1)
        assert answer.body == b""
        await until_talking(tenant)
        await call.ask("BYE")
        ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_the_200_waits_for_the_prack(platform: Platform) -> None:
    tenant = await company(platform, number=AT_AGENT)
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number, headers={"Supported": "100rel"})
        first = call.learn(await caller.response(183, "INVITE"))
        ring = await Talk.ringing(phone)
        await ring.pick_up()
        await caller.silence(200, "INVITE", 0.4)
        await call.ask("PRACK", headers={"RAck": f"{first.get('RSeq')} 1 INVITE"})
        await call.answered_to(1)
        await until_talking(tenant)
        await call.ask("BYE")
        ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_without_a_prack_the_invite_is_refused_after_a_while(platform: Platform) -> None:
    tenant = await company(platform, number=AT_AGENT)
    async with await carrier(tenant) as caller:
        call = Talk.dial(caller, tenant.number, headers={"Supported": "100rel"})
        call.ack_refusal(await caller.response(504, "INVITE", 64 * T1_S + 5))
    found = await record(tenant, "no_ack")
    assert found["answered_at"] in (None, "")


async def test_a_phones_reliable_ringing_is_acknowledged_once_and_may_bring_the_answer(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    assert "100rel" in ring.invite.tokens("Supported")
    reliable = {"Require": "100rel", "RSeq": "77"}
    ring.reply(183, body=sdp(), headers=reliable)
    prack = await phone.request("PRACK")
    assert prack.get("RAck") == f"77 {ring.invite.cseq.number} INVITE"
    ring.reply(200, prack)
    ring.reply(183, body=sdp(), headers=reliable)
    ring.reply(180, headers={"Require": "100rel", "RSeq": "79"})
    await phone.silence("PRACK", seconds=0.4)
    await ring.pick_up(body="")
    await until_talking(tenant)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")
