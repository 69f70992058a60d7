"""NATS stands still under calls: who talks notices nothing, new calls take the fallback route, all is told.

`SEATBUS_BUS_STOPPED_S=20` makes the outage longer (`make chaos`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent, wait_level

pytestmark = pytest.mark.platform

AWAY_S = float(os.environ.get("SEATBUS_BUS_STOPPED_S", "7"))


async def _talk(caller: Phone, phone: Phone, tenant: TestTenant) -> tuple[PhoneCall, PhoneCall]:
    call = await caller.dial(tenant.number)
    await call.wait_answered(timeout=10)
    await wait_level(call, -40, timeout=10)
    call.mouth.send_dtmf("1")
    leg = await phone.next_call(timeout=15)
    await leg.answer()
    call.mouth.play_tone(440, -15)
    leg.mouth.play_tone(1000, -15)
    await call.ears.wait_tone(1000, timeout=5)
    await leg.ears.wait_tone(440, timeout=5)
    return call, leg


def _final(tenant: TestTenant) -> list[dict[str, Any]]:
    return [row for row in tenant.cdrs(limit=1000) if row["final"]]


async def test_calls_do_without_the_bus(platform: Platform) -> None:
    tenant = TestTenant.create(
        platform, agents=3, queue={"wrap_up_s": 1}, number={"fallback": {"queue_id": "q1"}}
    )
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        phones = [
            await stack.enter_async_context(agent_phone(tenant, agent, transport=transport))
            for agent, transport in zip(tenant.agents[:2], ("UDP", "TCP"), strict=True)
        ]
        pairs = [await _talk(caller, phone, tenant) for phone in phones]
        third = await stack.enter_async_context(agent_phone(tenant, tenant.agents[2]))
        for side in (side for pair in pairs for side in pair):
            side.ears.clear()
        await asyncio.sleep(0.3)

        platform.kill("nats", signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            # Held and taken back, from either side.
            await pairs[0][1].hold()
            await pairs[0][1].hold(False)
            await pairs[1][0].hold()
            await pairs[1][0].hold(False)
            # A new caller: no flow, so the fallback queue, whose music plays; nobody can be reserved yet.
            late = await caller.dial(tenant.number)
            await late.wait_answered(timeout=8)
            await wait_level(late, -40, timeout=5)
            # A BYE is a BYE.
            began = time.monotonic()
            await pairs[0][0].hang_up()
            await pairs[0][1].wait_ended(timeout=3)
            assert time.monotonic() - began < 3
            await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - stopped)))
            # The others talk as if nothing were.
            call, leg = pairs[1]
            assert call.state == leg.state == late.state == "answered"
            call.ears.clear()
            leg.ears.clear()
            await call.ears.wait_tone(1000, timeout=3)
            await leg.ears.wait_tone(440, timeout=3)
            assert call.ears.longest_gap_ms() <= 80
        finally:
            platform.kill("nats", signal.SIGCONT)
        waiting = [asyncio.ensure_future(phone.next_call(timeout=30)) for phone in (third, phones[0])]
        done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        found = done.pop().result()
        await found.answer()
        found.mouth.play_tone(700, -15)
        await late.ears.wait_tone(700, timeout=5)
        await late.hang_up()
        await found.wait_ended(timeout=5)
        await leg.hang_up()
        await call.wait_ended(timeout=5)
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=30)
    await asyncio.to_thread(platform.until, lambda: len(_final(tenant)) == 3, 40, "3 call records")
    assert sorted(row["cause"] for row in tenant.cdrs(limit=10)) == [
        "agent_hung_up",
        "caller_hung_up",
        "caller_hung_up",
    ]
    assert platform.get(tenant.path("calls"))["calls"] == []
