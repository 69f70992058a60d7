"""Another codec in the middle of a call, from either side."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Wire, bridged, record, sdp

pytestmark = pytest.mark.platform


@pytest.mark.parametrize("changer", ["caller", "agent"])
async def test_a_codec_is_changed_by_one_leg_alone(
    tenant: TestTenant, caller: Wire, phone: Wire, changer: str
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    talk, other = (call, phone) if changer == "caller" else (ring, caller)
    changed = await talk.ask("INVITE", body=sdp(payload=8, version=2))
    assert b"RTP/AVP 8" in changed.body
    refused = await talk.ask("INVITE", 488, body=sdp(version=3).replace("AVP 0 101", "AVP 96"))
    assert refused.to.tag
    await other.silence("INVITE", seconds=0.2)
    await ring.ask("BYE")
    call.reply(200, await caller.request("BYE"))
    await record(tenant, "agent_hung_up")
