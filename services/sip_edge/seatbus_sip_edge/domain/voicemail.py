"""The caller leaves a message: a prompt, a beep, the caller alone recorded until #, the limit or a hang-up.

A message is a recording with the label `voicemail`, and the fact CallVoicemailLeft.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.model import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_sip_edge.domain.turn import Turn

ACTION = "voicemail"
# Of a route: no flow goes on afterwards.
ROUTE_ACTION = "route_voicemail"
ACTIONS = (ACTION, ROUTE_ACTION)
LIMIT_S = 120
_COLLECT_MS = 60_000


def play_id(turn: Turn) -> str:
    return f"step-{turn.call.step_seq}"


def ask(turn: Turn, audio: Sequence[ivr.Audio], queue_id: str, limit_s: int, *, route: bool = False) -> Phase:
    """What the caller hears first; then the beep, and the recording begins."""
    call = turn.call
    close(turn)
    call.action = ROUTE_ACTION if route else ACTION
    call.voicemail_queue_id, call.voicemail_s = queue_id, limit_s or LIMIT_S
    turn.answer_caller()
    turn.play(play_id(turn), [*audio, ivr.Audio(tone="beep")])
    return Phase.IN_FLOW


def record(turn: Turn) -> Phase:
    """The beep was heard."""
    call = turn.call
    call.voicemail_id = turn.ids()
    call.voicemail_since = turn.now
    turn.media(
        media.Command(
            start_recording=media.StartRecording(
                recording_id=call.voicemail_id,
                left_endpoint_id=call.caller_leg_id,
                right_endpoint_id=call.caller_leg_id,
                labels={
                    "voicemail": "1",
                    "queue": call.voicemail_queue_id,
                    "caller": call.caller,
                    "interaction": call.interaction_id,
                },
            )
        ),
        media.Command(
            collect=media.Collect(
                endpoint_id=call.caller_leg_id,
                collect_id=play_id(turn),
                max_digits=1,
                terminators="#",
                timeout_ms=_COLLECT_MS,
            )
        ),
    )
    turn.do(fx.SetTimer(fx.Timer.VOICEMAIL, call.voicemail_s))
    turn.record(facts.CallRecordingStarted(recording_id=call.voicemail_id))
    return Phase.IN_FLOW


def go_on(turn: Turn) -> None:
    """The audio is elsewhere: what was said is a message, what is said from now on is another one."""
    call = turn.call
    left_s = call.voicemail_s - (turn.now - call.voicemail_since) / 1e6
    limit_s, call.voicemail_s = call.voicemail_s, max(1, int(left_s))
    close(turn)
    record(turn)
    call.voicemail_s = limit_s


def stop(turn: Turn) -> None:
    """Enough was said: the recording ends, the call may go on."""
    call = turn.call
    if call.voicemail_id:
        turn.media(
            media.Command(stop_recording=media.StopRecording(recording_id=call.voicemail_id)),
            media.Command(stop_collect=media.StopCollect(endpoint_id=call.caller_leg_id)),
        )
    close(turn)


def close(turn: Turn) -> None:
    """The message is left; the recording ends with the audio if not before."""
    call = turn.call
    turn.do(fx.StopTimer(fx.Timer.VOICEMAIL))
    if not call.voicemail_id:
        return
    turn.record(facts.CallRecordingStopped(recording_id=call.voicemail_id))
    turn.record(
        facts.CallVoicemailLeft(
            recording_id=call.voicemail_id,
            queue_id=call.voicemail_queue_id,
            duration_ms=max(0, (turn.now - call.voicemail_since) // 1000),
        )
    )
    call.recording_id = call.voicemail_id
    call.voicemail_id = ""
