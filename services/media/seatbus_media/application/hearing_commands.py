"""The commands `listen` and `fork`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from seatbus.media.v1 import service_pb2 as pb
from seatbus_media.application.forking import Fork, Forker
from seatbus_media.application.listening import Listening, Wishes
from seatbus_media.application.session import Session

Handler = Callable[[Session, Any], Awaitable[pb.Result]]


class HearingCommands:
    def __init__(self, forker: Forker) -> None:
        self._forker = forker
        self.table: dict[str, Handler] = {"listen": self.listen, "fork": self.fork}

    async def listen(self, session: Session, command: pb.Listen) -> pb.Result:
        endpoint = session.negotiated(command.endpoint_id, "endpoint_id")
        before = session.listenings.pop(command.endpoint_id, None)
        if before is not None:
            before.stop()
        wishes = Wishes(
            inband_dtmf=command.inband_dtmf,
            voice=command.voice,
            fax=command.fax,
            machine=command.machine,
            level_every_ms=command.level_every_ms,
        )
        if wishes.any:
            session.listenings[command.endpoint_id] = Listening(endpoint, wishes, session, endpoint.ticker)
        return pb.Result()

    async def fork(self, session: Session, command: pb.Fork) -> pb.Result:
        endpoint = session.negotiated(command.endpoint_id, "endpoint_id")
        endpoint_id = command.endpoint_id
        if not command.url:
            session.stop_fork(endpoint_id)
            return pb.Result()
        about = {
            "session_id": session.id,
            "endpoint_id": endpoint_id,
            "tenant_id": session.tenant,
            "encoding": "pcm_s16le",
            "rate": "8000",
        }
        stream = self._forker.open(command.url, about, lambda reason: session.fork_ended(endpoint_id, reason))
        session.stop_fork(endpoint_id)
        session.forks[endpoint_id] = Fork(
            endpoint, stream, lambda: session.in_secret(endpoint_id), endpoint.ticker
        )
        return pb.Result()
