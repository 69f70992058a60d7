"""The agent asks a third party while the customer waits: back, swap, transfer, or all three together.

Who hangs up when: the customer ends the call. The third party's end brings the agent back to the customer.
When the agent goes, the third party gets the customer; if it has not answered yet, the customer waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import service_pb2 as control
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import consult_queue, offer
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.controls import pause_recording, release_hold
from seatbus_sip_edge.domain.destinations import Kind
from seatbus_sip_edge.domain.ending import finish, hang_up_asked, take_away
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import AfterFailure, Cause, LegPhase, Phase, Role
from seatbus_sip_edge.domain.new_legs import call_destination, fail_leg, failure_for, work_begun
from seatbus_sip_edge.domain.reaching import await_leg
from seatbus_sip_edge.domain.transfer import connect, hand_over, settle, target_of

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn


def started(turn: Turn, event: on.ConsultAsked) -> Phase:
    """The customer hears music, and no recording hears what is said meanwhile."""
    call, asks = turn.call, turn.call.agent_leg
    if asks is None:
        return call.phase
    release_hold(turn)
    pause_recording(turn, on=True)
    turn.media(media.Command(disconnect=media.Disconnect(endpoint_id=call.caller_leg_id)))
    turn.play_music()
    call.consult_leg_id, call.swapped = "", False
    if event.to.kind is Kind.QUEUE:
        consult_queue.ask(turn, event.to)
    else:
        turn.play_ringback(asks.leg_id)
        call.consult_leg_id = call_destination(turn, event.to, consult=True).leg_id
    turn.record(
        facts.CallConsultStarted(
            leg_id=call.consult_leg_id, target=event.to.to_target(), by_agent_id=asks.agent_id
        )
    )
    turn.report(asks, agent.WORK_EVENT_CONSULT_STARTED)
    return Phase.CONSULTING


# ---- the third party comes --------------------------------------------------------------------------------
def begun(turn: Turn, event: on.WorkBegun) -> Phase:
    work_begun(turn, event)
    return turn.call.phase


def answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    offer.answered(turn, event)
    leg = turn.call.legs[event.leg_id]
    if not leg.rid:
        confirm(turn, leg)
    return turn.call.phase


def work_accepted(turn: Turn, event: on.WorkAccepted) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.phase is LegPhase.ANSWERED and not leg.confirmed:
        confirm(turn, leg)
    return turn.call.phase


def confirm(turn: Turn, leg: Leg) -> None:
    leg.confirmed = True
    join(turn, leg)
    consult_queue.accepted(turn, leg)


def join(turn: Turn, leg: Leg) -> None:
    turn.media(
        *offer.accept(leg),
        media.Command(connect=media.Connect(endpoint_a=turn.call.agent_leg_id, endpoint_b=leg.leg_id)),
        reply=fx.MediaReply.CONNECTED,
        leg_id=leg.leg_id,
    )


def connected(turn: Turn, event: on.Connected) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.phase is LegPhase.ANSWERED:
        turn.move_leg(leg, LegEvent.CONNECTED)
        leg.answer_sdp = ""
        turn.record(facts.LegAnswered(leg_id=leg.leg_id, codec=event.codec))
    return turn.call.phase


# ---- the third party goes ---------------------------------------------------------------------------------
def failed(turn: Turn, event: on.AgentFailed | on.WorkNotBegun) -> Phase:
    return _not_reached(turn, event, gone=True)


def ring_timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    if turn.call.legs[event.leg_id].was_answered:
        return turn.call.phase
    return _not_reached(turn, event, gone=False)


def work_refused(turn: Turn, event: on.WorkRefused) -> Phase:
    """agent_state gave the agent away meanwhile: ACK was sent, BYE follows. Who asks goes on talking."""
    leg = turn.call.legs[event.leg_id]
    if leg.confirmed or (leg.leg_id != turn.call.consult_leg_id and leg not in turn.call.consult_rung):
        return turn.call.phase
    if turn.call.consult_waiting:
        rid, leg.rid = leg.rid, ""
        following = consult_queue.wait_on(turn, leg, None)
        leg.rid = rid
        return following
    leg.rid = ""
    return _not_reached(turn, event, gone=False)


def connect_failed(turn: Turn, event: on.ConnectFailed) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if turn.call.consult_waiting:
        return consult_queue.wait_on(turn, leg, None)
    take_away(turn, leg, Cause.HANGUP_CAUSE_MEDIA_FAILED)
    return _back(turn, event.leg_id, "failed")


def _not_reached(
    turn: Turn, event: on.AgentFailed | on.WorkNotBegun | on.RingTimedOut | on.WorkRefused, *, gone: bool
) -> Phase:
    leg = turn.call.legs[event.leg_id]
    failure, status = failure_for(turn, event)
    if turn.call.consult_waiting:
        return consult_queue.wait_on(turn, leg, failure, status=status, gone=gone)
    fail_leg(turn, leg, failure, status, gone=gone)
    return _back(turn, leg.leg_id, "failed")


def let_go(turn: Turn, cause: call_types.HangupCause, *, gone: bool = False) -> None:
    """Whoever was asked, or was to come, goes."""
    consult_queue.silence(turn, cause, gone=gone)
    consult_queue.is_over(turn, acd_types.VISIT_OUTCOME_ABANDONED)


def _dismiss(turn: Turn, leg: Leg, cause: call_types.HangupCause, *, gone: bool = False) -> Phase:
    let_go(turn, cause, gone=gone)
    return _back(turn, leg.leg_id, "returned")


def queue_failed(turn: Turn, event: on.EnqueueRefused | on.LeftQueue) -> Phase:
    """The queue does not take the question, or nobody of it has come in time."""
    call = turn.call
    if event.contact_id != call.consult_contact_id or not call.consult_waiting:
        return call.phase
    consult_queue.silence(turn, Cause.HANGUP_CAUSE_CANCELLED)
    consult_queue.is_over(turn)
    return _back(turn, call.consult_leg_id, "failed")


def _back(turn: Turn, leg_id: str, outcome: str) -> Phase:
    """The agent is with the customer again."""
    call, asks = turn.call, turn.call.agent_leg
    is_over(turn, leg_id, outcome)
    if asks is None:
        return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)
    connect(turn, call.caller_leg_id, asks.leg_id)
    pause_recording(turn, on=False)
    turn.report(asks, agent.WORK_EVENT_CONSULT_ENDED)
    return Phase.BRIDGED


def is_over(turn: Turn, leg_id: str, outcome: str) -> None:
    call = turn.call
    if call.phase is Phase.CONSULTING:
        turn.record(facts.CallConsultEnded(leg_id=leg_id, outcome=outcome))
    call.consult_leg_id, call.swapped = "", False


# ---- who hangs up -----------------------------------------------------------------------------------------
def hung_up(turn: Turn, event: on.AgentHungUp) -> Phase:
    call = turn.call
    if event.leg_id == call.agent_leg_id:
        return _agent_leaves(turn, gone=True)
    leg = call.legs[event.leg_id]
    if call.consult_waiting:
        return consult_queue.wait_on(turn, leg, None, gone=True)
    return _dismiss(turn, leg, Cause.HANGUP_CAUSE_AGENT_HUNG_UP, gone=True)


def leg_hang_up_asked(turn: Turn, event: on.HangUpAsked) -> Phase:
    """Of one leg the API can end the third party's alone; anything else ends the call."""
    leg = turn.call.consult_leg
    if leg is None or event.leg_id not in {asked.leg_id for asked in (leg, *turn.call.consult_rung)}:
        return hang_up_asked(turn, event)
    return _dismiss(turn, leg, event.cause or Cause.HANGUP_CAUSE_API)


