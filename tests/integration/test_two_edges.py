"""The platform with two edges: calls arrive at one, phones are at the other; then the first one is gone.

`SEATBUS_EDGE_KILLED=50,10` asks the last test for that many talks and ringing phones (`make chaos`).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent, wait_level
from .crowd import RINGING, SET_UP_S, TALKING, Crowd, causes_of, one_record_each, until_states

pytestmark = pytest.mark.platform

TRANSPORTS = ("UDP", "TCP", "WSS")
ADOPT_AFTER_S = 6.0


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("two-edges")
    running = Platform.start(folder / "data", env={"SEATBUS_ADOPT_AFTER_S": str(ADOPT_AFTER_S)}, edges=2)
    try:
        yield running
    finally:
        running.stop()


async def _conversations(
    tenant: TestTenant, stack: AsyncExitStack, transports: tuple[str, ...]
) -> tuple[list[tuple[PhoneCall, PhoneCall]], list[Phone]]:
    """One for each transport: the caller's side at the first edge, the agent's phone at the second."""
    caller = await stack.enter_async_context(caller_of(tenant))
    pairs, phones = [], []
    for agent, transport in zip(tenant.agents, transports, strict=True):
        phone = await stack.enter_async_context(agent_phone(tenant, agent, transport=transport, edge=1))
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await wait_level(call, -40)
        call.mouth.send_dtmf("1")
        leg = await phone.next_call()
        await leg.answer()
        pairs.append((call, leg))
        phones.append(phone)
        await until_agent(tenant, agent, presence="READY", work="TALKING")
    return pairs, phones


async def _hear_each_other(pairs: list[tuple[PhoneCall, PhoneCall]]) -> None:
    for call, leg in pairs:
        call.mouth.play_tone(440, -15)
        leg.mouth.play_tone(1000, -15)
    for call, leg in pairs:
        await call.ears.wait_tone(1000)
        await leg.ears.wait_tone(440)


def _target(call: PhoneCall) -> tuple[str, int]:
    """Where the call's requests go."""
    assert call.dialog is not None
    return call.dialog.next_hop.address


def _final(tenant: TestTenant) -> list[dict[str, Any]]:
    return [row for row in tenant.cdrs(limit=1000) if row["final"]]


async def test_phones_of_another_edge_talk_hold_and_hang_up(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=3, queue={"wrap_up_s": 1})
    async with AsyncExitStack() as stack:
        pairs, _ = await _conversations(tenant, stack, TRANSPORTS)
        await _hear_each_other(pairs)
        for call, leg in pairs:
            await leg.hold()
            await leg.hold(False)
            await call.hold()
            await call.hold(False)
        await _hear_each_other(pairs)
        for number, (call, leg) in enumerate(pairs):
            first, second = (call, leg) if number % 2 else (leg, call)
            await first.hang_up()
            await second.wait_ended()
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY")
    await asyncio.to_thread(two.until, lambda: len(_final(tenant)) == 3, 30, "3 call records")
    assert sorted(row["cause"] for row in _final(tenant)) == [
        "agent_hung_up",
        "agent_hung_up",
        "caller_hung_up",
    ]


