"""A customer is called back with an agent whom acd has reserved: he first, or the customer first.

Nobody is called before agent_state has said that he still is reserved: acd may have given him away since. A
customer who was called first and waits for the agent is a caller in the queue like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import dialling, offer
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.callback_wish import greeting
from seatbus_sip_edge.domain.causes import AWAY, NO_ANSWER, REJECTED, UNREACHABLE, OfferFailure, failure_of
from seatbus_sip_edge.domain.ending import finish
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, Leg, LegPhase, Phase, Role
from seatbus_sip_edge.domain.waiting import take_queue

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.domain.callback_inputs import CalledBack
    from seatbus_sip_edge.domain.turn import Turn

# For the key, once something has picked up.
ACCEPT_S: Final = 15
_CUSTOMER: Final = {
    Cause.HANGUP_CAUSE_NO_ANSWER: acd.OFFER_OUTCOME_CUSTOMER_NO_ANSWER,
    Cause.HANGUP_CAUSE_BUSY: acd.OFFER_OUTCOME_CUSTOMER_BUSY,
    Cause.HANGUP_CAUSE_REJECTED: acd.OFFER_OUTCOME_CUSTOMER_REJECTED,
}


def _agent(turn: Turn) -> Leg:
    return turn.call.legs[turn.call.agent_leg_id]


def called_back(turn: Turn, event: CalledBack) -> Phase:
    call = turn.call
    call.calls_back = True
    call.epochs[event.group] = event.epoch
    call.contact_id, call.queue_id = event.contact_id, event.queue_id
    take_queue(call, event.queue)
    policy = event.queue.callback if event.queue is not None else None
    call.accept_by_key = policy.accept_by_key if policy is not None else False
    # Of the one who waits: nobody asks for it twice.
    call.callback_key = ""
    leg = Leg(
        event.leg_id,
        Role.LEG_ROLE_AGENT,
        agent_id=event.agent_id,
        agent_tenant_id=event.agent_tenant_id,
        rid=event.rid,
        queue_id=event.queue_id,
        ring_timeout_s=event.ring_timeout_s,
        created_at=turn.now,
    )
    dialling.start(turn, leg, "")
    call.caller_leg.ring_timeout_s = event.customer_ring_s
    if event.attributes:
        call.attributes.update(event.attributes)
        turn.record(facts.CallAttributesSet(attributes=event.attributes))
    turn.do(fx.BeginWork(leg.leg_id, "callback"))
    return Phase.CALLING_BACK


def begun(turn: Turn, _event: on.WorkBegun) -> Phase:
    leg, customer = _agent(turn), turn.call.caller_leg
    if leg.phase is LegPhase.TRYING and customer.phase is LegPhase.TRYING:
        _call(turn, customer if turn.call.customer_first else leg)
    return Phase.CALLING_BACK


def not_begun(turn: Turn, event: on.WorkNotBegun) -> Phase:
    """Reserved no more. Where nobody can tell, only who is being called already is called on."""
    legs = (_agent(turn), turn.call.caller_leg)
    if event.reason in AWAY and any(leg.phase is not LegPhase.TRYING for leg in legs):
        return Phase.CALLING_BACK
    return _give_up(turn, Cause.HANGUP_CAUSE_CANCELLED, acd.OFFER_OUTCOME_FAILED)


def _call(turn: Turn, leg: Leg) -> None:
    turn.move_leg(leg, LegEvent.OFFER_ASKED)
    _ask_offer(turn, leg)
    if leg is turn.call.caller_leg:
        turn.report(_agent(turn), agent.WORK_EVENT_DIALING)


def _ask_offer(turn: Turn, leg: Leg) -> None:
    customer = turn.call.caller_leg
    other = _agent(turn) if leg is customer else customer
    offer.ask_offer(turn, leg, like=other.leg_id if other.was_answered else "")


def ringing(turn: Turn, event: on.AgentRinging) -> Phase:
    offer.ringing(turn, event)
    return early_media(turn, event)


def early_media(turn: Turn, event: on.AgentRinging | on.EarlyMedia) -> Phase:
    """The agent hears that the customer is being called."""
    leg = _agent(turn)
    if event.leg_id == turn.call.caller_leg_id and leg.was_answered:
        turn.play_ringback(leg.leg_id)
    return Phase.CALLING_BACK


def answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    call, leg = turn.call, turn.call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.ANSWERED)
    leg.answered_at, leg.answer_sdp = turn.now, event.sdp
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    if leg.leg_id != call.caller_leg_id:
        turn.media(media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=event.sdp)))
        turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, acd.OFFER_OUTCOME_RINGING))
        _call(turn, call.caller_leg)
        return Phase.CALLING_BACK
    if call.customer_first:
        return _customer_waits(turn, leg)
    dialling.join(turn)
    return Phase.CALLING_BACK


def _customer_waits(turn: Turn, customer: Leg) -> Phase:
    """From now on a caller in the queue to whom an agent is offered."""
    call = turn.call
    turn.media(
        media.Command(accept_answer=media.AcceptAnswer(endpoint_id=customer.leg_id, sdp=customer.answer_sdp))
    )
    turn.move_leg(customer, LegEvent.CONNECTED)
    customer.answer_sdp = ""
    call.answered_at, call.waiting = turn.now, True
    turn.record(facts.CallAnswered())
    turn.record(facts.LegAnswered(leg_id=customer.leg_id))
    turn.record(facts.CallQueued(contact_id=call.contact_id, queue_id=call.queue_id, visit=call.visit))
    tell_customer_waits(turn)
    turn.play("comfort", [greeting(call, "This is the call that you have asked for. Please hold the line.")])
    _call(turn, _agent(turn))
    return Phase.OFFERED


def tell_customer_waits(turn: Turn) -> None:
    """acd learns that somebody holds the line. Said again after a restart: it may not have heard."""
    call = turn.call
    leg = next((leg for leg in call.legs.values() if leg.role == Role.LEG_ROLE_AGENT), None)
    if call.calls_back and call.waiting and leg is not None:
        outcome = acd.OFFER_OUTCOME_RINGING
        turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, outcome, repeated=True, customer_waits=True))


def connected(turn: Turn, event: on.Connected) -> Phase:
    call = turn.call
    if call.caller_leg.phase is not LegPhase.ANSWERED:
        return Phase.CALLING_BACK
    dialling.connected(turn, event)
    turn.record(facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome="answered"))
    turn.do(fx.ReportOffer(call.agent_leg_id, call.contact_id, acd.OFFER_OUTCOME_ANSWERED))
    return Phase.BRIDGED


def failed(turn: Turn, event: on.AgentFailed) -> Phase:
    leg = turn.call.legs[event.leg_id]
    failure = failure_of(event.status)
    if leg.leg_id == turn.call.caller_leg_id:
        return _customer_failed(turn, leg, failure.cause, event.status)
    return _agent_failed(turn, failure, event.status)


def ring_timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.was_answered:
        return Phase.CALLING_BACK
    turn.close_sip(leg)
    if leg.leg_id == turn.call.caller_leg_id:
        return _customer_failed(turn, leg, Cause.HANGUP_CAUSE_NO_ANSWER)
    # A phone that never said 180 was not there to be answered.
    return _agent_failed(turn, NO_ANSWER if leg.phase is LegPhase.RINGING else UNREACHABLE)


def _customer_failed(turn: Turn, leg: Leg, cause: call_types.HangupCause, status: int = 0) -> Phase:
    outcome = _CUSTOMER.get(cause, acd.OFFER_OUTCOME_CUSTOMER_UNREACHABLE)
    if leg.accepting:
        outcome = acd.OFFER_OUTCOME_CUSTOMER_MACHINE
    turn.end_leg(leg, cause, status)
    return _give_up(turn, cause, outcome)


def _agent_failed(turn: Turn, failure: OfferFailure, status: int = 0) -> Phase:
    """As of any other offer: the contact keeps its place."""
    return _give_up(turn, failure.cause, failure.offer, work=failure.work, gone=True, status=status)


def agent_left(turn: Turn, _event: on.AgentHungUp) -> Phase:
    """He has taken it and does not wait for the customer."""
    return _give_up(turn, Cause.HANGUP_CAUSE_AGENT_HUNG_UP, REJECTED.offer, work=REJECTED.work, gone=True)


def customer_left(turn: Turn, _event: on.CallerHungUp) -> Phase:
    outcome = acd.OFFER_OUTCOME_CUSTOMER_HUNG_UP
    return _give_up(turn, Cause.HANGUP_CAUSE_CALLER_HUNG_UP, outcome, customer_gone=True)


def broken(turn: Turn, event: on.HangUpAsked | on.Aborted | on.MediaLost | on.ConnectFailed) -> Phase:
    """Cancelled by the API, or it cannot go on: the contact waits for another attempt, if it still does."""
    cause: call_types.HangupCause = Cause.HANGUP_CAUSE_MEDIA_FAILED
    if isinstance(event, on.HangUpAsked | on.Aborted):
        cause = event.cause or cause
    return _give_up(turn, cause, acd.OFFER_OUTCOME_FAILED)


def _give_up(
    turn: Turn,
    cause: call_types.HangupCause,
    outcome: acd.OfferOutcome,
    *,
    work: agent.WorkEvent = agent.WORK_EVENT_CANCELLED,
    gone: bool = False,
    customer_gone: bool = False,
    status: int = 0,
) -> Phase:
    """Ends the call. `gone`: the agent's phone knows. agent_state hears of it first, then acd."""
    call, leg = turn.call, _agent(turn)
    if leg.live:
        turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
        if not gone:
            turn.close_sip(leg)
        turn.end_leg(leg, cause, status)
        turn.report(leg, work)
    turn.do(fx.ReportOffer(leg.leg_id, call.contact_id, outcome))
    return finish(turn, cause, caller_gone=customer_gone)