def _agent_leaves(turn: Turn, *, gone: bool) -> Phase:
    call, asks, leg = turn.call, turn.call.agent_leg, turn.call.consult_leg
    if call.consult_waiting:
        return consult_queue.hand_over(turn, gone=gone)
    if leg is None or asks is None:
        return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)
    if call.phase is Phase.CONSULTING:
        turn.record(facts.CallConsultEnded(leg_id=leg.leg_id, outcome="transferred"))
    if leg.confirmed:
        return hand_over(turn, leg, "attended", gone=gone)
    # It still rings, or agent_state has not spoken yet: the customer waits for it.
    turn.record(facts.CallTransferred(kind="attended", target=target_of(leg), by_agent_id=asks.agent_id))
    leg.role = Role.LEG_ROLE_AGENT if leg.agent_id else Role.LEG_ROLE_OUTSIDE
    leg.queue_id = call.queue_id if leg.agent_id else ""
    call.consult_leg_id, call.swapped = "", False
    take_away(turn, asks, Cause.HANGUP_CAUSE_TRANSFERRED, gone=gone)
    call.preferred_agent_id = asks.agent_id
    return await_leg(turn, leg, AfterFailure.QUEUE)


# ---- what the agent decides -------------------------------------------------------------------------------
def swapped(turn: Turn, _event: on.SwapAsked) -> Phase:
    """The agent goes to the other one, who was left hears music."""
    call, leg = turn.call, turn.call.consult_leg
    if leg is None or leg.phase is not LegPhase.TALKING:
        return call.phase
    call.swapped = not call.swapped
    to, waits = (call.caller_leg_id, leg.leg_id) if call.swapped else (leg.leg_id, call.caller_leg_id)
    connect(turn, call.agent_leg_id, to)
    turn.play_music(waits)
    pause_recording(turn, on=not call.swapped)
    return call.phase


