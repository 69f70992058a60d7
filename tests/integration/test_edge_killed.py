"""`sip_edge` is killed while people talk, ring and wait: its successor takes every call up where it was.

`SEATBUS_EDGE_KILLED=50,10` asks the second test for that many talks and ringing phones (`make chaos`).
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent, wait_level

pytestmark = pytest.mark.platform

TALKING, RINGING, WAITING = 10, 3, 2
MANY = tuple(int(part) for part in os.environ.get("SEATBUS_EDGE_KILLED", "6,3").split(","))
TRANSPORTS = ("UDP", "TCP", "WSS")
LONGEST_GAP_MS = 60.0


async def _to_queue(caller: Phone, tenant: TestTenant, name: str) -> PhoneCall:
    """Dials, presses 1; the name tells the records apart."""
    call = await caller.dial(tenant.number, caller=name)
    await call.wait_answered(timeout=10)
    await wait_level(call, -40, timeout=10)
    call.mouth.send_dtmf("1")
    return call


async def _states(tenant: TestTenant, wanted: dict[str, int], timeout: float = 20) -> None:
    def there() -> bool:
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        found = [str(call["state"]).removeprefix("CALL_STATE_") for call in calls]
        return all(found.count(state) == count for state, count in wanted.items())

    await asyncio.to_thread(tenant.platform.until, there, timeout, f"calls to be {wanted}")


async def _served_again(phone: Phone, since: float) -> float:
    """Seconds until the edge answers SIP."""
    while True:
        asked = asyncio.ensure_future(phone.options())
        done, _ = await asyncio.wait([asked], timeout=0.1)
        if done and asked.exception() is None:
            return time.monotonic() - since
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        if time.monotonic() - since > 30:
            raise TimeoutError("the edge is not back after 30 s")


def _clear(call: PhoneCall) -> None:
    call.ears.clear()
    call.mouth.longest_hole_ms = 0.0


def _outage_ms(hearing: PhoneCall, speaking: PhoneCall) -> float:
    """The longest gap that is not the speaker's own: all phones are this process, which may be late."""
    return hearing.ears.longest_gap_ms() - speaking.mouth.longest_hole_ms


def _final(tenant: TestTenant) -> list[dict[str, Any]]:
    return [row for row in tenant.cdrs(limit=1000) if row["final"]]


async def test_calls_live_through_the_death_of_their_edge(platform: Platform, tmp_path: Path) -> None:
    agents = TALKING + RINGING
    tenant = TestTenant.create(platform, agents=agents, queue={"ring_timeout_s": 20, "wrap_up_s": 1})
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
            call = await _to_queue(caller, tenant, f"talks{number}")
            known = {pair[2] for pair in pairs}
            while not (fresh := set(arrived) - known):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            index = fresh.pop()
            await arrived[index].answer()
            pairs.append((call, arrived[index], index))
        await _states(tenant, {"BRIDGED": TALKING})
        ringing = [await _to_queue(caller, tenant, f"rings{number}") for number in range(RINGING)]
        await asyncio.gather(*watchers)
        await _states(tenant, {"BRIDGED": TALKING, "RINGING_AGENT": RINGING})
        waiting = []
        for number in range(WAITING):
            waiting.append(await _to_queue(caller, tenant, f"waits{number}"))
            await _states(tenant, {"QUEUED": number + 1})
        for call, leg, _ in pairs:
            call.mouth.play_tone(440, -15)
            leg.mouth.play_tone(1000, -15)
        await asyncio.sleep(1.0)
        for call, leg, _ in pairs:
            _clear(call)
            _clear(leg)
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
            assert _outage_ms(call, leg) <= LONGEST_GAP_MS
            assert _outage_ms(leg, call) <= LONGEST_GAP_MS
            assert abs(call.ears.tone(0.5)[0] - 1000) < 20
            assert abs(leg.ears.tone(0.5)[0] - 440) < 20
        await _states(tenant, {"BRIDGED": TALKING, "RINGING_AGENT": RINGING, "QUEUED": WAITING})
        for _, _, index in pairs:
            await until_agent(tenant, tenant.agents[index], presence="READY", work="TALKING", timeout=2)

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
        await _states(tenant, {"BRIDGED": TALKING + RINGING, "QUEUED": WAITING})

        async def finish(number: int, call: PhoneCall, leg: PhoneCall) -> None:
            first, second = (call, leg) if number % 2 == 0 else (leg, call)
            await first.hang_up()
            await second.wait_ended(timeout=5)
            assert second.ended_by == "remote"

        # The first agent who is free gets who has waited longest.
        again = asyncio.ensure_future(phones[pairs[0][2]].next_call(timeout=15))
        await finish(0, pairs[0][0], pairs[0][1])
        offered = await again
        await offered.answer()
        waiting[0].ears.clear()
        offered.mouth.play_tone(700, -15)
        await waiting[0].ears.wait_tone(700, timeout=5)
        await _states(tenant, {"QUEUED": 1})
        again = asyncio.ensure_future(phones[pairs[1][2]].next_call(timeout=15))
        await finish(1, pairs[1][0], pairs[1][1])
        offered_second = await again
        await offered_second.answer()
        await _states(tenant, {"QUEUED": 0, "BRIDGED": TALKING + RINGING - 2 + WAITING})
        for number, (call, leg, _) in enumerate(pairs[2:]):
            await finish(number, call, leg)
        for call in ringing:
            await call.hang_up()
        await waiting[0].hang_up()
        await offered_second.hang_up()
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=15)

    total = TALKING + RINGING + WAITING
    await asyncio.to_thread(platform.until, lambda: len(_final(tenant)) >= total, 60, f"{total} call records")
    await asyncio.sleep(1)
    rows = tenant.cdrs(limit=1000)
    assert len(rows) == total
    assert all(row["final"] for row in rows)
    assert len({row["call_id"] for row in rows}) == total
    causes = [row["cause"] for row in rows]
    assert set(causes) == {"caller_hung_up", "agent_hung_up"}, causes
    assert causes.count("agent_hung_up") == TALKING // 2 + 1
    assert all(int(row["offers"]) == 1 for row in rows), [row["offers"] for row in rows]


