"""The call's audio is on another media instance now: what goes on there, by the phase that the call is in.

The legs have agreed on their audio anew. What was asked of media since the loss has reached the new instance
before this; all here says once more what holds at this moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import callback_wish, external, offer, spare, supervise, voicemail
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.controls import hold_again, pause_recording, record_talk
from seatbus_sip_edge.domain.destinations import ANNOUNCEMENT
from seatbus_sip_edge.domain.ending import CALLBACK_TAKEN
from seatbus_sip_edge.domain.model import LegPhase, Phase
from seatbus_sip_edge.domain.transfer import connect

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn

# Phases whose audio can be set up again from nothing but the call's state. Not so: before the first answer of
# media.
MOVABLE = frozenset(
    {
        Phase.IN_FLOW,
        Phase.QUEUED,
        Phase.OFFERED,
        Phase.REACHING,
        Phase.DIALLING,
        Phase.CALLING,
        Phase.CALLING_BACK,
        Phase.BRIDGED,
        Phase.DEVICE_LOST,
        Phase.CONSULTING,
        Phase.CONFERENCED,
        Phase.PARKED,
    }
)


def in_flow(turn: Turn, _event: on.MediaMoved) -> Phase:
    """The caller gets the present step from its beginning; a message goes on as another one."""
    call = turn.call
    if call.action == CALLBACK_TAKEN:
        return callback_wish.say_taken(turn)
    if call.voicemail_id:
        voicemail.go_on(turn)
    elif call.action == voicemail.ROUTE_ACTION:
        return voicemail.ask(turn, [], call.voicemail_queue_id, call.voicemail_s, route=True)
    elif call.action == ANNOUNCEMENT:
        turn.do(fx.TakeFallback("media was lost"))
    else:
        # By call: a second Begin gives the step that the call is at.
        call.resuming = True
        turn.do(fx.BeginFlow(call.flow_id))
    return Phase.IN_FLOW


def waiting(turn: Turn, _event: on.MediaMoved) -> Phase:
    if turn.call.waiting:
        spare.wait_with_music(turn)
        callback_wish.listen(turn)
    else:
        turn.play_music()
    return turn.call.phase


def offered(turn: Turn, _event: on.MediaMoved) -> Phase:
    """An agent is being called; the customer waits until they have answered."""
    leg = turn.call.agent_leg
    if leg is None or not leg.confirmed:
        turn.play_music()
    for called in (leg, *turn.call.rung):
        _called(turn, called)
    return Phase.OFFERED


def reaching(turn: Turn, _event: on.MediaMoved) -> Phase:
    leg = turn.call.agent_leg
    if leg is None or not leg.confirmed:
        turn.play_ringback()
    _called(turn, leg)
    return Phase.REACHING


def dialling(turn: Turn, _event: on.MediaMoved) -> Phase:
    """Who was called rings on; an agent who listens hears our ringing in place of the far network's."""
    call, leg = turn.call, turn.call.agent_leg
    if leg is None or leg.accepting:
        _called(turn, leg)
    elif call.caller_leg.phase in (LegPhase.DIALLED, LegPhase.RINGING) and (
        leg.was_answered or call.early_media
    ):
        turn.play_ringback(leg.leg_id)
    if call.caller_leg.accepting:
        external.ask(turn, call.caller_leg)
    return call.phase


def device_lost(turn: Turn, _event: on.MediaMoved) -> Phase:
    """The customer waits on for the agent's phone, or it is being called anew."""
    turn.play_music()
    if turn.call.recording:
        _record_on(turn)
    return Phase.DEVICE_LOST


def _called(turn: Turn, leg: Leg | None) -> None:
    if leg is None:
        return
    if leg.accepting:
        external.ask(turn, leg)
    elif leg.whispering:
        # What was said so far was said; the rest would keep the customer waiting.
        leg.whispering = False
        offer.begin_talk(turn, leg)


def bridged(turn: Turn, _event: on.MediaMoved) -> Phase:
    call, leg = turn.call, turn.call.agent_leg
    if leg is None:
        return Phase.BRIDGED
    connect(turn, call.caller_leg_id, leg.leg_id)
    hold_again(turn)
    _as_before(turn)
    return Phase.BRIDGED


def consulting(turn: Turn, _event: on.MediaMoved) -> Phase:
    if turn.call.agent_leg is not None:
        ask_on(turn, turn.call.agent_leg)
        _as_before(turn)
    return Phase.CONSULTING


def ask_on(turn: Turn, asks: Leg) -> None:
    """The agent talks with the third party or (swapped) the customer; the other one waits."""
    call, third = turn.call, turn.call.consult_leg
    if third is None or third.phase is not LegPhase.TALKING:
        turn.play_music()
        turn.play_ringback(asks.leg_id)
    else:
        to, waits = (call.caller_leg_id, third.leg_id) if call.swapped else (third.leg_id, call.caller_leg_id)
        connect(turn, asks.leg_id, to)
        turn.play_music(waits)


def conferenced(turn: Turn, _event: on.MediaMoved) -> Phase:
    confer(turn)
    _as_before(turn)
    return Phase.CONFERENCED


def confer(turn: Turn) -> None:
    """All three hear each other."""
    call = turn.call
    there = [leg.leg_id for leg in (call.caller_leg, call.agent_leg, call.consult_leg) if leg is not None]
    turn.media(media.Command(conference=media.Conference(endpoint_ids=there)))


def _as_before(turn: Turn) -> None:
    """Who is muted, who supervises, what is recorded."""
    call = turn.call
    for one in call.legs.values():
        if one.live and one.muted:
            turn.media(media.Command(mute=media.Mute(endpoint_id=one.leg_id, on=True)))
    supervise.again(turn)
    if call.recording:
        _record_on(turn)


def _record_on(turn: Turn) -> None:
    """What was taken up before is closed with the lost instance: the rest is a recording of its own."""
    call = turn.call
    paused = call.recording_paused
    turn.record(facts.CallRecordingStopped(recording_id=call.recording_id))
    call.recording = False
    record_talk(turn)
    if paused:
        pause_recording(turn, on=True)
