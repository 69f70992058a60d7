"""A call comes in: it is admitted or refused, and gets its audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.causes import AWAY
from seatbus_sip_edge.domain.destinations import Destination, Kind, send_to
from seatbus_sip_edge.domain.dialling import PROGRESS_EVERY_S
from seatbus_sip_edge.domain.ending import finish
from seatbus_sip_edge.domain.model import Cause, Leg, Phase, Role
from seatbus_sip_edge.domain.new_legs import RING_S

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.model import Call
    from seatbus_sip_edge.domain.turn import Turn

# Carriers end a call that hears nothing new for three minutes, some any call that is not answered by then.
UNANSWERED_LIMIT_S = 170.0


def _start(turn: Turn, source_address: str, sip_call_id: str) -> None:
    call = turn.call
    call.started_at = turn.now
    leg = Leg(
        call.caller_leg_id,
        Role.LEG_ROLE_CALLER,
        sip_call_id=sip_call_id,
        remote_address=source_address,
        created_at=turn.now,
    )
    call.legs[leg.leg_id] = leg
    turn.record(
        facts.CallStarted(
            interaction_id=call.interaction_id,
            direction=call.direction,
            caller=call.caller,
            dialed=call.dialed,
            trunk_id=call.trunk_id,
            number_id=call.number_id,
            branch_id=call.branch_id,
            owner=call.owner,
            sip_call_id=sip_call_id,
            source_address=source_address,
        )
    )
    turn.record(facts.LegCreated(leg_id=leg.leg_id, role=leg.role, remote_address=source_address))


def arrived(turn: Turn, event: on.Arrived) -> Phase:
    _start(turn, event.source_address, event.sip_call_id)
    turn.call.has_session = True
    turn.call.late_offer = not event.sdp
    turn.call.late_early = turn.call.late_offer and event.reliable
    leg = turn.call.caller_leg
    leg.agent_id, leg.agent_tenant_id, leg.device_id = event.agent_id, event.agent_tenant_id, event.device_id
    leg.rid, leg.ring_timeout_s = event.rid, RING_S if event.rid else 0
    ask_answer(turn, event)
    return Phase.ARRIVED


def ask_answer(turn: Turn, event: on.Arrived | on.Restored) -> None:
    """Asks media for the answer to the caller's SDP, or for an offer where the caller made none."""
    leg_id = turn.call.caller_leg_id
    if turn.call.late_offer:
        turn.media(
            media.Command(
                make_offer=media.MakeOffer(
                    endpoint_id=leg_id, zone=event.zone, codecs=event.codecs, kind="ENDPOINT_KIND_RTP"
                )
            ),
            reply=fx.MediaReply.ACCEPTED,
            leg_id=leg_id,
        )
        return
    turn.media(
        media.Command(
            accept_offer=media.AcceptOffer(
                endpoint_id=turn.call.caller_leg_id, sdp=event.sdp, zone=event.zone, codecs=event.codecs
            )
        ),
        reply=fx.MediaReply.ACCEPTED,
        leg_id=turn.call.caller_leg_id,
    )


def refused_at_door(turn: Turn, event: on.RefusedAtDoor) -> Phase:
    _start(turn, event.source_address, event.sip_call_id)
    return finish(turn, event.cause, sip_status=event.status)


def offer_accepted(turn: Turn, event: on.OfferAccepted) -> Phase:
    call = turn.call
    call.local_sdp, call.codec = event.sdp, event.codec
    if call.late_offer and call.late_early and not _answers_at_once(call):
        # RFC 3262: the offer goes ahead, and the PRACK brings the caller's answer.
        _progress(turn)
        return Phase.ARRIVED
    if call.late_offer:
        # Nothing can be heard before the caller's answer, which the ACK of our 200 brings: the call is
        # answered at once, whatever the number's supervision says.
        turn.answer_caller()
        return Phase.ARRIVED
    return _go_on(turn)


def _go_on(turn: Turn) -> Phase:
    """The caller has audio, or will have it when answered."""
    call = turn.call
    if call.direct_agent_id:
        if not call.caller_leg.rid:
            return _to_colleague(turn)
        turn.do(fx.BeginWork(call.caller_leg_id, "outbound", call.wrap_up_s))
        return Phase.ARRIVED
    if call.answered_at or _answers_at_once(call):
        turn.answer_caller()
    else:
        _progress(turn)
    turn.do(fx.BeginFlow(call.flow_id))
    return Phase.IN_FLOW


def _answers_at_once(call: Call) -> bool:
    return call.supervision in (
        tenancy.ANSWER_SUPERVISION_UNSPECIFIED,
        tenancy.ANSWER_SUPERVISION_AT_FLOW,
    )


def _progress(turn: Turn) -> None:
    """183 with our audio, again every minute, and not for ever."""
    turn.do(
        fx.ProgressCaller(turn.call.local_sdp),
        fx.SetTimer(fx.Timer.PROGRESS, PROGRESS_EVERY_S),
        fx.SetTimer(fx.Timer.UNANSWERED, UNANSWERED_LIMIT_S),
    )


def answer_given(turn: Turn, event: on.CallerAnswerGiven) -> Phase:
    """The ACK, or the PRACK, of a late offer. An empty one leaves nothing to talk over."""
    call = turn.call
    if not call.late_offer or not event.sdp:
        return finish(turn, Cause.HANGUP_CAUSE_NOT_ACCEPTABLE)
    call.late_answer = event.sdp
    ask_ready(turn)
    return Phase.ARRIVED


def ask_ready(turn: Turn) -> None:
    call = turn.call
    turn.media(
        media.Command(accept_answer=media.AcceptAnswer(endpoint_id=call.caller_leg_id, sdp=call.late_answer)),
        reply=fx.MediaReply.READY,
        leg_id=call.caller_leg_id,
    )


def caller_ready(turn: Turn, event: on.CallerReady) -> Phase:
    call = turn.call
    call.codec, call.late_answer = event.codec, ""
    return _go_on(turn)


def work_begun(turn: Turn, _event: on.WorkBegun) -> Phase:
    """The agent who dialled is bound to this call."""
    return _to_colleague(turn)


def work_not_begun(turn: Turn, event: on.WorkNotBegun) -> Phase:
    """Logged out, or in another contact. Where agent_state is away, colleagues talk all the same."""
    turn.call.caller_leg.rid = ""
    if event.reason in AWAY:
        return _to_colleague(turn)
    return finish(turn, Cause.HANGUP_CAUSE_FORBIDDEN)


def _to_colleague(turn: Turn) -> Phase:
    call = turn.call
    if not call.answered_at:
        _progress(turn)
    return send_to(turn, Destination(Kind.AGENT, call.direct_agent_id))


def offer_unacceptable(turn: Turn, _event: on.OfferUnacceptable) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_NOT_ACCEPTABLE)


def progress_due(turn: Turn, _event: on.ProgressDue) -> Phase:
    turn.do(fx.ProgressCaller(turn.call.local_sdp), fx.SetTimer(fx.Timer.PROGRESS, PROGRESS_EVERY_S))
    return turn.call.phase
