"""Reporting is killed while calls run: afterwards every call has exactly one record, and the board agrees."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import caller_of, wait_level

pytestmark = pytest.mark.platform

CALLS = 24


async def test_no_record_is_lost_or_doubled_when_reporting_is_away_for_ten_seconds(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=0)
    async with caller_of(tenant) as caller:

        async def one(index: int) -> None:
            await asyncio.sleep(index * 0.5)
            call = await caller.dial(tenant.number, caller=f"1380000{index:04}")
            await call.wait_answered()
            await wait_level(call, -40)
            call.mouth.send_dtmf("1")
            await asyncio.sleep(1.5)
            # Who leaves before acd has heard of them has not been in the queue.
            await asyncio.to_thread(platform.until, lambda: waits(index), 30, f"caller {index} in the queue")
            await call.hang_up()

        def waits(index: int) -> bool:
            contacts = platform.get(tenant.path("queues/q1/waiting"))["contacts"]
            return any(contact["caller"].endswith(f"0000{index:04}") for contact in contacts)

        running = asyncio.gather(*(one(index) for index in range(CALLS)))
        await asyncio.sleep(1.5)
        first = platform.kill("reporting-0")
        until = asyncio.get_running_loop().time() + 10
        while asyncio.get_running_loop().time() < until:  # and again whenever it comes back
            await asyncio.sleep(0.1)
            try:
                pid = platform.pid("reporting-0")
                if pid != first:
                    os.kill(pid, signal.SIGKILL)
                    first = pid
            except (OSError, ValueError):
                continue
        await running
        await asyncio.to_thread(platform.wait_restarted, "reporting-0", first, 60)

    def all_there() -> bool:
        return sum(row["final"] for row in tenant.cdrs(limit=1000)) >= CALLS

    await asyncio.to_thread(platform.until, all_there, 60, f"{CALLS} final call records")
    await asyncio.sleep(1)
    rows = tenant.cdrs(limit=1000)
    assert len(rows) == CALLS
    assert len({row["call_id"] for row in rows}) == CALLS
    assert all(row["final"] for row in rows)

    def visited() -> bool:
        visits = platform.get(tenant.path("queue-visits"), limit=1000)["visits"]
        ended = sum(bool(visit["outcome"]) for visit in visits)
        return ended >= sum(row["queue_visits"] for row in rows)

    await asyncio.to_thread(platform.until, visited, 60, "the visits of all calls")
    visits = platform.get(tenant.path("queue-visits"), limit=1000)["visits"]
    queue = tenant.board_queue()
    assert queue["offered"] == len(visits) == sum(row["queue_visits"] for row in rows)
    assert queue["abandoned"] == sum(visit["outcome"] == "abandoned" for visit in visits)
    assert queue["waiting"] == 0