async def test_an_edge_that_does_not_come_back_loses_its_calls_to_the_other(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=3, queue={"wrap_up_s": 1})
    async with AsyncExitStack() as stack:
        pairs, phones = await _conversations(tenant, stack, TRANSPORTS)
        waiting = await (await stack.enter_async_context(caller_of(tenant))).dial(tenant.number)
        await waiting.wait_answered()
        await wait_level(waiting, -40)
        waiting.mouth.send_dtmf("1")
        await asyncio.to_thread(
            two.until,
            lambda: "QUEUED" in str(two.get(tenant.path("calls"))["calls"]),
            30,
            "a call that waits",
        )
        await _hear_each_other(pairs)
        for call, leg in pairs:
            call.ears.clear()
            leg.ears.clear()
        await asyncio.sleep(0.3)
        # It stands still and answers nothing: nobody starts it anew.
        began = time.monotonic()
        pid = two.kill("sip_edge-0", signal.SIGSTOP)
        try:
            other = two.sip_over("UDP", edge=1)
            callers = [call for call, _ in pairs] + [waiting]

            while [_target(call) for call in callers] != [other] * len(callers):
                assert time.monotonic() - began < 30, [_target(call) for call in callers]
                await asyncio.sleep(0.1)
            print(f"edge_dead_to_adopted {time.monotonic() - began:.2f} s")
            for call, leg in pairs:
                assert call.state == leg.state == "answered"
                assert call.ears.longest_gap_ms() <= 80
                assert leg.ears.longest_gap_ms() <= 80
            for agent in tenant.agents:
                await until_agent(tenant, agent, presence="READY", work="TALKING")
            await pairs[0][1].hold()
            await pairs[0][1].hold(False)
            await pairs[1][0].hold()
            await pairs[1][0].hold(False)
        finally:
            two.kill("sip_edge-0", signal.SIGCONT)
        # Back, it has nothing to say about them.
        await asyncio.to_thread(
            two.until,
            lambda: two.log_text("sip_edge-0").count("a call is let go") >= 4,
            30,
            "four calls let go",
        )
        assert two.pid("sip_edge-0") == pid
        await _hear_each_other(pairs)
        # An agent who is free gets who waits; the others hang up from either side.
        again = asyncio.ensure_future(phones[0].next_call())
        await pairs[0][0].hang_up()
        await pairs[0][1].wait_ended()
        offered = await again
        await offered.answer()
        waiting.ears.clear()
        offered.mouth.play_tone(700, -15)
        await waiting.ears.wait_tone(700)
        for number, (call, leg) in enumerate(pairs[1:]):
            first, second = (call, leg) if number % 2 else (leg, call)
            await first.hang_up()
            await second.wait_ended()
        await waiting.hang_up()
        await offered.wait_ended()
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=15)
    await asyncio.to_thread(two.until, lambda: len(_final(tenant)) == 4, 30, "4 call records")
    await asyncio.sleep(1)
    rows = tenant.cdrs(limit=1000)
    assert len(rows) == 4
    assert {row["cause"] for row in rows} == {"caller_hung_up", "agent_hung_up"}


@pytest.mark.timeout(600)
async def test_a_killed_edge_s_calls_go_on_at_the_other(two: Platform) -> None:
    agents = TALKING + RINGING
    tenant = TestTenant.create(two, agents=agents, queue={"ring_timeout_s": 90, "wrap_up_s": 1})
    talks = [f"talks{number}" for number in range(TALKING)]
    rings = [f"rings{number}" for number in range(RINGING)]
    other = two.sip_over("UDP", edge=1)
    async with AsyncExitStack() as stack:
        crowd = await Crowd.gather(tenant, stack)
        await crowd.arrive(talks, tenant.agents[:TALKING], answer=True, edges=(0, 0, 0, 1, 1, 1))
        await until_states(tenant, {"BRIDGED": TALKING}, timeout=SET_UP_S)
        await crowd.arrive(rings, tenant.agents[TALKING:], answer=False, edges=(0, 0, 0, 1, 1, 1))
        await until_states(tenant, {"BRIDGED": TALKING, "RINGING_AGENT": RINGING}, timeout=SET_UP_S)
        await crowd.talk(talks)
        rang = {name: crowd.legs[name] for name in rings}
        # With its supervisor held, nobody starts it again.
        two.process.send_signal(signal.SIGSTOP)
        try:
            two.kill("sip_edge-0")
            began = time.monotonic()
            # What a client does whose edge is gone: it registers at the other.
            for phone in crowd.phones:
                if phone.server[1] == two.sip_over(phone.transport)[1]:
                    phone.server = two.sip_over(phone.transport, edge=1)
                    if phone.transport != "UDP":
                        await phone.reconnect()
                    await phone.register()
            while [_target(crowd.calls[name]) for name in talks] != [other] * TALKING:
                assert time.monotonic() - began < 60, [_target(crowd.calls[name]) for name in talks]
                await asyncio.sleep(0.1)
            print(f"edge_dead_to_adopted {time.monotonic() - began:.2f} s")
            crowd.went_on(talks)
            await crowd.answer_ringing(rang, anew=lambda _: True)
            await until_states(tenant, {"BRIDGED": agents})
            crowd.went_on(talks)
            await crowd.hold_and_hang_up([*talks, *rings])
        finally:
            two.process.send_signal(signal.SIGCONT)
        for agent in tenant.agents:
            await until_agent(tenant, agent, presence="READY", timeout=30)
    rows = await one_record_each(tenant, agents)
    assert sorted(row["cause"] for row in rows) == causes_of(agents)
