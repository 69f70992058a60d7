"""What a request requires and nobody here knows (RFC 3261 section 8.2.2.3), outside of a dialog or inside."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, bridged, record, sdp

pytestmark = pytest.mark.platform

UNKNOWN = {"Require": "timer, recipient-list-invite"}


async def test_an_invite_that_requires_the_unknown_is_refused_by_name(
    tenant: TestTenant, caller: Wire
) -> None:
    call = Talk.dial(caller, tenant.number, headers=UNKNOWN)
    refused = await caller.response(420, "INVITE")
    assert refused.get("Unsupported") == "recipient-list-invite"
    call.ack_refusal(refused)


async def test_requests_of_a_dialog_are_refused_alike_and_the_talk_goes_on(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    for method, body in (("INFO", ""), ("UPDATE", ""), ("BYE", "")):
        refused = await call.ask(method, 420, body=body, headers=UNKNOWN)
        assert refused.get("Unsupported") == "recipient-list-invite"
    made = ring.say("INVITE", body=sdp("sendonly", version=2), headers=UNKNOWN)
    refused = await phone.response(420, "INVITE")
    ring.ack_refusal(refused, made)
    await phone.silence("BYE", seconds=0.3)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")
