"""What is done to a conversation from outside of it: hold, mute, digits, recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import service_pb2 as control
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import types_pb2 as media_types
from seatbus_sip_edge.domain.model import LegPhase, Phase
from seatbus_sip_edge.domain.offer import start_recording
from seatbus_sip_edge.domain.turn import FOR_EVER

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn


# ---- hold -----------------------------------------------------------------------------------------------
def hold_changed(turn: Turn, event: on.HoldChanged) -> Phase:
    """By the phone: the other side hears music, whatever the phone sends."""
    call = turn.call
    leg = call.legs.get(event.leg_id)
    if leg is None or not leg.live or leg.held == event.held:
        return call.phase
    before = leg.held or leg.on_hold
    leg.held = event.held
    far = _far(turn, leg)
    if far is not None and not leg.on_hold:
        if event.held:
            turn.play_music(far.leg_id)
        else:
            turn.stop_play(far.leg_id)
    _tell(turn, leg, before=before)
    return call.phase


def hold_asked(turn: Turn, event: on.HoldAsked) -> Phase:
    """By the API, for this leg: the other side hears music and is not heard."""
    leg = turn.call.legs[event.leg_id]
    if leg.on_hold != event.on:
        before = leg.held or leg.on_hold
        _set_hold(turn, leg, on=event.on)
        _tell(turn, leg, before=before)
    return turn.call.phase


def _set_hold(turn: Turn, leg: Leg, *, on: bool) -> None:
    far = _far(turn, leg)
    leg.on_hold = on
    if far is None:
        return
    command = media.Hold(endpoint_id=far.leg_id, on=on)
    if on:
        prompt = turn.call.music_prompt_id
        audio = ivr.Audio(prompt_id=prompt) if prompt else ivr.Audio(tone="music")
        command.music.CopyFrom(media_types.Playlist(items=[audio], loops=FOR_EVER))
    turn.media(media.Command(hold=command))


def _far(turn: Turn, leg: Leg) -> Leg | None:
    """Who hears the music when this leg holds: only two are in a conversation that can be held."""
    call = turn.call
    if call.phase is not Phase.BRIDGED:
        return None
    if leg.leg_id == call.caller_leg_id:
        return call.agent_leg
    return call.caller_leg if leg.leg_id == call.agent_leg_id else None


def _tell(turn: Turn, leg: Leg, *, before: bool) -> None:
    after = leg.held or leg.on_hold
    if after == before:
        return
    turn.record(facts.LegHeld(leg_id=leg.leg_id) if after else facts.LegResumed(leg_id=leg.leg_id))
    if turn.call.phase is Phase.BRIDGED and leg.leg_id == turn.call.agent_leg_id:
        turn.report(leg, agent.WORK_EVENT_HELD if after else agent.WORK_EVENT_RESUMED)


def hold_again(turn: Turn) -> None:
    """On audio that was set up anew: what is on hold stays so."""
    call = turn.call
    for leg in (call.caller_leg, call.agent_leg):
        far = _far(turn, leg) if leg is not None else None
        if leg is None or far is None:
            continue
        if leg.on_hold:
            _set_hold(turn, leg, on=True)
        elif leg.held:
            turn.play_music(far.leg_id)


def release_hold(turn: Turn) -> None:
    """Before the two go different ways: what the API holds is let go, for nobody would do it later."""
    call = turn.call
    for leg in (call.caller_leg, call.agent_leg):
        if leg is not None and leg.on_hold:
            _set_hold(turn, leg, on=False)
            _tell(turn, leg, before=True)


# ---- mute, digits ---------------------------------------------------------------------------------------
def mute_asked(turn: Turn, event: on.MuteAsked) -> Phase:
    leg = turn.call.legs[event.leg_id]
    leg.muted = event.on
    turn.media(media.Command(mute=media.Mute(endpoint_id=leg.leg_id, on=event.on)))
    return turn.call.phase


def digits_asked(turn: Turn, event: on.DigitsAsked) -> Phase:
    turn.media(media.Command(send_dtmf=media.SendDtmf(endpoint_id=event.leg_id, digits=event.digits)))
    return turn.call.phase


# ---- recording ------------------------------------------------------------------------------------------
def recording_asked(turn: Turn, event: on.RecordingAsked) -> Phase:
    """Start, pause, resume, stop. What holds already stays as it is."""
    match event.control:
        case control.RECORDING_CONTROL_START:
            record_talk(turn)
        case control.RECORDING_CONTROL_STOP:
            stop_recording(turn)
        case control.RECORDING_CONTROL_PAUSE:
            pause_recording(turn, on=True)
        case control.RECORDING_CONTROL_RESUME:
            pause_recording(turn, on=False)
    return turn.call.phase


def record_talk(turn: Turn) -> None:
    """A new recording of customer and agent, if none runs."""
    call, leg = turn.call, turn.call.agent_leg
    if call.recording or leg is None or leg.phase is not LegPhase.TALKING:
        return
    call.recording_id = turn.ids()
    call.recording, call.recording_paused = True, False
    turn.media(start_recording(call, leg))
    turn.record(facts.CallRecordingStarted(recording_id=call.recording_id))


def stop_recording(turn: Turn) -> None:
    call = turn.call
    if call.recording:
        call.recording = call.recording_paused = False
        turn.media(media.Command(stop_recording=media.StopRecording(recording_id=call.recording_id)))
        turn.record(facts.CallRecordingStopped(recording_id=call.recording_id))


def pause_recording(turn: Turn, *, on: bool) -> None:
    call = turn.call
    if not call.recording or call.recording_paused == on:
        return
    call.recording_paused = on
    mode = media.RECORDING_MODE_PAUSED if on else media.RECORDING_MODE_ON
    turn.media(
        media.Command(control_recording=media.ControlRecording(recording_id=call.recording_id, mode=mode))
    )
