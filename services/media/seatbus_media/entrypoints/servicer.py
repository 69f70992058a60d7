"""The contract `seatbus.media.v1.Media` over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.events_pb2 import Alive, Hello, MediaEvent
from seatbus.media.v1.service_pb2_grpc import MediaServicer
from seatbus_kit.errors import ResourceExhausted
from seatbus_media.application.hub import Hub
from seatbus_media.application.service import MediaService

_ALIVE_S: Final = 0.5


class Servicer(MediaServicer):
    def __init__(self, service: MediaService, hub: Hub, instance_id: str, incarnation: str) -> None:
        self._service = service
        self._hub = hub
        self._hello = Hello(instance_id=instance_id, incarnation=incarnation)

    async def Execute(self, request: pb.ExecuteRequest, context: Any) -> pb.ExecuteResponse:
        return await self._service.execute(request)

    async def Watch(self, request: pb.WatchRequest, context: Any) -> AsyncIterator[MediaEvent]:
        subscription = self._hub.subscribe(request.owner)
        try:
            yield MediaEvent(hello=self._hello)
            while True:
                try:
                    async with asyncio.timeout(_ALIVE_S):
                        event = await subscription.queue.get()
                except TimeoutError:
                    yield MediaEvent(alive=Alive())
                    continue
                if event is None:
                    break
                yield event
            if subscription.overrun:
                raise ResourceExhausted("events were not read in time; list the sessions and watch again")
        finally:
            self._hub.unsubscribe(subscription)

    async def GetSession(self, request: pb.GetSessionRequest, context: Any) -> pb.GetSessionResponse:
        return self._service.find(request.session_id).describe()

    async def Confirm(self, request: pb.ConfirmRequest, context: Any) -> pb.ConfirmResponse:
        self._service.confirm(request.owner, frozenset(request.session_ids))
        return pb.ConfirmResponse()

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Any) -> pb.ListSessionsResponse:
        found = [session.describe() for session in self._service.of_owner(request.owner)]
        return pb.ListSessionsResponse(sessions=found)
