"""Either side hangs up: the other gets a BYE, the record says who it was."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Wire, bridged, record

pytestmark = pytest.mark.platform


@pytest.mark.parametrize(("who", "cause"), [("caller", "caller_hung_up"), ("agent", "agent_hung_up")])
async def test_who_hangs_up_is_in_the_record(
    tenant: TestTenant, caller: Wire, phone: Wire, who: str, cause: str
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    one, other, far = (call, ring, phone) if who == "caller" else (ring, call, caller)
    await one.ask("BYE")
    other.reply(200, await far.request("BYE"))
    found = await record(tenant, cause)
    assert found["agent_id"] == "a1"
