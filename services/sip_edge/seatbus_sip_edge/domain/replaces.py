"""INVITE with Replaces (RFC 3891): another phone takes the place of an agent's.

The new leg has its audio and, where agent_state gives the agent, its reservation before anything changes
here. A phone of the same agent goes on under the reservation of the first: it is the same work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus_sip_edge.domain import consult, moving, offer
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.controls import pause_recording, record_talk
from seatbus_sip_edge.domain.ending import take_away
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.model import AfterFailure, Cause, LegPhase, Phase, Role
from seatbus_sip_edge.domain.reaching import confirm
from seatbus_sip_edge.domain.transfer import connect, hand_over, settle, target_of
from seatbus_sip_edge.domain.waiting import leave

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.model import Call, Leg
    from seatbus_sip_edge.domain.turn import Turn


def same_agent(one: Leg, other: Leg) -> bool:
    return (one.agent_tenant_id, one.agent_id) == (other.agent_tenant_id, other.agent_id)


def replaceable(call: Call, leg: Leg) -> bool:
    """Whether another phone could take the place of this leg where the call is."""
    asked = call.agent_leg
    if asked is None or not leg.live or (leg.incoming and not leg.was_answered):
        return False
    if call.phase in (Phase.CONSULTING, Phase.CONFERENCED):
        if leg is asked or leg.was_answered:
            return leg in (asked, call.consult_leg) and leg.phase is LegPhase.TALKING
        rings = leg.phase in (LegPhase.DIALLED, LegPhase.RINGING)
        return leg is call.consult_leg and rings and not call.consult_waiting
    if leg is not asked and (asked.was_answered or leg not in call.rung):
        return False
    if call.phase is Phase.BRIDGED:
        return leg.phase is LegPhase.TALKING
    return call.phase in (Phase.OFFERED, Phase.REACHING) and not leg.was_answered


def _replaced(turn: Turn, event: on.LegReplaced) -> Leg:
    """Raises IllegalInput when the leg has changed since the new phone was told to wait."""
    leg = turn.call.legs.get(event.replaced_leg_id)
    if leg is None or not replaceable(turn.call, leg):
        raise IllegalInput(turn.call.phase.value, type(event).__name__)
    return leg


def _come(turn: Turn, event: on.LegReplaced, old: Leg) -> Leg:
    """The new leg is one of the call; the other's reservation is its own if it is the same agent's."""
    call, leg = turn.call, event.leg
    asked = old is call.consult_leg
    leg.role = Role.LEG_ROLE_CONSULT if asked else Role.LEG_ROLE_AGENT
    leg.phase, leg.incoming = LegPhase.ANSWERED, True
    leg.created_at = leg.answered_at = turn.now
    leg.queue_id, leg.ring = old.queue_id, old.ring
    if same_agent(leg, old):
        old.rid = ""
    call.legs[leg.leg_id] = leg
    turn.record(
        facts.LegCreated(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            device_id=leg.device_id,
            rid=leg.rid,
            remote_address=leg.remote_address,
        )
    )
    turn.do(fx.StopTimer(fx.Timer.RING, old.leg_id), fx.AnswerLeg(leg.leg_id, event.sdp))
    turn.report(leg, agent.WORK_EVENT_ANSWERED)
    return leg


def offered(turn: Turn, event: on.LegReplaced) -> Phase:
    """The call rings at an agent of a queue. A colleague takes it out of the queue, as by the API."""
    call, old = turn.call, _replaced(turn, event)
    leg = _come(turn, event, old)
    if same_agent(leg, old):
        take_away(turn, old, Cause.HANGUP_CAUSE_CANCELLED)
        call.agent_leg_id = leg.leg_id
        return Phase.OFFERED
    leave(turn, "transferred_out", acd_types.VISIT_OUTCOME_TRANSFERRED_OUT)
    return _picked_up(turn, leg, AfterFailure.QUEUE)


def reached(turn: Turn, event: on.LegReplaced) -> Phase:
    """The call rings at somebody whom no queue gave."""
    call, old = turn.call, _replaced(turn, event)
    leg = _come(turn, event, old)
    take_away(turn, old, Cause.HANGUP_CAUSE_CANCELLED)
    if same_agent(leg, old) and leg.rid:
        call.agent_leg_id = leg.leg_id
        return Phase.REACHING
    return _picked_up(turn, leg, call.after_failure)


def _picked_up(turn: Turn, leg: Leg, after: AfterFailure) -> Phase:
    call = turn.call
    call.agent_leg_id, call.after_failure, call.picking = leg.leg_id, after, True
    confirm(turn, leg)
    return Phase.REACHING


def talking(turn: Turn, event: on.LegReplaced) -> Phase:
    """The phone that talked gets a BYE, the customer talks with the new one."""
    old = _replaced(turn, event)
    leg = _come(turn, event, old)
    leg.confirmed = True
    return hand_over(turn, leg, "replaced")


# ---- while somebody else is asked, or all three talk ------------------------------------------------------
def consulting(turn: Turn, event: on.LegReplaced) -> Phase:
    """The phone of the agent who asks, or of the agent who is asked: talking, or still ringing."""
    call, old = turn.call, _replaced(turn, event)
    leg = _come(turn, event, old)
    if old.leg_id != call.agent_leg_id and not old.was_answered:
        take_away(turn, old, Cause.HANGUP_CAUSE_CANCELLED)
        call.consult_leg_id = leg.leg_id
        if not (same_agent(leg, old) and leg.rid):
            consult.confirm(turn, leg)
        return Phase.CONSULTING
    _take_seat(turn, leg, old)
    if leg.leg_id == call.agent_leg_id:
        pause_recording(turn, on=not call.swapped)
        turn.report(leg, agent.WORK_EVENT_CONSULT_STARTED)
    moving.ask_on(turn, call.legs[call.agent_leg_id])
    third = call.consult_leg
    if third is not None and third.confirmed and third.phase is LegPhase.ANSWERED:
        # Media is just joining who is asked to the phone that has left, and is asked that once a leg.
        connect(turn, call.agent_leg_id, third.leg_id)
    return Phase.CONSULTING


def conferenced(turn: Turn, event: on.LegReplaced) -> Phase:
    old = _replaced(turn, event)
    leg = _come(turn, event, old)
    _take_seat(turn, leg, old)
    turn.report(leg, agent.WORK_EVENT_CONFERENCED)
    moving.confer(turn)
    return Phase.CONFERENCED


def _take_seat(turn: Turn, leg: Leg, old: Leg) -> None:
    """The one of the three that the other phone was; with the agent's goes who serves the customer."""
    call = turn.call
    leg.confirmed = True
    if old is call.consult_leg:
        take_away(turn, old, Cause.HANGUP_CAUSE_TRANSFERRED)
        call.consult_leg_id = leg.leg_id
        settle(turn, leg)
        return
    target = target_of(leg)
    turn.record(facts.CallTransferred(kind="replaced", target=target, by_agent_id=old.agent_id))
    take_away(turn, old, Cause.HANGUP_CAUSE_TRANSFERRED)
    call.agent_leg_id = leg.leg_id
    settle(turn, leg)
    offer.bridged(turn, leg)
    if call.record:
        record_talk(turn)
