"""Descriptions among other parts of a body (RFC 5621): the one is found, the others are let be."""

from __future__ import annotations

import pytest

from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, record, sdp, until_talking

pytestmark = pytest.mark.platform

MIXED = {"Content-Type": 'multipart/mixed;boundary="parts"'}


def mixed(description: str) -> str:
    other = "Content-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x11\x48"
    own = f"Content-Type: application/sdp\r\n\r\n{description}"
    return f"--parts\r\n{other}\r\n--parts\r\n{own}\r\n--parts--\r\n"


async def test_offers_and_answers_among_other_parts(tenant: TestTenant, caller: Wire, phone: Wire) -> None:
    call = Talk.dial(caller, tenant.number, offer=mixed(sdp(payload=8)), headers=MIXED)
    answer = await call.answered()
    assert b"RTP/AVP 8" in answer.body
    ring = await Talk.ringing(phone)
    ring.reply(200, body=mixed(sdp(payload=8)), headers={**MIXED, "Contact": phone.contact})
    await phone.request("ACK")
    await until_talking(tenant)
    again = await call.ask("INVITE", body=mixed(sdp("sendonly", version=2)), headers=MIXED)
    assert b"a=recvonly" in again.body
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")


async def test_a_body_without_any_description_is_refused(tenant: TestTenant, caller: Wire) -> None:
    text = "--parts\r\nContent-Type: text/plain\r\n\r\nhello\r\n--parts--\r\n"
    call = Talk.dial(caller, tenant.number, offer=text, headers=MIXED)
    refused = await caller.response(415, "INVITE")
    assert refused.get("Accept") == "application/sdp"
    call.ack_refusal(refused)
