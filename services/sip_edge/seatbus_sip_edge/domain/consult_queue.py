"""The agent asks a queue: whoever of it is free comes as the third party; of several who ring the first.

The visit is a contact of its own at acd. It is cancelled when the agent goes back, and becomes the customer's
own when the agent leaves before anybody has answered: the place is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import ring, spare
from seatbus_sip_edge.domain.ending import take_away, work_at_end
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, Leg, Phase, Role
from seatbus_sip_edge.domain.offer import ask_offer, remove_endpoint

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.causes import OfferFailure
    from seatbus_sip_edge.domain.destinations import Destination
    from seatbus_sip_edge.domain.turn import Turn


def ask(turn: Turn, to: Destination) -> None:
    """The agent waits, with music, for somebody of the queue."""
    call = turn.call
    queue = to.queue if to.queue is not None else tenancy.Queue()
    call.consult_contact_id, call.consult_queue_id = turn.ids(), to.id
    call.consult_waiting = True
    call.consult_queue = {
        "record": queue.record,
        "music_prompt_id": queue.music_prompt_id,
        "whisper_prompt_id": queue.whisper_prompt_id,
        "wrap_up_s": queue.wrap_up_s,
    }
    enqueue(turn)


def enqueue(turn: Turn) -> None:
    """Asks acd, once more too: harmless while the contact lives."""
    call = turn.call
    turn.do(fx.Enqueue(call.consult_contact_id, call.consult_queue_id))
    if call.consult_leg is None:
        turn.play_music(call.agent_leg_id)


def is_over(turn: Turn, cancelled: acd_types.VisitOutcome = acd_types.VISIT_OUTCOME_UNSPECIFIED) -> None:
    """Nobody of the queue is wanted any more. `cancelled`: what acd is told that does not know it yet."""
    call = turn.call
    if call.consult_waiting and cancelled:
        turn.do(fx.CancelContact(call.consult_contact_id, cancelled))
    call.consult_waiting = False


def offered(turn: Turn, event: on.AgentOffered) -> Phase:
    """Raises IllegalInput when nobody of a queue is waited for."""
    call = turn.call
    waits = call.consult_waiting and event.contact_id == call.consult_contact_id
    beside = ring.takes_another(call, event.ring, consult=True)
    if not waits or (call.consult_leg is not None and not beside):
        raise IllegalInput(call.phase.value, type(event).__name__)
    call.epochs[event.group] = max(event.epoch, call.epochs.get(event.group, 0))
    leg = Leg(
        event.leg_id,
        Role.LEG_ROLE_CONSULT,
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
    if not beside:
        call.consult_leg_id = leg.leg_id
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
    if not beside:
        turn.play_ringback(call.agent_leg_id)
    ask_offer(turn, leg)
    return Phase.CONSULTING


def accepted(turn: Turn, leg: Leg) -> None:
    """Somebody has come: the visit is over."""
    call = turn.call
    if call.consult_waiting and leg.rid:
        call.consult_waiting = False
        turn.do(fx.ReportOffer(leg.leg_id, call.consult_contact_id, acd.OFFER_OUTCOME_ANSWERED))
        for other in call.consult_rung:
            ring.lose(turn, other)


def _go_on(turn: Turn, over: Leg) -> None:
    """A leg has come to nothing: the others ring on, or the agent waits."""
    call = turn.call
    others = call.consult_rung
    if over.leg_id == call.consult_leg_id:
        call.consult_leg_id = others[0].leg_id if others else ""
    if not call.consult_leg_id:
        turn.play_music(call.agent_leg_id)


def silence(turn: Turn, cause: Cause, *, gone: bool = False) -> None:
    """Nobody is asked any more, whether they ring or talk."""
    call = turn.call
    for leg in (*call.consult_rung, call.consult_leg):
        if leg is not None:
            turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
            take_away(turn, leg, cause, gone=gone)


def wait_on(
    turn: Turn, leg: Leg, failure: OfferFailure | None, *, status: int = 0, gone: bool = False
) -> Phase:
    """Whoever was rung has not come: acd finds the next one. `failure` None: they came and went at once."""
    call = turn.call
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    if not gone:
        turn.close_sip(leg)
    turn.end_leg(leg, failure.cause if failure is not None else Cause.HANGUP_CAUSE_CANCELLED, status)
    remove_endpoint(turn, leg)
    turn.report(leg, failure.work if failure is not None else work_at_end(leg))
    outcome = failure.offer if failure is not None else acd.OFFER_OUTCOME_FAILED
    turn.do(fx.ReportOffer(leg.leg_id, call.consult_contact_id, outcome))
    _go_on(turn, leg)
    return Phase.CONSULTING


def withdrawn(turn: Turn, event: on.OfferWithdrawn) -> Phase:
    call, leg = turn.call, turn.call.leg_of(event.rid)
    if call.consult_waiting and leg is not None and leg in (call.consult_leg, *call.consult_rung):
        turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
        take_away(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
        _go_on(turn, leg)
    return call.phase


def dropped(turn: Turn, event: on.OfferDropped) -> Phase:
    """acd had given the contact to somebody else, who is on the way."""
    call, leg = turn.call, turn.call.consult_leg
    if leg is None or leg.rid != event.rid or not leg.confirmed or not leg.queue_id:
        return call.phase
    take_away(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
    call.consult_leg_id, call.swapped, call.consult_waiting = "", False, True
    enqueue(turn)
    return call.phase


def hand_over(turn: Turn, *, gone: bool) -> Phase:
    """The agent leaves: the visit is the customer's, with whoever rings for it."""
    call, asks, leg = turn.call, turn.call.agent_leg, turn.call.consult_leg
    others = call.consult_rung
    target = call_types.OutboundTarget(queue_id=call.consult_queue_id)
    by_agent_id = asks.agent_id if asks is not None else ""
    turn.record(facts.CallConsultEnded(leg_id=call.consult_leg_id, outcome="transferred"))
    turn.record(facts.CallTransferred(kind="attended", target=target, by_agent_id=by_agent_id))
    if asks is not None:
        take_away(turn, asks, Cause.HANGUP_CAUSE_TRANSFERRED, gone=gone)
    call.contact_id, call.queue_id = call.consult_contact_id, call.consult_queue_id
    for name, value in call.consult_queue.items():
        setattr(call, name, value)
    call.requirements, call.priority, call.preferred_agent_id = {}, 0, ""
    call.first_fifo = call.first_enqueued_at = 0
    call.visit += 1
    call.waiting, call.consult_waiting = True, False
    call.consult_leg_id, call.consult_contact_id, call.swapped = "", "", False
    turn.record(facts.CallQueued(contact_id=call.contact_id, queue_id=call.queue_id, visit=call.visit))
    if leg is None:
        spare.wait_with_music(turn)
        return Phase.QUEUED
    turn.play_music()
    for rings in (leg, *others):
        rings.role, rings.queue_id = Role.LEG_ROLE_AGENT, call.queue_id
    call.agent_leg_id = leg.leg_id
    return Phase.OFFERED
