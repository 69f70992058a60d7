"""Hold and resume by re-INVITE, from either side: answered on that leg, never relayed."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Wire, bridged, record, sdp

pytestmark = pytest.mark.platform


@pytest.mark.parametrize("holder", ["caller", "agent"])
async def test_a_hold_is_answered_on_its_leg_and_not_relayed(
    tenant: TestTenant, caller: Wire, phone: Wire, holder: str
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    talk, other = (call, phone) if holder == "caller" else (ring, caller)
    held = await talk.ask("INVITE", body=sdp("sendonly", version=2))
    assert b"a=recvonly" in held.body or b"a=inactive" in held.body
    await asyncio.to_thread(tenant.platform.until, lambda: "HELD" in str(legs(tenant)), 30, "a held leg")
    resumed = await talk.ask("INVITE", body=sdp("sendrecv", version=3))
    assert b"a=sendrecv" in resumed.body or b"a=sendonly" not in resumed.body
    await asyncio.to_thread(tenant.platform.until, lambda: "HELD" not in str(legs(tenant)), 30, "no held leg")
    await other.silence("INVITE", seconds=0.2)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


def legs(tenant: TestTenant) -> list[str]:
    calls = tenant.platform.get(tenant.path("calls"))["calls"]
    return [leg["state"] for call in calls for leg in call["legs"]]
