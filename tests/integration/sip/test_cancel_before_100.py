"""CANCEL right behind the INVITE, and an INVITE of ours that nothing has answered yet."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, carrier, company, record, record_of

pytestmark = pytest.mark.platform


async def test_a_cancel_right_behind_its_invite_ends_the_call(platform: Platform) -> None:
    tenant = await company(platform, number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"})
    async with await carrier(tenant) as caller:
        call = Talk.dial(caller, tenant.number)
        call.cancel()
        await caller.response(200, "CANCEL")
        refusal = await caller.response(487, "INVITE")
        call.ack_refusal(refusal)
        await caller.silence(487, seconds=0.6)
    found = await record_of(tenant)
    assert found["cause"] in ("abandoned_in_flow", "abandoned_in_queue")
    assert found["sip_status"] == 487
    assert found["answered_at"] in (None, "")


async def test_a_cancel_that_comes_while_the_200_is_being_made_has_no_effect_or_ends_the_call(
    tenant: TestTenant, caller: Wire
) -> None:
    """Either the call is refused, or the caller can acknowledge it and hang up: never neither."""
    call = Talk.dial(caller, tenant.number)
    call.cancel()
    await caller.response(200, "CANCEL")
    final = await caller.final("INVITE")
    if final.status == 487:
        call.ack_refusal(final)
    else:
        call.learn(final)
        call.ack()
        await call.ask("BYE")
    await record_of(tenant)


async def test_our_cancel_waits_for_the_first_provisional_answer(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    await call.ask("BYE")
    # RFC 3261 section 9.1: no CANCEL before a provisional answer, or it could overtake its INVITE.
    await phone.silence("CANCEL", seconds=0.4)
    ring.reply(100)
    cancel = await phone.request("CANCEL")
    assert cancel.via.branch == ring.invite.via.branch
    ring.reply(200, cancel)
    ring.reply(487)
    await phone.request("ACK")
    found = await record(tenant, "abandoned_in_queue")
    assert found["talk_us"] == 0
