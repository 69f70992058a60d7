"""INVITE without SDP: the 200 makes the offer, the ACK brings the answer."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, bridged, record, sdp, until_talking

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
