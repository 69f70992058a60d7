"""Bodies that a dialog cannot take, and an offer that comes with a PRACK."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, agent, bridged, carrier, company, record, sdp

pytestmark = pytest.mark.platform


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_an_offer_in_a_foreign_language_is_told_what_is_understood(
    tenant: TestTenant, caller: Wire, phone: Wire, method: str
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    said = await call.ask(method, 415, body="<p>", headers={"Content-Type": "text/html"})
    assert said.get("Accept") == "application/sdp"
    said = await call.ask(method, 415, body=sdp(), headers={"Content-Encoding": "gzip"})
    assert said.get("Accept-Encoding") == "identity"
    # The talk is as it was.
    await call.ask("UPDATE", body=sdp(version=3))
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_an_offer_in_a_prack_is_answered_in_its_200(platform: Platform) -> None:
    """RFC 3262 section 5."""
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller, await agent(tenant) as phone:
        call = Talk.dial(caller, tenant.number, headers={"Supported": "100rel"})
        first = call.learn(await caller.response(183, "INVITE"))
        rack = {"RAck": f"{first.get('RSeq')} 1 INVITE"}
        said = await call.ask("PRACK", body=sdp(payload=8, version=2), headers=rack)
        assert b"RTP/AVP 8" in said.body
        await Talk.ringing(phone)
        changed = await call.ask("UPDATE", body=sdp(version=3))
        assert b"RTP/AVP 0" in changed.body
        call.cancel()
        await caller.response(200, "CANCEL")
        call.ack_refusal(await caller.response(487, "INVITE"))
    await record(tenant, "abandoned_in_queue")
