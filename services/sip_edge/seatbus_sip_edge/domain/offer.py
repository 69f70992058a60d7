"""Ringing an agent: from acd's offer to two people talking, or back to the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import callback_wish, ring, spare
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.causes import NO_ANSWER, UNREACHABLE, OfferFailure, failure_of
from seatbus_sip_edge.domain.ending import end_agent, finish, take_away
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, Leg, LegPhase, Phase, Role
from seatbus_sip_edge.domain.waiting import COMFORT

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.model import Call
    from seatbus_sip_edge.domain.turn import Turn


# Nobody's phone stops ringing only because the edge was away for a moment.
SHORTEST_RING_S = 3.0


def remove_endpoint(turn: Turn, leg: Leg) -> None:
    turn.media(media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=leg.leg_id)))


def ask_offer(turn: Turn, leg: Leg, *, like: str | None = None) -> None:
    """Asks media for the SDP of a leg that is called; the codec of who has audio already goes first."""
    call = turn.call
    if like is None:
        like = call.caller_leg_id
        if call.phase is Phase.DIALLING or leg.leg_id == like:
            like = call.agent_leg_id if leg.leg_id == call.caller_leg_id else ""
    turn.media(
        media.Command(make_offer=media.MakeOffer(endpoint_id=leg.leg_id, like_endpoint_id=like)),
        reply=fx.MediaReply.OFFER,
        leg_id=leg.leg_id,
    )


def offered_too(turn: Turn, event: on.AgentOffered) -> Phase:
    """One more agent of a ring. Raises IllegalInput."""
    if not ring.takes_another(turn.call, event.ring):
        raise IllegalInput(turn.call.phase.value, type(event).__name__)
    return offered(turn, event)


def offered(turn: Turn, event: on.AgentOffered) -> Phase:
    call = turn.call
    call.epochs[event.group] = max(event.epoch, call.epochs.get(event.group, 0))
    leg = Leg(
        event.leg_id,
        Role.LEG_ROLE_AGENT,
        agent_id=event.agent_id,
        agent_tenant_id=event.agent_tenant_id,
        device_id=event.device_id,
        rid=event.rid,
        ring=event.ring,
        queue_id=event.queue_id,
        ring_timeout_s=event.ring_timeout_s,
        created_at=turn.now,
    )
    turn.move_leg(leg, LegEvent.OFFER_ASKED)
    call.legs[leg.leg_id] = leg
    if call.agent_leg is None:
        call.agent_leg_id = leg.leg_id
    turn.record(
        facts.LegCreated(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            device_id=leg.device_id,
            rid=leg.rid,
        )
    )
    spare.taken(turn, leg.leg_id)
    if event.sdp:
        leg.media_zone = event.zone
        _dial(turn, leg, event.sdp)
    else:
        ask_offer(turn, leg)
    return Phase.OFFERED


def offer_made(turn: Turn, event: on.AgentOfferMade) -> Phase:
    _dial(turn, turn.call.legs[event.leg_id], event.sdp)
    return turn.call.phase


def _dial(turn: Turn, leg: Leg, sdp: str) -> None:
    turn.move_leg(leg, LegEvent.DIALLED)
    turn.do(fx.Dial(leg.leg_id, sdp), fx.SetTimer(fx.Timer.RING, leg.ring_timeout_s, leg.leg_id))


def ringing(turn: Turn, event: on.AgentRinging) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.phase is not LegPhase.DIALLED:
        return turn.call.phase
    turn.move_leg(leg, LegEvent.RINGING)
    leg.ringing_at = turn.now
    turn.record(facts.LegRinging(leg_id=leg.leg_id))
    turn.report(leg, agent.WORK_EVENT_RINGING)
    return turn.call.phase


def answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    call, leg = turn.call, turn.call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.ANSWERED)
    leg.answered_at = turn.now
    if not ring.answers_first(turn, leg):
        return call.phase
    leg.answer_sdp = event.sdp
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    turn.report(leg, agent.WORK_EVENT_ANSWERED)
    return call.phase


def start_recording(call: Call, leg: Leg) -> media.Command:
    """The customer on the left, whom they talk with on the right."""
    return media.Command(
        start_recording=media.StartRecording(
            recording_id=call.recording_id,
            left_endpoint_id=call.caller_leg_id,
            right_endpoint_id=leg.leg_id,
            labels={
                "queue": call.queue_id,
                "agent": leg.agent_id,
                "agent_tenant": leg.agent_tenant_id,
                "interaction": call.interaction_id,
            },
        )
    )


def ask_again(turn: Turn, leg: Leg) -> None:
    """After a restart: what was asked last for a leg that is being called."""
    if leg.phase is LegPhase.PREPARED:
        ask_offer(turn, leg)
    elif leg.accepting:
        # Its peer may have hung up while nobody listened; the key is asked for by who begins anew.
        turn.do(fx.Probe(leg.leg_id), fx.SetTimer(fx.Timer.RING, SHORTEST_RING_S, leg.leg_id))
    elif leg.phase in (LegPhase.DIALLED, LegPhase.RINGING):
        waited = max(0.0, (turn.now - leg.created_at) / 1e6)
        left = max(SHORTEST_RING_S, leg.ring_timeout_s - waited)
        turn.do(fx.ResumeDial(leg.leg_id), fx.SetTimer(fx.Timer.RING, left, leg.leg_id))
        if leg.phase is LegPhase.RINGING and not leg.lost:
            turn.report(leg, agent.WORK_EVENT_RINGING)
    elif leg.phase is LegPhase.ANSWERED and not leg.confirmed:
        turn.report(leg, agent.WORK_EVENT_ANSWERED)


def accept(leg: Leg) -> list[media.Command]:
    """The answer that a called leg brought; one that has called us has its audio already."""
    if leg.incoming:
        return []
    return [media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=leg.answer_sdp))]


def join(turn: Turn, leg: Leg) -> None:
    """Audio between caller and agent, recorded if the queue says so."""
    call = turn.call
    commands = [
        *accept(leg),
        media.Command(connect=media.Connect(endpoint_a=call.caller_leg_id, endpoint_b=leg.leg_id)),
    ]
    if call.record:
        commands.append(start_recording(call, leg))
    turn.media(*commands, reply=fx.MediaReply.CONNECTED, leg_id=leg.leg_id)


def work_accepted(turn: Turn, event: on.WorkAccepted) -> Phase:
    """The agent is bound to this contact: the audio is joined and the visit ends as answered."""
    call = turn.call
    leg = call.legs[event.leg_id]
    if leg.confirmed:
        return Phase.OFFERED
    leg.confirmed = True
    call.waiting = False
    callback_wish.listen_no_more(turn)
    turn.answer_caller()
    turn.record(facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome="answered"))
    if call.whisper_prompt_id:
        _whisper(turn, leg)
    else:
        begin_talk(turn, leg)
    turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, acd.OFFER_OUTCOME_ANSWERED))
    ring.win(turn)
    return Phase.OFFERED


def whisper_id(leg_id: str) -> str:
    return f"whisper-{leg_id}"


def _whisper(turn: Turn, leg: Leg) -> None:
    """Tenant and queue spoken to the agent alone; the caller hears music meanwhile."""
    leg.whispering = True
    turn.media(*accept(leg))
    turn.play(
        whisper_id(leg.leg_id),
        [ivr.Audio(prompt_id=turn.call.whisper_prompt_id)],
        leg_id=leg.leg_id,
    )


def whispered(turn: Turn, event: on.PlayFinished) -> Phase:
    """Heard, or not to be had: the conversation begins either way."""
    leg = turn.call.agent_leg
    if leg is not None and leg.whispering and event.play_id == whisper_id(leg.leg_id):
        leg.whispering = False
        begin_talk(turn, leg)
    elif event.play_id == COMFORT and turn.call.waiting:
        turn.play_music()
    return turn.call.phase


def begin_talk(turn: Turn, leg: Leg) -> None:
    """The agent is bound to the customer: a recording of their own, if any, and the audio."""
    turn.call.recording_id = turn.ids() if turn.call.record else turn.call.recording_id
    join(turn, leg)


def connected(turn: Turn, event: on.Connected) -> Phase:
    call = turn.call
    leg = call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.CONNECTED)
    leg.answer_sdp = ""
    call.served = True
    turn.report(call.caller_leg, agent.WORK_EVENT_ANSWERED)
    turn.record(facts.LegAnswered(leg_id=leg.leg_id, codec=event.codec))
    bridged(turn, leg)
    if call.record:
        call.recording = True
        turn.record(facts.CallRecordingStarted(recording_id=call.recording_id))
    return Phase.BRIDGED


def bridged(turn: Turn, leg: Leg) -> None:
    """The fact that the customer talks with this leg from now on."""
    call = turn.call
    turn.record(
        facts.CallBridged(
            caller_leg_id=call.caller_leg_id,
            agent_leg_id=leg.leg_id,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            queue_id=call.queue_id,
            contact_id=call.contact_id,
        )
    )


def connect_failed(turn: Turn, _event: on.ConnectFailed) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_MEDIA_FAILED)


def _back_to_queue(turn: Turn, leg: Leg, failure: OfferFailure, sip_status: int = 0) -> Phase:
    """The contact keeps its place: acd decides next, after it can see the agent's new state."""
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    turn.end_leg(leg, failure.cause, sip_status)
    remove_endpoint(turn, leg)
    turn.do(
        fx.ReportWork(leg.leg_id, failure.work),
        fx.ReportOffer(leg.leg_id, turn.call.contact_id, failure.offer),
    )
    return ring.go_on(turn, leg)