async def _meet(phone: Phone, legs: dict[str, PhoneCall], at: dict[str, str], *, answer: bool) -> None:
    """Every call that rings here, and over which transport, by the name of its caller."""
    while True:
        leg = await phone.next_call(timeout=300)
        legs[leg.caller], at[leg.caller] = leg, phone.transport
        await (leg.answer() if answer else leg.ring())


async def _back(phone: Phone) -> None:
    """What a client does whose connection has broken."""
    if phone.transport != "UDP":
        await phone.reconnect()
        await phone.register()


async def test_phones_of_every_transport_go_on_once_they_are_back(platform: Platform) -> None:
    talking, ringing = MANY
    tenant = TestTenant.create(
        platform, agents=talking + ringing, queue={"ring_timeout_s": 60, "wrap_up_s": 1}
    )
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        probe = await stack.enter_async_context(caller_of(tenant))
        legs: dict[str, PhoneCall] = {}
        rang_over: dict[str, str] = {}
        phones: list[Phone] = []
        meeting: list[asyncio.Task[None]] = []

        async def arrive(names: list[str], agents: list[str], *, answer: bool) -> dict[str, PhoneCall]:
            for number, agent in enumerate(agents):
                transport = TRANSPORTS[number % len(TRANSPORTS)]
                phone = await stack.enter_async_context(agent_phone(tenant, agent, transport=transport))
                phones.append(phone)
                meeting.append(asyncio.ensure_future(_meet(phone, legs, rang_over, answer=answer)))
            gate = asyncio.Semaphore(5)

            async def one(name: str) -> PhoneCall:
                async with gate:
                    return await _to_queue(caller, tenant, name)

            return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

        talks = [f"talks{number}" for number in range(talking)]
        rings = [f"rings{number}" for number in range(ringing)]
        calls = await arrive(talks, tenant.agents[:talking], answer=True)
        await _states(tenant, {"BRIDGED": talking}, timeout=60)
        calls |= await arrive(rings, tenant.agents[talking:], answer=False)
        await _states(tenant, {"BRIDGED": talking, "RINGING_AGENT": ringing}, timeout=60)
        for name in talks:
            calls[name].mouth.play_tone(440, -15)
            legs[name].mouth.play_tone(1000, -15)
        await asyncio.sleep(1.0)
        for name in talks:
            _clear(calls[name])
            _clear(legs[name])
        await asyncio.sleep(0.3)

        killed_at = time.monotonic()
        pid = platform.kill("sip_edge-0")
        served_s = await _served_again(probe, killed_at)
        await asyncio.to_thread(platform.wait_restarted, "sip_edge-0", pid)
        print(f"edge_restart_to_served {served_s:.2f} s with {talking} talking and {ringing} ringing")
        # Who rang over a connection has to be called anew, and is.
        was_ringing = {name: legs[name] for name in rings}
        await asyncio.gather(*[_back(phone) for phone in phones])
        for name in talks:
            assert calls[name].state == legs[name].state == "answered"
            assert _outage_ms(calls[name], legs[name]) <= LONGEST_GAP_MS
            assert _outage_ms(legs[name], calls[name]) <= LONGEST_GAP_MS

        async def answered(name: str) -> None:
            """The phone that goes on ringing, or the one that is called in its place."""
            if rang_over[name] != "UDP":
                while legs[name] is was_ringing[name]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await legs[name].answer()

        async with asyncio.timeout(60):
            await asyncio.gather(*map(answered, rings))
        await _states(tenant, {"BRIDGED": talking + ringing})

        for number, name in enumerate([*talks, *rings]):
            for side in (calls[name], legs[name]):
                await side.hold()
                await side.hold(False)
            first, second = (calls[name], legs[name]) if number % 2 == 0 else (legs[name], calls[name])
            await first.hang_up()
            await second.wait_ended(timeout=5)
            assert second.ended_by == "remote"
        for task in meeting:
            task.cancel()
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=15)
    total = talking + ringing
    await asyncio.to_thread(platform.until, lambda: len(_final(tenant)) >= total, 60, f"{total} call records")
    await asyncio.sleep(1)
    rows = tenant.cdrs(limit=1000)
    assert len(rows) == total
    assert sorted(row["cause"] for row in rows) == sorted(
        "agent_hung_up" if number % 2 else "caller_hung_up" for number in range(total)
    )
