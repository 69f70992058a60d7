"""The customer waits while somebody is called whom no queue gave: a colleague, a number, who parked the call.

When nobody takes the call the customer goes where `after_failure` says: a colleague who does not answer
costs nobody a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain import offer
from seatbus_sip_edge.domain.causes import UNREACHABLE, OfferFailure
from seatbus_sip_edge.domain.ending import end_agent, finish
from seatbus_sip_edge.domain.model import AfterFailure, Cause, Phase
from seatbus_sip_edge.domain.new_legs import call_destination, fail_leg, failure_for, work_begun
from seatbus_sip_edge.domain.waiting import visit_again

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.destinations import Destination
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn


# After it the call rings again at who parked it.
PARK_S = 120.0


def reach(turn: Turn, to: Destination, after: AfterFailure, *, ring_timeout_s: int = 0) -> Phase:
    """Calls an agent or a number; the customer hears that it rings."""
    leg = call_destination(turn, to, ring_timeout_s=ring_timeout_s)
    return await_leg(turn, leg, after)


def await_leg(turn: Turn, leg: Leg, after: AfterFailure) -> Phase:
    """The customer waits for a leg that is being called already."""
    call = turn.call
    call.agent_leg_id = leg.leg_id
    call.after_failure = after
    turn.play_ringback()
    return Phase.REACHING


def begun(turn: Turn, event: on.WorkBegun) -> Phase:
    work_begun(turn, event)
    return Phase.REACHING


def answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    """agent_state decides about an agent; whoever is outside is connected at once."""
    offer.answered(turn, event)
    leg = turn.call.legs[event.leg_id]
    if not leg.rid:
        confirm(turn, leg)
    return Phase.REACHING


def work_accepted(turn: Turn, event: on.WorkAccepted) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if not leg.confirmed:
        confirm(turn, leg)
    return Phase.REACHING


def confirm(turn: Turn, leg: Leg) -> None:
    """They are bound to the customer, who is answered at the latest now."""
    leg.confirmed = True
    turn.answer_caller()
    offer.begin_talk(turn, leg)


def connected(turn: Turn, event: on.Connected) -> Phase:
    call = turn.call
    following = offer.connected(turn, event)
    if call.picking:
        agent_id = call.legs[event.leg_id].agent_id
        turn.record(facts.CallPickedUp(slot=call.park_slot, agent_id=agent_id))
    call.picking, call.park_slot = False, ""
    return following


def failed(turn: Turn, event: on.AgentFailed | on.WorkNotBegun) -> Phase:
    failure, status = failure_for(turn, event)
    return _give_up(turn, turn.call.legs[event.leg_id], failure, status, gone=True)


def ring_timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    if turn.call.legs[event.leg_id].was_answered:
        return Phase.REACHING
    failure, status = failure_for(turn, event)
    return _give_up(turn, turn.call.legs[event.leg_id], failure, status, gone=False)


def work_refused(turn: Turn, event: on.WorkRefused) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.confirmed:
        return Phase.REACHING
    leg.rid = ""
    return _give_up(turn, leg, UNREACHABLE, 0, gone=False)


def hung_up(turn: Turn, event: on.AgentHungUp) -> Phase:
    """BYE right after the 200: once it is bound to the customer, the call is over."""
    leg = turn.call.legs[event.leg_id]
    if leg.confirmed:
        end_agent(turn, leg, Cause.HANGUP_CAUSE_AGENT_HUNG_UP, gone=True)
        return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)
    return _give_up(turn, leg, UNREACHABLE, 0, gone=True)


def wait_parked(turn: Turn) -> Phase:
    """The customer hears music until somebody picks up, or it took too long."""
    turn.play_music()
    turn.do(fx.SetTimer(fx.Timer.PARK, PARK_S))
    return Phase.PARKED


def _give_up(turn: Turn, leg: Leg, failure: OfferFailure, status: int, *, gone: bool) -> Phase:
    call = turn.call
    fail_leg(turn, leg, failure, status, gone=gone)
    call.agent_leg_id, call.picking = "", False
    match call.after_failure:
        case AfterFailure.FLOW:
            turn.stop_play()
            return turn.advance(ivr.OUTCOME_KIND_FAILED, reason=failure.word)
        case AfterFailure.QUEUE if call.queue_id:
            return visit_again(turn)
        case AfterFailure.PARK:
            return wait_parked(turn)
        case _:
            return finish(turn, failure.cause)


def restored(turn: Turn, leg: Leg) -> None:
    """After a restart: what was asked last for a leg that is being called is asked again."""
    offer.ask_again(turn, leg)
    if leg.confirmed:
        offer.join(turn, leg)