def completed(turn: Turn, event: on.CompleteAsked) -> Phase:
    leg = turn.call.consult_leg
    if event.end == control.CONSULT_END_TRANSFER and turn.call.consult_waiting:
        return consult_queue.hand_over(turn, gone=False)
    if leg is None and turn.call.consult_waiting and event.end == control.CONSULT_END_RETURN:
        consult_queue.is_over(turn, acd_types.VISIT_OUTCOME_ABANDONED)
        return _back(turn, "", "returned")
    if leg is None:
        return turn.call.phase
    match event.end:
        case control.CONSULT_END_TRANSFER:
            return _agent_leaves(turn, gone=False)
        case control.CONSULT_END_CONFERENCE:
            return _confer(turn, leg)
        case _:
            return _dismiss(turn, leg, Cause.HANGUP_CAUSE_API)


def _confer(turn: Turn, leg: Leg) -> Phase:
    call, asks = turn.call, turn.call.agent_leg
    if call.phase is Phase.CONFERENCED or asks is None or not leg.confirmed:
        return call.phase
    settle(turn, leg)
    members = [call.caller_leg_id, asks.leg_id, leg.leg_id]
    turn.record(facts.CallConsultEnded(leg_id=leg.leg_id, outcome="conferenced"))
    turn.record(facts.CallConferenced(leg_ids=members))
    call.swapped = False
    turn.media(media.Command(conference=media.Conference(endpoint_ids=members)))
    pause_recording(turn, on=False)
    turn.report(asks, agent.WORK_EVENT_CONFERENCED)
    turn.report(leg, agent.WORK_EVENT_CONFERENCED)
    return Phase.CONFERENCED


def restored(turn: Turn) -> None:
    """After a restart: what was asked last for the third party is asked again."""
    call, leg = turn.call, turn.call.consult_leg
    if call.consult_waiting:
        consult_queue.enqueue(turn)
    if leg is None:
        return
    if leg.confirmed and leg.rid and leg.queue_id and call.consult_contact_id:
        answered = acd.OFFER_OUTCOME_ANSWERED
        turn.do(fx.ReportOffer(leg.leg_id, call.consult_contact_id, answered, repeated=True))
    if leg.phase is LegPhase.TRYING:
        turn.do(fx.BeginWork(leg.leg_id, "consult", turn.call.wrap_up_s))
    for called in (leg, *call.consult_rung):
        offer.ask_again(turn, called)
    if leg.phase is LegPhase.ANSWERED and leg.confirmed:
        join(turn, leg)
