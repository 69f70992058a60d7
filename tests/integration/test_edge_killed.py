"""`sip_edge` is killed while people talk, ring and wait: its successor takes every call up where it was.

`SEATBUS_EDGE_KILLED=50,10` asks the second test for that many talks and ringing phones (`make chaos`).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent
from .crowd import (
    LONGEST_GAP_MS,
    SET_UP_S,
    Crowd,
    causes_of,
    forget,
    one_record_each,
    outage_ms,
    to_queue,
    until_states,
)
from .crowd import RINGING as MANY_RINGING
from .crowd import TALKING as MANY_TALKING

pytestmark = pytest.mark.platform

TALKING, RINGING, WAITING = 10, 3, 2


async def _served_again(phone: Phone, since: float) -> float:
    """Seconds until the edge answers SIP."""
    while True:
        asked = asyncio.ensure_future(phone.options())
        done, _ = await asyncio.wait([asked], timeout=0.1)
        if done and asked.exception() is None:
            return time.monotonic() - since
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        if time.monotonic() - since > 60:
            raise TimeoutError("the edge is not back after 60 s")


async def test_calls_live_through_the_death_of_their_edge(platform: Platform) -> None:
    agents = TALKING + RINGING
    tenant = TestTenant.create(platform, agents=agents, queue={"ring_timeout_s": 60, "wrap_up_s": 1})
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        probe = await stack.enter_async_context(caller_of(tenant))
        phones: list[Phone] = []
        for agent in tenant.agents:
            phones.append(await stack.enter_async_context(agent_phone(tenant, agent)))
        arrived: dict[int, PhoneCall] = {}

        async def watch(index: int) -> None:
            call = await phones[index].next_call(timeout=60)
            arrived[index] = call
            await call.ring()

        watchers = [asyncio.ensure_future(watch(index)) for index in range(agents)]
        pairs: list[tuple[PhoneCall, PhoneCall, int]] = []
        for number in range(TALKING):
            call = await to_queue(caller, tenant, f"talks{number}")
            known = {pair[2] for pair in pairs}
            while not (fresh := set(arrived) - known):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            index = fresh.pop()
            await arrived[index].answer()
            pairs.append((call, arrived[index], index))
        await until_states(tenant, {"BRIDGED": TALKING})
        ringing = [await to_queue(caller, tenant, f"rings{number}") for number in range(RINGING)]
        await asyncio.gather(*watchers)
        await until_states(tenant, {"BRIDGED": TALKING, "RINGING_AGENT": RINGING})
        waiting = []
        for number in range(WAITING):
            waiting.append(await to_queue(caller, tenant, f"waits{number}"))
            await until_states(tenant, {"QUEUED": number + 1})
        for call, leg, _ in pairs:
            call.mouth.play_tone(440, -15)
            leg.mouth.play_tone(1000, -15)
        await asyncio.sleep(1.0)
        for call, leg, _ in pairs:
            forget(call)
            forget(leg)
        await asyncio.sleep(0.3)

        killed_at = time.monotonic()
        pid = platform.kill("sip_edge-0")
        served_s = await _served_again(probe, killed_at)
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", pid)
        print(f"edge_restart_to_served {served_s:.2f} s")
        await asyncio.sleep(0.5)

        for call, leg, _ in pairs:
            assert call.state == "answered"
            assert leg.state == "answered"
            assert outage_ms(call, leg) <= LONGEST_GAP_MS
            assert outage_ms(leg, call) <= LONGEST_GAP_MS
            await call.ears.wait_tone(1000)
            await leg.ears.wait_tone(440)
        await until_states(tenant, {"BRIDGED": TALKING, "RINGING_AGENT": RINGING, "QUEUED": WAITING})
        for _, _, index in pairs:
            await until_agent(tenant, tenant.agents[index], presence="READY", work="TALKING", timeout=20)

        # Hold from either side, then hung up from either side.
        await pairs[0][0].hold()
        await pairs[0][0].hold(False)
        await pairs[1][1].hold()
        await pairs[1][1].hold(False)
        # Phones that rang go on ringing and may be answered; the callers then talk to these agents.
        still = [index for index in range(agents) if index not in {pair[2] for pair in pairs}]
        for index in still:
            assert arrived[index].state == "ringing"
            await arrived[index].answer()
        await until_states(tenant, {"BRIDGED": TALKING + RINGING, "QUEUED": WAITING})

        async def finish(number: int, call: PhoneCall, leg: PhoneCall) -> None:
            first, second = (call, leg) if number % 2 == 0 else (leg, call)
            await first.hang_up()
            await second.wait_ended()
            assert second.ended_by == "remote"

        # The first agent who is free gets who has waited longest.
        again = asyncio.ensure_future(phones[pairs[0][2]].next_call(timeout=60))
        await finish(0, pairs[0][0], pairs[0][1])
        offered = await again
        await offered.answer()
        waiting[0].ears.clear()
        offered.mouth.play_tone(700, -15)
        await waiting[0].ears.wait_tone(700)
        await until_states(tenant, {"QUEUED": 1})
        again = asyncio.ensure_future(phones[pairs[1][2]].next_call(timeout=60))
        await finish(1, pairs[1][0], pairs[1][1])
        offered_second = await again
        await offered_second.answer()
        await until_states(tenant, {"QUEUED": 0, "BRIDGED": TALKING + RINGING - 2 + WAITING})
        for number, (call, leg, _) in enumerate(pairs[2:]):
            await finish(number, call, leg)
        for call in ringing:
            await call.hang_up()
        await waiting[0].hang_up()
        await offered_second.hang_up()
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=30)

    total = TALKING + RINGING + WAITING
    rows = await one_record_each(tenant, total)
    causes = [row["cause"] for row in rows]
    assert set(causes) == {"caller_hung_up", "agent_hung_up"}, causes
    assert causes.count("agent_hung_up") == TALKING // 2 + 1
    assert all(int(row["offers"]) == 1 for row in rows), [row["offers"] for row in rows]


@pytest.mark.timeout(600)
async def test_phones_of_every_transport_go_on_once_they_are_back(platform: Platform) -> None:
    agents = MANY_TALKING + MANY_RINGING
    tenant = TestTenant.create(platform, agents=agents, queue={"ring_timeout_s": 60, "wrap_up_s": 1})
    talks = [f"talks{number}" for number in range(MANY_TALKING)]
    rings = [f"rings{number}" for number in range(MANY_RINGING)]
    async with AsyncExitStack() as stack:
        probe = await stack.enter_async_context(caller_of(tenant))
        crowd = await Crowd.gather(tenant, stack)
        began = time.monotonic()
        await crowd.arrive(talks, tenant.agents[:MANY_TALKING], answer=True)
        await until_states(tenant, {"BRIDGED": MANY_TALKING}, timeout=SET_UP_S)
        print(f"{MANY_TALKING} talks set up in {time.monotonic() - began:.1f} s")
        await crowd.arrive(rings, tenant.agents[MANY_TALKING:], answer=False)
        await until_states(tenant, {"BRIDGED": MANY_TALKING, "RINGING_AGENT": MANY_RINGING}, timeout=SET_UP_S)
        await crowd.talk(talks)

        rang = {name: crowd.legs[name] for name in rings}
        killed_at = time.monotonic()
        pid = platform.kill("sip_edge-0")
        served_s = await _served_again(probe, killed_at)
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", pid)
        print(
            f"edge_restart_to_served {served_s:.2f} s with {MANY_TALKING} talking and {MANY_RINGING} ringing"
        )
        crowd.went_on(talks)
        # Clients whose connection has broken come back; who rang over one has to be called anew, and is.
        for phone in crowd.phones:
            if phone.transport != "UDP":
                await phone.reconnect()
                await phone.register()
        await crowd.answer_ringing(rang, anew=lambda phone: phone.transport != "UDP")
        await until_states(tenant, {"BRIDGED": agents})
        crowd.went_on(talks)
        await crowd.hold_and_hang_up([*talks, *rings])
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=30)
    rows = await one_record_each(tenant, agents)
    assert sorted(row["cause"] for row in rows) == causes_of(agents)
