"""Several agents ring for one contact: acd and agent_state as processes, real NATS, an edge by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from seatbus.acd.v1 import events_pb2 as facts
from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.bus import InEvent
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .test_routing import facts_of, gap_free
from .world import Call, T, World

AGENTS = ["a1", "a2", "a3"]
RING = {"strategy": tenancy.STRATEGY_SIMULTANEOUS_RING, "ring_timeout_s": 60}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            yield made


async def begin(world: World, *acds: str, **queue: Any) -> None:
    await world.configure(AGENTS, **RING, **queue)
    await asyncio.gather(
        world.start("acd", *(acds or ("acd-1",))), world.start("agent_state", "as-1", sweep_s="1")
    )
    await world.login(*AGENTS)


async def rung(world: World, count: int = 3, **fields: Any) -> tuple[Call, dict[str, str]]:
    """A caller for whom so many phones ring; agent -> rid."""
    made = await world.enqueue(script=["hang"], **fields)
    await eventually(lambda: len(made.live) == count, 15)
    rids = {agent_id: rid for rid, agent_id in made.live.items()}
    for agent_id in rids:
        await eventually(lambda agent_id=agent_id: works(world, agent_id, agent_types.WORK_STATE_RINGING))
    return made, rids


async def works(world: World, agent_id: str, *states: int) -> bool:
    return [item.state for item in (await world.agent(agent_id)).work] == list(states)


async def ready(world: World, agent_id: str) -> bool:
    found = await world.agent(agent_id)
    return found.presence == agent_types.PRESENCE_READY and not found.work


async def test_of_two_answers_that_reach_acd_from_whatever_edge_one_ends_the_visit(world: World) -> None:
    await begin(world)
    made, rids = await rung(world)
    assert set(rids) == set(AGENTS)
    answered = await asyncio.gather(
        *(world.report_work(name, rids[name], agent.WORK_EVENT_ANSWERED) for name in ("a1", "a2"))
    )
    # Each agent's record knows that agent alone: an edge that asks for two, or two edges, get two.
    assert answered == [True, True]
    won = await asyncio.gather(
        *(world.report_offer(made, rids[name], acd.OFFER_OUTCOME_ANSWERED) for name in ("a1", "a2"))
    )
    assert sorted(won) == [False, True], "the contact's record has one agent"
    assert await world.report_offer(made, rids["a3"], acd.OFFER_OUTCOME_ANSWERED) is False
    winner = ("a1", "a2")[won.index(True)]
    ended: list[InEvent] = []

    async def over() -> bool:
        ended[:] = (await facts_of(world, "CONTACT")).get(made.contact_id, [])
        return bool(ended) and isinstance(ended[-1].decode(), facts.ContactEnded)

    await eventually(over)
    assert gap_free(ended)
    last = ended[-1].decode()
    assert isinstance(last, facts.ContactEnded)
    assert (last.agent_id, last.rid, last.offers) == (winner, rids[winner], 3)


async def test_those_who_fail_pay_for_it_alone_and_the_contact_is_back_when_all_have(world: World) -> None:
    await begin(world, ring_agents=2)
    made, rids = await rung(world, 2)
    one, two = rids
    (other,) = set(AGENTS) - set(rids)
    assert await ready(world, other), "the queue says how many ring at once"

    await no_answer(world, made, one, rids[one])
    assert await works(world, two, agent_types.WORK_STATE_RINGING)
    preview = acd.PreviewRequest(tenant_id=T, queue_id="sales")
    shown = (await invoke(world.acd().Preview, preview, 3)).waiting[0]
    assert (shown.agent_id, list(shown.also_agent_ids), shown.position) == (two, [], 0)
    await no_answer(world, made, two, rids[two])
    # Back in its place, and on to who is left.
    await eventually(lambda: list(made.live.values()) == [other], 15)
    assert await world.hang_up(made) == acd_types.VISIT_OUTCOME_ABANDONED
    await eventually(lambda: ready(world, other), 10)
    for name in (one, two):
        found = await world.agent(name)
        assert (found.presence, found.reason) == (agent_types.PRESENCE_NOT_READY, "no_answer")


async def no_answer(world: World, made: Call, agent_id: str, rid: str) -> None:
    world.edge.close(made, rid)
    assert await world.report_work(agent_id, rid, agent.WORK_EVENT_NO_ANSWER)
    assert await world.report_offer(made, rid, acd.OFFER_OUTCOME_NO_ANSWER)


async def test_the_next_holder_keeps_all_who_ring_and_one_of_them_has_the_contact(world: World) -> None:
    await begin(world, "acd-1", "acd-2")
    made, rids = await rung(world)
    later = await world.enqueue()
    (await world.holder()).kill()
    # One of them is lost while nobody holds the group: his record is free, the others ring on.
    world.edge.close(made, rids["a3"])
    assert await world.report_work("a3", rids["a3"], agent.WORK_EVENT_CANCELLED)
    await asyncio.wait_for(later.done.wait(), 30)
    assert later.connected == ["a3"]
    assert made.live == {rids["a1"]: "a1", rids["a2"]: "a2"}
    assert await world.report_work("a2", rids["a2"], agent.WORK_EVENT_ANSWERED)
    assert await world.report_offer(made, rids["a2"], acd.OFFER_OUTCOME_ANSWERED)
    await world.lose(made, rids["a1"])
    assert await ready(world, "a1")
    assert not world.edge.complaints
