"""A phone that redirects (302) is not followed: where calls go is the platform's decision."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record

pytestmark = pytest.mark.platform


async def test_a_redirect_is_not_followed_and_the_contact_waits_on(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    ring.reply(302, headers={"Contact": "<sip:00900123456@198.51.100.7>"})
    await phone.request("ACK")
    await phone.silence("INVITE", seconds=0.5)
    state = await asyncio.to_thread(tenant.agent, "a1")
    assert state["presence"] == "PRESENCE_NOT_READY"
    await call.ask("BYE")
    found = await record(tenant, "abandoned_in_queue")
    assert found["offers"] == 1
