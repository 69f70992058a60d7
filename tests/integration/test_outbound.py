"""Agents call numbers outside and each other, on the whole platform: audio, states, records."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from seatbus_testkit.phone import PhoneCall, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, wait_level
from .outside import DIALLED, NUMBER, branch, carrier, configure, until_state

pytestmark = pytest.mark.platform


async def both_hear(one: PhoneCall, other: PhoneCall) -> None:
    one.mouth.play_tone(600, -12.0)
    other.mouth.play_tone(900, -12.0)
    await other.ears.wait_tone(600)
    await one.ears.wait_tone(900)


async def test_an_agent_dials_a_number_is_recorded_and_has_a_record(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    await configure(tenant, branch(record_outbound=True, outbound_wrap_up_s=1))
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(agent_phone(tenant, "a1", ready=False))
        out = await stack.enter_async_context(carrier(tenant))
        call = await phone.dial(DIALLED)
        there = await out.next_call()
        assert (there.dialed, there.caller) == (NUMBER, "+4930555000")
        await call.wait_answered()
        await until_state(tenant, "a1", "talking")
        await both_hear(call, there)
        await call.hang_up()
        await there.wait_ended()
        await until_state(tenant, "a1", "idle")
        row = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
    assert (row["direction"], row["agent_id"], row["cause"]) == ("outbound", "a1", "agent_hung_up")
    assert row["caller"] == "+4930555000"
    assert row["recording_id"]
    state = await asyncio.to_thread(tenant.agent, "a1")
    assert state["presence"] == "PRESENCE_NOT_READY", "an outbound call makes nobody ready"


async def test_a_busy_number_costs_the_agent_nothing(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    await configure(tenant, branch())
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        await stack.enter_async_context(carrier(tenant, policy=Policy.reject(486)))
        call = await phone.dial(DIALLED)
        assert await call.wait_status() == 486
        await until_state(tenant, "a1", "idle")
        row = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
        state = await asyncio.to_thread(tenant.agent, "a1")
    assert (row["cause"], state["presence"]) == ("busy", "PRESENCE_READY")


async def test_the_api_calls_for_an_agent(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    await configure(tenant, branch())
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        out = await stack.enter_async_context(carrier(tenant))
        phone.policy = Policy(answer_after_s=0.1)
        body: dict[str, Any] = {"agent_id": "a1", "number": NUMBER, "attributes": {"lead": "42"}}
        made = await asyncio.to_thread(platform.post, tenant.path("calls"), body)
        mine, there = await phone.next_call(), await out.next_call()
        await there.wait_answered()
        await both_hear(mine, there)
        refused = await asyncio.to_thread(
            platform.http.post, tenant.path("calls"), json={**body, "caller_id": "+4930999999"}
        )
        assert (refused.status_code, refused.json()["error"]["rule"]) == (403, "caller_id_not_permitted")
        await there.hang_up()
        await mine.wait_ended()
        row = await asyncio.to_thread(tenant.wait_cdr, call_id=made["call_id"])
    assert (row["direction"], row["cause"]) == ("outbound", "caller_hung_up")
    assert row["attributes"] == {"lead": "42"}


async def test_colleagues_call_each_other_by_extension(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2)
    await configure(
        tenant,
        branch(),
        {"id": "a2", "agent": {"name": "A2", "branch_id": "main", "extension": "2002"}},
    )
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(agent_phone(tenant, "a1"))
        second = await stack.enter_async_context(agent_phone(tenant, "a2"))
        second.policy = Policy(answer_after_s=0.3)
        call = await first.dial("2002")
        await call.wait_answered()
        await until_state(tenant, "a1", "talking")
        await until_state(tenant, "a2", "talking")
        await both_hear(call, await second.next_call())
        await call.hang_up()
        await until_state(tenant, "a1", "idle")
        await until_state(tenant, "a2", "idle")
        row = await asyncio.to_thread(tenant.wait_cdr, dialed="2002")
    assert (row["direction"], row["agent_id"]) == ("internal", "a2")


async def test_an_edge_killed_while_a_number_rings_is_not_noticed(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    await configure(tenant, branch())
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        out = await stack.enter_async_context(carrier(tenant, policy=Policy()))
        call = await phone.dial(DIALLED)
        there = await out.next_call()
        await call.wait_ringing()
        old = await asyncio.to_thread(platform.kill, "sip_edge-0")
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", old)
        await there.answer()
        await call.wait_answered()
        await both_hear(call, there)
        await until_state(tenant, "a1", "talking")
        await call.hang_up()
        await until_state(tenant, "a1", "idle")
        row = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
    assert row["cause"] == "agent_hung_up"


async def test_an_agent_at_home_takes_a_queues_call_by_key(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"ring_timeout_s": 20})
    await configure(
        tenant,
        branch(),
        {
            "id": "a1-phone",
            "device": {"agent_id": "a1", "kind": "DEVICE_KIND_EXTERNAL", "number": "+49171555123"},
        },
    )
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        out = await stack.enter_async_context(carrier(tenant))
        call = await reach_queue(caller, tenant)
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        there = await out.next_call(20)
        assert there.dialed == "+49171555123"
        await there.wait_answered()
        await wait_level(there, -45)
        await until_state(tenant, "a1", "ringing")
        there.mouth.send_dtmf("1")
        await until_state(tenant, "a1", "talking")
        await call.hang_up()
        await there.wait_ended()
        row = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert row["agent_id"] == "a1"
