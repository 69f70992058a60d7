"""Steady calls with audio for a minute: every one reaches an agent and leaves one record. `make load`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

RATE = float(os.environ.get("LOAD_RATE", "3"))  # calls a second
SECONDS = float(os.environ.get("LOAD_SECONDS", "60"))
TALK_S = 4.0
AGENTS = 40


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform.start(tmp_path_factory.mktemp("load") / "data", "--quiet", "--log-level", "warning")
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.timeout(900)
async def test_a_minute_of_calls_loses_none(platform: Platform) -> None:
    nodes = [
        {"id": "queue", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
        {"id": "bye", "hang_up": {}},
    ]
    tenant = TestTenant.create(platform, agents=AGENTS, flow_nodes=nodes)
    phones = []
    for agent in tenant.agents:
        phone = await Phone.start(platform.sip, username=tenant.username(agent), password=PASSWORD)
        phone.policy = Policy.answer(0.2)
        await phone.register()
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        phones.append(phone)
    caller = await Phone.start(platform.sip, host=tenant.caller_host)

    async def one() -> None:
        call = await caller.dial(tenant.number)
        await call.wait_answered(timeout=10)
        await asyncio.sleep(TALK_S)
        await call.hang_up()

    calls = int(RATE * SECONDS)
    running = []
    for _ in range(calls):
        running.append(asyncio.create_task(one()))
        await asyncio.sleep(1 / RATE)
    await asyncio.gather(*running)

    def recorded() -> bool:
        return sum(row["final"] for row in tenant.cdrs(limit=1000)) >= min(calls, 1000)

    await asyncio.to_thread(platform.until, recorded, 60, f"{calls} final call records")
    rows = tenant.cdrs(limit=1000)
    assert {row["cause"] for row in rows} == {"caller_hung_up"}
    assert all(row["talk_us"] > 3_000_000 for row in rows)
    for phone in [caller, *phones]:
        await phone.close()
