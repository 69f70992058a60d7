"""The core cases over a network that loses and reorders, both legs, both ways: one end each, nothing left."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from seatbus_testkit.lossy import Weather
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .held import held, until_nothing_is_held
from .lossy_calls import COLLEAGUE, Company
from .wire import company

pytestmark = pytest.mark.platform

EARLY = {"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"}
ENDS = ("caller_hung_up", "agent_hung_up", "abandoned_in_queue")
WEATHERS = (
    Weather(loss=0.03, reorder=0.1),
    Weather(loss=0.10, reorder=0.1),
    Weather(loss=0.10, reorder=0.3, doubled=0.1),
    Weather(doubled=0.2, reorder=0.3, jitter_s=0.02),
)
"""Of one company each, at the same time."""
BAD_WEATHERS = WEATHERS[:2]
"""Of a company each whose phones transfer, redirect, refresh and prove who they are."""
# Cause of the end and agents, of each call; the colleague's call ends as they are joined.
RECORDS = Counter(
    {
        ("caller_hung_up", "a1"): 1,
        ("agent_hung_up", "a1 a2"): 1,
        ("transferred", "a2"): 1,
        ("caller_hung_up", "a1 a2"): 1,
        ("abandoned_in_queue", "a1"): 1,
    }
)


async def test_every_call_ends_right_on_both_sides_and_in_the_record(platform: Platform) -> None:
    simple = [await company(platform, number=EARLY, queue={"ring_timeout_s": 15}) for _ in WEATHERS]
    transferring = [await transferring_company(platform) for _ in BAD_WEATHERS]
    async with AsyncExitStack() as stack:

        async def ends(seed: int) -> None:
            made = Company(simple[seed], WEATHERS[seed], seed, stack)
            await made.open()
            for end in ENDS:
                await made.ends(end)

        async def transfers(seed: int) -> None:
            made = Company(transferring[seed], BAD_WEATHERS[seed], 100 + seed, stack)
            await made.open(colleague=True)
            await made.reliable_and_refreshed()
            await made.referred()
            await made.joined()
            await made.redirected()

        await asyncio.gather(
            *(ends(seed) for seed in range(len(simple))),
            *(transfers(seed) for seed in range(len(transferring))),
        )
        for tenant in simple:
            rows = await asyncio.to_thread(final_records, tenant, len(ENDS))
            assert Counter(row["cause"] for row in rows) == Counter(ENDS)
            await released(tenant)
        for tenant in transferring:
            rows = await asyncio.to_thread(final_records, tenant, RECORDS.total())
            assert Counter((row["cause"], agents_of(row)) for row in rows) == RECORDS
            await released(tenant)
    await until_nothing_is_held(platform)
    assert set(held(platform).values()) == {0}


async def transferring_company(platform: Platform) -> TestTenant:
    queue = {"ring_timeout_s": 15, "members": [{"agent_id": "a1"}]}
    tenant = await company(platform, agents=2, number=EARLY, queue=queue)
    body = {"name": "A2", "branch_id": "main", "extension": COLLEAGUE}
    answer = await asyncio.to_thread(platform.http.put, f"/tenants/{tenant.id}/agents/a2", json=body)
    answer.raise_for_status()
    return tenant


def agents_of(row: dict[str, object]) -> str:
    segments = row["segments"]
    assert isinstance(segments, list)
    return " ".join(str(segment["agent_id"]) for segment in segments)


def final_records(tenant: TestTenant, count: int) -> list[dict[str, object]]:
    """All records, once there is one of each call and all are final."""

    def complete() -> list[dict[str, object]]:
        rows = [row for row in tenant.cdrs(limit=100) if row["final"]]
        return rows if len(rows) == count else []

    found: list[dict[str, object]] = tenant.platform.until(
        complete, 30, f"{count} final records of {tenant.id}; there are {tenant.cdrs(limit=100)}"
    )
    return found


async def released(tenant: TestTenant) -> None:
    """No agent is bound to anything any more."""

    def free() -> bool:
        return not any(tenant.agent(agent).get("work") for agent in tenant.agents)

    await asyncio.to_thread(tenant.platform.until, free, 30, "agents without work")
