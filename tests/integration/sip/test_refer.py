"""REFER as it stands on the line: blind, and with Replaces (attended); each side, and both records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest

from seatbus_sip import DigestClient, Request
from seatbus_sip.replaces import Replaces
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .wire import Talk, Wire, agent, bridged, carrier, company, outside, refused, sdp, until_talking

pytestmark = pytest.mark.platform

EXTENSION = "2002"


async def test_a_caller_is_sent_on_blindly(platform: Platform) -> None:
    async with referring(platform) as (tenant, caller, phone, colleague):
        call, ring = await bridged(caller, phone, tenant)
        await ring.ask("REFER", 202, headers={"Refer-To": f"<sip:{EXTENSION}@seatbus>"})
        await let_go(phone, ring)
        second = await Talk.ringing(colleague)
        await second.pick_up()
        await talking(tenant, "a2")
        await second.ask("BYE")
        call.reply(200, await caller.request("BYE"))
    found = await asyncio.to_thread(tenant.wait_cdr, 20, cause="agent_hung_up")
    assert [(one["agent_id"], one["cause"]) for one in found["segments"]] == [
        ("a1", "transferred"),
        ("a2", "agent_hung_up"),
    ]


async def test_a_caller_is_joined_to_a_colleague_who_was_asked(platform: Platform) -> None:
    async with referring(platform) as (tenant, caller, phone, colleague):
        call, ring = await bridged(caller, phone, tenant)
        asked = await dial_colleague(phone, tenant)
        second = await Talk.ringing(colleague)
        await second.pick_up()
        await asked.answered()
        await talking(tenant, "a2")
        local, remote = (text.partition("tag=")[2] for text in (asked.local, asked.remote))
        named = quote(str(Replaces(asked.call_id, remote, local)), safe="")
        refer_to = {"Refer-To": f"<sip:{EXTENSION}@seatbus?Replaces={named}>"}
        ring.say("REFER", headers=refer_to)
        await phone.response(202, "REFER")
        # The colleague is offered the caller's audio in the dialog she has.
        offer = await colleague.request("INVITE")
        assert offer.call_id == second.call_id
        second.reply(200, offer, body=sdp(version=2))
        await colleague.request("ACK")
        byes = await let_go(phone, ring, asked)
        assert {bye.call_id for bye in byes} == {ring.call_id, asked.call_id}
        await talking(tenant, "a2")
        await call.ask("BYE")
        second.reply(200, await colleague.request("BYE"))
    found = await asyncio.to_thread(tenant.wait_cdr, 20, cause="caller_hung_up")
    assert [(one["agent_id"], one["cause"]) for one in found["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]
    other = await asyncio.to_thread(tenant.wait_cdr, 20, cause="transferred")
    assert other["call_id"] != found["call_id"]


async def test_what_is_not_referred_leaves_the_talk_as_it_is(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call, ring = await bridged(caller, phone, tenant)
    unknown = "<sip:2002@seatbus?Replaces=none%40x%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    await ring.ask("REFER", 481, headers={"Refer-To": unknown})
    await ring.ask("REFER", 400)
    await call.ask("REFER", 403, headers={"Refer-To": "<sip:0900555@seatbus>"})
    await phone.silence("NOTIFY", seconds=0.2)
    await call.ask("BYE")
    ring.reply(200, await phone.request("BYE"))
    found = await asyncio.to_thread(tenant.wait_cdr, 20, cause="caller_hung_up")
    assert [one["agent_id"] for one in found["segments"]] == ["a1"]


@asynccontextmanager
async def referring(platform: Platform) -> AsyncIterator[tuple[TestTenant, Wire, Wire, Wire]]:
    """A company, its carrier, the phone of an agent who is ready, and that of one who is not."""
    tenant = await two_agents(platform)
    async with (
        await carrier(tenant) as caller,
        await agent(tenant) as phone,
        await agent(tenant, "a2", ready=False) as colleague,
    ):
        yield tenant, caller, phone, colleague


async def two_agents(platform: Platform) -> TestTenant:
    tenant = await company(platform, agents=2, queue={"members": [{"agent_id": "a1"}]})
    body = {"name": "A2", "branch_id": "main", "extension": EXTENSION}
    answer = await asyncio.to_thread(platform.http.put, f"/tenants/{tenant.id}/agents/a2", json=body)
    answer.raise_for_status()
    return tenant


async def dial_colleague(phone: Wire, tenant: TestTenant) -> Talk:
    """A second call of the same phone, with credentials."""
    client = DigestClient(tenant.username("a1"), PASSWORD)
    first = outside(phone, "INVITE", user=tenant.username("a1"), to=EXTENSION, offer=True)
    phone.send(first)
    challenge = await phone.response(407, "INVITE")
    phone.send(refused(first, str(challenge.get("To"))))
    client.accept(challenge, first)
    again = client.authorize(outside(phone, "INVITE", user=tenant.username("a1"), to=EXTENSION, offer=True))
    phone.send(again)
    talk = Talk(phone, again.call_id, again.require("From"), again.require("To"), again.uri, 1)
    talk.invite = again
    return talk


async def let_go(phone: Wire, *talks: Talk) -> list[Request]:
    """The phone is told 100 and 200, and its dialogs end."""
    for status in (b"SIP/2.0 100", b"SIP/2.0 200"):
        notify = await phone.request("NOTIFY")
        assert notify.body.startswith(status)
        talks[0].reply(200, notify)
    byes = []
    for talk in talks:
        byes.append(await phone.request("BYE"))
        talk.reply(200, byes[-1])
    return byes


async def talking(tenant: TestTenant, name: str) -> None:
    def there() -> bool:
        return [item["state"] for item in tenant.agent(name)["work"]] == ["WORK_STATE_TALKING"]

    await asyncio.to_thread(tenant.platform.until, there, 30, f"{name} to talk")
    await until_talking(tenant)
