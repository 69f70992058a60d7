"""Taking a call up after its process died: what its last transitions may not have brought about is repeated.

Every effect here may have happened before. Each is harmless then: requests carry the ids of the first time,
SIP messages are retransmissions to the peer, reports of what is known change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import callback, callback_wish, consult, spare, supervise, voicemail
from seatbus_sip_edge.domain import device_lost as lost
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.arrival import UNANSWERED_LIMIT_S, ask_answer, ask_ready
from seatbus_sip_edge.domain.causes import failure_by_cause
from seatbus_sip_edge.domain.destinations import ANNOUNCEMENT
from seatbus_sip_edge.domain.dialling import PROGRESS_EVERY_S
from seatbus_sip_edge.domain.ending import CALLBACK_TAKEN, close, finish, work_at_end
from seatbus_sip_edge.domain.model import Cause, LegPhase, Phase, Role
from seatbus_sip_edge.domain.offer import ask_again, join
from seatbus_sip_edge.domain.reaching import restored as reach_again
from seatbus_sip_edge.domain.reaching import wait_parked
from seatbus_sip_edge.domain.transfer import connect

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn


# agent_state and phones have heard by then of what ended.
REPEATED_S = 60.0
# Media may not have been told who hears whom since the last change: it is told again.
REARRANGED_S = 10.0


def _since(turn: Turn, moment: int) -> float:
    return max(0.0, (turn.now - moment) / 1e6)


def _caller(turn: Turn) -> None:
    call, leg = turn.call, turn.call.caller_leg
    turn.do(fx.ResumeCaller(leg.was_answered, call.local_sdp))
    if leg.was_answered:
        turn.do(fx.Probe(leg.leg_id))
    else:
        left = max(1.0, UNANSWERED_LIMIT_S - _since(turn, call.started_at))
        turn.do(fx.SetTimer(fx.Timer.PROGRESS, PROGRESS_EVERY_S), fx.SetTimer(fx.Timer.UNANSWERED, left))


def _last_offer(turn: Turn) -> None:
    """How the last offer failed may not have been told."""
    call = turn.call
    ended = [leg for leg in call.legs.values() if leg.role == Role.LEG_ROLE_AGENT and not leg.live]
    if not ended:
        return
    leg = ended[-1]
    _ring_ended(turn, leg)
    _tell_end(turn, leg)
    _left_lately(turn, leg)


def _left_lately(turn: Turn, told: Leg | None = None) -> None:
    """Agents who talked before: a BYE may have waited for the phone to hear how its REFER went."""
    for leg in turn.call.legs.values():
        talked = leg.was_answered and leg.role != Role.LEG_ROLE_CALLER
        if talked and not leg.live and leg is not told and _since(turn, leg.ended_at) <= REPEATED_S:
            turn.do(fx.HangUp(leg.leg_id))
            turn.report(leg, work_at_end(leg))


def _ring_ended(turn: Turn, leg: Leg) -> None:
    """How others ended that rang beside it."""
    for other in turn.call.legs.values():
        if leg.ring and other.ring == leg.ring and not other.live and other is not leg:
            _tell_end(turn, other)


def _tell_end(turn: Turn, leg: Leg) -> None:
    call = turn.call
    turn.do(fx.HangUp(leg.leg_id) if leg.was_answered else fx.CancelDial(leg.leg_id))
    if leg.cause == Cause.HANGUP_CAUSE_ANSWERED_ELSEWHERE:
        turn.report(leg, work_at_end(leg))
        return
    failure = failure_by_cause(leg.cause)
    if leg.was_answered:
        work, outcome = work_at_end(leg), acd.OFFER_OUTCOME_FAILED
    elif failure is not None:
        work, outcome = failure.work, failure.offer
    else:
        work, outcome = agent.WORK_EVENT_CANCELLED, acd.OFFER_OUTCOME_FAILED
    turn.report(leg, work)
    if call.contact_id:
        turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, outcome, repeated=True))


def arrived(turn: Turn, event: on.Restored) -> Phase:
    call = turn.call
    if call.late_offer:
        if call.late_answer:
            ask_ready(turn)
        elif call.answered_at:
            turn.do(fx.ResumeCaller(True, call.local_sdp))
        else:
            ask_answer(turn, event)
        return Phase.ARRIVED
    if not event.sdp:
        return finish(turn, Cause.HANGUP_CAUSE_SYSTEM)
    ask_answer(turn, event)
    return Phase.ARRIVED


def in_flow(turn: Turn, _event: on.Restored) -> Phase:
    call = turn.call
    _caller(turn)
    _last_offer(turn)
    if call.action == CALLBACK_TAKEN:
        return callback_wish.say_taken(turn)
    if call.action == ANNOUNCEMENT:
        turn.do(fx.TakeFallback("the edge was restarted"))
    elif call.action == voicemail.ROUTE_ACTION:
        return voicemail.ask(turn, [], call.voicemail_queue_id, call.voicemail_s, route=True)
    else:
        # By call: a second Begin gives the step that the call is at.
        call.resuming = True
        turn.do(fx.BeginFlow(call.flow_id))
    return Phase.IN_FLOW


def queued(turn: Turn, _event: on.Restored) -> Phase:
    _caller(turn)
    callback.tell_customer_waits(turn)
    _last_offer(turn)
    turn.enqueue_again()
    # Nobody knows any more how the one before was made, or whether.
    spare.give_back(turn)
    spare.wait_with_music(turn)
    callback_wish.listen(turn)
    return Phase.QUEUED


def offered(turn: Turn, _event: on.Restored) -> Phase:
    call, leg = turn.call, turn.call.agent_leg
    _caller(turn)
    if leg is None:
        return finish(turn, Cause.HANGUP_CAUSE_SYSTEM)
    callback.tell_customer_waits(turn)
    _ring_ended(turn, leg)
    _left_lately(turn)
    if not leg.confirmed:
        for called in (leg, *call.rung):
            ask_again(turn, called)
    else:
        join(turn, leg)
        turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, acd.OFFER_OUTCOME_ANSWERED, repeated=True))
    return Phase.OFFERED


def reaching(turn: Turn, _event: on.Restored) -> Phase:
    call, leg = turn.call, turn.call.agent_leg
    _caller(turn)
    if leg is None:
        return finish(turn, Cause.HANGUP_CAUSE_SYSTEM)
    if leg.phase is LegPhase.TRYING:
        turn.do(fx.BeginWork(leg.leg_id, "direct", call.wrap_up_s))
    _ended_lately(turn)
    turn.play_ringback()
    reach_again(turn, leg)
    return Phase.REACHING


def _conversation(turn: Turn) -> None:
    """The agent is with the customer, or has left them to ask somebody."""
    call, leg = turn.call, turn.call.agent_leg
    _caller(turn)
    _ended_lately(turn)
    if leg is None:
        return
    turn.do(fx.Probe(leg.leg_id))
    turn.report(leg, agent.WORK_EVENT_ANSWERED)
    if leg.queue_id and leg.role == Role.LEG_ROLE_AGENT and call.contact_id:
        turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, acd.OFFER_OUTCOME_ANSWERED, repeated=True))
    supervise.restored(turn)


def _ended_lately(turn: Turn) -> None:
    """Legs that ended shortly before the restart: their phones and agent_state may not have heard."""
    for leg in turn.call.legs.values():
        if leg.live or leg.role == Role.LEG_ROLE_CALLER or _since(turn, leg.ended_at) > REPEATED_S:
            continue
        turn.do(fx.HangUp(leg.leg_id) if leg.was_answered else fx.CancelDial(leg.leg_id))
        failure = None if leg.was_answered or leg.lost else failure_by_cause(leg.cause)
        turn.report(leg, failure.work if failure is not None else work_at_end(leg))


def bridged(turn: Turn, _event: on.Restored) -> Phase:
    call, leg = turn.call, turn.call.agent_leg
    _conversation(turn)
    if leg is None:
        return Phase.BRIDGED
    if leg.held or leg.on_hold:
        turn.report(leg, agent.WORK_EVENT_HELD)
    elif call.rearranged_at and _since(turn, call.rearranged_at) < REARRANGED_S:
        connect(turn, call.caller_leg_id, leg.leg_id)
    return Phase.BRIDGED


def device_lost(turn: Turn, _event: on.Restored) -> Phase:
    leg = turn.call.agent_leg
    _caller(turn)
    _ended_lately(turn)
    if leg is None:
        return finish(turn, Cause.HANGUP_CAUSE_SYSTEM)
    lost.restored(turn, leg)
    return Phase.DEVICE_LOST


def consulting(turn: Turn, _event: on.Restored) -> Phase:
    _conversation(turn)
    leg = turn.call.agent_leg
    if leg is not None:
        turn.report(leg, agent.WORK_EVENT_CONSULT_STARTED)
    _third_party(turn)
    return Phase.CONSULTING


def conferenced(turn: Turn, _event: on.Restored) -> Phase:
    _conversation(turn)
    _third_party(turn)
    for leg in (turn.call.agent_leg, turn.call.consult_leg):
        if leg is not None:
            turn.report(leg, agent.WORK_EVENT_CONFERENCED)
    return Phase.CONFERENCED


def _third_party(turn: Turn) -> None:
    leg = turn.call.consult_leg
    if leg is not None and leg.phase is LegPhase.TALKING:
        turn.do(fx.Probe(leg.leg_id))
        turn.report(leg, agent.WORK_EVENT_ANSWERED)
    consult.restored(turn)


def parked(turn: Turn, _event: on.Restored) -> Phase:
    _caller(turn)
    _ended_lately(turn)
    return wait_parked(turn)


def _close_legs(turn: Turn) -> None:
    """Each SIP side knows whether its peer has had the last word."""
    call = turn.call
    for leg in call.legs.values():
        if leg.role == Role.LEG_ROLE_CALLER:
            turn.do(fx.ResumeCaller(leg.was_answered, call.local_sdp) if leg.was_answered else _refusal(turn))
        if leg.was_answered:
            turn.do(fx.HangUp(leg.leg_id))
        elif leg.role != Role.LEG_ROLE_CALLER:
            turn.do(fx.CancelDial(leg.leg_id))


def _refusal(turn: Turn) -> fx.Effect:
    return fx.RefuseCaller(turn.call.sip_status or 503)


def ending(turn: Turn, _event: on.Restored) -> Phase:
    _close_legs(turn)
    turn.do(fx.RepeatReports())
    if not turn.call.has_session:
        return close(turn)
    turn.media(media.Command(end_session=media.EndSession()), reply=fx.MediaReply.ENDED)
    return Phase.ENDING


def ended(turn: Turn, _event: on.Restored) -> Phase:
    _close_legs(turn)
    turn.do(fx.RepeatReports(), fx.Finished())
    return Phase.ENDED
