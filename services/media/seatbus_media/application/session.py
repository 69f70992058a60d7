"""The audio of one call: endpoints, collections, recordings, and what was asked of it before."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from seatbus.media.v1.events_pb2 import (
    AudioAlarm,
    CollectFinished,
    DigitHeard,
    FirstPacketReceived,
    ForkEnded,
    LegLost,
    LevelMeasured,
    MediaEvent,
    PlayFinished,
    RtpTimedOut,
    SpeechDetected,
)
from seatbus.media.v1.service_pb2 import ExecuteResponse, GetSessionResponse
from seatbus_kit.errors import NotFound, Refused, SeatbusError, StaleEpoch
from seatbus_media.application import leg_quality
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.forking import Fork
from seatbus_media.application.gathering import Gathering
from seatbus_media.application.listening import Listening
from seatbus_media.application.ports import EventSink
from seatbus_media.application.recording_run import RecordingRun
from seatbus_media.application.sources import Player
from seatbus_media.domain.collect import Collected, Collector, CollectRules
from seatbus_media.domain.play_cursor import PlayCursor

_KEEP_ANSWERS: Final = 64
Answer = ExecuteResponse | SeatbusError


class CollectRun:
    """A collection on an endpoint: feeds the collector with digits and time, reports its outcome once."""

    def __init__(
        self,
        endpoint: Endpoint,
        rules: CollectRules,
        cursor: PlayCursor | None,
        report: Callable[[Collected], None],
        *,
        secret: bool = False,
    ) -> None:
        self.secret = secret
        self._endpoint = endpoint
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._collector = Collector(rules, playing=cursor is not None, now=self._loop.time())
        endpoint.keys.on_digit = self._digit
        self._player = Player(cursor, self._played) if cursor is not None else None
        if self._player is not None:
            endpoint.play(self._player)
        self._arm()
        if endpoint.keys.typed_ahead:
            self._loop.call_soon(self._take_typed)

    def _take_typed(self) -> None:
        """Keys pressed before the collection began count as if they were pressed now, in their order."""
        keys = self._endpoint.keys
        while keys.typed_ahead and keys.on_digit == self._digit:
            self._digit(keys.typed_ahead.popleft(), self._loop.time())

    def playlist_replaced(self) -> None:
        """Something else is played now: for the collection its playlist is over."""
        self._collector.playlist_ended(self._loop.time())
        self._arm()

    def cancel(self) -> None:
        """Ends it without a report."""
        if self._timer is not None:
            self._timer.cancel()
        self._endpoint.keys.on_digit = None
        if self._player is not None and self._endpoint.player is self._player:
            self._endpoint.stop_player()
        self._player = None

    def _played(self, _reason: str) -> None:
        self.playlist_replaced()

    def _digit(self, digit: str, _now: float) -> None:
        barges = self._collector.rules.barge_in and self._player is not None
        outcome = self._collector.digit(digit, self._loop.time())
        if barges and self._endpoint.player is self._player:
            self._endpoint.stop_player()
        self._after(outcome)

    def _expired(self) -> None:
        self._after(self._collector.expire(self._loop.time()))

    def _after(self, outcome: Collected | None) -> None:
        if outcome is not None:
            self.cancel()
            self._report(outcome)
        else:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._collector.deadline
        self._timer = None if deadline is None else self._loop.call_at(deadline + 0.001, self._expired)


def alternative_id(endpoint_id: str, name: str) -> str:
    """Under which id another description of the endpoint is kept. No command names it."""
    return f"{endpoint_id}/{name}"


class Session:
    """`owner` and `epoch` are those of the newest command that was let in."""

    def __init__(self, session_id: str, tenant: str, owner: str, epoch: int, events: EventSink) -> None:
        self.id = session_id
        self.tenant = tenant
        self.owner = owner
        self.epoch = epoch
        self.endpoints: dict[str, Endpoint] = {}
        self.collects: dict[str, CollectRun] = {}
        self.recordings: dict[str, RecordingRun] = {}
        self.gathering = Gathering()
        self.listenings: dict[str, Listening] = {}
        self.forks: dict[str, Fork] = {}
        self.lock = asyncio.Lock()
        self.ended = False
        self.doubtful = False
        self.saved_at = 0.0
        self._events = events
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def fence(self, tenant: str, owner: str, epoch: int) -> None:
        """Lets the newest owner in and takes over its epoch. Raises StaleEpoch, Refused, NotFound."""
        if tenant != self.tenant:
            # Another tenant learns nothing about the session.
            raise NotFound(f"no session {self.id}", field="session_id")
        if epoch < self.epoch:
            raise StaleEpoch(sent=epoch, current=self.epoch, field="epoch")
        if epoch == self.epoch and owner != self.owner:
            raise Refused("not_owner", f"epoch {epoch} belongs to {self.owner}", field="owner")
        self.owner, self.epoch = owner, epoch

    def answer_of(self, request_id: str) -> Answer | None:
        return self._answers.get(request_id)

    def remember(self, request_id: str, answer: Answer) -> None:
        self._answers[request_id] = answer
        if len(self._answers) > _KEEP_ANSWERS:
            self._answers.popitem(last=False)

    def newest_answers(self, limit: int) -> list[tuple[str, ExecuteResponse]]:
        """The last requests that were carried out, with their answers."""
        newest = list(self._answers.items())[-limit:]
        return [(request_id, answer) for request_id, answer in newest if isinstance(answer, ExecuteResponse)]

    def endpoint(self, endpoint_id: str, field: str) -> Endpoint:
        """Raises NotFound naming the field."""
        found = self.endpoints.get(endpoint_id)
        if found is None:
            raise NotFound(f"no endpoint {endpoint_id} in session {self.id}", field=field)
        return found

    def alternatives(self, endpoint_id: str) -> list[Endpoint]:
        """Other descriptions of the endpoint that were offered beside it."""
        beginning = alternative_id(endpoint_id, "")
        return [one for name, one in self.endpoints.items() if name.startswith(beginning)]

    def negotiated(self, endpoint_id: str, field: str) -> Endpoint:
        """An endpoint that audio can flow through. Raises NotFound, Refused."""
        found = self.endpoint(endpoint_id, field)
        if found.agreed is None:
            raise Refused("not_negotiated", f"endpoint {endpoint_id} has no answer yet", field=field)
        return found

    def doubt(self, on: bool) -> None:
        """While it is not known whether the call is still here nothing is sent for it."""
        self.doubtful = on
        for endpoint in self.endpoints.values():
            endpoint.suspend(on)

    def arrange(self) -> None:
        """To be called after any change of who talks with whom."""
        self.gathering.arrange(self.endpoints.values())

    def depart(self, endpoint: Endpoint) -> None:
        """The leg is about to end: nobody hears it, it hears nobody."""
        self.stop_hearing(endpoint.id)
        self.gathering.forget(endpoint)
        endpoint.disconnect()
        self.arrange()

    def stop_hearing(self, endpoint_id: str) -> None:
        """Nothing is listened for on the leg, and it is forked nowhere."""
        listening = self.listenings.pop(endpoint_id, None)
        if listening is not None:
            listening.stop()
        self.stop_fork(endpoint_id)

    def stop_fork(self, endpoint_id: str) -> None:
        fork = self.forks.pop(endpoint_id, None)
        if fork is not None:
            fork.stop()

    def in_secret(self, endpoint_id: str) -> bool:
        """Whether digits are collected from the leg that nobody may know."""
        run = self.collects.get(endpoint_id)
        return run is not None and run.secret

    def stop_collect(self, endpoint_id: str) -> None:
        run = self.collects.pop(endpoint_id, None)
        if run is not None:
            run.cancel()

    def emit(self, event: MediaEvent) -> None:
        event.session_id = self.id
        self._events.emit(self.owner, event)

    # -- what endpoints tell ---------------------------------------------------------------------------------

    def first_packet(self, endpoint: Endpoint) -> None:
        self.saved_at = 0.0
        self.emit(MediaEvent(endpoint_id=endpoint.id, first_packet_received=FirstPacketReceived()))

    def silent(self, endpoint: Endpoint, silent_s: float) -> None:
        leg_quality.alarmed("rtp_timeout")
        self.emit(
            MediaEvent(endpoint_id=endpoint.id, rtp_timed_out=RtpTimedOut(silent_ms=int(silent_s * 1000)))
        )

    def codec_changed(self, endpoint: Endpoint) -> None:
        self.arrange()

    def secured(self, endpoint: Endpoint) -> None:
        self.saved_at = 0.0

    def lost(self, endpoint: Endpoint, reason: str) -> None:
        self.emit(MediaEvent(endpoint_id=endpoint.id, leg_lost=LegLost(reason=reason)))

    def digit_heard(self, endpoint: Endpoint, digit: str) -> None:
        self.emit(MediaEvent(endpoint_id=endpoint.id, digit_heard=DigitHeard(digit=digit)))

    def speech_detected(self, endpoint: Endpoint, kind: str) -> None:
        self.emit(MediaEvent(endpoint_id=endpoint.id, speech_detected=SpeechDetected(kind=kind)))

    def level_measured(self, endpoint: Endpoint, dbfs: float, peak_dbfs: float) -> None:
        measured = LevelMeasured(dbfs=round(dbfs, 1), peak_dbfs=round(peak_dbfs, 1))
        self.emit(MediaEvent(endpoint_id=endpoint.id, level_measured=measured))

    def audio_alarm(self, endpoint: Endpoint, kind: str, over: bool) -> None:
        if not over:
            leg_quality.alarmed(kind)
        self.emit(MediaEvent(endpoint_id=endpoint.id, audio_alarm=AudioAlarm(kind=kind, over=over)))

    def fork_ended(self, endpoint_id: str, reason: str) -> None:
        self.stop_fork(endpoint_id)
        self.emit(MediaEvent(endpoint_id=endpoint_id, fork_ended=ForkEnded(reason=reason)))

    def play_finished(self, endpoint_id: str, play_id: str, reason: str) -> None:
        self.emit(
            MediaEvent(endpoint_id=endpoint_id, play_finished=PlayFinished(play_id=play_id, reason=reason))
        )

    def collected(self, endpoint_id: str, collect_id: str, outcome: Collected) -> None:
        self.collects.pop(endpoint_id, None)
        self.emit(
            MediaEvent(
                endpoint_id=endpoint_id,
                collect_finished=CollectFinished(
                    collect_id=collect_id, digits=outcome.digits, reason=outcome.reason.value
                ),
            )
        )

    def describe(self) -> GetSessionResponse:
        return GetSessionResponse(
            session_id=self.id,
            owner=self.owner,
            epoch=self.epoch,
            endpoints=[endpoint.info() for endpoint in self.endpoints.values()],
            tenant_id=self.tenant,
        )
