"""The same INVITE again, in every state: one call, and the same answer again."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record_of

pytestmark = pytest.mark.platform


async def test_a_repeated_invite_is_the_same_call(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number)
    caller.send(call.invite)
    first = await call.answered()
    caller.send(call.invite)
    await caller.silence(482, seconds=0.2)
    assert all(message.to_bytes() == first.to_bytes() for message in caller.inbox if " 200 " in str(message))
    assert len(tenant.platform.get(tenant.path("calls"))["calls"]) == 1
    await call.ask("BYE")
    await record_of(tenant)
    assert len(tenant.cdrs()) == 1
