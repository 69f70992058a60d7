"""Max-Forwards 0: refused, not carried on (RFC 3261 section 16.3)."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire

pytestmark = pytest.mark.platform


async def test_a_request_without_hops_left_gets_483(tenant: TestTenant, caller: Wire) -> None:
    call = Talk.dial(caller, tenant.number, headers={"Max-Forwards": "0"})
    call.ack_refusal(await caller.response(483, "INVITE"))
    assert tenant.cdrs() == []
