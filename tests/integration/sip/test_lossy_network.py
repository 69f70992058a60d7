"""The core cases over a network that loses and reorders, both legs, both ways: one end each, nothing left."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from seatbus_sip import Timing
from seatbus_testkit.lossy import LossyProxy, Weather
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .held import T1_S, held, until_nothing_is_held
from .wire import company

pytestmark = pytest.mark.platform

TIMING = Timing(t1=T1_S, t2=8 * T1_S, t4=10 * T1_S)
ENDS = ("caller_hung_up", "agent_hung_up", "abandoned_in_queue")
WEATHERS = (
    Weather(loss=0.03, reorder=0.1),
    Weather(loss=0.10, reorder=0.1),
    Weather(loss=0.10, reorder=0.3, doubled=0.1),
    Weather(doubled=0.2, reorder=0.3, jitter_s=0.02),
)
"""Of one company each, at the same time."""


async def test_every_call_ends_right_on_both_sides_and_in_the_record(platform: Platform) -> None:
    early = {"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"}
    tenants = [await company(platform, number=early, queue={"ring_timeout_s": 15}) for _ in WEATHERS]
    async with AsyncExitStack() as stack:

        async def phone(weather: Weather, seed: int, host: str, username: str = "") -> Phone:
            proxy = await LossyProxy.start(platform.sip, host=host, seed=seed, up=weather, down=weather)
            stack.callback(proxy.close)
            made = await Phone.start(
                proxy.address,
                host=host,
                username=username,
                password=PASSWORD if username else "",
                timing=TIMING,
            )
            stack.push_async_callback(made.close)
            return made

        async def pair(seed: int, weather: Weather, tenant: TestTenant) -> list[str]:
            caller = await phone(weather, 2 * seed, tenant.caller_host)
            agent = await phone(weather, 2 * seed + 1, "127.0.0.1", tenant.username("a1"))
            await agent.register()
            await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
            return [await one(tenant, caller, agent, end) for end in ENDS]

        ended = await asyncio.gather(
            *(pair(seed, *both) for seed, both in enumerate(zip(WEATHERS, tenants, strict=True)))
        )
        assert ended == [list(ENDS)] * len(WEATHERS)
        for tenant in tenants:
            causes = await asyncio.to_thread(final_causes, tenant)
            assert causes == Counter(ENDS)
            await released(tenant)
    await until_nothing_is_held(platform)
    assert set(held(platform).values()) == {0}


async def one(tenant: TestTenant, caller: Phone, agent: Phone, end: str) -> str:
    """A call that ends like this; how both sides saw it."""
    call = await caller.dial(tenant.number)
    ringing = await agent.next_call(20)
    if end == "abandoned_in_queue":
        await ringing.wait_ringing(5)
        await call.hang_up()
    else:
        await ringing.answer()
        await call.wait_answered(15)
        await asyncio.sleep(0.5)
        # Who is hung up on has offered other audio before, and taken it back.
        holds = ringing if end == "caller_hung_up" else call
        await holds.hold()
        await holds.hold(False)
        await (call if end == "caller_hung_up" else ringing).hang_up()
    await both_ended(call, ringing)
    seen = {"caller_hung_up": ("local", "remote"), "agent_hung_up": ("remote", "local")}
    if end in seen:
        assert (call.ended_by, ringing.ended_by) == seen[end], (call.history, ringing.history)
    return end


async def both_ended(call: PhoneCall, ringing: PhoneCall) -> None:
    await call.wait_ended(15)
    await ringing.wait_ended(15)


def final_causes(tenant: TestTenant) -> Counter[str]:
    """Causes of all records, once there is one of each call and all are final."""

    def complete() -> Counter[str] | None:
        rows = [row for row in tenant.cdrs(limit=100) if row["final"]]
        return Counter(row["cause"] for row in rows) if len(rows) == len(ENDS) else None

    found: Counter[str] = tenant.platform.until(complete, 30, f"{len(ENDS)} final records of {tenant.id}")
    return found


async def released(tenant: TestTenant) -> None:
    """The agent is bound to nothing any more."""
    await asyncio.to_thread(
        tenant.platform.until, lambda: not tenant.agent("a1").get("work"), 30, "an agent without work"
    )
