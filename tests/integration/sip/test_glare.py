"""Two offers that meet (491): ours is made again after the pause of RFC 3261 section 14.1."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record, sdp, until_talking

pytestmark = pytest.mark.platform


async def test_an_offer_that_meets_one_of_ours_gets_491_and_ours_is_made_again(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    await ring.pick_up(headers={"Session-Expires": "4;refresher=uac"})
    await until_talking(tenant)
    ours = await phone.request("INVITE", 4)
    await ring.ask("INVITE", 491, body=sdp(version=2))
    ring.reply(491, ours)
    await phone.request("ACK")
    again = await phone.request("INVITE", 6)
    assert again.cseq.number > ours.cseq.number
    ring.reply(200, again, body=sdp(), headers={"Session-Expires": "40;refresher=uac"})
    await phone.request("ACK")
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")