def restored(turn: Turn, _event: on.Restored) -> Phase:
    """After a restart: is he still reserved? What was asked last is asked again."""
    call, leg = turn.call, _agent(turn)
    turn.do(fx.BeginWork(leg.leg_id, "callback"))
    for one in (leg, call.caller_leg):
        if one.phase is LegPhase.PREPARED:
            _ask_offer(turn, one)
        elif one.was_answered:
            turn.do(fx.Probe(one.leg_id))
        else:
            offer.ask_again(turn, one)
    if call.caller_leg.phase is LegPhase.ANSWERED:
        dialling.join(turn)
    return Phase.CALLING_BACK


_ENDS = (Phase.ENDING, Phase.ENDED)
_HERE = Phase.CALLING_BACK
# Input -> action and the phases it may lead to, while the customer is called.
ROWS: Mapping[type, tuple[Callable[[Turn, Any], Phase], tuple[Phase, ...]]] = {
    on.WorkBegun: (begun, (_HERE,)),
    on.WorkNotBegun: (not_begun, (_HERE, *_ENDS)),
    on.AgentOfferMade: (offer.offer_made, (_HERE,)),
    on.AgentRinging: (ringing, (_HERE,)),
    on.EarlyMedia: (early_media, (_HERE,)),
    on.AgentAnswered: (answered, (_HERE, Phase.OFFERED)),
    on.AgentFailed: (failed, _ENDS),
    on.RingTimedOut: (ring_timed_out, (_HERE, *_ENDS)),
    on.Connected: (connected, (_HERE, Phase.BRIDGED)),
    on.ConnectFailed: (broken, _ENDS),
    on.AgentHungUp: (agent_left, _ENDS),
    on.CallerHungUp: (customer_left, _ENDS),
    on.CallerCancelled: (customer_left, _ENDS),
    on.MediaLost: (broken, _ENDS),
    on.HangUpAsked: (broken, _ENDS),
    on.Aborted: (broken, _ENDS),
    on.Restored: (restored, (_HERE, *_ENDS)),
}
