"""How a call ends: legs are closed, promises to acd and agent_state settled, then one last fact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain import voicemail
from seatbus_sip_edge.domain.causes import status_of
from seatbus_sip_edge.domain.model import Cause, LegPhase, Phase, Role

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn


# The caller hears that he is called back.
CALLBACK_TAKEN: Final = "callback-taken"


def finish(
    turn: Turn, cause: call_types.HangupCause, *, caller_gone: bool = False, sip_status: int = 0
) -> Phase:
    """Ends the call. Returns the phase it goes to."""
    call = turn.call
    voicemail.close(turn)
    call.cause = cause
    turn.do(fx.StopTimer(fx.Timer.RING), fx.StopTimer(fx.Timer.PROGRESS), fx.StopTimer(fx.Timer.UNANSWERED))
    turn.do(fx.StopTimer(fx.Timer.DEVICE))
    others = [leg for leg in call.legs.values() if leg.live and leg.leg_id != call.caller_leg_id]
    for leg in sorted(others, key=lambda leg: leg.leg_id != call.agent_leg_id):
        end_agent(turn, leg, cause)
    caller_leg = call.caller_leg
    if caller_leg.live:
        _end_customer(turn, caller_leg, cause, gone=caller_gone, sip_status=sip_status)
    if call.waiting:
        call.waiting = False
        turn.record(
            facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome="abandoned")
        )
        turn.do(fx.CancelContact(call.contact_id, acd_types.VISIT_OUTCOME_ABANDONED))
    if call.consult_waiting:
        call.consult_waiting = False
        turn.do(fx.CancelContact(call.consult_contact_id, acd_types.VISIT_OUTCOME_ABANDONED))
    if call.step_seq:
        turn.do(fx.EndFlow(call.flow_key))
    if not call.has_session:
        return close(turn)
    turn.media(media.Command(end_session=media.EndSession()), reply=fx.MediaReply.ENDED)
    return Phase.ENDING


def _end_customer(
    turn: Turn, leg: Leg, cause: call_types.HangupCause, *, gone: bool, sip_status: int
) -> None:
    status = 0
    if leg.role != Role.LEG_ROLE_CALLER:
        if not gone:
            turn.close_sip(leg)
    elif leg.phase in (LegPhase.DIALLED, LegPhase.RINGING):
        # An agent's phone that was rung before anybody else.
        turn.close_sip(leg)
    elif not leg.was_answered:
        status = turn.call.sip_status = sip_status or status_of(cause)
        turn.do(fx.RefuseCaller(status))
    elif not gone:
        turn.do(fx.HangUp(leg.leg_id))
    answered = leg.was_answered
    turn.end_leg(leg, cause, status)
    # The customer of a colleague's call is an agent too.
    turn.report(leg, agent.WORK_EVENT_ENDED if answered else agent.WORK_EVENT_CANCELLED)


def end_agent(turn: Turn, leg: Leg, cause: call_types.HangupCause, *, gone: bool = False) -> None:
    """Ends any leg but the customer's; agent_state is told. `gone`: the phone has sent BYE itself."""
    call = turn.call
    if not gone:
        turn.close_sip(leg)
    if leg.phase is LegPhase.TALKING and leg.leg_id == call.agent_leg_id:
        turn.record(facts.CallUnbridged(caller_leg_id=call.caller_leg_id, agent_leg_id=leg.leg_id))
        if call.recording:
            call.recording = call.recording_paused = False
            turn.record(facts.CallRecordingStopped(recording_id=call.recording_id))
    answered = leg.was_answered
    turn.end_leg(leg, cause if answered or leg.lost else Cause.HANGUP_CAUSE_CANCELLED, leg.sip_status)
    turn.report(leg, work_at_end(leg))


def work_at_end(leg: Leg) -> agent.WorkEvent:
    """What agent_state is told of a leg that ended without a failure of its own."""
    if leg.cause == Cause.HANGUP_CAUSE_ANSWERED_ELSEWHERE:
        return agent.WORK_EVENT_ANSWERED_ELSEWHERE
    if leg.lost and not leg.retaking:
        return agent.WORK_EVENT_DEVICE_LOST
    return agent.WORK_EVENT_ENDED if leg.was_answered or leg.lost else agent.WORK_EVENT_CANCELLED


