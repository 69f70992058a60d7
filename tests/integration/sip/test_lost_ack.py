"""The ACK never comes: the call ends by itself after 64*T1, with BYE and its cause."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .held import T1_S
from .wire import Talk, Wire, record

pytestmark = pytest.mark.platform


async def test_a_caller_who_never_acknowledges_is_hung_up(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number)
    call.learn(await caller.response(200, "INVITE"))
    bye = await caller.request("BYE", seconds=64 * T1_S + 30)
    call.reply(200, bye)
    found = await record(tenant, "no_ack")
    assert found["answered_at"]
