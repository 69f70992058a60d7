"""What outlives a holder: who served a caller last, wait estimates, and why contacts went to whom."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .world import Call, T, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            yield made


async def explained(world: World, line: Call) -> list[tuple[str, str]]:
    request = acd.ExplainRequest(tenant_id=T, contact_id=line.contact_id)
    answer = await world.insist(lambda: invoke(world.acd().Explain, request, 3))
    return [(decision.rule, decision.chosen_agent_id) for decision in answer.decisions]


async def estimate(world: World) -> int:
    request = acd.EstimateWaitRequest(tenant_id=T, queue_id="sales")
    answer = await world.insist(lambda: invoke(world.acd().EstimateWait, request, 3))
    return int(answer.estimated_wait_s)


async def test_the_next_holder_knows_the_last_agent_the_rate_of_answers_and_the_reasons(world: World) -> None:
    await world.configure(["a1", "a2"], last_agent_s=3600, sticky_s=30)
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1"))
    await world.login("a1")
    lines = [await world.enqueue(caller=f"+49{number}", talk_s=0.8) for number in range(4)]
    for line in lines:
        await asyncio.wait_for(line.done.wait(), 20)
    assert await estimate(world) >= 1
    await world.login("a2")
    first = await world.enqueue(caller="+490")
    await asyncio.wait_for(first.done.wait(), 20)
    assert first.connected == ["a1"], "who served this caller last, though the other one is idle as well"
    holder = await world.holder()
    holder.signal(signal.SIGTERM)
    await asyncio.to_thread(holder.popen.wait, 20)

    async def known() -> bool:
        return await estimate(world) >= 1

    await eventually(known)
    assert ("sticky", "a1") in await explained(world, first)
    again = await world.enqueue(caller="+491")
    await asyncio.wait_for(again.done.wait(), 20)
    assert again.connected == ["a1"]
