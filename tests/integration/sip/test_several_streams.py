"""Offers of more than audio: each stream has its line in the answer, the unwanted ones are refused there."""

from __future__ import annotations

import pytest

from seatbus_sip.sdp import parse_sdp
from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, bridged, sdp

pytestmark = pytest.mark.platform

VIDEO = "m=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
FAX = "m=image 9 udptl t38\r\na=T38FaxVersion:0\r\n"


async def test_one_audio_stream_is_taken_and_every_other_refused(tenant: TestTenant, caller: Wire) -> None:
    head, audio = sdp().split("m=audio")
    talk = Talk.dial(caller, tenant.number, offer=f"{head}{VIDEO}m=audio{audio}{FAX}m=audio 9 RTP/AVP 8\r\n")
    answer = parse_sdp((await talk.answered()).body)
    taken = [(media.kind, media.port > 0) for media in answer.media]
    assert taken == [("video", False), ("audio", True), ("image", False), ("audio", False)]
    await talk.ask("BYE")


async def test_a_carrier_that_hears_a_fax_is_refused_and_the_talk_goes_on(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    talk, ring = await bridged(caller, phone, tenant)
    head = sdp(version=2).split("m=audio")[0]
    for body in (head + FAX, f"{head}m=audio 0 RTP/AVP 0\r\n{FAX}"):
        await talk.ask("INVITE", 488, body=body)
    assert parse_sdp((await talk.ask("INVITE", body=sdp(version=3))).body).audio is not None
    await phone.silence("INVITE", seconds=0.1)
    await talk.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
