"""UPDATE: a refresh without an offer, a new offer, and one that comes too early (RFC 3311)."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, agent, bridged, carrier, company, record, sdp

pytestmark = pytest.mark.platform


@pytest.mark.parametrize("side", ["caller", "agent"])
async def test_an_update_refreshes_and_reoffers(
    tenant: TestTenant, caller: Wire, phone: Wire, side: str
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    talk = call if side == "caller" else ring
    refreshed = await talk.ask("UPDATE")
    assert refreshed.body == b""
    assert refreshed.contact is not None
    held = await talk.ask("UPDATE", body=sdp("sendonly", version=2))
    assert b"a=recvonly" in held.body or b"a=inactive" in held.body
    await talk.ask("UPDATE", body=sdp(version=3))
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_an_offer_in_an_early_dialog_is_taken_once_the_first_is_settled(platform: Platform) -> None:
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number, headers={"Supported": "100rel"})
        first = call.learn(await caller.response(183, "INVITE"))
        early = await call.ask("UPDATE", 500, body=sdp(version=2))
        assert early.get("Retry-After")
        await call.ask("PRACK", headers={"RAck": f"{first.get('RSeq')} 1 INVITE"})
        changed = await call.ask("UPDATE", body=sdp(payload=8, version=3))
        assert b"RTP/AVP 8" in changed.body
        ring = await Talk.ringing(phone)
        refreshed = ring.make("UPDATE")
        ring.reply(180)
        phone.send(refreshed)
        await phone.response(200, "UPDATE")
        await ring.ask("UPDATE", 491, body=sdp(version=4))
        held = await call.ask("UPDATE", body=sdp("sendonly", payload=8, version=4))
        assert b"a=recvonly" in held.body
        call.cancel()
        await caller.response(200, "CANCEL")
        call.ack_refusal(await caller.response(487, "INVITE"))
    await record(tenant, "abandoned_in_queue")
