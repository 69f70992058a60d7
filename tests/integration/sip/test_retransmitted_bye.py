"""A BYE that comes twice gets the same answer twice; ours is repeated until it is answered."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Wire, bridged, record

pytestmark = pytest.mark.platform


async def test_a_bye_is_answered_each_time_and_repeated_until_then(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    bye = call.say("BYE")
    first = await caller.response(200, "BYE")
    caller.send(bye)
    assert (await caller.response(200, "BYE")).to_bytes() == first.to_bytes()
    ours = await phone.request("BYE")
    again = await phone.request("BYE")
    assert again.to_bytes() == ours.to_bytes()
    ring.reply(200, again)
    phone.inbox.clear()
    await phone.silence("BYE", seconds=0.6)
    await record(tenant, "caller_hung_up")
