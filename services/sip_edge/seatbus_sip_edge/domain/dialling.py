"""An agent calls somebody: the phone dials, or the API rings the agent first and then dials.

Who is called is the customer (`caller_leg_id`); the agent's leg is `agent_leg_id` whoever sent its INVITE.
From the answer on the call is bridged like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.causes import AWAY
from seatbus_sip_edge.domain.ending import end_agent, finish
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, Leg, LegPhase, Phase, Role
from seatbus_sip_edge.domain.offer import ask_again, ask_offer, bridged, start_recording
from seatbus_sip_edge.domain.routes import cause_of, status_for

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.turn import Turn

RING_S = 120
# RFC 3261 section 13.3.1.1: one provisional response a minute, or proxies give the call up.
PROGRESS_EVERY_S = 60.0


def _agent(turn: Turn) -> Leg:
    return turn.call.legs[turn.call.agent_leg_id]


def start(turn: Turn, leg: Leg, source_address: str) -> None:
    call = turn.call
    call.started_at = turn.now
    call.has_session = True
    call.agent_leg_id = leg.leg_id
    customer = Leg(
        call.caller_leg_id,
        Role.LEG_ROLE_OUTSIDE,
        number=call.dialed,
        ring_timeout_s=RING_S,
        created_at=turn.now,
    )
    call.legs[leg.leg_id] = leg
    call.legs[customer.leg_id] = customer
    turn.record(
        facts.CallStarted(
            interaction_id=call.interaction_id,
            direction=call.direction,
            caller=call.caller,
            dialed=call.dialed,
            branch_id=call.branch_id,
            owner=call.owner,
            sip_call_id=leg.sip_call_id,
            source_address=source_address,
        )
    )
    for made in (leg, customer):
        turn.record(
            facts.LegCreated(
                leg_id=made.leg_id,
                role=made.role,
                agent_id=made.agent_id,
                agent_tenant_id=made.agent_tenant_id,
                device_id=made.device_id,
                rid=made.rid,
                remote_address=made.remote_address,
                number=made.number,
            )
        )


def dialled(turn: Turn, event: on.AgentDialled) -> Phase:
    """An agent's phone has sent an INVITE for a number outside."""
    call = turn.call
    leg = Leg(
        event.leg_id,
        Role.LEG_ROLE_AGENT,
        incoming=True,
        sip_call_id=event.sip_call_id,
        remote_address=event.source_address,
        agent_id=event.agent_id,
        agent_tenant_id=event.agent_tenant_id,
        device_id=event.device_id,
        rid=event.rid,
        ring_timeout_s=RING_S,
        created_at=turn.now,
    )
    start(turn, leg, event.source_address)
    if call.emergency:
        turn.record(
            facts.CallEmergency(
                number=call.dialed,
                agent_id=leg.agent_id,
                seat_id=event.seat_id,
                branch_id=call.branch_id,
                callback=call.caller,
            )
        )
    _ask_answer(turn, leg, event.sdp)
    if leg.rid:
        turn.do(fx.BeginWork(leg.leg_id, "outbound", call.wrap_up_s))
    return Phase.DIALLING


def _ask_answer(turn: Turn, leg: Leg, sdp: str) -> None:
    turn.media(
        media.Command(accept_offer=media.AcceptOffer(endpoint_id=leg.leg_id, sdp=sdp)),
        reply=fx.MediaReply.ACCEPTED,
        leg_id=leg.leg_id,
    )


def originated(turn: Turn, event: on.Originated) -> Phase:
    """The API: the agent's phone first."""
    call = turn.call
    leg = Leg(
        event.leg_id,
        Role.LEG_ROLE_AGENT,
        agent_id=event.agent_id,
        agent_tenant_id=event.agent_tenant_id,
        rid=event.rid,
        ring_timeout_s=event.ring_timeout_s,
        created_at=turn.now,
    )
    start(turn, leg, "")
    if event.attributes:
        call.attributes.update(event.attributes)
        turn.record(facts.CallAttributesSet(attributes=event.attributes))
    turn.do(fx.BeginWork(leg.leg_id, "outbound", call.wrap_up_s))
    return Phase.DIALLING


def offer_accepted(turn: Turn, event: on.OfferAccepted) -> Phase:
    """The agent's phone has its audio."""
    turn.call.local_sdp, turn.call.codec = event.sdp, event.codec
    return _go_on(turn)


def work_begun(turn: Turn, event: on.WorkBegun) -> Phase:
    turn.call.legs[event.leg_id].confirmed = True
    return _go_on(turn)


