"""Callers who do not hold the line: their place is kept, and they are called by real phones over a trunk."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, until_queued, wait_level
from .outside import branch, carrier, configure, until_state

pytestmark = pytest.mark.platform

STRAIGHT = [{"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}}, {"id": "bye", "hang_up": {}}]
CALLER, NUMBER = "089777888", "+4989777888"
OTHER = "+4989123456"


async def company(platform: Platform, nodes: Any = STRAIGHT, **callback: Any) -> TestTenant:
    tenant = await asyncio.to_thread(
        TestTenant.create,
        platform,
        agents=1,
        queue={"ring_timeout_s": 20, "branch_id": "main", "callback": {"key": "9", **callback}},
        flow_nodes=nodes,
    )
    await configure(tenant, branch())
    return tenant


async def call_backs(tenant: TestTenant) -> list[dict[str, Any]]:
    found = await asyncio.to_thread(tenant.platform.get, tenant.path("callbacks"))
    entries: list[dict[str, Any]] = found["callbacks"]
    return entries


async def until_call_backs(tenant: TestTenant, count: int) -> list[dict[str, Any]]:
    def there() -> bool:
        return len(tenant.platform.get(tenant.path("callbacks"))["callbacks"]) == count

    await asyncio.to_thread(tenant.platform.until, there, 30, f"{count} call-backs of {tenant.id}")
    return await call_backs(tenant)


async def ask(tenant: TestTenant, number: str = OTHER, **fields: Any) -> str:
    body = {"queue_id": "q1", "number": number, **fields}
    made = await asyncio.to_thread(tenant.platform.post, tenant.path("callbacks"), body)
    return str(made["contact_id"])


async def until_visit(tenant: TestTenant, outcome: str) -> None:
    def there() -> bool:
        visits = tenant.platform.get(tenant.path("queue-visits"))["visits"]
        return [visit["outcome"] for visit in visits] == [outcome]

    await asyncio.to_thread(tenant.platform.until, there, 30, f"one visit that ended as {outcome}")


async def both_hear(one: PhoneCall, other: PhoneCall) -> None:
    one.mouth.play_tone(600, -12.0)
    other.mouth.play_tone(900, -12.0)
    await other.ears.wait_tone(600)
    await one.ears.wait_tone(900)


async def test_a_waiting_caller_presses_a_key_and_is_called_when_the_turn_has_come(
    platform: Platform,
) -> None:
    tenant = await company(platform)
    async with AsyncExitStack() as stack:
        out = await stack.enter_async_context(carrier(tenant))
        caller = await Phone.start(platform.sip, username=CALLER, host=tenant.caller_host)
        stack.push_async_callback(caller.close)
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await until_queued(tenant)
        await wait_level(call, -40)
        call.mouth.send_dtmf("9")
        await call.wait_ended()
        [entry] = await until_call_backs(tenant, 1)
        assert (entry["callback"]["number"], entry["queue_id"]) == (NUMBER, "q1")
        shown = await asyncio.to_thread(platform.get, tenant.path("queue-snapshots"))
        assert (shown["queues"][0]["waiting"], shown["queues"][0]["callbacks"]) == (1, 1)
        row = await asyncio.to_thread(tenant.wait_cdr, cause="callback")
        assert row["caller"] == CALLER
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        mine = await phone.next_call(20)
        assert not out.calls, "the customer is not called before the agent has accepted"
        await mine.answer()
        there = await out.next_call(20)
        assert (there.dialed, there.caller) == (NUMBER, "+4930555000")
        await there.wait_answered()
        await until_state(tenant, "a1", "talking", timeout=20)
        await both_hear(mine, there)
        await until_call_backs(tenant, 0)
        await there.hang_up()
        await mine.wait_ended()
        row = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
    assert (row["direction"], row["agent_id"], row["cause"]) == ("outbound", "a1", "caller_hung_up")
    await until_visit(tenant, "callback")


async def test_a_customer_who_is_busy_is_called_again_and_accepts_by_key(platform: Platform) -> None:
    tenant = await company(platform, customer_first=True, accept_by_key=True, retry_s=1)
    async with AsyncExitStack() as stack:
        out = await stack.enter_async_context(carrier(tenant, policy=Policy.reject(486)))
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        await ask(tenant)
        refused = await asyncio.to_thread(
            platform.http.post, tenant.path("callbacks"), json={"queue_id": "q1", "number": OTHER}
        )
        assert (refused.status_code, refused.json()["error"]["rule"]) == (409, "callback_exists")
        busy = await out.next_call(20)
        await busy.wait_ended()
        out.policy = Policy(answer_after_s=0.1)
        there = await out.next_call(20)
        [entry] = await call_backs(tenant)
        assert (entry["callback"]["attempts"], entry["agent_id"]) == (1, "a1")
        assert entry["callback"]["last_failure"] == "customer_busy"
        await there.wait_answered()
        assert not phone.calls, "a machine that picks up would ring nobody"
        there.mouth.send_dtmf("1")
        mine = await phone.next_call(20)
        await mine.answer()
        await until_state(tenant, "a1", "talking", timeout=20)
        await both_hear(mine, there)
        await mine.hang_up()
        await there.wait_ended()
    await until_visit(tenant, "callback")


async def test_nobody_reaches_a_customer_who_never_answers_and_the_agent_stays_ready(
    platform: Platform,
) -> None:
    tenant = await company(platform, customer_first=True, ring_timeout_s=1, retry_s=1, max_attempts=2)
    async with AsyncExitStack() as stack:
        out = await stack.enter_async_context(carrier(tenant, policy=Policy.ring()))
        await stack.enter_async_context(agent_phone(tenant, "a1"))
        await ask(tenant)
        for _ in range(2):
            await (await out.next_call(20)).wait_ended()
        await until_call_backs(tenant, 0)
        await until_state(tenant, "a1", "idle")
        state = await asyncio.to_thread(tenant.agent, "a1")
    assert state["presence"] == "PRESENCE_READY"
    await until_visit(tenant, "callback")


async def test_a_call_back_outlives_the_death_of_everybody_and_can_be_cancelled(platform: Platform) -> None:
    tenant = await company(platform, ring_timeout_s=60)
    async with AsyncExitStack() as stack:
        out = await stack.enter_async_context(carrier(tenant, policy=Policy.ring()))
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        await ask(tenant)
        mine = await phone.next_call(20)
        await mine.answer()
        there = await out.next_call(20)
        killed = ("sip_edge-0", "acd-0", "agent_state-0")
        olds = [await asyncio.to_thread(platform.kill, name) for name in killed]
        for name, old in zip(killed, olds, strict=True):
            await asyncio.to_thread(platform.wait_restarted, name, old)
        await there.answer()
        await until_state(tenant, "a1", "talking", timeout=30)
        await both_hear(mine, there)
        await until_call_backs(tenant, 0)
        second = await ask(tenant, "+4989555555")
        await until_call_backs(tenant, 1)
        await asyncio.to_thread(platform.http.delete, tenant.path(f"callbacks/{second}"))
        assert not await call_backs(tenant)
        await mine.hang_up()
        await there.wait_ended()


async def test_a_flow_offers_a_call_back_and_a_number_that_may_not_be_called_is_refused(
    platform: Platform,
) -> None:
    nodes = [
        {"id": "back", "callback": {"queue_id": "q1", "next": "done", "on_failure": "sorry"}},
        {"id": "done", "hang_up": {"audio": [{"tone": "1200"}]}},
        {"id": "sorry", "hang_up": {"audio": [{"tone": "400"}]}},
    ]
    tenant = await company(platform, nodes)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(carrier(tenant))
        for number, tone in ((CALLER, 1200), ("110", 400), (CALLER, 400)):
            caller = await Phone.start(platform.sip, username=number, host=tenant.caller_host)
            stack.push_async_callback(caller.close)
            call = await caller.dial(tenant.number)
            await call.wait_answered()
            await call.ears.wait_tone(tone)
            await call.wait_ended()
        [entry] = await call_backs(tenant)
    assert entry["callback"]["number"] == NUMBER
