"""Requests in, results out: fencing, idempotence, order inside a session, and the upkeep of all sessions."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from time import monotonic
from typing import Final
from weakref import WeakKeyDictionary

from seatbus.media.v1.events_pb2 import MediaEvent, RecordingFailed
from seatbus.media.v1.service_pb2 import ExecuteRequest, ExecuteResponse
from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_SRTP_SDES, ENDPOINT_KIND_WEBRTC
from seatbus_kit.errors import NotFound, SeatbusError, Unimplemented
from seatbus_kit.log import get_logger
from seatbus_media.application.alarms import Alarms
from seatbus_media.application.commands import Commands
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.hub import Hub
from seatbus_media.application.session import Session
from seatbus_rtp.srtp_place import RESERVED

log = get_logger("seatbus.media")

_KEEP_ENDED: Final = 2000
_KEEP_EVERY_S: Final = 10.0
_LOOKED_AFTER_AT_ONCE: Final = 4
_KEEP_PACKETS: Final = RESERVED // 4
_UNDER_KEYS: Final = frozenset({ENDPOINT_KIND_SRTP_SDES, ENDPOINT_KIND_WEBRTC})
_CREATES: Final = frozenset({"accept_offer", "make_offer"})


def _outruns(session: Session) -> bool:
    """Whether a leg under keys was sent so much that a successor who jumps ahead might not be ahead of it."""
    return any(
        leg.wire.kind in _UNDER_KEYS and leg.rewriter.packets - leg.packets_kept > _KEEP_PACKETS
        for leg in session.endpoints.values()
    )


class MediaService:
    """All sessions of this instance."""

    def __init__(
        self,
        commands: Commands,
        hub: Hub,
        *,
        rtp_timeout_s: float,
        rtcp_interval_s: float,
        orphan_after_s: float,
        alarm_after_s: float = 5.0,
        keep: Callable[[Session], None] = lambda session: None,
        forget: Callable[[str], None] = lambda session_id: None,
    ) -> None:
        """`keep` writes down what a successor needs of a session, `forget` removes it."""
        self._alarm_after_s = alarm_after_s
        self._alarms: WeakKeyDictionary[Endpoint, Alarms] = WeakKeyDictionary()
        self._keep = keep
        self._forget = forget
        self.sessions: dict[str, Session] = {}
        self._commands = commands
        self._hub = hub
        self._rtp_timeout_s = rtp_timeout_s
        self._rtcp_interval_s = rtcp_interval_s
        self._orphan_after_s = orphan_after_s
        self._ended: OrderedDict[str, Session] = OrderedDict()
        self._empty = asyncio.Event()
        self._empty.set()

    async def execute(self, request: ExecuteRequest) -> ExecuteResponse:
        """Carries out the commands in order. Raises the SeatbusError of the first that fails."""
        session = self._session_for(request)
        # A caller that gives up must not stop a request half-way.
        return await asyncio.shield(asyncio.create_task(self._execute(session, request)))

    def _session_for(self, request: ExecuteRequest) -> Session:
        session = self.sessions.get(request.session_id) or self._ended.get(request.session_id)
        if session is not None and (
            not session.ended or session.answer_of(request.context.request_id) is not None
        ):
            return session
        if request.commands[0].WhichOneof("command") not in _CREATES:
            raise NotFound(f"no session {request.session_id}", field="session_id")
        # A session that is made again is still fenced against the owners before its end.
        epoch = max(request.epoch, session.epoch if session is not None else 0)
        session = Session(request.session_id, request.context.tenant_id, request.owner, epoch, self._hub)
        self.sessions[session.id] = session
        self._empty.clear()
        return session

    async def _execute(self, session: Session, request: ExecuteRequest) -> ExecuteResponse:
        request_id = request.context.request_id
        async with session.lock:
            known = session.answer_of(request_id)
            if known is not None and request.context.tenant_id == session.tenant:
                if isinstance(known, SeatbusError):
                    raise known
                return known
            response = ExecuteResponse()
            try:
                session.fence(request.context.tenant_id, request.owner, request.epoch)
                if session.doubtful:
                    session.doubt(False)  # its owner speaks to it here
                for index, command in enumerate(request.commands):
                    await self._one(session, command, index, response)
            except SeatbusError as error:
                log.info(
                    "command refused",
                    tenant=session.tenant,
                    call=session.id,
                    request=request_id,
                    field=error.field,
                    code=error.code,
                    reason=error.message,
                )
                if response.results:
                    session.remember(request_id, error)
                raise
            else:
                session.remember(request_id, response)
                return response
            finally:
                self._settle(session)

    async def _one(self, session: Session, command: object, index: int, response: ExecuteResponse) -> None:
        name = command.WhichOneof("command")  # type: ignore[attr-defined]
        place = f"commands[{index}]"
        handler = self._commands.table.get(name)
        if handler is None:
            raise Unimplemented(f"{name} is not served by this version", field=place, rule=name)
        if session.ended:
            raise NotFound(f"session {session.id} has ended", field=place)
        try:
            response.results.append(await handler(session, getattr(command, name)))
        except SeatbusError as error:
            error.field = f"{place}.{name}.{error.field}" if error.field else place
            raise

    def _settle(self, session: Session) -> None:
        """A session without endpoints is over; its answers are kept for a while for repeated requests."""
        if not session.ended and session.endpoints:
            session.saved_at = monotonic()
            self._keep(session)
        if session.ended or not session.endpoints:
            self._forget(session.id)
            if self.sessions.get(session.id) is session:
                del self.sessions[session.id]
                if not self.sessions:
                    self._empty.set()
            if not session.ended:
                self._commands.end(session)
            self._ended[session.id] = session
            self._ended.move_to_end(session.id)
            if len(self._ended) > _KEEP_ENDED:
                self._ended.popitem(last=False)

    async def wait_empty(self) -> None:
        """Returns when the last session has ended."""
        await self._empty.wait()

    def find(self, session_id: str) -> Session:
        session = self.sessions.get(session_id)
        if session is None:
            raise NotFound(f"no session {session_id}", field="session_id")
        return session

    def of_owner(self, owner: str) -> Iterable[Session]:
        return [session for session in self.sessions.values() if not owner or session.owner == owner]

    def recording_failed(self, session_id: str, recording_id: str, reason: str) -> None:
        """The store refused a recording or lost a part of it: the owner of the call is told."""
        session = self.sessions.get(session_id)
        if session is not None:
            failed = RecordingFailed(recording_id=recording_id, reason=reason)
            session.emit(MediaEvent(recording_failed=failed))

    def recording_refused(self, session_id: str, recording_id: str, reason: str) -> None:
        session = self.sessions.get(session_id)
        run = session.recordings.pop(recording_id, None) if session is not None else None
        if run is not None:
            run.abandon()
        self.recording_failed(session_id, recording_id, reason)

    # -- restarts and stalls ---------------------------------------------------------------------------------

    def adopt(self, session: Session) -> None:
        """A session of a predecessor of this process."""
        self.sessions[session.id] = session
        self._empty.clear()

    def stalled(self, stood_s: float) -> None:
        """The process stood still: its calls may be elsewhere. Their owners are made to say so."""
        if not self.sessions:
            return
        log.error(
            "this process stood still, nothing is sent until the calls' owners confirm them",
            stood_s=round(stood_s, 2),
            sessions=len(self.sessions),
        )
        for session in self.sessions.values():
            session.doubt(True)
        self._hub.close()

    def confirm(self, owner: str, session_ids: Collection[str]) -> None:
        """The owner's sessions that are here; its others have gone elsewhere and end without a word."""
        for session in tuple(self.sessions.values()):
            if session.owner != owner:
                continue
            if session.id in session_ids:
                if session.doubtful:
                    session.doubt(False)
            elif session.doubtful:
                log.warning("a session that was moved ends here", tenant=session.tenant, call=session.id)
                self._commands.end(session)
                self._settle(session)

    # -- upkeep ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Each session is looked after once a second, or as often as short limits need; few of them in one
        turn, so that no packet waits for all.
        """
        pause = min(1.0, self._rtp_timeout_s / 4, self._rtcp_interval_s / 2)
        while True:
            sessions = tuple(self.sessions.values())
            turns = range(0, max(1, len(sessions)), _LOOKED_AFTER_AT_ONCE)
            for first in turns:
                self._look_after_some(sessions[first : first + _LOOKED_AFTER_AT_ONCE], monotonic())
                await asyncio.sleep(pause / len(turns))

    def _look_after_some(self, sessions: Iterable[Session], now: float) -> None:
        for session in sessions:
            if self.sessions.get(session.id) is session:
                self._look_after(session, now)

    def _look_after(self, session: Session, now: float) -> None:
        """Reports, silence, alarms, what a successor has to know, and whether anybody wants it still."""
        if now - session.saved_at > _KEEP_EVERY_S or _outruns(session):
            session.saved_at = now
            self._keep(session)
        for endpoint in tuple(session.endpoints.values()):
            endpoint.wire.check(now)
            endpoint.check_silence(now, self._rtp_timeout_s)
            alarms = self._alarms.get(endpoint)
            if alarms is None:
                alarms = self._alarms[endpoint] = Alarms(self._alarm_after_s)
            alarms.check(endpoint, now, session)
            if now >= endpoint.report_due:
                if endpoint.report_due:
                    endpoint.send_report(now)
                endpoint.report_due = now + self._rtcp_interval_s
        if session.endpoints and not self._hub.watched(session.owner):
            self._end_orphan(session, now)

    def _end_orphan(self, session: Session, now: float) -> None:
        """Nobody speaks and nobody watches: the owner is gone, its call too."""
        heard = max(endpoint.heard_at for endpoint in session.endpoints.values())
        if heard and now - heard > self._orphan_after_s:
            log.warning("orphaned session ended", tenant=session.tenant, call=session.id, owner=session.owner)
            self._commands.end(session)
            self._settle(session)

    def close(self) -> None:
        for session in tuple(self.sessions.values()):
            self._commands.end(session)
            self._forget(session.id)
        self.sessions.clear()
