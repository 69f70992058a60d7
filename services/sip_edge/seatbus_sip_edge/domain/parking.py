"""A customer waits in a slot until somebody picks up; a ringing or waiting call can be picked up, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.call.v1 import events_pb2 as facts
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.controls import release_hold
from seatbus_sip_edge.domain.ending import take_away
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.model import AfterFailure, Cause, Phase, Role
from seatbus_sip_edge.domain.new_legs import call_agent
from seatbus_sip_edge.domain.reaching import await_leg, wait_parked
from seatbus_sip_edge.domain.waiting import leave

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.turn import Turn


def parked(turn: Turn, event: on.ParkAsked) -> Phase:
    """The agent goes to wrap-up, the customer into the slot."""
    call, leg = turn.call, turn.call.agent_leg
    release_hold(turn)
    if leg is not None:
        call.parked_by, call.parked_by_tenant = leg.agent_id, leg.agent_tenant_id
    call.park_slot = event.slot
    turn.record(facts.CallParked(slot=event.slot, by_agent_id=call.parked_by))
    if leg is not None:
        take_away(turn, leg, Cause.HANGUP_CAUSE_TRANSFERRED)
    return wait_parked(turn)


def picked_up(turn: Turn, event: on.PickUpAsked) -> Phase:
    """The phone of who picks up is called; the slot stays theirs until they answer."""
    turn.do(fx.StopTimer(fx.Timer.PARK))
    return _call(turn, event.agent_id, event.agent_tenant_id, AfterFailure.PARK)


def taken(turn: Turn, event: on.PickUpAsked) -> Phase:
    """A call that waits or rings at a colleague. It goes to the queue again if nobody answers here.

    Raises IllegalInput when somebody has answered.
    """
    leg = turn.call.agent_leg
    if leg is not None and (leg.was_answered or leg.confirmed):
        raise IllegalInput(turn.call.phase.value, type(event).__name__)
    leave(turn, "transferred_out", acd_types.VISIT_OUTCOME_TRANSFERRED_OUT)
    return _call(turn, event.agent_id, event.agent_tenant_id, AfterFailure.QUEUE)


def too_long(turn: Turn, _event: on.ParkedTooLong) -> Phase:
    """Back to who parked it, and to the queue if they do not answer."""
    call = turn.call
    call.park_slot = ""
    call.preferred_agent_id = call.parked_by
    leg = call_agent(
        turn,
        Role.LEG_ROLE_AGENT,
        "direct",
        call.parked_by,
        call.parked_by_tenant,
        wrap_up_s=call.wrap_up_s,
    )
    return await_leg(turn, leg, AfterFailure.QUEUE)


def _call(turn: Turn, agent_id: str, tenant_id: str, after: AfterFailure) -> Phase:
    call = turn.call
    call.picking = True
    leg = call_agent(turn, Role.LEG_ROLE_AGENT, "direct", agent_id, tenant_id, wrap_up_s=call.wrap_up_s)
    return await_leg(turn, leg, after)
