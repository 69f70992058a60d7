"""OPTIONS outside and inside of a dialog."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Wire, bridged, outside, record

pytestmark = pytest.mark.platform


async def test_who_asks_hears_what_is_served(tenant: TestTenant, caller: Wire, phone: Wire) -> None:
    caller.send(outside(caller, "OPTIONS"))
    answer = await caller.response(200, "OPTIONS")
    assert {"invite", "prack", "update"} <= answer.tokens("Allow")
    assert {"100rel", "timer"} <= answer.tokens("Supported")
    call, ring = await bridged(caller, phone, tenant)
    await call.ask("OPTIONS")
    await ring.ask("OPTIONS")
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await call.ask("OPTIONS", 481)
    await record(tenant, "caller_hung_up")
