"""What has been: call records, queue visits, agents' intervals, recordings."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse

from seatbus.common.v1.types_pb2 import Actor
from seatbus.recording.v1 import service_pb2 as recording_rpc
from seatbus.recording.v1 import types_pb2 as recording_types
from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import types_pb2 as types
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.live_routes import paged
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_kit.errors import InvalidArgument, NotFound, SeatbusError

_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_FAR: Final = 1 << 62  # beyond every file
_DOWNLOAD_S: Final = 300.0


class RangeNotSatisfiable(SeatbusError):
    code = "range_not_satisfiable"

    def __init__(self, total: int) -> None:
        super().__init__(f"the file has {total} bytes", field="Range", rule="inside the file")
        self.total = total


def byte_range(header: str | None, total: int) -> tuple[int, int] | None:
    """First and last byte that one `Range` asks for (RFC 9110 §14.2); None: the whole file, as without one.

    Raises RangeNotSatisfiable.
    """
    found = _RANGE.fullmatch((header or "").strip())
    if found is None or found.group() == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        length = _number(last)
        if length == 0 or total == 0:
            raise RangeNotSatisfiable(total)
        return max(0, total - length), total - 1
    start, end = _number(first), min(_number(last) if last else total - 1, total - 1)
    if start >= total:
        raise RangeNotSatisfiable(total)
    return (start, end) if start <= end else None


def _number(digits: str) -> int:
    """However many digits there are."""
    plain = digits.lstrip("0")
    return int(plain or "0") if len(plain) < 19 else _FAR


def _span(request: Any, query: models.SpanQuery) -> None:
    for name, value in (("from", query.from_), ("until", query.until)):
        if isinstance(value, datetime):
            try:
                getattr(request, name).FromDatetime(value)
            except (ValueError, OverflowError) as error:
                raise InvalidArgument(str(error), field=name, rule="years 1 to 9999 in UTC") from error
    request.page.limit, request.page.cursor = query.limit, query.cursor


def _id(text: str, field: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidArgument(f"not an id: {text!r}", field=field, rule="uuid") from None


class ReportRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def _reporting(self, method: str, request: Message, kind: type[Any]) -> Any:
        return await self._neighbours.ask("reporting", method, request, kind, 20.0)

    async def cdrs(self, ask: Ask) -> Response:
        query = ask.query_as(models.CdrQuery)
        request = rpc.ListCdrsRequest(
            tenant_id=ask.tenant,
            queue_id=query.queue_id,
            agent_id=query.agent_id,
            cause=query.cause,
            caller=query.caller,
        )
        _span(request, query)
        answer = await self._reporting("ListCdrs", request, rpc.ListCdrsResponse)
        return json_response({"cdrs": [to_json(c) for c in answer.cdrs], "next_cursor": answer.next_cursor})

    async def cdr(self, ask: Ask) -> Response:
        request = rpc.GetCdrRequest(tenant_id=ask.tenant, call_id=_id(ask.path["id"], "call_id"))
        answer = await self._reporting("GetCdr", request, rpc.GetCdrResponse)
        return json_response(to_json(answer.cdr))

    async def visits(self, ask: Ask) -> Response:
        query = ask.query_as(models.VisitQuery)
        request = rpc.ListQueueVisitsRequest(
            tenant_id=ask.tenant, queue_id=query.queue_id, call_id=query.call_id
        )
        _span(request, query)
        answer = await self._reporting("ListQueueVisits", request, rpc.ListQueueVisitsResponse)
        return json_response(
            {"visits": [to_json(v) for v in answer.visits], "next_cursor": answer.next_cursor}
        )

    async def intervals(self, ask: Ask) -> Response:
        query = ask.query_as(models.IntervalQuery)
        request = rpc.ListAgentIntervalsRequest(tenant_id=ask.tenant, agent_id=query.agent_id)
        _span(request, query)
        answer = await self._reporting("ListAgentIntervals", request, rpc.ListAgentIntervalsResponse)
        return json_response(
            {"intervals": [to_json(i) for i in answer.intervals], "next_cursor": answer.next_cursor}
        )

    async def recording(self, ask: Ask) -> Response:
        request = recording_rpc.GetRecordingRequest(
            tenant_id=ask.tenant, recording_id=_id(ask.path["id"], "recording_id")
        )
        answer = await self._neighbours.ask(
            "recording", "GetRecording", request, recording_rpc.GetRecordingResponse
        )
        return json_response(to_json(answer.recording))

    async def audio(self, ask: Ask) -> Response:
        recording_id = _id(ask.path["id"], "recording_id")
        actor: Actor = ask.context(ask.tenant).actor
        request = recording_rpc.DownloadRequest(tenant_id=ask.tenant, recording_id=recording_id, actor=actor)
        pieces = self._neighbours.stream(
            "recording", "Download", request, recording_rpc.DownloadPiece, _DOWNLOAD_S
        )
        try:
            first = await anext(pieces)
        except StopAsyncIteration:
            raise NotFound(f"recording {recording_id} is empty", field="recording_id") from None
        total = first.total_bytes
        wanted = byte_range(ask.request.headers.get("range"), total)
        start, end = wanted or (0, total - 1)
        headers = {
            "Accept-Ranges": "bytes",
            "Content-Length": str(end - start + 1),
            "Content-Disposition": f'inline; filename="{recording_id}.wav"',
            "Cache-Control": "private, no-store",
        }
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{end}/{total}"
        return StreamingResponse(
            _cut(first, pieces, start, end), 206 if wanted else 200, headers, "audio/wav"
        )

    def routes(self) -> list[Route]:
        P = Permission
        base = "/tenants/{tenant}"
        return [
            Route("GET", f"{base}/cdrs", P.REPORTS_READ,
                  "Call records, newest first, each ended call once; without `final` events are missing",
                  self.cdrs, "reports",
                  query=models.CdrQuery, answer=paged("cdrs", "Cdr", "next_cursor")),
            Route("GET", f"{base}/cdrs/{{id}}", P.REPORTS_READ, "The record of a call", self.cdr, "reports",
                  answer=types.Cdr.DESCRIPTOR),
            Route("GET", f"{base}/queue-visits", P.REPORTS_READ, "Queue visits, newest first", self.visits,
                  "reports", query=models.VisitQuery, answer=paged("visits", "QueueVisit", "next_cursor")),
            Route("GET", f"{base}/agent-intervals", P.REPORTS_READ, "Intervals of agents, the newest first",
                  self.intervals, "reports", query=models.IntervalQuery,
                  answer=paged("intervals", "AgentInterval", "next_cursor")),
            Route("GET", f"{base}/recordings/{{id}}", P.RECORDINGS_READ, "A recording", self.recording,
                  "recordings", answer=recording_types.Recording.DESCRIPTOR),
            Route("GET", f"{base}/recordings/{{id}}/audio", P.RECORDINGS_READ, "The audio of a recording",
                  self.audio, "recordings", answer={"type": "string", "format": "binary"},
                  media_type="audio/wav", description="WAV; one `Range` is answered with 206."),
        ]  # fmt: skip


async def _cut(
    first: recording_rpc.DownloadPiece, rest: AsyncIterator[recording_rpc.DownloadPiece], start: int, end: int
) -> AsyncIterator[bytes]:
    """Bytes start..end of the pieces."""
    at = 0
    piece: recording_rpc.DownloadPiece | None = first
    while piece is not None:
        data: bytes = piece.data
        if at + len(data) > start:
            yield data[max(0, start - at) : end + 1 - at]
        at += len(data)
        if at > end:
            return
        piece = await anext(rest, None)
