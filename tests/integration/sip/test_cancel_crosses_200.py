"""A CANCEL and a 200 that pass each other, on either leg."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record, until_talking

pytestmark = pytest.mark.platform


async def test_a_cancel_that_crossed_our_200_changes_nothing(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    answer = call.learn(await caller.response(200, "INVITE"))
    call.cancel()
    await caller.response(200, "CANCEL")
    await caller.silence(487, seconds=0.3)
    call.ack()
    ring = await Talk.ringing(phone)
    await ring.pick_up()
    await until_talking(tenant)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    assert answer.to.tag
    await record(tenant, "caller_hung_up")


async def test_a_phone_that_answers_although_it_was_cancelled_is_hung_up(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    ring.reply(180)
    await call.ask("BYE")
    cancel = await phone.request("CANCEL")
    await ring.pick_up()
    ring.reply(200, cancel)
    ring.reply(200, await phone.request("BYE"))
    found = await record(tenant, "abandoned_in_queue")
    assert found["talk_us"] == 0
    assert found["agent_id"] == ""
