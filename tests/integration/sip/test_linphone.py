"""Linphone as an agent's phone over UDP, TCP, TLS: takes calls, holds, resumes, refers, hangs up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .linphone import linphone_agent
from .wire import Talk, agent, carrier, company, record, until_talking

pytestmark = [pytest.mark.platform, pytest.mark.peer]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_linphone_takes_holds_and_ends_a_call(
    platform: Platform, tmp_path: Path, transport: str
) -> None:
    tenant = await company(platform, queue={"ring_timeout_s": 20})
    server = platform.sip_over(transport.upper())
    async with (
        await carrier(tenant) as caller,
        linphone_agent(tmp_path, server, tenant.username("a1"), PASSWORD, transport) as phone,
    ):
        await registered(tenant, transport)
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = Talk.dial(caller, tenant.number)
        await call.answered()
        await phone.shows("Receiving new incoming call")
        await phone.say("answer")
        await until_talking(tenant)
        await phone.shows("Media streams established")
        await phone.say("pause")
        await held(tenant, True)
        await phone.shows("now paused")
        await phone.say("resume")
        await held(tenant, False)
        await phone.say("terminate")
        call.reply(200, await caller.request("BYE"))
    found = await record(tenant, "agent_hung_up")
    assert found["agent_id"] == "a1"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_linphone_refers_its_caller_to_a_colleague(
    platform: Platform, tmp_path: Path, transport: str
) -> None:
    tenant = await company(platform, agents=2, queue={"ring_timeout_s": 20})
    await asyncio.to_thread(give_extension, tenant)
    async with (
        await carrier(tenant) as caller,
        linphone_agent(
            tmp_path, platform.sip_over(transport.upper()), tenant.username("a1"), PASSWORD, transport
        ) as phone,
    ):
        await registered(tenant, transport)
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = Talk.dial(caller, tenant.number)
        await call.answered()
        await phone.shows("Receiving new incoming call")
        await phone.say("answer")
        await until_talking(tenant)
        async with await agent(tenant, "a2") as colleague:
            await phone.say("transfer sip:2002@seatbus")
            ring = await Talk.ringing(colleague)
            await ring.pick_up()
            await asyncio.to_thread(platform.until, lambda: talks(tenant, "a2"), 30, "a2 to talk")
            await call.ask("BYE")
            ring.reply(200, await colleague.request("BYE"))
    found = await record(tenant, "caller_hung_up")
    assert [segment["agent_id"] for segment in found["segments"]] == ["a1", "a2"]  # type: ignore[attr-defined]


def talks(tenant: TestTenant, agent: str) -> bool:
    return [item["state"] for item in tenant.agent(agent)["work"]] == ["WORK_STATE_TALKING"]


def give_extension(tenant: TestTenant) -> None:
    body = {"name": "A2", "branch_id": "main", "extension": "2002"}
    tenant.platform.http.put(f"/tenants/{tenant.id}/agents/a2", json=body).raise_for_status()


async def registered(tenant: TestTenant, transport: str) -> None:
    def there() -> bool:
        found = tenant.platform.get(tenant.path("registrations"))["registrations"]
        return any((one["agent_id"], one["transport"]) == ("a1", transport) for one in found)

    await asyncio.to_thread(tenant.platform.until, there, 30, f"linphone registered over {transport}")


async def held(tenant: TestTenant, on: bool) -> None:
    def seen() -> bool:
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        return any(leg["state"] == "LEG_STATE_HELD" for call in calls for leg in call["legs"]) == on

    await asyncio.to_thread(tenant.platform.until, seen, 30, f"a leg on hold: {on}")
