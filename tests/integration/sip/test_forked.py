"""Our INVITE is forked behind the phone's address: several ring, two answer, one keeps the call."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record, sdp, token, until_talking

pytestmark = pytest.mark.platform


async def test_the_first_answer_wins_and_the_other_is_hung_up(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    one = await Talk.ringing(phone)
    invite = one.invite
    other = Talk(phone, one.call_id, f"{invite.require('To')};tag={token()}", one.remote, one.target, 200)
    other.invite = invite
    one.reply(180)
    other.reply(180)
    other.reply(183, body=sdp())
    await one.pick_up()
    await until_talking(tenant)
    other.reply(200, body=sdp())
    ack = await phone.request("ACK")
    assert ack.to.tag == other.local.rpartition("tag=")[2]
    bye = await phone.request("BYE")
    assert bye.to.tag == ack.to.tag
    other.reply(200, bye)
    await call.ask("BYE")
    last = await phone.request("BYE")
    assert last.to.tag == one.local.rpartition("tag=")[2]
    one.reply(200, last)
    found = await record(tenant, "caller_hung_up")
    assert found["offers"] == 1