def work_not_begun(turn: Turn, event: on.WorkNotBegun) -> Phase:
    """Refused: nobody dials who is logged out or in another contact. Away: told later."""
    leg = turn.call.legs[event.leg_id]
    # The agent holds the phone in hand whether agent_state answers or not.
    if turn.call.emergency or event.reason in AWAY:
        turn.call.unbound = True
        return _go_on(turn)
    leg.rid = ""
    turn.call.sip_status = 403
    return finish(turn, Cause.HANGUP_CAUSE_FORBIDDEN)


def _go_on(turn: Turn) -> Phase:
    """Dials out as soon as the agent is ours and has audio."""
    call, leg, customer = turn.call, _agent(turn), turn.call.caller_leg
    bound = leg.confirmed or call.unbound or call.emergency or not leg.rid
    if not bound:
        return Phase.DIALLING
    if not leg.incoming and leg.phase is LegPhase.TRYING:
        turn.move_leg(leg, LegEvent.OFFER_ASKED)
        ask_offer(turn, leg)
    elif customer.phase is LegPhase.TRYING and (call.local_sdp if leg.incoming else leg.was_answered):
        turn.move_leg(customer, LegEvent.OFFER_ASKED)
        ask_offer(turn, customer)
    return Phase.DIALLING


def offer_made(turn: Turn, event: on.AgentOfferMade) -> Phase:
    call, leg = turn.call, turn.call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.DIALLED)
    turn.do(fx.Dial(leg.leg_id, event.sdp), fx.SetTimer(fx.Timer.RING, leg.ring_timeout_s, leg.leg_id))
    if leg.leg_id == call.caller_leg_id:
        turn.report(_agent(turn), agent.WORK_EVENT_DIALING)
    return Phase.DIALLING


def ringing(turn: Turn, event: on.AgentRinging) -> Phase:
    call, leg = turn.call, turn.call.legs[event.leg_id]
    if leg.phase is not LegPhase.DIALLED:
        return Phase.DIALLING
    turn.move_leg(leg, LegEvent.RINGING)
    leg.ringing_at = turn.now
    turn.record(facts.LegRinging(leg_id=leg.leg_id))
    if leg.leg_id == call.caller_leg_id:
        _ring_agent(turn)
    else:
        turn.report(leg, agent.WORK_EVENT_RINGING)
    return Phase.DIALLING


def progress_due(turn: Turn, _event: on.ProgressDue) -> Phase:
    """The agent's phone hears that the call goes on; how long that may take is the ring timer's business."""
    call, leg = turn.call, _agent(turn)
    if not leg.incoming or leg.was_answered:
        return Phase.DIALLING
    if call.early_media:
        turn.do(fx.ProgressLeg(leg.leg_id, call.local_sdp))
    else:
        turn.do(fx.RingLeg(leg.leg_id))
    turn.do(fx.SetTimer(fx.Timer.PROGRESS, PROGRESS_EVERY_S))
    return Phase.DIALLING


def _ring_agent(turn: Turn) -> None:
    leg = _agent(turn)
    if turn.call.early_media:
        return
    if leg.incoming:
        turn.do(fx.RingLeg(leg.leg_id), fx.SetTimer(fx.Timer.PROGRESS, PROGRESS_EVERY_S))
    else:
        turn.play_ringback(leg.leg_id)


def early_media(turn: Turn, event: on.EarlyMedia) -> Phase:
    """The far network's own ringback or announcement is heard as it is."""
    call, leg = turn.call, turn.call.legs[event.leg_id]
    if leg.leg_id != call.caller_leg_id or leg.phase not in (LegPhase.DIALLED, LegPhase.RINGING):
        return Phase.DIALLING
    turn.media(
        media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=event.sdp)),
        media.Command(connect=media.Connect(endpoint_a=leg.leg_id, endpoint_b=call.agent_leg_id)),
    )
    if not call.early_media:
        call.early_media = True
        if _agent(turn).incoming:
            turn.do(
                fx.ProgressLeg(call.agent_leg_id, call.local_sdp),
                fx.SetTimer(fx.Timer.PROGRESS, PROGRESS_EVERY_S),
            )
    return Phase.DIALLING


def answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    call, leg = turn.call, turn.call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.ANSWERED)
    leg.answered_at = turn.now
    leg.answer_sdp = event.sdp
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    if leg.leg_id == call.caller_leg_id:
        join(turn)
        return Phase.DIALLING
    turn.media(media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=event.sdp)))
    return _go_on(turn)


def join(turn: Turn) -> None:
    call, customer = turn.call, turn.call.caller_leg
    commands = [
        media.Command(accept_answer=media.AcceptAnswer(endpoint_id=customer.leg_id, sdp=customer.answer_sdp)),
        media.Command(connect=media.Connect(endpoint_a=customer.leg_id, endpoint_b=call.agent_leg_id)),
    ]
    if call.record:
        call.recording_id = call.recording_id or turn.ids()
        commands.append(start_recording(call, _agent(turn)))
    turn.media(*commands, reply=fx.MediaReply.CONNECTED, leg_id=customer.leg_id)


