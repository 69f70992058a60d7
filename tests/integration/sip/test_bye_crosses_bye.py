"""Both sides hang up at the same moment."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Wire, bridged, record

pytestmark = pytest.mark.platform


async def test_byes_that_cross_are_both_answered(tenant: TestTenant, caller: Wire, phone: Wire) -> None:
    call, ring = await bridged(caller, phone, tenant)
    call.say("BYE")
    ours = await phone.request("BYE")
    # The phone had sent its own before it saw ours.
    ring.say("BYE")
    ring.reply(200, ours)
    await caller.response(200, "BYE")
    found = await record(tenant, "caller_hung_up")
    assert found["agent_id"] == "a1"
    assert len(tenant.cdrs()) == 1
