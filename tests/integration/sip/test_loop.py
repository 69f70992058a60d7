"""One INVITE that arrives twice by different ways: the second is a loop or a merge (482)."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record_of

pytestmark = pytest.mark.platform


async def test_the_second_way_of_the_same_invite_gets_482(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number)
    merged = call.invite.copy()
    merged.remove("Via")
    caller.send(caller.stamped(merged))
    await caller.response(482, "INVITE")
    await call.answered()
    await call.ask("BYE")
    await record_of(tenant)
    assert len(tenant.cdrs()) == 1
