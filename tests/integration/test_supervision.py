"""A supervisor listens, whispers, speaks to all, takes over: below -60 dBFS for who must not hear."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import until_agent
from .conversations import CALLER, FIRST, SECOND, THIRD, hears, hears_music, talk

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> TestTenant:
    return TestTenant.create(platform, agents=2, queue={"members": [{"agent_id": "a1"}]})


async def test_a_supervisor_listens_whispers_and_speaks_to_all(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "monitor"})
        boss = await call.answer("a2", THIRD)
        await hears(boss, CALLER, FIRST)
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "whisper"})
        await hears(call.first, CALLER, THIRD)
        await hears(call.customer, FIRST)
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "barge"})
        await hears(call.customer, FIRST, THIRD)
        await hears(call.first, CALLER, THIRD)
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "off"})
        await boss.wait_ended()
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        await until_agent(tenant, "a2", presence="NOT_READY")
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    # A supervisor is no part of the customer's record.
    assert [s["agent_id"] for s in cdr["segments"]] == ["a1"]


async def test_a_supervisor_takes_over(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "monitor"})
        boss = await call.answer("a2", THIRD)
        await hears(boss, CALLER, FIRST)
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "take_over"})
        await call.first.wait_ended()
        await hears(call.customer, THIRD)
        await hears(boss, CALLER)
        await call.customer.hang_up()
        await boss.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]


async def test_the_supervisors_phone_is_let_go_with_the_agents(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "whisper"})
        boss = await call.answer("a2", THIRD)
        await hears(call.first, CALLER, THIRD)
        await call.first.hang_up()
        await boss.wait_ended()
        await call.customer.wait_ended()


async def test_a_killed_edge_finds_supervisor_and_parked_call_again(
    platform: Platform, tenant: TestTenant
) -> None:
    async with talk(tenant, "a2") as call:
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "whisper"})
        boss = await call.answer("a2", THIRD)
        await hears(call.first, CALLER, THIRD)
        old = platform.kill("sip_edge-0")
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", old)
        await call.until_state("BRIDGED")
        await hears(call.first, CALLER, THIRD)
        await call.ask("supervise", {"supervisor_agent_id": "a2", "mode": "barge"})
        await hears(call.customer, FIRST, THIRD)
        slot = (await call.ask("park"))["slot"]
        await boss.wait_ended()
        await until_agent(tenant, "a2", presence="NOT_READY")
        old = platform.kill("sip_edge-0")
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", old)
        await call.until_state("PARKED")
        await hears_music(call.customer)
        path = tenant.path("pick-up")
        answer = await asyncio.to_thread(platform.http.post, path, json={"slot": slot, "agent_id": "a2"})
        assert answer.status_code == 204, answer.text
        picked = await call.answer("a2", SECOND)
        await hears(picked, CALLER)
        await hears(call.customer, SECOND)
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]