def connected(turn: Turn, event: on.Connected) -> Phase:
    """The agent's phone hears the answer when the audio is joined: no first word is lost."""
    call, leg, customer = turn.call, _agent(turn), turn.call.caller_leg
    if customer.phase is not LegPhase.ANSWERED:
        return Phase.DIALLING
    turn.move_leg(customer, LegEvent.CONNECTED)
    turn.move_leg(leg, LegEvent.CONNECTED)
    customer.answer_sdp = leg.answer_sdp = ""
    call.answered_at = turn.now
    call.served = True
    if leg.incoming:
        leg.answered_at = turn.now
        turn.do(fx.StopTimer(fx.Timer.PROGRESS), fx.AnswerLeg(leg.leg_id, call.local_sdp))
    turn.record(facts.CallAnswered())
    turn.record(facts.LegAnswered(leg_id=customer.leg_id, codec=event.codec))
    turn.record(facts.LegAnswered(leg_id=leg.leg_id, codec=call.codec))
    bridged(turn, leg)
    if call.unbound:
        turn.do(fx.BeginWork(leg.leg_id, "outbound", call.wrap_up_s))
    turn.report(leg, agent.WORK_EVENT_ANSWERED)
    if call.record:
        call.recording = True
        turn.record(facts.CallRecordingStarted(recording_id=call.recording_id))
    return Phase.BRIDGED


def failed(turn: Turn, event: on.AgentFailed) -> Phase:
    """No trunk is left, or the called side has said no. The agent's phone is told what it was told."""
    call, leg = turn.call, turn.call.legs[event.leg_id]
    if leg.incoming:
        return Phase.DIALLING
    cause = cause_of(event.status)
    turn.end_leg(leg, cause, event.status)
    if leg.leg_id != call.caller_leg_id:
        turn.report(leg, agent.WORK_EVENT_CANCELLED)
    call.sip_status = status_for(event.status)
    return finish(turn, cause)


def ring_timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.was_answered:
        return Phase.DIALLING
    turn.call.sip_status = 480
    return finish(turn, Cause.HANGUP_CAUSE_NO_ANSWER)


def given_up(turn: Turn, _event: on.CallerCancelled) -> Phase:
    """The agent has put the phone down before anybody answered."""
    turn.call.sip_status = 487
    return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)


def agent_left(turn: Turn, event: on.AgentHungUp) -> Phase:
    leg = turn.call.legs[event.leg_id]
    # BYE of an early dialog: its INVITE still wants an answer.
    turn.call.sip_status = 487
    end_agent(turn, leg, Cause.HANGUP_CAUSE_AGENT_HUNG_UP, gone=leg.was_answered)
    return finish(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP)


def customer_left(turn: Turn, _event: on.CallerHungUp) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_CALLER_HUNG_UP, caller_gone=True)


def rerouted(turn: Turn, event: on.LegRerouted) -> Phase:
    """A trunk has failed an outside leg: it goes on by the next way. In any phase in which one is called."""
    leg = turn.call.legs.get(event.leg_id)
    if leg is not None and leg.phase in (LegPhase.DIALLED, LegPhase.RINGING):
        turn.record(facts.LegRerouted(leg_id=leg.leg_id, trunk_id=event.trunk_id, sip_status=event.status))
        turn.do(fx.Dial(leg.leg_id, event.sdp))
    return turn.call.phase


def restored(turn: Turn, event: on.Restored) -> Phase:
    """After a restart in the middle of dialling: what was asked last is asked again."""
    call, leg, customer = turn.call, _agent(turn), turn.call.caller_leg
    if leg.incoming and not call.local_sdp:
        if not event.sdp:
            return finish(turn, Cause.HANGUP_CAUSE_SYSTEM)
        _ask_answer(turn, leg, event.sdp)
    if leg.rid and not leg.confirmed:
        turn.do(fx.BeginWork(leg.leg_id, "outbound", call.wrap_up_s))
    if not leg.incoming:
        if leg.was_answered:
            turn.do(fx.Probe(leg.leg_id))
        else:
            ask_again(turn, leg)
    if customer.phase is LegPhase.ANSWERED:
        join(turn)
        return Phase.DIALLING
    ask_again(turn, customer)
    if call.early_media and leg.incoming:
        turn.do(fx.ProgressLeg(leg.leg_id, call.local_sdp))
    elif customer.phase is LegPhase.RINGING:
        _ring_agent(turn)
    return Phase.DIALLING
