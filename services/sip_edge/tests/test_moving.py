"""What a call says to media once its audio is at another instance, by where the call is."""

from __future__ import annotations

import pytest

from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import types_pb2 as media_types
from seatbus_sip_edge.application.media_move import kind_of
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from services.sip_edge.tests.test_machine import Driver, _do

_TALKS = ["accepted", "enqueue", "offer", "made", "ringing", "answered", "work_ok", "connected"]


def _moved(*story: str) -> tuple[Driver, list[fx.Effect], list[media.Command]]:
    driver = Driver()
    for name in story:
        _do(driver, name)
    made = driver.feed(on.MediaMoved())
    return driver, made, [command for item in made if isinstance(item, fx.Media) for command in item.commands]


def _words(commands: list[media.Command]) -> list[str]:
    return [str(command.WhichOneof("command")) for command in commands]


def test_a_caller_in_the_flow_gets_the_present_step_again() -> None:
    driver, made, commands = _moved("accepted", "play")
    assert commands == []
    assert any(isinstance(item, fx.BeginFlow) for item in made)
    assert driver.call.resuming


def test_a_waiting_caller_hears_music() -> None:
    _, _, commands = _moved("accepted", "enqueue")
    assert _words(commands) == ["play"]


def test_a_talk_is_joined_again_and_the_rest_of_it_is_a_recording_of_its_own() -> None:
    driver, made, commands = _moved(*_TALKS)
    assert _words(commands) == ["connect", "start_recording"]
    recorded = [item.message for item in made if isinstance(item, fx.Record)]
    stopped, started = recorded
    assert isinstance(stopped, facts.CallRecordingStopped)
    assert isinstance(started, facts.CallRecordingStarted)
    assert stopped.recording_id != started.recording_id == driver.call.recording_id


def test_what_is_held_muted_and_paused_stays_so() -> None:
    driver, _, commands = _moved(*_TALKS, "api_hold", "mute", "record_pause")
    assert _words(commands) == ["connect", "hold", "mute", "start_recording", "control_recording"]
    assert commands[1].hold.on
    assert commands[2].mute.on
    assert commands[4].control_recording.mode == media.RECORDING_MODE_PAUSED
    assert driver.call.recording_paused


def test_a_call_that_has_ended_says_nothing_more() -> None:
    _, made, _ = _moved(*_TALKS, "bye")
    assert made == []


@pytest.mark.parametrize(
    ("sdp", "kind"),
    [
        ("m=audio 4000 RTP/AVP 0\r\n", media_types.ENDPOINT_KIND_RTP),
        ("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 x\r\n", media_types.ENDPOINT_KIND_SRTP_SDES),
        ("m=audio 4000 RTP/AVP 0\r\na=crypto:1 x\r\n", media_types.ENDPOINT_KIND_SRTP_OPPORTUNISTIC),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 AA\r\n", None),
        ("", None),
    ],
)
def test_audio_moves_as_it_was_agreed_and_a_browsers_does_not(sdp: str, kind: object) -> None:
    assert kind_of(sdp) == kind
