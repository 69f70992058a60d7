"""Session timers (RFC 4028): agreement, refreshes, and the end of a session that nobody refreshes."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record, sdp, until_talking

pytestmark = pytest.mark.platform


TIMER = {"Supported": "timer", "Session-Expires": "4;refresher=uac"}


async def test_too_short_an_interval_is_refused_with_the_shortest(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number, headers={"Supported": "timer", "Session-Expires": "1"})
    refusal = await caller.response(422, "INVITE")
    assert refusal.get("Min-SE") == "2"
    call.ack_refusal(refusal)


async def test_a_caller_who_promised_to_refresh_and_does_not_is_hung_up(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number, headers=TIMER)
    answer = await call.answered()
    assert answer.get("Session-Expires") == "4;refresher=uac"
    assert "timer" in answer.tokens("Require")
    ring = await Talk.ringing(phone)
    await ring.pick_up()
    await until_talking(tenant)
    await call.ask("UPDATE", headers=TIMER)
    await call.ask("INVITE", body=sdp(version=1), headers=TIMER)
    # Neither side gets a BYE while it is refreshed; both get one when it is not.
    call.reply(200, await caller.request("BYE", 10))
    ring.reply(200, await phone.request("BYE"))
    found = await record(tenant, "session_expired")
    assert found["agent_id"] == "a1"


async def test_we_refresh_a_phone_by_update_and_end_the_call_when_it_is_gone(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    assert ring.invite.get("Session-Expires")
    await ring.pick_up(headers={"Session-Expires": "4;refresher=uac", "Allow": "INVITE, UPDATE, BYE"})
    await until_talking(tenant)
    refresh = await phone.request("UPDATE", 4)
    assert refresh.get("Session-Expires") == "4;refresher=uac"
    ring.reply(200, refresh, headers={"Session-Expires": "4;refresher=uac"})
    again = await phone.request("UPDATE", 4)
    ring.reply(481, again)
    call.reply(200, await caller.request("BYE"))
    await record(tenant, "session_expired")


async def test_a_phone_that_takes_no_update_is_refreshed_by_reinvite(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    await ring.pick_up(headers={"Session-Expires": "4;refresher=uac"})
    await until_talking(tenant)
    refresh = await phone.request("INVITE", 4)
    assert refresh.to.tag
    ring.reply(422, refresh, headers={"Min-SE": "8"})
    await phone.request("ACK")
    longer = await phone.request("INVITE", 4)
    assert str(longer.get("Session-Expires")).startswith("8;")
    ring.reply(200, longer, body=sdp(), headers={"Session-Expires": "8;refresher=uac"})
    await phone.request("ACK")
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")
