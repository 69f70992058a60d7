"""An agent on an outside number accepts by key press: a voicemail that picks up is no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import callback, callback_wish, dialling, offer, reaching
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import LegPhase, Phase
from seatbus_sip_edge.domain.phrases import press_one

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn

ACCEPT: Final = "1"
_CUSTOMER_PROMPT: Final = "This is the call that you have asked for. Press one to be connected."
_WAIT_MS: Final = 4000


def _id(leg: Leg) -> str:
    return f"accept-{leg.leg_id}"


def answered(turn: Turn, event: on.ExternalAnswered) -> Phase:
    """Somebody or something has picked up; the leg rings on until the key is pressed."""
    leg = turn.call.legs[event.leg_id]
    if leg.phase is LegPhase.DIALLED:
        turn.move_leg(leg, LegEvent.RINGING)
        leg.ringing_at = turn.now
        turn.record(facts.LegRinging(leg_id=leg.leg_id))
        turn.report(leg, agent.WORK_EVENT_RINGING)
    leg.accepting = True
    leg.answer_sdp = event.sdp
    turn.media(media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=event.sdp)))
    if leg.leg_id == turn.call.caller_leg_id:
        turn.do(fx.SetTimer(fx.Timer.RING, callback.ACCEPT_S, leg.leg_id))
    ask(turn, leg)
    return turn.call.phase


def ask(turn: Turn, leg: Leg) -> None:
    """Says that there is a call, and waits for the key; asked again until the ring timer ends it."""
    command = media.Collect(
        endpoint_id=leg.leg_id, collect_id=_id(leg), min_digits=1, max_digits=1, timeout_ms=_WAIT_MS
    )
    said = press_one(leg.language)
    if leg.leg_id == turn.call.caller_leg_id:
        said = callback_wish.greeting(turn.call, _CUSTOMER_PROMPT)
    command.playlist.items.append(said)
    command.playlist.barge_in = True
    turn.media(media.Command(collect=command))


def collected(turn: Turn, event: on.CollectFinished) -> Phase:
    call, leg = turn.call, turn.call.legs.get(event.collect_id.removeprefix("accept-"))
    if call.waiting and leg is None:
        return callback_wish.collected(turn, event)
    if leg is None or not leg.accepting or not leg.live or event.collect_id != _id(leg):
        return call.phase
    if event.digits != ACCEPT and event.reason != "failed":
        ask(turn, leg)
        return call.phase
    if event.digits != ACCEPT:
        # Nothing can be asked: the ring timer ends it.
        return call.phase
    return _accepted(turn, leg)


def _accepted(turn: Turn, leg: Leg) -> Phase:
    leg.accepting = False
    said = on.AgentAnswered(leg.leg_id, leg.answer_sdp)
    match turn.call.phase:
        case Phase.OFFERED:
            return offer.answered(turn, said)
        case Phase.REACHING:
            return reaching.answered(turn, said)
        case Phase.CALLING_BACK:
            return callback.answered(turn, said)
        case _:
            return dialling.answered(turn, said)
