"""baresip as an agent's phone over UDP, TCP and TLS: takes calls, holds, resumes, refers, hangs up; heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent, until_bridged
from .conversations import CALLER, FIRST, SECOND, SPOKEN_DBFS, hears, hears_music
from .sip.baresip import told_baresip

pytestmark = [pytest.mark.platform, pytest.mark.peer]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_baresip_takes_holds_and_refers_a_call(
    platform: Platform, tmp_path: Path, transport: str
) -> None:
    tenant = TestTenant.create(
        platform, agents=2, queue={"ring_timeout_s": 20, "members": [{"agent_id": "a1"}]}
    )
    give_extension(tenant)
    server = platform.sip_over(transport.upper())
    async with (
        caller_of(tenant) as caller,
        told_baresip(
            tmp_path, server, tenant.username("a1"), PASSWORD, hz=int(FIRST), transport=transport
        ) as phone,
        agent_phone(tenant, "a2", ready=False) as colleague,
    ):
        await registered(tenant, "a1", transport)
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = await reach_queue(caller, tenant)
        call.mouth.play_tone(CALLER, SPOKEN_DBFS)
        await phone.until("CALL_INCOMING")
        await phone.say("accept")
        await until_bridged(tenant)
        await hears(call, FIRST)
        await phone.say("hold")
        await hears_music(call)
        await until_agent(tenant, "a1", presence="READY", work="HELD")
        await phone.say("resume")
        await hears(call, FIRST)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await phone.say("transfer", f"sip:2002@{server[0]}:{server[1]}")
        second = await colleague.next_call()
        await second.answer()
        second.mouth.play_tone(SECOND, SPOKEN_DBFS)
        await hears(call, SECOND)
        await hears(second, CALLER)
        await phone.until("CALL_CLOSED")
        # The colleague is gone, and the next caller rings the same phone, which hangs up itself.
        await call.hang_up()
        await second.wait_ended()
        await until_agent(tenant, "a1", presence="READY")
        phone.events.clear()
        call = await reach_queue(caller, tenant)
        await phone.until("CALL_INCOMING")
        await phone.say("accept")
        await until_bridged(tenant)
        await hears(call, FIRST)
        await phone.say("hangup")
        await call.wait_ended()
        assert call.ended_by == "remote"
    first = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert [(s["agent_id"], s["cause"]) for s in first["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]
    assert (await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up"))["agent_id"] == "a1"


def give_extension(tenant: TestTenant) -> None:
    body = {"name": "A2", "branch_id": "main", "extension": "2002"}
    tenant.platform.http.put(f"/tenants/{tenant.id}/agents/a2", json=body).raise_for_status()


async def registered(tenant: TestTenant, agent: str, transport: str) -> None:
    def there() -> bool:
        found = tenant.platform.get(tenant.path("registrations"))["registrations"]
        return any((one["agent_id"], one["transport"]) == (agent, transport) for one in found)

    await asyncio.to_thread(tenant.platform.until, there, 30, f"{agent}'s phone registered over {transport}")
