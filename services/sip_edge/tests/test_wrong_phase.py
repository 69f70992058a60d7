"""An action that leads where its table does not let it is a bug: the call is not left half-changed."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.errors import Refused
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.call_table import CALLS, Rule
from seatbus_sip_edge.domain.ending import take_away
from seatbus_sip_edge.domain.errors import WrongPhase
from seatbus_sip_edge.domain.machine import apply
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.turn import Turn
from services.sip_edge.tests.driver import Driver
from services.sip_edge.tests.stories import TALK, do


def _takes_the_agent_away(turn: Turn, event: on.AttributesSet) -> Phase:
    turn.record(facts.CallAttributesSet(attributes=event.attributes))
    leg = turn.call.agent_leg
    if leg is not None:
        take_away(turn, leg, call_types.HANGUP_CAUSE_API)
    return Phase.QUEUED


def test_the_call_ends_and_its_facts_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver()
    for name in TALK:
        do(driver, name)
    call, before = driver.call, driver.call.seq
    wrong = Rule(_takes_the_agent_away, frozenset({Phase.BRIDGED}))
    monkeypatch.setitem(CALLS[Phase.BRIDGED], on.AttributesSet, wrong)  # type: ignore[arg-type]
    with pytest.raises(WrongPhase, match="AttributesSet lead from bridged to queued") as raised:
        apply(call, on.AttributesSet({"vip": "1"}), driver.now, driver.ids)
    effects = raised.value.effects
    assert call.phase is Phase.ENDING
    assert call.cause == call_types.HANGUP_CAUSE_SYSTEM
    assert not any(leg.live for leg in call.legs.values())
    assert [item.seq for item in effects if isinstance(item, fx.Record)] == [*range(before + 1, call.seq + 1)]
    hung_up = [item.leg_id for item in effects if isinstance(item, fx.HangUp)]
    assert sorted(hung_up) == sorted(call.legs)
    assert apply(call, on.SessionEnded(), driver.now, driver.ids)
    assert call.phase is Phase.ENDED


async def test_the_caller_is_hung_up_and_who_asked_is_refused(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue(), steps.hang_up())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    wrong = Rule(lambda turn, _event: Phase.IN_FLOW, frozenset({Phase.QUEUED}))
    monkeypatch.setitem(CALLS[Phase.QUEUED], on.PickUpAsked, wrong)  # type: ignore[arg-type]
    asked = call_pb.PickUpRequest(
        context=world.context(), call_id=world.acd.enqueued[-1].call_id, agent_id="anna"
    )
    with pytest.raises(Refused, match="the call is end"):
        await world.ask("PickUp", asked)
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_SYSTEM
    assert [event.seq for event in sorted(world.events, key=lambda e: e.seq)] == [
        *range(1, ended.last_seq + 1)
    ]
    await call.wait_ended()
    await world.until(lambda: world.acd.cancelled)
