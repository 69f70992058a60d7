"""INVITE without SDP: the 200, or a reliable 183, makes the offer; the ACK, or PRACK, brings the answer."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, agent, bridged, carrier, company, record, sdp, until_talking

pytestmark = pytest.mark.platform


async def test_a_caller_without_an_offer_answers_ours_in_the_ack(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number, offer="")
    answer = call.learn(await caller.response(200, "INVITE"))
    assert b"m=audio" in answer.body
    assert b"a=rtpmap" in answer.body
    call.ack(body=sdp(payload=8))
    ring = await Talk.ringing(phone)
    assert b"RTP/AVP 8" in ring.invite.body
    await ring.pick_up(body=sdp(payload=8))
    await until_talking(tenant)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_an_ack_without_the_answer_ends_the_call(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number, offer="")
    await call.answered()
    call.reply(200, await caller.request("BYE"))
    await record(tenant, "not_acceptable")


async def test_a_reinvite_without_an_offer_gets_one(tenant: TestTenant, caller: Wire, phone: Wire) -> None:
    call, ring = await bridged(caller, phone, tenant)
    made = ring.say("INVITE")
    offer = await phone.response(200, "INVITE")
    assert b"m=audio" in offer.body
    ring.ack(cseq=made.cseq.number, body=sdp(payload=0, version=2))
    await phone.silence("BYE", seconds=0.4)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_a_number_that_is_answered_at_an_agent_makes_its_offer_ahead_where_the_caller_knows_100rel(
    platform: Platform,
) -> None:
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number, offer="", headers={"Supported": "100rel"})
        early = call.learn(await caller.response(183, "INVITE"))
        assert b"m=audio" in early.body
        rack = {"RAck": f"{early.get('RSeq')} 1 INVITE"}
        await call.ask("PRACK", body=sdp(payload=8), headers=rack)
        ring = await Talk.ringing(phone)
        assert b"RTP/AVP 8" in ring.invite.body
        await caller.silence(200, "INVITE", 0.3)
        # The caller heard of the queue's music by a second reliable response, perhaps.
        for response in [item for item in caller.inbox if item.cseq.method == "INVITE"]:
            if response.get("RSeq") != early.get("RSeq"):
                await call.ask("PRACK", headers={"RAck": f"{response.get('RSeq')} 1 INVITE"})
                break
        caller.inbox.clear()
        await ring.pick_up(body=sdp(payload=8))
        answer = await call.answered_to(1)
        assert answer.body == b""
        await until_talking(tenant)
        await call.ask("BYE")
        ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_without_100rel_it_is_answered_at_once(platform: Platform) -> None:
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller:
        call = Talk.dial(caller, tenant.number, offer="")
        call.learn(await caller.response(200, "INVITE"))
        call.ack(body=sdp(payload=8))
        await call.ask("BYE")
    found = await asyncio.to_thread(tenant.wait_cdr)
    assert found["answered_at"]
