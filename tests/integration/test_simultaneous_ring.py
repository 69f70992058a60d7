"""Three agents ring for one caller: who answers first has the call, the others are as if nothing had been."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent

pytestmark = pytest.mark.platform

AGENTS = ("a1", "a2", "a3")
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


class Ring:
    """A caller, and the calls that ring at the phones of three agents."""

    def __init__(self, tenant: TestTenant, caller: Phone, phones: dict[str, Phone]) -> None:
        self.tenant = tenant
        self.caller = caller
        self.phones = phones

    async def reach(self) -> tuple[PhoneCall, dict[str, PhoneCall]]:
        """The caller is in the queue and all three ring."""
        call = await reach_queue(self.caller, self.tenant)
        rung = await asyncio.gather(*(self.phones[agent].next_call() for agent in AGENTS))
        await asyncio.gather(*(phone.ring() for phone in rung))
        await asyncio.gather(*(self.until(agent, "RINGING") for agent in AGENTS))
        return call, dict(zip(AGENTS, rung, strict=True))

    async def until(self, agent: str, work: str = "", presence: str = "READY") -> None:
        await until_agent(self.tenant, agent, presence=presence, work=work)

    async def heard_both_ways(self, call: PhoneCall, winner: PhoneCall) -> None:
        winner.mouth.play_tone(1000, -15)
        call.mouth.play_tone(600, -15)
        await asyncio.gather(call.ears.wait_tone(1000), winner.ears.wait_tone(600))

    async def cdr(self, **match: Any) -> dict[str, Any]:
        return await asyncio.to_thread(self.tenant.wait_cdr, **match)


@asynccontextmanager
async def three_agents(platform: Platform, **queue: Any) -> AsyncIterator[Ring]:
    fields = {"strategy": "STRATEGY_SIMULTANEOUS_RING", "ring_timeout_s": 30, "wrap_up_s": 60, **queue}
    tenant = await asyncio.to_thread(TestTenant.create, platform, agents=3, queue=fields)
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        phones = {agent: await stack.enter_async_context(agent_phone(tenant, agent)) for agent in AGENTS}
        yield Ring(tenant, caller, phones)


def causes(cdr: dict[str, Any]) -> dict[str, str]:
    return {segment["agent_id"]: segment["cause"] for segment in cdr["segments"]}


async def test_the_second_answers_and_the_others_are_told_that_the_call_is_elsewhere(
    platform: Platform,
) -> None:
    async with three_agents(platform) as ring:
        call, rung = await ring.reach()
        contact = platform.get(ring.tenant.path(f"queues/{ring.tenant.queue}/waiting"))["contacts"][0]
        assert {contact["agent_id"], *contact["also_agent_ids"]} == set(AGENTS)
        await rung["a2"].answer()
        await asyncio.gather(rung["a1"].wait_ended(), rung["a3"].wait_ended())
        assert {rung[agent].cancel_reason for agent in ("a1", "a3")} == {ELSEWHERE}
        await ring.heard_both_ways(call, rung["a2"])
        await asyncio.gather(ring.until("a1"), ring.until("a2", "TALKING"), ring.until("a3"))
        # Why it went to whom: one decision that names all who were rung.
        told = platform.get(ring.tenant.path(f"contacts/{contact['contact_id']}"))["decisions"]
        chosen = [item for item in told if item["chosen_agent_id"]]
        assert [item["rule"] for item in chosen] == ["simultaneous_ring"]
        assert {chosen[0]["chosen_agent_id"], *chosen[0]["also_chosen_agent_ids"]} == set(AGENTS)
        await call.hang_up()
        await ring.until("a2", "WRAP_UP")
        cdr = await ring.cdr(cause="caller_hung_up")
        assert (cdr["agent_id"], cdr["offers"]) == ("a2", 3)
        assert causes(cdr) == {
            "a1": "answered_elsewhere",
            "a2": "caller_hung_up",
            "a3": "answered_elsewhere",
        }
        assert len(ring.tenant.cdrs()) == 1


async def test_of_two_that_answer_at_one_moment_one_talks_and_the_other_is_free(platform: Platform) -> None:
    async with three_agents(platform, wrap_up_s=0) as ring:
        for count, pair in enumerate((("a1", "a2"), ("a2", "a1"), ("a3", "a2")), 1):
            call, rung = await ring.reach()
            await asyncio.gather(*(rung[agent].answer() for agent in pair))
            free = next(agent for agent in AGENTS if agent not in pair)
            await rung[free].wait_ended()
            talking = await asyncio.to_thread(platform.until, lambda: _one_of(ring.tenant), 30, "one talks")
            lost = pair[0] if talking == pair[1] else pair[1]
            await rung[lost].wait_ended()
            await asyncio.gather(ring.until(lost), ring.until(free), ring.until(talking, "TALKING"))
            await ring.heard_both_ways(call, rung[talking])
            await call.hang_up()
            await ring.until(talking)
            rows = await asyncio.to_thread(platform.until, partial(_final, ring.tenant, count), 45, "records")
            assert all(len(row["segments"]) == 3 for row in rows)


def _one_of(tenant: TestTenant) -> str:
    talking = [
        agent
        for agent in AGENTS
        if [item["state"] for item in tenant.agent(agent).get("work", [])] == ["WORK_STATE_TALKING"]
    ]
    return talking[0] if len(talking) == 1 else ""


def _final(tenant: TestTenant, count: int) -> list[dict[str, Any]] | None:
    rows = tenant.cdrs()
    return rows if len(rows) == count and all(row["final"] for row in rows) else None


async def test_one_is_busy_one_does_not_answer_and_the_third_does(platform: Platform) -> None:
    async with three_agents(platform, wrap_up_s=0) as ring:
        call, rung = await ring.reach()
        await rung["a1"].reject(486)
        await ring.until("a1", presence="NOT_READY")
        assert ring.tenant.agent("a1")["reason"] == "device_busy"
        await rung["a2"].reject(480)
        await ring.until("a2", presence="NOT_READY")
        assert ring.tenant.agent("a2")["reason"] == "no_answer"
        assert rung["a3"].state == "ringing"
        await rung["a3"].answer()
        await ring.heard_both_ways(call, rung["a3"])
        await call.hang_up()
        cdr = await ring.cdr(cause="caller_hung_up")
        assert causes(cdr) == {"a1": "busy", "a2": "no_answer", "a3": "caller_hung_up"}


async def test_when_nobody_answers_all_lose_their_turn_and_the_caller_keeps_waiting(
    platform: Platform,
) -> None:
    async with three_agents(platform, ring_timeout_s=1) as ring:
        call = await reach_queue(ring.caller, ring.tenant)
        rung = await asyncio.gather(*(ring.phones[agent].next_call() for agent in AGENTS))
        await asyncio.gather(*(phone.wait_ended() for phone in rung))
        await asyncio.gather(*(ring.until(agent, presence="NOT_READY") for agent in AGENTS))
        assert not call.over()
        await asyncio.to_thread(ring.tenant.agent_do, "a3", "ready")
        again = await ring.phones["a3"].next_call()
        await again.answer()
        await ring.heard_both_ways(call, again)


async def test_a_caller_who_gives_up_leaves_nobody_ringing(platform: Platform) -> None:
    async with three_agents(platform) as ring:
        call, rung = await ring.reach()
        await call.hang_up()
        await asyncio.gather(*(phone.wait_ended() for phone in rung.values()))
        assert {phone.cancel_reason for phone in rung.values()} == {""}
        await asyncio.gather(*(ring.until(agent) for agent in AGENTS))
        cdr = await ring.cdr(cause="abandoned_in_queue")
        assert set(causes(cdr).values()) == {"cancelled"}


@pytest.mark.parametrize("service", ["sip_edge", "acd", "agent_state"])
async def test_all_ring_on_when_a_process_is_killed_and_one_of_them_has_the_call(
    platform: Platform, service: str
) -> None:
    async with three_agents(platform, ring_timeout_s=60, wrap_up_s=0) as ring:
        call, rung = await ring.reach()
        killed = f"{service}-0"
        pid = platform.kill(killed)
        await asyncio.to_thread(platform.wait_restarted, killed, pid)
        await rung["a2"].answer()
        await asyncio.gather(rung["a1"].wait_ended(), rung["a3"].wait_ended())
        await ring.heard_both_ways(call, rung["a2"])
        await asyncio.gather(ring.until("a1"), ring.until("a2", "TALKING"), ring.until("a3"))
        await call.hang_up()
        await ring.until("a2")
        cdr = await ring.cdr(cause="caller_hung_up")
        assert causes(cdr) == {
            "a1": "answered_elsewhere",
            "a2": "caller_hung_up",
            "a3": "answered_elsewhere",
        }
        assert len(ring.tenant.cdrs()) == 1
