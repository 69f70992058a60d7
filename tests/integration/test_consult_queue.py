"""A consult with a queue: the customer hears music, somebody of the queue comes, and the visit is counted."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, until_agent
from .conversations import CALLER, FIRST, SECOND, SPOKEN_DBFS, hears, hears_music, talk

pytestmark = pytest.mark.platform

EXPERTS = ("a2", "a3", "a4")
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> TestTenant:
    """a1 serves customers, a2 is an expert."""
    made = TestTenant.create(platform, agents=2, queue={"members": [{"agent_id": "a1"}]})
    experts: dict[str, Any] = {"name": "Experts", "ring_timeout_s": 5, "members": [{"agent_id": "a2"}]}
    platform.post(made.path("config"), {"upserts": [{"id": "experts", "queue": experts}]})
    return made


async def test_an_expert_comes_when_one_is_free_and_takes_the_customer(tenant: TestTenant) -> None:
    async with talk(tenant) as call:
        await call.ask("consult", {"queue_id": "experts"})
        # Nobody is there yet: all wait.
        await hears_music(call.customer)
        await hears_music(call.first)
        await until_agent(tenant, "a1", presence="READY", work="CONSULTING")
        async with agent_phone(tenant, "a2") as phone:
            call.phones["a2"] = phone
            second = await call.answer("a2", SECOND)
            await hears(second, FIRST)
            await hears(call.first, SECOND)
            await hears_music(call.customer)
            await until_agent(tenant, "a2", presence="READY", work="TALKING")
            await call.ask("consult/complete", {"end": "conference"})
            await hears(call.customer, FIRST, SECOND)
            await call.ask("consult/complete", {"end": "transfer"})
            await call.first.wait_ended()
            await hears(call.customer, SECOND)
            await hears(second, CALLER)
            await second.hang_up()
            await call.customer.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "agent_hung_up"),
    ]
    assert cdr["queue_visits"] == 1


async def test_who_hangs_up_meanwhile_leaves_the_customer_in_the_queue_of_experts(
    tenant: TestTenant,
) -> None:
    await asyncio.to_thread(tenant.agent_do, "a2", "logout")
    async with talk(tenant) as call:
        await call.ask("consult", {"queue_id": "experts"})
        await hears_music(call.first)
        await call.first.hang_up()
        await call.until_state("QUEUED")
        await hears_music(call.customer)
        async with agent_phone(tenant, "a2") as phone:
            call.phones["a2"] = phone
            second = await call.answer("a2", SECOND)
            await hears(second, CALLER)
            await hears(call.customer, SECOND)
            await call.customer.hang_up()
            await second.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert cdr["queue_visits"] == 2


async def test_several_experts_ring_and_the_one_who_answers_first_comes(platform: Platform) -> None:
    tenant = await asyncio.to_thread(
        TestTenant.create, platform, agents=4, queue={"members": [{"agent_id": "a1"}]}
    )
    ring = {
        "name": "Experts",
        "strategy": "STRATEGY_SIMULTANEOUS_RING",
        "ring_timeout_s": 60,
        "members": [{"agent_id": name} for name in EXPERTS],
    }
    upserts = {"upserts": [{"id": "experts", "queue": ring}]}
    await asyncio.to_thread(platform.post, tenant.path("config"), upserts)
    async with AsyncExitStack() as stack:
        call = await stack.enter_async_context(talk(tenant))
        for name in EXPERTS:
            call.phones[name] = await stack.enter_async_context(agent_phone(tenant, name))
        await call.ask("consult", {"queue_id": "experts"})
        calls = await asyncio.gather(*(call.phones[name].next_call() for name in EXPERTS))
        rung = dict(zip(EXPERTS, calls, strict=True))
        await asyncio.gather(*(phone.ring() for phone in rung.values()))
        await asyncio.gather(*(until_agent(tenant, n, presence="READY", work="RINGING") for n in EXPERTS))
        # One refuses, the others ring on.
        await rung["a2"].reject(486)
        await until_agent(tenant, "a2", presence="NOT_READY")
        second = rung["a4"]
        await second.answer()
        second.mouth.play_tone(SECOND, SPOKEN_DBFS)
        await rung["a3"].wait_ended()
        assert rung["a3"].cancel_reason == ELSEWHERE
        await hears(second, FIRST)
        await hears(call.first, SECOND)
        await hears_music(call.customer)
        await until_agent(tenant, "a3", presence="READY", work="")
        await call.ask("consult/complete", {"end": "transfer"})
        await call.first.wait_ended()
        await hears(call.customer, SECOND)
        await second.hang_up()
        await call.customer.wait_ended()
        cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert {(s["agent_id"], s["cause"]) for s in cdr["segments"]} == {
        ("a1", "transferred"),
        ("a2", "busy"),
        ("a3", "answered_elsewhere"),
        ("a4", "agent_hung_up"),
    }
