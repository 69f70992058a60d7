"""A colleague picks up by the API what rings or waits."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.call.v1 import service_pb2 as call_pb
from seatbus_kit.errors import Refused

from .colleagues import phone_of, ringing


async def _pick_up(world: Any, call_id: str, agent: str) -> None:
    request = call_pb.PickUpRequest(context=world.context(), call_id=call_id, agent_id=agent)
    await world.ask("PickUp", request)


async def test_what_rings_at_one_agent_is_picked_up_by_another(world: Any, steps: Any) -> None:
    call, rings = await ringing(world, steps)
    ben = await phone_of(world, "ben", "ben-phone")
    await ben.register()
    call_id = world.acd.enqueued[-1].call_id
    with pytest.raises(Refused, match="rings"):
        await _pick_up(world, call_id, "anna")
    await _pick_up(world, call_id, "ben")
    await rings.wait_ended()
    side = await ben.next_call()
    await side.answer()
    await world.until(lambda: "CallBridged" in world.types())
    assert world.last("CallBridged").agent_id == "ben"
    await world.until(lambda: world.acd.cancelled)
    assert world.acd.cancelled[-1].outcome == acd_types.VISIT_OUTCOME_TRANSFERRED_OUT
    with pytest.raises(Refused):
        await _pick_up(world, call_id, "ben")
    await call.hang_up()
    await side.wait_ended()
    await world.ended()
