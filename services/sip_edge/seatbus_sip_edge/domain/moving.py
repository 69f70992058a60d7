"""The call's audio is on another media instance now: what goes on there, by the phase that the call is in.

The legs have agreed on their audio anew. What was asked of media since the loss has reached the new instance
before this; all here says once more what holds at this moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.controls import hold_again, pause_recording, record_talk
from seatbus_sip_edge.domain.destinations import ANNOUNCEMENT
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.transfer import connect

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.turn import Turn

# Phases whose audio can be set up again from nothing but the call's state.
MOVABLE = frozenset({Phase.IN_FLOW, Phase.QUEUED, Phase.BRIDGED, Phase.PARKED})


def in_flow(turn: Turn, _event: on.MediaMoved) -> Phase:
    """The caller gets the present step from its beginning."""
    call = turn.call
    if call.action == ANNOUNCEMENT:
        turn.do(fx.TakeFallback("media was lost"))
    elif not call.voicemail_id:
        # By call: a second Begin gives the step that the call is at.
        call.resuming = True
        turn.do(fx.BeginFlow(call.flow_id))
    return Phase.IN_FLOW


def waiting(turn: Turn, _event: on.MediaMoved) -> Phase:
    turn.play_music()
    return turn.call.phase


def offered(turn: Turn, _event: on.MediaMoved) -> Phase:
    """An agent was found meanwhile; the customer waits until they have answered."""
    leg = turn.call.agent_leg
    if leg is None or not leg.confirmed or leg.whispering:
        turn.play_music()
    return Phase.OFFERED


def bridged(turn: Turn, _event: on.MediaMoved) -> Phase:
    call, leg = turn.call, turn.call.agent_leg
    if leg is None:
        return Phase.BRIDGED
    connect(turn, call.caller_leg_id, leg.leg_id)
    hold_again(turn)
    for one in (call.caller_leg, leg):
        if one.muted:
            turn.media(media.Command(mute=media.Mute(endpoint_id=one.leg_id, on=True)))
    if call.recording:
        _record_on(turn)
    return Phase.BRIDGED


def _record_on(turn: Turn) -> None:
    """What was taken up before is closed with the lost instance: the rest is a recording of its own."""
    call = turn.call
    paused = call.recording_paused
    turn.record(facts.CallRecordingStopped(recording_id=call.recording_id))
    call.recording = False
    record_talk(turn)
    if paused:
        pause_recording(turn, on=True)
