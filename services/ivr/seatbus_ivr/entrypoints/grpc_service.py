"""The contract `seatbus.ivr.v1.IvrService` over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatbus.ivr.v1 import service_pb2 as rpc
from seatbus.ivr.v1.service_pb2_grpc import IvrServiceServicer
from seatbus_ivr.domain.interpreter import Arrival
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_ivr.application.calls import Calls
    from seatbus_ivr.domain.walk import Note

log = get_logger("seatbus.ivr")


def journal(tenant: str, call: str, flow: str, notes: tuple[Note, ...]) -> None:
    """One line for each thing that went otherwise than the flow says."""
    for note in notes:
        log.warning("flow", tenant=tenant, call=call, flow=flow, node=note.node_id, reason=note.reason)


class IvrServicer(IvrServiceServicer):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Begin(self, request: rpc.BeginRequest, context: Any) -> rpc.BeginResponse:
        arrival = Arrival(
            request.context.tenant_id,
            request.call_id,
            request.flow_id,
            request.caller,
            request.dialed,
            dict(request.attributes),
        )
        try:
            return rpc.BeginResponse(step=await self._calls.begin(arrival))
        except SeatbusError as error:
            _refused(arrival.tenant_id, arrival.call_id, "begin", error, flow=arrival.flow_id)
            raise

    async def Advance(self, request: rpc.AdvanceRequest, context: Any) -> rpc.AdvanceResponse:
        tenant, call = request.context.tenant_id, request.call_id
        try:
            step = await self._calls.advance(tenant, call, request.step_seq, request.outcome)
        except SeatbusError as error:
            _refused(tenant, call, "advance", error, step=request.step_seq)
            raise
        return rpc.AdvanceResponse(step=step)

    async def End(self, request: rpc.EndRequest, context: Any) -> rpc.EndResponse:
        try:
            await self._calls.end(request.context.tenant_id, request.call_id)
        except SeatbusError as error:
            _refused(request.context.tenant_id, request.call_id, "end", error)
            raise
        return rpc.EndResponse()

    async def ValidateFlow(self, request: rpc.ValidateFlowRequest, context: Any) -> rpc.ValidateFlowResponse:
        self._calls.validate(request.flow)
        return rpc.ValidateFlowResponse()


def _refused(tenant: str, call: str, what: str, error: SeatbusError, **more: object) -> None:
    log.warning(
        "refused", tenant=tenant, call=call, what=what, code=error.code, reason=str(error),
        todo="repeat" if error.retryable else "see reason", **more,
    )  # fmt: skip
