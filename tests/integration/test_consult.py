"""Consult, swap, three-way, attended transfer: who hears whom at every step, and what the records say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus_testkit.phone import Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import until_agent
from .conversations import CALLER, FIRST, SECOND, Talk, hears, hears_music, talk

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> TestTenant:
    return TestTenant.create(platform, agents=2, queue={"members": [{"agent_id": "a1"}]})


async def consulting(call: Talk) -> Any:
    """a1 asks a2, who answers; returns a2's side."""
    await call.ask("consult", {"agent_id": "a2"})
    return await call.answer("a2", SECOND)


async def test_the_customer_waits_while_the_agent_asks_and_both_come_together(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        second = await consulting(call)
        await hears(second, FIRST)
        await hears(call.first, SECOND)
        await hears_music(call.customer)
        await until_agent(tenant, "a1", presence="READY", work="CONSULTING")
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        # The other way round.
        await call.ask("consult/swap")
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        await hears_music(second)
        await call.ask("consult/swap")
        await hears(second, FIRST)
        # All three.
        await call.ask("consult/complete", {"end": "conference"})
        await hears(call.customer, FIRST, SECOND)
        await hears(call.first, CALLER, SECOND)
        await hears(second, CALLER, FIRST)
        await until_agent(tenant, "a1", presence="READY", work="CONFERENCED")
        # The third party goes, the two go on.
        await second.hang_up()
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await until_agent(tenant, "a2", presence="NOT_READY", work="WRAP_UP")
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "caller_hung_up"),
        ("a2", "agent_hung_up"),
    ]


async def test_an_attended_transfer_by_the_api(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        second = await consulting(call)
        await hears(second, FIRST)
        await call.ask("consult/complete", {"end": "transfer"})
        await call.first.wait_ended()
        await hears(second, CALLER)
        await hears(call.customer, SECOND)
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]
    assert cdr["agent_id"] == "a2"


async def test_who_asked_and_hangs_up_leaves_the_customer_with_the_colleague(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        second = await consulting(call)
        await hears(second, FIRST)
        await call.first.hang_up()
        await hears(second, CALLER)
        await hears(call.customer, SECOND)
        await second.hang_up()
        await call.customer.wait_ended()


async def test_whom_the_colleague_refuses_the_agent_talks_with_again(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        call.phones["a2"].policy = Policy.reject(603)
        await call.ask("consult", {"agent_id": "a2"})
        await call.until_state("BRIDGED")
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")


async def test_the_customers_hang_up_ends_the_consult_too(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        second = await consulting(call)
        await hears(second, FIRST)
        await call.customer.hang_up()
        await call.first.wait_ended()
        await second.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert cdr["cause"] == "caller_hung_up"
    await until_agent(tenant, "a2", presence="NOT_READY")


async def test_a_killed_edge_loses_nobody_in_a_conference(platform: Platform, tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        second = await consulting(call)
        await hears(second, FIRST)
        await call.ask("consult/complete", {"end": "conference"})
        await hears(second, CALLER, FIRST)
        old = platform.kill("sip_edge-0")
        await hears(call.customer, FIRST, SECOND)
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", old)
        await asyncio.to_thread(
            platform.until, lambda: call.record().get("state"), 30, "the call in the restarted edge"
        )
        assert call.record()["state"] == "CALL_STATE_CONFERENCED"
        await hears(call.customer, FIRST, SECOND)
        await call.ask("consult/complete", {"end": "return"})
        await second.wait_ended()
        await hears(call.customer, FIRST)
        await call.customer.hang_up()
        await call.first.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert cdr["cause"] == "caller_hung_up"
    await until_agent(tenant, "a2", presence="NOT_READY")
