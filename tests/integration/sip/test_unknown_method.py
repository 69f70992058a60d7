"""A method that nobody knows, and requests that name no dialog of ours."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, bridged, outside, record

pytestmark = pytest.mark.platform


async def test_an_unknown_method_is_refused_with_those_that_are_known(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    caller.send(outside(caller, "JUGGLE"))
    refusal = await caller.final("JUGGLE")
    assert refusal.status in (405, 501)
    assert "invite" in refusal.tokens("Allow")
    # Known, and of no use here (RFC 3428).
    caller.send(outside(caller, "MESSAGE"))
    assert "invite" in (await caller.response(405, "MESSAGE")).tokens("Allow")
    call, ring = await bridged(caller, phone, tenant)
    for method in ("JUGGLE", "MESSAGE"):
        inside = await call.ask(method, 405)
        assert "bye" in inside.tokens("Allow")
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INFO", "PRACK", "INVITE"])
async def test_a_dialog_that_nobody_has_gets_481(caller: Wire, method: str) -> None:
    target = f"sip:x@{caller.server[0]}:{caller.server[1]}"
    stray = Talk(caller, "none@wire", "<sip:a@x>;tag=1", f"<{target}>;tag=2", target, 5)
    stray.say(method)
    assert (await caller.final(method)).status == 481