def take_away(turn: Turn, leg: Leg, cause: call_types.HangupCause, *, gone: bool = False) -> None:
    """Ends a leg of a call that goes on: its audio and its recording go too."""
    call = turn.call
    commands = []
    if call.recording and leg.leg_id == call.agent_leg_id:
        commands.append(media.Command(stop_recording=media.StopRecording(recording_id=call.recording_id)))
    end_agent(turn, leg, cause, gone=gone)
    if leg.leg_id == call.agent_leg_id:
        call.agent_leg_id = ""
        for supervisor in call.supervisors:
            end_agent(turn, supervisor, cause)
            commands.append(_remove(supervisor))
    commands.append(_remove(leg))
    turn.media(*commands)


def _remove(leg: Leg) -> media.Command:
    return media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=leg.leg_id))


def close(turn: Turn) -> Phase:
    """The last fact carries the whole call and its own number, so that a reader can tell it has all."""
    call = turn.call
    call.phase = Phase.ENDED
    call.ended_at = turn.now
    last = call.seq + 1
    call.seq = last
    turn.do(
        fx.Record(
            last,
            facts.CallEnded(
                cause=call.cause,
                last_seq=last,
                sip_status=call.sip_status,
                call=call.to_proto(),
                digits=call.all_digits,
            ),
        ),
        fx.Finished(),
    )
    return Phase.ENDED


def session_ended(turn: Turn, event: on.SessionEnded) -> Phase:
    for item in event.statistics:
        if item.leg_id not in turn.call.legs:
            continue
        found = item.statistics
        turn.record(
            facts.CallQualityReported(
                leg_id=item.leg_id,
                packets_received=found.packets_received,
                packets_lost=found.packets_lost,
                jitter_ms=found.jitter_ms,
                round_trip_ms=found.round_trip_ms,
                mos=found.mos,
                packets_sent=found.packets_sent,
            )
        )
    return close(turn)


_WITH_AGENT = (Phase.BRIDGED, Phase.DEVICE_LOST, Phase.CONSULTING, Phase.CONFERENCED)


def _cause_of_leaving(turn: Turn) -> call_types.HangupCause:
    call = turn.call
    leg = call.agent_leg
    if call.phase in _WITH_AGENT or (leg is not None and leg.confirmed):
        return Cause.HANGUP_CAUSE_CALLER_HUNG_UP
    if call.voicemail_id:
        return Cause.HANGUP_CAUSE_FLOW_ENDED
    if call.action == CALLBACK_TAKEN:
        return Cause.HANGUP_CAUSE_CALLBACK
    if call.served and call.phase in (Phase.REACHING, Phase.PARKED):
        return Cause.HANGUP_CAUSE_CALLER_HUNG_UP
    if call.phase in (Phase.QUEUED, Phase.OFFERED):
        return Cause.HANGUP_CAUSE_ABANDONED_IN_QUEUE
    return Cause.HANGUP_CAUSE_ABANDONED_IN_FLOW


def caller_left(turn: Turn, _event: on.CallerCancelled | on.CallerHungUp) -> Phase:
    return finish(turn, _cause_of_leaving(turn), caller_gone=True)


def not_acknowledged(turn: Turn, _event: on.CallerNotAcknowledged) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_NO_ACK)


def media_lost(turn: Turn, _event: on.MediaLost) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_MEDIA_FAILED)


def answer_overdue(turn: Turn, _event: on.AnswerOverdue) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_NO_ANSWER)


def aborted(turn: Turn, event: on.Aborted) -> Phase:
    return finish(turn, event.cause)


def hang_up_asked(turn: Turn, event: on.HangUpAsked) -> Phase:
    """The whole call."""
    return finish(turn, event.cause or Cause.HANGUP_CAUSE_API)


def agent_hung_up(turn: Turn, event: on.AgentHungUp) -> Phase:
    end_agent(turn, turn.call.legs[event.leg_id], Cause.HANGUP_CAUSE_AGENT_HUNG_UP, gone=True)
    return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)
