"""What a call says to media once its audio is at another instance, by where the call is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import types_pb2 as media_types
from seatbus_sip.building import initial_request
from seatbus_sip.flow import Flow
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.leg import SipLeg
from seatbus_sip_edge.application.media_ways import Way, kind_of, way_of
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Phase
from services.sip_edge.tests.driver import Driver
from services.sip_edge.tests.stories import do

_TALKS = ["accepted", "enqueue", "offer", "made", "ringing", "answered", "work_ok", "connected"]


def _moved(*story: str) -> tuple[Driver, list[fx.Effect], list[media.Command]]:
    driver = Driver()
    for name in story:
        do(driver, name)
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
    # And the next agent's leg is offered there.
    assert _words(commands) == ["play", "make_offer"]


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


_ASKS = [*_TALKS, "consult", "c_begun", "c_made"]
_BOTH = [*_ASKS, "c_answered", "c_work_ok", "c_connected"]


def test_an_agent_that_rings_rings_on_and_the_customer_hears_music() -> None:
    driver, made, commands = _moved("accepted", "enqueue", "offer", "made", "ringing")
    assert _words(commands) == ["play"]
    assert not any(isinstance(item, fx.CancelDial) for item in made)
    assert driver.call.phase is Phase.OFFERED


def test_what_an_agent_hears_first_is_cut_short() -> None:
    driver = Driver(whisper="welcome")
    for name in ("accepted", "enqueue", "offer", "made", "ringing", "answered", "work_ok"):
        do(driver, name)
    leg = driver.call.agent_leg
    assert leg is not None
    assert leg.whispering
    made = driver.feed(on.MediaMoved())
    (joined,) = [item for item in made if isinstance(item, fx.Media)]
    assert _words(list(joined.commands)) == ["accept_answer", "connect", "start_recording"]
    assert joined.reply is fx.MediaReply.CONNECTED
    assert not leg.whispering


def test_while_a_third_party_rings_customer_and_agent_wait() -> None:
    driver, _, commands = _moved(*_ASKS)
    call = driver.call
    assert [(word.play.endpoint_id, word.play.play_id) for word in commands[:2]] == [
        (call.caller_leg_id, "music"),
        (call.agent_leg_id, "ringback"),
    ]
    # The recording is paused as it was.
    assert _words(commands[2:]) == ["start_recording", "control_recording"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_consultation_goes_on_with_whom_the_agent_was(swapped: bool) -> None:
    driver, _, commands = _moved(*_BOTH, *(["swap"] if swapped else []))
    call = driver.call
    other = {False: call.consult_leg_id, True: call.caller_leg_id}
    assert {commands[0].connect.endpoint_a, commands[0].connect.endpoint_b} == {
        call.agent_leg_id,
        other[swapped],
    }
    assert commands[1].play.endpoint_id == other[not swapped]


def test_a_conference_with_a_supervisor_is_what_it_was() -> None:
    story = [*_BOTH, "confer", "monitor", "s_begun", "s_made", "s_answered", "s_work_ok", "s_connected"]
    driver, _, commands = _moved(*story)
    call = driver.call
    assert _words(commands)[:3] == ["conference", "supervise", "start_recording"]
    assert list(commands[0].conference.endpoint_ids) == [
        call.caller_leg_id,
        call.agent_leg_id,
        call.consult_leg_id,
    ]
    assert commands[1].supervise.agent_endpoint_id == call.agent_leg_id


def test_a_message_that_is_being_left_goes_on_as_another_one() -> None:
    driver = Driver()
    for name in ("accepted", "voicemail"):
        do(driver, name)
    driver.feed(on.PlayFinished(f"step-{driver.call.step_seq}", "completed"))
    first = driver.call.voicemail_id
    assert first
    made = driver.feed(on.MediaMoved())
    recorded = [type(item.message).__name__ for item in made if isinstance(item, fx.Record)]
    assert recorded == ["CallRecordingStopped", "CallVoicemailLeft", "CallRecordingStarted"]
    assert driver.call.voicemail_id not in ("", first)


@pytest.mark.parametrize(
    ("opening", "story", "hear_ringing"),
    [
        ("dialled", ["accepted", "begun", "u_made", "u_ringing"], False),
        ("dialled", ["accepted", "begun", "u_made", "u_early"], True),
        ("originated", ["begun", "made", "answered", "u_made", "u_ringing"], True),
        ("called_back", ["begun", "made", "answered", "u_made", "u_ringing"], True),
        ("called_back", ["begun", "made", "ringing"], False),
    ],
)
def test_while_a_number_is_called_whoever_listens_hears_our_ringing(
    opening: str, story: list[str], hear_ringing: bool
) -> None:
    driver = Driver(opening=opening)
    for name in story:
        do(driver, name)
    phase = driver.call.phase
    made = driver.feed(on.MediaMoved())
    commands = [command for item in made if isinstance(item, fx.Media) for command in item.commands]
    expected = [(driver.call.agent_leg_id, "ringback")] if hear_ringing else []
    assert [(word.play.endpoint_id, word.play.play_id) for word in commands] == expected
    assert driver.call.phase is phase


def test_a_customer_waits_on_for_a_lost_phone() -> None:
    driver, _, commands = _moved(*_TALKS, "lost")
    assert _words(commands) == ["play", "start_recording", "control_recording"]
    assert driver.call.phase is Phase.DEVICE_LOST
    assert driver.call.recording_paused
    for name in ("back", "retaken"):
        do(driver, name)
    assert driver.call.phase is Phase.BRIDGED
    assert not driver.call.recording_paused


def test_a_call_that_has_ended_says_nothing_more() -> None:
    _, made, _ = _moved(*_TALKS, "bye")
    assert made == []


@pytest.mark.parametrize(
    ("sdp", "kind"),
    [
        ("m=audio 4000 RTP/AVP 0\r\n", media_types.ENDPOINT_KIND_RTP),
        ("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 x\r\n", media_types.ENDPOINT_KIND_SRTP_SDES),
        ("m=audio 4000 RTP/AVP 0\r\na=crypto:1 x\r\n", media_types.ENDPOINT_KIND_SRTP_OPPORTUNISTIC),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 AA\r\n", media_types.ENDPOINT_KIND_WEBRTC),
    ],
)
def test_audio_moves_as_it_was_agreed(sdp: str, kind: object) -> None:
    assert kind_of(sdp) == kind


def _leg(state: DialogState | None, **fields: Any) -> SipLeg:
    dialog: Any = None if state is None else SimpleNamespace(state=state)
    return SipLeg("leg", Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060)), dialog, **fields)


_SETTLED: Any = SimpleNamespace(described=True, unacknowledged=False)
_OPEN: Any = SimpleNamespace(described=True, unacknowledged=True)
_EARLY: dict[str, Any] = {"received": object(), "local_sdp": "v=0"}
_INVITE = initial_request(
    "INVITE", "sip:b@x", from_="<sip:a@x>", to="<sip:b@x>", call_id="c", tag="t", body="v=0"
)
_OFFERED: dict[str, Any] = {**_EARLY, "request": _INVITE}


@pytest.mark.parametrize(
    ("leg", "way"),
    [
        (None, Way.NONE),
        (_leg(None, local_sdp="v=0"), Way.LATER),
        (_leg(DialogState.CONFIRMED, local_sdp="v=0"), Way.OFFER),
        (_leg(DialogState.CONFIRMED, local_sdp="v=0", acked=False), Way.OFFER),
        (_leg(DialogState.EARLY, received=object()), Way.ANSWER),
        (_leg(DialogState.EARLY, **_EARLY), Way.BLOCKED),
        (_leg(DialogState.EARLY, **_EARLY, allows=frozenset({"update"})), Way.BLOCKED),
        (_leg(DialogState.EARLY, **_EARLY, provisional=_OPEN, allows=frozenset({"update"})), Way.BLOCKED),
        (_leg(DialogState.EARLY, **_EARLY, provisional=_SETTLED, allows=frozenset({"update"})), Way.OFFER),
        (_leg(DialogState.EARLY, **_OFFERED), Way.AFTER),
        (_leg(DialogState.EARLY, **_OFFERED, provisional=_SETTLED), Way.AFTER),
        (_leg(DialogState.EARLY, **_OFFERED, allows=frozenset({"update"})), Way.AFTER),
        (_leg(DialogState.EARLY, **_OFFERED, provisional=_OPEN, allows=frozenset({"update"})), Way.BLOCKED),
        (_leg(DialogState.EARLY, **_OFFERED, late=True), Way.BLOCKED),
    ],
)
def test_other_audio_reaches_a_leg_as_its_dialog_permits(leg: SipLeg | None, way: Way) -> None:
    assert way_of(leg) is way
