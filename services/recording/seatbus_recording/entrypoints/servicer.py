"""The contract `seatbus.recording.v1.RecordingService` over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from seatbus.recording.v1 import service_pb2 as pb
from seatbus.recording.v1.service_pb2_grpc import RecordingServiceServicer
from seatbus.recording.v1.types_pb2 import RECORDING_STATE_COMPLETE, RECORDING_STATE_DELETED, Recording
from seatbus_kit.errors import NotFound, Refused, Unavailable
from seatbus_kit.log import get_logger
from seatbus_recording.adapters.catalogue import check_deletable
from seatbus_recording.adapters.files import FileStore
from seatbus_recording.application.intake import Intake
from seatbus_recording.application.ports import Catalogue
from seatbus_recording.domain.naming import check_recording, check_tenant

log = get_logger("seatbus.recording")

_PAGE: Final = 100


class Servicer(RecordingServiceServicer):
    def __init__(self, intake: Intake, catalogue: Catalogue, files: FileStore, instance_id: str) -> None:
        self._intake = intake
        self._catalogue = catalogue
        self._files = files
        self._instance_id = instance_id

    async def Write(
        self, request_iterator: AsyncIterator[pb.Chunk], context: Any
    ) -> AsyncIterator[pb.ChunkAck]:
        async for chunk in request_iterator:
            yield self._intake.chunk(chunk)

    async def WriteBatches(
        self, request_iterator: AsyncIterator[pb.ChunkBatch], context: Any
    ) -> AsyncIterator[pb.ChunkAckBatch]:
        async for batch in request_iterator:
            yield pb.ChunkAckBatch(acks=[self._intake.chunk(chunk) for chunk in batch.chunks])

    async def GetRecording(self, request: pb.GetRecordingRequest, context: Any) -> pb.GetRecordingResponse:
        return pb.GetRecordingResponse(recording=await self._found(request.tenant_id, request.recording_id))

    async def ListRecordings(
        self, request: pb.ListRecordingsRequest, context: Any
    ) -> pb.ListRecordingsResponse:
        tenant = check_tenant(request.tenant_id)
        limit = request.page.limit or _PAGE
        found, cursor = self._catalogue.listed(tenant, request.call_id, request.page.cursor, limit)
        for record in found:
            record.ClearField("meta")
        return pb.ListRecordingsResponse(recordings=found, next_cursor=cursor)

    async def Download(self, request: pb.DownloadRequest, context: Any) -> AsyncIterator[pb.DownloadPiece]:
        record = await self._found(request.tenant_id, request.recording_id)
        if record.state == RECORDING_STATE_DELETED:
            raise NotFound(f"recording {record.recording_id} is deleted", field="recording_id")
        if record.state != RECORDING_STATE_COMPLETE:
            raise Refused("recording_open", "the recording still runs", field="recording_id")
        log.info(
            "recording downloaded",
            tenant=record.tenant_id,
            call=record.call_id,
            recording=record.recording_id,
            actor=request.actor.id,
        )
        try:
            total = await asyncio.to_thread(self._files.size, record.object_name)
        except NotFound as error:
            if record.instance_id in ("", self._instance_id):
                raise
            raise Unavailable(
                f"the file is at {record.instance_id}, ask that instance", rule="other_instance"
            ) from error
        pieces = self._files.read(record.object_name)
        first = True
        while (piece := await asyncio.to_thread(_next, pieces)) is not None:
            yield pb.DownloadPiece(data=piece, total_bytes=total if first else 0)
            first = False

    async def DeleteRecording(
        self, request: pb.DeleteRecordingRequest, context: Any
    ) -> pb.DeleteRecordingResponse:
        tenant = request.context.tenant_id
        record = await self._found(tenant, request.recording_id)
        # The file first: a kill in between leaves a record without audio, never audio without a record.
        if record.state != RECORDING_STATE_DELETED:
            check_deletable(record)
            await asyncio.to_thread(self._files.delete, record.object_name)
        actor = request.context.actor.id or "unknown"
        await self._catalogue.deleted(
            tenant, record.recording_id, request.context.request_id, f"deleted by {actor}"
        )
        log.info("recording deleted", tenant=tenant, recording=record.recording_id, actor=actor)
        return pb.DeleteRecordingResponse()

    async def _found(self, tenant: str, recording_id: str) -> Recording:
        record = await self._catalogue.get(check_tenant(tenant), check_recording(recording_id))
        record.ClearField("meta")
        return record


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
