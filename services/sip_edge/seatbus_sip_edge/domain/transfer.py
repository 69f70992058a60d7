"""The customer goes from an agent to somewhere else: call, attributes and interaction id with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import offer
from seatbus_sip_edge.domain.controls import record_talk, release_hold
from seatbus_sip_edge.domain.destinations import send_to
from seatbus_sip_edge.domain.ending import take_away
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import AfterFailure, Cause, LegPhase, Phase, Role
from seatbus_sip_edge.domain.waiting import leave

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn


def transferred(turn: Turn, event: on.TransferAsked) -> Phase:
    """Blind. Whom the target does not take goes to the queue again, to who transferred if they are free."""
    call, leg = turn.call, turn.call.agent_leg
    by_agent_id = leg.agent_id if leg is not None else ""
    turn.record(facts.CallTransferred(kind="blind", target=event.to.to_target(), by_agent_id=by_agent_id))
    if leg is not None:
        release_hold(turn)
        take_away(turn, leg, Cause.HANGUP_CAUSE_TRANSFERRED)
    call.preferred_agent_id, call.referred_by = by_agent_id, event.referred_by
    return send_to(turn, event.to, after=AfterFailure.QUEUE)


def moved(turn: Turn, event: on.TransferAsked) -> Phase:
    """A waiting customer is sent elsewhere: the visit ends, the place in the queue is given up."""
    leave(turn, "transferred_out", acd_types.VISIT_OUTCOME_TRANSFERRED_OUT)
    turn.record(facts.CallTransferred(kind="blind", target=event.to.to_target()))
    return send_to(turn, event.to, after=AfterFailure.QUEUE)


def unparked(turn: Turn, event: on.TransferAsked) -> Phase:
    turn.do(fx.StopTimer(fx.Timer.PARK))
    turn.call.park_slot = ""
    turn.record(facts.CallTransferred(kind="blind", target=event.to.to_target()))
    return send_to(turn, event.to, after=AfterFailure.QUEUE)


def target_of(leg: Leg) -> call_types.OutboundTarget:
    if leg.number:
        return call_types.OutboundTarget(number=leg.number)
    return call_types.OutboundTarget(agent_id=leg.agent_id)


def hand_over(
    turn: Turn,
    to: Leg,
    kind: str,
    *,
    gone: bool = False,
    cause: call_types.HangupCause = Cause.HANGUP_CAUSE_TRANSFERRED,
) -> Phase:
    """The agent leaves, `to` stays with the customer. `gone`: the agent's phone has sent BYE itself."""
    call, before = turn.call, turn.call.agent_leg
    release_hold(turn)
    turn.record(
        facts.CallTransferred(
            kind=kind, target=target_of(to), by_agent_id=before.agent_id if before is not None else ""
        )
    )
    to.role = Role.LEG_ROLE_AGENT if to.agent_id else Role.LEG_ROLE_OUTSIDE
    to.mode = ""
    to.queue_id = (to.queue_id or call.queue_id) if to.agent_id else ""
    if before is not None:
        take_away(turn, before, cause, gone=gone)
    call.agent_leg_id = to.leg_id
    call.consult_leg_id, call.swapped = "", False
    settle(turn, to)
    if call.phase is Phase.CONFERENCED:
        turn.report(to, agent.WORK_EVENT_CONSULT_ENDED)
    connect(turn, call.caller_leg_id, to.leg_id)
    offer.bridged(turn, to)
    if call.record:
        record_talk(turn)
    return Phase.BRIDGED


def connect(turn: Turn, one: str, other: str) -> None:
    """Two legs whose audio is agreed hear each other from now on."""
    turn.call.rearranged_at = turn.now
    turn.media(media.Command(connect=media.Connect(endpoint_a=one, endpoint_b=other)))


def settle(turn: Turn, leg: Leg) -> None:
    """A leg that media is about to connect counts as connected."""
    if leg.phase is LegPhase.ANSWERED:
        turn.move_leg(leg, LegEvent.CONNECTED)
        leg.answer_sdp = ""
        turn.record(facts.LegAnswered(leg_id=leg.leg_id))
