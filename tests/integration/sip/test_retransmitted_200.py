"""A phone that repeats its 200 gets the same ACK each time."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record, until_talking

pytestmark = pytest.mark.platform


async def test_each_repeat_of_a_200_gets_the_ack_again(tenant: TestTenant, caller: Wire, phone: Wire) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    ack = await ring.pick_up()
    for _ in range(2):
        again = await ring.pick_up()
        assert again.to_bytes() == ack.to_bytes()
    await until_talking(tenant)
    await ring.ask("BYE")
    call.reply(200, await caller.request("BYE"))
    found = await record(tenant, "agent_hung_up")
    assert found["offers"] == 1
