"""What each command of the contract does to a session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final

from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus.recording.v1.service_pb2 import Open
from seatbus_kit.clock import Clock
from seatbus_kit.errors import AlreadyExists, InvalidArgument, NotFound, Refused
from seatbus_kit.trace import TraceContext, current_trace
from seatbus_media.application.audio import AudioLibrary
from seatbus_media.application.cutter import Cutter
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.hearing_commands import HearingCommands
from seatbus_media.application.negotiation import Negotiation
from seatbus_media.application.ports import Recorder
from seatbus_media.application.recording_run import RecordingRun, rate_of
from seatbus_media.application.session import CollectRun, Session
from seatbus_media.application.sources import Player
from seatbus_media.domain.clips import FOREVER
from seatbus_media.domain.collect import CollectRules
from seatbus_media.domain.hearing import SuperviseMode
from seatbus_media.domain.play_cursor import PlayCursor
from seatbus_media.domain.tap import TapMode

_MODES: Final = {
    pb.RECORDING_MODE_ON: TapMode.ON,
    pb.RECORDING_MODE_PAUSED: TapMode.PAUSED,
    pb.RECORDING_MODE_MASKED: TapMode.MASKED,
}


Handler = Callable[[Session, Any], Awaitable[pb.Result]]


class Commands:
    """One method a command; `table` finds it by the name in the contract."""

    def __init__(
        self,
        negotiation: Negotiation,
        audio: AudioLibrary,
        recorder: Recorder,
        clock: Clock,
        hearing: HearingCommands,
    ) -> None:
        self._negotiation = negotiation
        self._audio = audio
        self._recorder = recorder
        self._cutter = Cutter()
        self._clock = clock
        self.table: dict[str, Handler] = {
            "accept_offer": negotiation.accept_offer,
            "make_offer": negotiation.make_offer,
            "accept_answer": negotiation.accept_answer,
            "connect": self.connect,
            "disconnect": self.disconnect,
            "play": self.play,
            "stop_play": self.stop_play,
            "collect": self.collect,
            "stop_collect": self.stop_collect,
            "send_dtmf": self.send_dtmf,
            "heard_dtmf": self.heard_dtmf,
            "start_recording": self.start_recording,
            "control_recording": self.control_recording,
            "stop_recording": self.stop_recording,
            "remove_endpoint": self.remove_endpoint,
            "end_session": self.end_session,
            "hold": self.hold,
            "mute": self.mute,
            "control_play": self.control_play,
            **hearing.table,
            "supervise": self.supervise,
            "conference": self.conference,
        }

    # -- audio -----------------------------------------------------------------------------------------------

    async def connect(self, session: Session, command: pb.Connect) -> pb.Result:
        if command.endpoint_a == command.endpoint_b:
            raise InvalidArgument("an endpoint cannot hear itself", field="endpoint_b", rule="differs")
        one = session.negotiated(command.endpoint_a, "endpoint_a")
        other = session.negotiated(command.endpoint_b, "endpoint_b")
        for end in (one, other):
            _playlist_over(session, end)
            session.gathering.leave(end)
        if one.peer is not other or one.player is not None or other.player is not None:
            one.connect(other)
        session.arrange()
        return pb.Result()

    async def disconnect(self, session: Session, command: pb.Disconnect) -> pb.Result:
        endpoint = session.endpoint(command.endpoint_id, "endpoint_id")
        session.gathering.leave(endpoint)
        endpoint.disconnect()
        session.arrange()
        return pb.Result()

    async def conference(self, session: Session, command: pb.Conference) -> pb.Result:
        members = []
        for index, endpoint_id in enumerate(command.endpoint_ids):
            field = f"endpoint_ids[{index}]"
            member = session.negotiated(endpoint_id, field)
            if member in members:
                raise InvalidArgument("a leg is in a conference once", field=field, rule="unique")
            members.append(member)
        for member in members:
            _playlist_over(session, member)
        session.gathering.confer(members)
        session.arrange()
        return pb.Result()

    async def supervise(self, session: Session, command: pb.Supervise) -> pb.Result:
        field = "supervisor_endpoint_id"
        supervisor = session.negotiated(command.supervisor_endpoint_id, field)
        if command.mode == "off":
            session.gathering.dismiss(supervisor)
            session.arrange()
            return pb.Result()
        agent = session.negotiated(command.agent_endpoint_id, "agent_endpoint_id")
        if agent is supervisor:
            raise InvalidArgument("nobody supervises itself", field="agent_endpoint_id", rule="differs")
        if session.gathering.supervises(agent):
            raise Refused("agent_supervises", "a supervisor is not supervised", field="agent_endpoint_id")
        if session.gathering.supervised(supervisor):
            raise Refused("supervisor_supervised", "a supervised leg does not supervise", field=field)
        _playlist_over(session, supervisor)
        session.gathering.supervise(supervisor, agent, SuperviseMode(command.mode))
        session.arrange()
        return pb.Result()

    async def play(self, session: Session, command: pb.Play) -> pb.Result:
        endpoint = session.negotiated(command.endpoint_id, "endpoint_id")
        cursor = await self._audio.cursor(session.tenant, command.playlist, "playlist", endpoint.hears)
        self._play(session, endpoint, command, cursor)
        return pb.Result()

    def _play(self, session: Session, endpoint: Endpoint, command: pb.Play, cursor: PlayCursor) -> None:
        if command.endpoint_id in session.collects:
            session.collects[command.endpoint_id].playlist_replaced()
        endpoint_id, play_id = command.endpoint_id, command.play_id
        endpoint.play(
            Player(
                cursor,
                lambda reason: session.play_finished(endpoint_id, play_id, reason),
                barge_in=command.playlist.barge_in,
                origin=pb.Command(play=command).SerializeToString(),
            )
        )
        if command.playlist.loops == FOREVER:
            endpoint.keys.typed_ahead.clear()  # keys pressed while waiting are not meant for a later menu
        elif endpoint.keys.typed_ahead:
            asyncio.get_running_loop().call_soon(_barge, endpoint)

    async def stop_play(self, session: Session, command: pb.StopPlay) -> pb.Result:
        endpoint = session.endpoint(command.endpoint_id, "endpoint_id")
        if command.endpoint_id in session.collects:
            session.collects[command.endpoint_id].playlist_replaced()
        endpoint.stop_player()
        return pb.Result()

    async def control_play(self, session: Session, command: pb.ControlPlay) -> pb.Result:
        endpoint = session.endpoint(command.endpoint_id, "endpoint_id")
        player = endpoint.player
        if player is None:
            raise Refused("nothing_played", "nothing is played to the leg", field="endpoint_id")
        match command.action:
            case "seek":
                player.cursor.seek(command.position_ms)
            case "gain":
                player.cursor.set_gain(command.gain_db)
            case action:
                player.cursor.paused = action == "pause"
        return pb.Result()

    async def play_on(self, session: Session, endpoint: Endpoint, origin: bytes, position_ms: int) -> None:
        """What a predecessor of this process played goes on from `position_ms`, unless the owner has said
        something else of the leg while it was fetched.
        """
        command = pb.Command.FromString(origin)
        held = command.HasField("hold")
        turn = endpoint.turn
        if held:
            cursor = await self._held_music(session, endpoint, command.hold)
        else:
            playlist = command.play.playlist
            cursor = await self._audio.cursor(session.tenant, playlist, "playlist", endpoint.hears)
        if endpoint.turn != turn or endpoint.closed:
            return
        if held:
            self._hold(endpoint, command.hold, cursor)
        else:
            self._play(session, endpoint, command.play, cursor)
        cursor.seek(position_ms % max(1, cursor.length_ms) if cursor.endless else position_ms)

    async def hold(self, session: Session, command: pb.Hold) -> pb.Result:
        endpoint = session.negotiated(command.endpoint_id, "endpoint_id")
        if command.on:
            self._hold(endpoint, command, await self._held_music(session, endpoint, command))
        elif endpoint.held:
            endpoint.hold(False)
            endpoint.stop_player()
        return pb.Result()

    async def _held_music(self, session: Session, endpoint: Endpoint, command: pb.Hold) -> PlayCursor:
        music = command.music if command.HasField("music") else _default_music()
        return await self._audio.cursor(session.tenant, music, "music", endpoint.hears)

    def _hold(self, endpoint: Endpoint, command: pb.Hold, cursor: PlayCursor) -> None:
        endpoint.hold(True)
        endpoint.play(Player(cursor, origin=pb.Command(hold=command).SerializeToString()))

    async def mute(self, session: Session, command: pb.Mute) -> pb.Result:
        session.endpoint(command.endpoint_id, "endpoint_id").mute(command.on)
        return pb.Result()

    # -- digits ----------------------------------------------------------------------------------------------

    async def collect(self, session: Session, command: pb.Collect) -> pb.Result:
        endpoint = session.negotiated(command.endpoint_id, "endpoint_id")
        if command.min_digits > command.max_digits:
            raise InvalidArgument("more digits wanted than allowed", field="min_digits", rule="<= max_digits")
        cursor = None
        if command.HasField("playlist"):
            cursor = await self._audio.cursor(session.tenant, command.playlist, "playlist", endpoint.hears)
        session.stop_collect(command.endpoint_id)
        rules = CollectRules(
            max_digits=command.max_digits,
            min_digits=command.min_digits,
            terminators=command.terminators,
            timeout_s=command.timeout_ms / 1000,
            inter_digit_s=command.inter_digit_ms / 1000,
            barge_in=command.playlist.barge_in,
        )
        endpoint_id, collect_id = command.endpoint_id, command.collect_id
        session.collects[endpoint_id] = CollectRun(
            endpoint,
            rules,
            cursor,
            lambda outcome: session.collected(endpoint_id, collect_id, outcome),
            secret=command.secret,
        )
        return pb.Result()

    async def stop_collect(self, session: Session, command: pb.StopCollect) -> pb.Result:
        session.endpoint(command.endpoint_id, "endpoint_id")
        session.stop_collect(command.endpoint_id)
        return pb.Result()

    async def send_dtmf(self, session: Session, command: pb.SendDtmf) -> pb.Result:
        endpoint = session.negotiated(command.endpoint_id, "endpoint_id")
        if endpoint.keys.out_type is None:
            raise Refused("no_telephone_event", "the leg did not agree on RFC 4733 events", field="digits")
        endpoint.keys.dial(command.digits, monotonic())
        return pb.Result()

    async def heard_dtmf(self, session: Session, command: pb.HeardDtmf) -> pb.Result:
        session.negotiated(command.endpoint_id, "endpoint_id").keys.told(command.digit, monotonic())
        return pb.Result()

    # -- recordings ------------------------------------------------------------------------------------------

    async def start_recording(self, session: Session, command: pb.StartRecording) -> pb.Result:
        left = session.endpoint(command.left_endpoint_id, "left_endpoint_id")
        right = session.endpoint(command.right_endpoint_id, "right_endpoint_id")
        if command.recording_id in session.recordings:
            raise AlreadyExists(f"recording {command.recording_id} runs", field="recording_id")
        trace = current_trace() or TraceContext.for_call(session.id)
        opening = Open(
            tenant_id=session.tenant,
            call_id=session.id,
            labels=dict(command.labels),
            traceparent=trace.to_traceparent(),
            mono=command.mono,
            sample_rate=rate_of(left, right),
        )
        opening.started_at.FromDatetime(self._clock.now())
        self._recorder.begin(command.recording_id, opening, session.id, session.owner)
        session.recordings[command.recording_id] = RecordingRun(
            command.recording_id, opening, left, right, self._recorder, self._cutter
        )
        return pb.Result()

    def resume_recording(
        self, session: Session, kept: RecordingRun.Kept, left: Endpoint, right: Endpoint
    ) -> RecordingRun:
        """Goes on with a recording of a predecessor of this process."""
        self._recorder.begin(kept.id, kept.opening, session.id, session.owner)
        return RecordingRun(kept.id, kept.opening, left, right, self._recorder, self._cutter, kept)

    def _recording(self, session: Session, recording_id: str) -> RecordingRun:
        run = session.recordings.get(recording_id)
        if run is None:
            raise NotFound(f"no recording {recording_id} in session {session.id}", field="recording_id")
        return run

    async def control_recording(self, session: Session, command: pb.ControlRecording) -> pb.Result:
        self._recording(session, command.recording_id).control(_MODES[command.mode])
        return pb.Result()

    async def stop_recording(self, session: Session, command: pb.StopRecording) -> pb.Result:
        self._recording(session, command.recording_id).finish()
        del session.recordings[command.recording_id]
        return pb.Result()

    # -- ends ------------------------------------------------------------------------------------------------

    async def remove_endpoint(self, session: Session, command: pb.RemoveEndpoint) -> pb.Result:
        endpoint = session.endpoint(command.endpoint_id, "endpoint_id")
        endpoint.catch_up()
        session.stop_collect(command.endpoint_id)
        for one in (endpoint, *session.alternatives(command.endpoint_id)):
            del session.endpoints[one.id]
            session.depart(one)
            self._negotiation.close(one)
        return pb.Result(codec=endpoint.codec, statistics=endpoint.statistics())

    async def end_session(self, session: Session, _command: pb.EndSession) -> pb.Result:
        for endpoint in session.endpoints.values():
            endpoint.catch_up()
        left = [endpoint.info() for endpoint in session.endpoints.values()]
        result = pb.Result(endpoints=left)
        if len(left) == 1:
            result.statistics.CopyFrom(left[0].statistics)
        self.end(session)
        return result

    def end(self, session: Session) -> None:
        """Closes everything of a session."""
        for endpoint_id in tuple(session.collects):
            session.stop_collect(endpoint_id)
        for run in session.recordings.values():
            run.finish()
        session.recordings.clear()
        for endpoint in session.endpoints.values():
            session.depart(endpoint)
            self._negotiation.close(endpoint)
        session.endpoints.clear()
        session.ended = True


def _playlist_over(session: Session, endpoint: Endpoint) -> None:
    """For a collection that runs on the leg its playlist is over."""
    run = session.collects.get(endpoint.id)
    if run is not None:
        run.playlist_replaced()


def _barge(endpoint: Endpoint) -> None:
    endpoint.keys.barge()


def _default_music() -> Playlist:
    playlist = Playlist(loops=FOREVER)
    playlist.items.add(tone="music")
    return playlist
