"""A phone over TLS: it registers, takes a call and ends it; what comes to it comes over its connection."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant
from tests.integration.agents import agent_phone

from .wire import Talk, Wire, record, until_talking

pytestmark = pytest.mark.platform


@pytest.mark.parametrize("ends", ["agent", "caller"])
async def test_a_phone_over_tls_is_called_and_either_side_hangs_up(
    tenant: TestTenant, caller: Wire, ends: str
) -> None:
    async with agent_phone(tenant, "a1", transport="TLS") as phone:
        call = Talk.dial(caller, tenant.number)
        await call.answered()
        ringing = await phone.next_call(20)
        assert ringing.request.via.transport == "TLS"
        await ringing.answer()
        await until_talking(tenant)
        if ends == "agent":
            await ringing.hang_up()
            call.reply(200, await caller.request("BYE"))
        else:
            await call.ask("BYE")
            await ringing.wait_ended(20)
            assert ringing.ended_by == "remote"
    found = await record(tenant, f"{ends}_hung_up")
    assert found["agent_id"] == "a1"
