"""NATS stands still under calls: who talks notices nothing, new calls take the fallback route, all is told.

`SEATBUS_BUS_STOPPED_S=20` makes the outage longer, `SEATBUS_EDGE_KILLED=50,10` the crowd (`make chaos`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack

import pytest

from seatbus_kit.bus import Bus
from seatbus_testkit.history import History
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, until_agent, wait_level
from .crowd import SET_UP_S, TALKING, Crowd, causes_of, one_record_each, until_states

pytestmark = pytest.mark.platform

AWAY_S = float(os.environ.get("SEATBUS_BUS_STOPPED_S", "7"))


@pytest.mark.timeout(600)
async def test_calls_do_without_the_bus(platform: Platform) -> None:
    tenant = TestTenant.create(
        platform, agents=TALKING + 1, queue={"wrap_up_s": 1}, number={"fallback": {"queue_id": "q1"}}
    )
    # The first three are used while the bus is away, all others only talk.
    ends, held, takes_back, *untouched = names = [f"talks{number}" for number in range(TALKING)]
    async with AsyncExitStack() as stack:
        crowd = await Crowd.gather(tenant, stack)
        await crowd.arrive(names, tenant.agents[:TALKING], answer=True)
        await until_states(tenant, {"BRIDGED": TALKING}, timeout=SET_UP_S)
        third = await stack.enter_async_context(agent_phone(tenant, tenant.agents[-1]))
        await crowd.talk(names)

        platform.kill("nats", signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            for side in (crowd.legs[held], crowd.calls[takes_back]):
                await side.hold()
                await side.hold(False)
            # A new caller: no flow, so the fallback queue, whose music plays; nobody can be reserved yet.
            late = await crowd.caller.dial(tenant.number, caller="late")
            await late.wait_answered()
            await wait_level(late, -40)
            # A BYE is a BYE.
            await crowd.calls[ends].hang_up()
            await crowd.legs[ends].wait_ended()
            await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - stopped)))
            assert late.state == "answered"
            crowd.went_on(untouched)
            for name in (held, takes_back):
                assert crowd.calls[name].state == crowd.legs[name].state == "answered"
                await crowd.calls[name].ears.wait_tone(1000)
                await crowd.legs[name].ears.wait_tone(440)
        finally:
            platform.kill("nats", signal.SIGCONT)
        # Whoever is free is offered the call that waited: the agent of the ended talk too.
        others = asyncio.ensure_future(third.next_call(timeout=60))
        while "late" not in crowd.legs and not others.done():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        found = crowd.legs.get("late") or others.result()
        others.cancel()
        if found is not crowd.legs.get("late"):
            await found.answer()
        found.mouth.play_tone(700, -15)
        await late.ears.wait_tone(700)
        await late.hang_up()
        await found.wait_ended()
        crowd.went_on(untouched)
        await crowd.hold_and_hang_up(names[1:])
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=30)
    rows = await one_record_each(tenant, TALKING + 1)
    assert sorted(row["cause"] for row in rows) == sorted(["caller_hung_up"] * 2 + causes_of(TALKING - 1))
    assert platform.get(tenant.path("calls"))["calls"] == []
    bus = await Bus.connect(platform.bus_settings())
    history = await History.read(bus, tenant.id)
    await bus.close()
    assert len({event.entity for event in history.events if event.domain == "call"}) == TALKING + 1
    assert history.gaps() == []
    assert history.double_bookings() == []
