"""Several agents ring for one customer, with real phones; acd and agent_state by script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7

from .colleagues import offer_to, ring_of


async def test_while_agent_state_thinks_about_one_answer_another_gets_ack_and_bye(
    world: Any, steps: Any
) -> None:
    call, sides, _ = await ring_of(world, steps, "bert", "carl")
    word = world.agents.hold[agent.WORK_EVENT_ANSWERED] = asyncio.Event()
    await sides["bert"].answer()
    await world.until(lambda: _answered(world, "bert"))
    await sides["anna"].answer()
    await sides["anna"].wait_ended()
    word.set()
    await world.until(lambda: "CallBridged" in world.types())
    await sides["carl"].wait_ended()
    assert sides["carl"].cancel_reason == 'SIP;cause=200;text="Call completed elsewhere"'
    told = [(item.agent_id, item.event) for item in world.agents.work if item.agent_id != "bert"]
    assert (("anna", agent.WORK_EVENT_ANSWERED)) not in told
    for loser in ("anna", "carl"):
        await world.until(lambda loser=loser: _heard(world, loser, agent.WORK_EVENT_ANSWERED_ELSEWHERE))
    # Nobody joins any more.
    with pytest.raises(Refused):
        await offer_to(world, "anna", world.acd.enqueued[-1], ring_rid=_ring(world))
    await call.hang_up()
    ended = await world.ended()
    causes = {leg.agent_id: leg.cause for leg in ended.call.legs if leg.agent_id}
    assert causes == {
        "anna": call_types.HANGUP_CAUSE_ANSWERED_ELSEWHERE,
        "bert": call_types.HANGUP_CAUSE_CALLER_HUNG_UP,
        "carl": call_types.HANGUP_CAUSE_ANSWERED_ELSEWHERE,
    }


async def test_an_answer_that_agent_state_refuses_leaves_the_other_ringing(world: Any, steps: Any) -> None:
    call, sides, _ = await ring_of(world, steps, "bert")
    world.agents.refuse[agent.WORK_EVENT_ANSWERED] = Refused("no_such_item", "given away")
    await sides["anna"].answer()
    await sides["anna"].wait_ended()
    await world.until(lambda: [item.outcome for item in world.acd.offers] == [acd.OFFER_OUTCOME_FAILED])
    assert sides["bert"].state == "ringing"
    world.agents.refuse.clear()
    await sides["bert"].answer()
    await world.until(lambda: "CallBridged" in world.types())
    await call.hang_up()
    await world.ended()


async def test_an_offer_of_another_ring_does_not_ring_beside_this_one(world: Any, steps: Any) -> None:
    call, sides, _ = await ring_of(world, steps, "bert")
    for ring_rid in ("", uuid7()):
        with pytest.raises(Refused):
            await offer_to(world, "bert", world.acd.enqueued[-1], ring_rid=ring_rid)
    assert {side.state for side in sides.values()} == {"ringing"}
    await call.hang_up()
    await world.ended()


def _leg(world: Any, agent_id: str) -> Any:
    (session,) = world.app.edge.sessions.values()
    return next(leg for leg in session.call.legs.values() if leg.agent_id == agent_id)


def _answered(world: Any, agent_id: str) -> bool:
    return bool(_leg(world, agent_id).was_answered)


def _ring(world: Any) -> str:
    return str(_leg(world, "anna").ring)


def _heard(world: Any, agent_id: str, event: int) -> bool:
    return any((item.agent_id, item.event) == (agent_id, event) for item in world.agents.work)
