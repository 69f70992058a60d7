"""gRPC `ReportingService`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import service_pb2_grpc

if TYPE_CHECKING:
    from seatbus_reporting.application.boards import Boards
    from seatbus_reporting.application.queries import Queries
    from seatbus_reporting.application.rows import Rows


class ReportingServicer(service_pb2_grpc.ReportingServiceServicer):
    def __init__(self, queries: Queries, boards: Boards, rows: Rows) -> None:
        self._rows = rows
        self._queries = queries
        self._boards = boards

    async def ListCdrs(self, request: rpc.ListCdrsRequest, _context: object) -> rpc.ListCdrsResponse:
        await self._rows.fresh()
        return await self._queries.cdrs(request)

    async def GetCdr(self, request: rpc.GetCdrRequest, _context: object) -> rpc.GetCdrResponse:
        await self._rows.fresh()
        return rpc.GetCdrResponse(cdr=await self._queries.cdr(request.tenant_id, request.call_id))

    async def ListQueueVisits(
        self, request: rpc.ListQueueVisitsRequest, _context: object
    ) -> rpc.ListQueueVisitsResponse:
        await self._rows.fresh()
        return await self._queries.visits(request)

    async def ListAgentIntervals(
        self, request: rpc.ListAgentIntervalsRequest, _context: object
    ) -> rpc.ListAgentIntervalsResponse:
        await self._rows.fresh()
        return await self._queries.intervals(request)

    async def GetBoard(self, request: rpc.GetBoardRequest, _context: object) -> rpc.BoardUpdate:
        return self._boards.snapshot(request.tenant_id)

    async def WatchBoard(
        self, request: rpc.GetBoardRequest, _context: object
    ) -> AsyncIterator[rpc.BoardUpdate]:
        async for update in self._boards.watch(request.tenant_id):
            yield update

    async def QueryMetric(self, request: rpc.QueryMetricRequest, _context: object) -> rpc.QueryMetricResponse:
        await self._rows.fresh()
        return await self._queries.metric(request)

    async def CommittedWatermark(
        self, request: rpc.CommittedWatermarkRequest, _context: object
    ) -> rpc.CommittedWatermarkResponse:
        return rpc.CommittedWatermarkResponse(committed=await self._queries.committed(list(request.call_ids)))
