"""Callers whom a queue does not keep: the next queue, an announcement, or where a supervisor sends them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent

pytestmark = pytest.mark.platform

STRAIGHT = [{"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}}, {"id": "bye", "hang_up": {}}]


async def two_queues(platform: Platform, **first: Any) -> TestTenant:
    """q1 belongs to a1, q2 to a2; callers arrive in q1 at once."""

    def create() -> TestTenant:
        only = {"members": [{"agent_id": "a1"}]}
        tenant = TestTenant.create(platform, queue=only, flow_nodes=STRAIGHT)
        second = {"name": "Backup", "ring_timeout_s": 5, "members": [{"agent_id": "a2"}]}
        q1 = {"name": "Sales", "ring_timeout_s": 5, "members": [{"agent_id": "a1"}], **first}
        nobody = {"name": "Nobody", "text": "Nobody is here now."}
        objects = [
            {"id": "nobody", "prompt": nobody},
            {"id": "q2", "queue": second},
            {"id": "q1", "queue": q1},
        ]
        platform.post(tenant.path("config"), {"upserts": objects})
        return tenant

    return await asyncio.to_thread(create)


async def set_mode(tenant: TestTenant, mode: str) -> None:
    """Returns when the holder of the queue goes by it."""
    platform = tenant.platform

    def shown() -> bool:
        queues = platform.get(tenant.path("queue-snapshots"))["queues"]
        return any(queue["queue_id"] == "q1" and queue["closed"] == (mode == "closed") for queue in queues)

    await asyncio.to_thread(platform.post, tenant.path("queues/q1/mode"), {"mode": mode})
    await asyncio.to_thread(platform.until, shown, 30, f"q1 to be {mode}")


async def dial(caller: Phone, tenant: TestTenant) -> PhoneCall:
    call = await caller.dial(tenant.number)
    await call.wait_answered()
    return call


async def talk_with(tenant: TestTenant, call: PhoneCall, phone: Phone, agent: str) -> None:
    await (await phone.next_call()).answer()
    await until_agent(tenant, agent, presence="READY", work="TALKING")
    await call.hang_up()


def outcomes(tenant: TestTenant) -> list[tuple[str, str]]:
    visits = tenant.platform.get(tenant.path("queue-visits"))["visits"]
    return sorted((visit["queue_id"], visit["outcome"]) for visit in visits)


async def test_a_caller_who_waited_too_long_is_answered_by_the_next_queue(platform: Platform) -> None:
    tenant = await two_queues(platform, max_wait_s=1, overflow={"queue_id": "q2"})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a2") as phone:
        call = await dial(caller, tenant)
        await talk_with(tenant, call, phone, "a2")
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert (cdr["agent_id"], cdr["queue_visits"]) == ("a2", 2)
    seen = [("q1", "overflowed"), ("q2", "answered")]
    await asyncio.to_thread(platform.until, lambda: outcomes(tenant) == seen, 30, f"visits {seen}")


async def test_a_queue_that_is_closed_by_the_api_sends_its_callers_on_and_opens_again(
    platform: Platform,
) -> None:
    tenant = await two_queues(platform, overflow={"queue_id": "q2"})
    await set_mode(tenant, "closed")
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as first:
        async with agent_phone(tenant, "a2") as phone:
            await talk_with(tenant, await dial(caller, tenant), phone, "a2")
        await set_mode(tenant, "open")
        await talk_with(tenant, await dial(caller, tenant), first, "a1")


async def test_a_supervisor_sees_why_a_caller_waits_and_moves_him_to_another_queue(
    platform: Platform,
) -> None:
    tenant = await two_queues(platform)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a2") as phone:
        call = await dial(caller, tenant)

        def waiting() -> list[dict[str, Any]]:
            shown: list[dict[str, Any]] = platform.get(tenant.path("queues/q1/waiting"))["contacts"]
            return shown

        found = await asyncio.to_thread(platform.until, waiting, 30, "a waiting contact")
        contact = tenant.path(f"contacts/{found[0]['contact_id']}")
        told = await asyncio.to_thread(platform.get, contact)
        assert (told["position"], told["decisions"][-1]["rule"]) == (1, "no_agent_ready")
        await asyncio.to_thread(platform.post, f"{contact}/move", {"queue_id": "q2"})
        await talk_with(tenant, call, phone, "a2")
    seen = [("q1", "transferred_out"), ("q2", "answered")]
    await asyncio.to_thread(platform.until, lambda: outcomes(tenant) == seen, 30, f"visits {seen}")


async def test_with_no_agent_logged_in_callers_hear_the_announcement_and_the_call_ends(
    platform: Platform,
) -> None:
    tenant = await two_queues(
        platform, leave_without_agents=True, overflow={"announcement_prompt_id": "nobody"}
    )
    async with caller_of(tenant) as caller:
        call = await dial(caller, tenant)
        await call.wait_ended()
        assert call.ended_by == "remote"
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="queue_overflow")
    assert cdr["agent_id"] == ""


async def test_the_api_sizes_the_worked_example(platform: Platform) -> None:
    sized = await asyncio.to_thread(platform.post, "/sizing", {"customers": 20_000_000})
    assert sized["seats"] == pytest.approx(666.67, abs=0.01)
    assert sized["inputs"]["customers"] == 20_000_000
