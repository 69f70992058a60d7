"""The ACK comes only after some repeats of the 200."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record_of

pytestmark = pytest.mark.platform


async def test_a_late_ack_is_taken_and_the_200_repeated_until_then(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number)
    first = await caller.response(200, "INVITE")
    again = await caller.response(200, "INVITE")
    assert again.to_bytes() == first.to_bytes()
    call.learn(first)
    call.ack()
    # One may be on its way.
    await caller.silence("BYE", seconds=0.3)
    caller.inbox.clear()
    await caller.silence(200, "INVITE", 1.0)
    await call.ask("BYE")
    await record_of(tenant)
