"""Processes are killed at random while calls come in; afterwards nothing is lost, doubled or stuck.

Minutes long: `make chaos`. The seed is printed; CHAOS_SEED repeats a run, CHAOS_SECONDS makes it longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
from collections.abc import Iterator

import pytest

from seatbus_kit.bus import Bus
from seatbus_testkit.history import History
from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
AGENTS = 8
VICTIMS = (
    "sip_edge-0",
    "media-0",
    "acd-0",
    "agent_state-0",
    "ivr-0",
    "reporting-0",
    "recording-0",
    "gateway-0",
    "tenancy-0",
)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform.start(tmp_path_factory.mktemp("chaos") / "data", "--quiet")
    try:
        yield running
    finally:
        running.stop()


async def one_call(caller: Phone, tenant: TestTenant, chance: random.Random, outcome: dict[str, int]) -> None:
    """Dials, presses 1, talks or gives up. What the caller met is counted; no outcome is wrong in itself."""
    patience = chance.uniform(6, 15)
    call = await caller.dial(tenant.number)
    try:
        await call.wait_answered(timeout=8)
        await asyncio.sleep(0.5)
        call.mouth.send_dtmf("1")
        with contextlib.suppress(TimeoutError):
            await call.wait_ended(timeout=patience)
        outcome["answered"] += 1
    except TimeoutError:
        outcome["not answered"] += 1
    if call.state not in ("ended",):
        await call.hang_up()


async def calls_until(end: float, caller: Phone, tenant: TestTenant, chance: random.Random) -> dict[str, int]:
    outcome = {"answered": 0, "not answered": 0}
    loop = asyncio.get_running_loop()
    running: list[asyncio.Task[None]] = []
    while loop.time() < end:
        running.append(asyncio.create_task(one_call(caller, tenant, chance, outcome)))
        await asyncio.sleep(chance.expovariate(1.0))
    for result in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
    outcome["calls"] = len(running)
    return outcome


async def kill_until(end: float, platform: Platform, chance: random.Random) -> list[str]:
    loop = asyncio.get_running_loop()
    killed = []
    while loop.time() < end:
        await asyncio.sleep(chance.uniform(2, 5))
        victim = chance.choice(VICTIMS)
        with contextlib.suppress(OSError, ValueError):
            platform.kill(victim)
            killed.append(victim)
    return killed


@pytest.mark.timeout(600)
async def test_every_call_has_one_record_and_no_agent_is_stuck_after_random_kills(platform: Platform) -> None:
    print(f"CHAOS_SEED={SEED}")
    chance = random.Random(SEED)
    tenant = TestTenant.create(platform, agents=AGENTS)
    phones = []
    for agent in tenant.agents:
        phone = await Phone.start(platform.sip, username=tenant.username(agent), password=PASSWORD)
        phone.policy = Policy.answer(0.5)
        await phone.register()
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        phones.append(phone)
    caller = await Phone.start(platform.sip, host=tenant.caller_host)
    end = asyncio.get_running_loop().time() + SECONDS
    outcome, killed = await asyncio.gather(
        calls_until(end, caller, tenant, chance), kill_until(end, platform, chance)
    )
    print(f"{outcome}, killed {len(killed)}: {killed}")

    def recorded() -> bool:
        rows = tenant.cdrs(limit=1000)
        return len(rows) >= outcome["calls"] and all(row["final"] for row in rows)

    await asyncio.to_thread(platform.until, recorded, 60, f"{outcome['calls']} final call records")
    rows = tenant.cdrs(limit=1000)
    assert len(rows) == len({row["call_id"] for row in rows}) == outcome["calls"]

    talks = sorted(
        (segment["agent_id"], segment["answered_at"], segment["ended_at"])
        for row in rows
        for segment in row["segments"]
        if segment["answered_at"]
    )
    for (one, _, until), (other, since, _) in itertools.pairwise(talks):
        assert one != other or until <= since, f"{one} talked to two callers at {since}"

    def nobody_busy() -> bool:
        return all(not tenant.agent(agent).get("work") for agent in tenant.agents)

    await asyncio.to_thread(platform.until, nobody_busy, 60, "all agents without work")
    assert platform.get(tenant.path("calls"))["calls"] == []
    board = await asyncio.to_thread(tenant.board_queue)
    assert (board["waiting"], board["talking"]) == (0, 0)
    bus = await Bus.connect(platform.bus_settings())
    history = await History.read(bus, tenant.id)
    await bus.close()
    assert len({event.entity for event in history.events if event.domain == "call"}) == outcome["calls"]
    assert history.gaps() == []
    assert history.double_bookings() == []
    for phone in [caller, *phones]:
        await phone.close()