def failed(turn: Turn, event: on.AgentFailed) -> Phase:
    return _back_to_queue(turn, turn.call.legs[event.leg_id], failure_of(event.status), event.status)


def ring_timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.was_answered:
        return Phase.OFFERED
    # A phone that never said 180 was not there to be answered.
    failure = NO_ANSWER if leg.phase is LegPhase.RINGING else UNREACHABLE
    turn.close_sip(leg)
    return _back_to_queue(turn, leg, failure)


def withdrawn(turn: Turn, event: on.OfferWithdrawn) -> Phase:
    leg = turn.call.leg_of(event.rid)
    if leg is None or not leg.live or leg.confirmed:
        return Phase.OFFERED
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    end_agent(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
    remove_endpoint(turn, leg)
    return ring.go_on(turn, leg)


def work_refused(turn: Turn, event: on.WorkRefused) -> Phase:
    """agent_state gave the agent away meanwhile: ACK was sent, BYE follows, the caller waits on."""
    leg = turn.call.legs[event.leg_id]
    if leg.confirmed:
        return Phase.OFFERED
    turn.close_sip(leg)
    turn.end_leg(leg, Cause.HANGUP_CAUSE_CANCELLED)
    remove_endpoint(turn, leg)
    turn.do(fx.ReportOffer(leg.leg_id, turn.call.contact_id, acd.OFFER_OUTCOME_FAILED))
    return ring.go_on(turn, leg)


def hung_up_early(turn: Turn, event: on.AgentHungUp) -> Phase:
    """BYE right after the 200. Before the agent is bound the caller waits on, afterwards the call is over."""
    leg = turn.call.legs[event.leg_id]
    confirmed = leg.confirmed
    end_agent(turn, leg, Cause.HANGUP_CAUSE_AGENT_HUNG_UP, gone=True)
    if confirmed:
        return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)
    remove_endpoint(turn, leg)
    turn.do(fx.ReportOffer(leg.leg_id, turn.call.contact_id, acd.OFFER_OUTCOME_FAILED))
    return ring.go_on(turn, leg)


def dropped(turn: Turn, event: on.OfferDropped) -> Phase:
    """acd had given the contact away: this agent's leg goes, the caller waits for the other one.

    The same contact is enqueued again, which is harmless while it lives and gives a clear refusal if not.
    """
    call = turn.call
    leg = call.agent_leg
    if leg is None or leg.rid != event.rid or not leg.confirmed:
        return call.phase
    take_away(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
    call.waiting = True
    turn.record(facts.CallQueued(contact_id=call.contact_id, queue_id=call.queue_id, visit=call.visit))
    turn.enqueue_again()
    spare.wait_with_music(turn)
    return Phase.QUEUED
