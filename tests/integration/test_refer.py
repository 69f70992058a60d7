"""REFER from agents' phones: blind transfers, what the phone is told, and who may not."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from seatbus_sip.replaces import Replaces
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import until_agent
from .conversations import CALLER, FIRST, SECOND, SPOKEN_DBFS, THIRD, hears, hears_music, talk

pytestmark = pytest.mark.platform


def company(platform: Platform, **queue: int) -> TestTenant:
    made = TestTenant.create(platform, agents=2, queue={"members": [{"agent_id": "a1"}], **queue})
    platform.http.put(
        f"/tenants/{made.id}/agents/a2", json={"name": "A2", "branch_id": "main", "extension": "2002"}
    ).raise_for_status()
    return made


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> TestTenant:
    return company(platform)


async def test_a_phone_refers_the_customer_to_a_colleagues_extension(platform: Platform) -> None:
    tenant = await asyncio.to_thread(company, platform, wrap_up_s=30)
    async with talk(tenant, "a2") as call:
        assert await call.first.refer("sip:2002@seatbus") == 202
        await call.first.wait_ended()
        assert call.first.ended_by == "remote"
        assert call.first.notified == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
        await until_agent(tenant, "a1", presence="READY", work="WRAP_UP")
        second = await call.answer("a2", SECOND)
        # RFC 3892: the colleague's phone can show who has sent the customer.
        assert call.first.dialog is not None
        assert second.request.get("Referred-By") == call.first.dialog.contact
        await hears(second, CALLER)
        await hears(call.customer, SECOND)
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]


async def test_a_phone_refers_the_customer_to_a_queue(tenant: TestTenant) -> None:
    async with talk(tenant) as call:
        assert await call.first.refer(f"sip:{tenant.queue}@seatbus") == 202
        await call.first.wait_ended()
        await hears_music(call.customer)
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert cdr["queue_visits"] == 2


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("sip:nobody.knows@seatbus", 404),
        ("http://example.org", 416),
        ("sip:2002@seatbus;method=BYE", 400),
        ("sip:2002@seatbus?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2", 481),
    ],
)
async def test_a_refused_reference_leaves_the_conversation_as_it_is(
    tenant: TestTenant, target: str, status: int
) -> None:
    async with talk(tenant) as call:
        assert await call.first.refer(target) == status
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        assert call.first.notified == []


def replaced(call: PhoneCall) -> str:
    """The dialog of this call as a URI header names it to the platform."""
    dialog = call.dialog
    assert dialog is not None
    named = Replaces(dialog.call_id, str(dialog.remote_tag), dialog.local_tag)
    return f"Replaces={quote(str(named), safe='')}"


async def test_a_phone_joins_its_two_calls_and_lets_go(tenant: TestTenant) -> None:
    """The customer is held by the phone, the colleague is called by the phone, then REFER with Replaces."""
    async with talk(tenant, "a2") as call:
        await call.first.hold()
        await hears_music(call.customer)
        asked = await call.phones["a1"].dial("2002")
        second = await call.answer("a2", SECOND)
        await asked.wait_answered()
        asked.mouth.play_tone(THIRD, SPOKEN_DBFS)
        await hears(second, THIRD)
        await hears(asked, SECOND)
        assert await call.first.refer(f"sip:2002@seatbus?{replaced(asked)}") == 202
        await call.first.wait_ended()
        await asked.wait_ended()
        assert call.first.notified == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
        await hears(call.customer, SECOND)
        await hears(second, CALLER)
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        # The colleague's leg is a leg of this call in all: it can hold, and its hang-up ends the call.
        await second.hold()
        await hears_music(call.customer)
        await second.hold(False)
        await hears(call.customer, SECOND)
        await second.hang_up()
        await call.customer.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "agent_hung_up"),
    ]
    await until_agent(tenant, "a2", presence="NOT_READY")
    other = await asyncio.to_thread(tenant.wait_cdr, cause="transferred")
    assert other["call_id"] != call.call_id


async def test_a_carrier_may_not_refer(tenant: TestTenant) -> None:
    async with talk(tenant) as call:
        assert await call.customer.refer("sip:0900555@seatbus") == 403
        await hears(call.customer, FIRST)
