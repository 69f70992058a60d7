"""Digits by INFO reach the flow once, and the other side of a conversation."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .wire import Talk, Wire, bridged, carrier, company, record, record_of

pytestmark = pytest.mark.platform


RELAY = {"Content-Type": "application/dtmf-relay"}


@pytest.mark.parametrize(
    ("kind", "body"), [("application/dtmf-relay", "Signal=2\r\nDuration=160\r\n"), ("application/dtmf", "2")]
)
async def test_a_digit_by_info_is_a_choice_in_a_menu(platform: Platform, kind: str, body: str) -> None:
    tenant = await company(platform, flow_nodes=menu())
    async with await carrier(tenant) as caller:
        call = Talk.dial(caller, tenant.number)
        await call.answered()
        await call.ask("INFO", body=body, headers={"Content-Type": kind})
        call.reply(200, await caller.request("BYE"))
    found = await record_of(tenant)
    assert (found["cause"], found["digits"]) == ("flow_ended", "2")


def menu() -> list[dict[str, object]]:
    choose = {
        "audio": [{"text": "Press two."}],
        "choices": {"2": "bye"},
        "timeout_ms": 6000,
        "attempts": 1,
        "on_timeout": "bye",
        "on_invalid": "bye",
    }
    return [{"id": "menu", "menu": choose}, {"id": "bye", "hang_up": {}}]


async def test_info_in_a_conversation_is_answered_and_what_is_no_digit_refused(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    await call.ask("INFO", body="Signal=#\r\nDuration=100\r\n", headers=RELAY)
    await ring.ask("INFO", body="Signal=11\r\n", headers=RELAY)
    await ring.ask("INFO")
    await ring.ask("INFO", 400, body="Signal=nothing\r\n", headers=RELAY)
    refused = await ring.ask(
        "INFO", 415, body="<x/>", headers={"Content-Type": "application/media_control+xml"}
    )
    assert "application/dtmf-relay" in str(refused.get("Accept"))
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    await record(tenant, "caller_hung_up")
