"""What a call asks of ivr, and the fallback route when nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.ivr.v1 import service_pb2 as ivr
from seatbus_kit.errors import SeatbusError
from seatbus_sip_edge.application.asking import Asking
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from seatbus_sip_edge.domain import effects as fx


class FlowCommands(Asking):
    """Steps of the flow, one after the other."""

    def begin_flow(self, effect: fx.BeginFlow) -> None:
        call = self._call
        if not effect.flow_id:
            self.fall_back("the number has no flow")
            return
        request = ivr.BeginRequest(
            context=self._context(f"{call.flow_key}:begin"),
            call_id=call.flow_key,
            flow_id=effect.flow_id,
            caller=call.caller,
            dialed=call.dialed,
            attributes=call.attributes,
        )
        self.lane.push(lambda: self._step("Begin", request))

    def advance_flow(self, effect: fx.AdvanceFlow) -> None:
        call = self._call
        request = ivr.AdvanceRequest(
            context=self._context(f"{call.flow_key}:step:{effect.step_seq}"),
            call_id=call.flow_key,
            step_seq=effect.step_seq,
            outcome=effect.outcome,
        )
        self.lane.push(lambda: self._step("Advance", request))

    async def _step(self, method: str, request: Message) -> None:
        limit = self._edge.settings.no_ivr_timeout_s
        try:
            answer = await self._ask(
                "ivr", method, request, timeout=min(limit, 1.0), deadline=self._edge.monotonic() + limit
            )
        except SeatbusError as error:
            self._log("no step of the flow, the number's fallback route is taken", error, method=method)
            self.fall_back(str(error))
            return
        step = answer.step
        queue = None
        if step.WhichOneof("action") == "enqueue":
            queue = self._edge.directory.queue(self._call.tenant_id, step.enqueue.queue_id)
        self._session.feed(on.StepGiven(step, queue))

    def fall_back(self, reason: str) -> None:
        """Takes the number's fallback route."""
        call = self._call
        route = self._edge.directory.fallback(call.tenant_id, call.number_id)
        to = self._edge.directory.destination(call.tenant_id, route) if route is not None else None
        self._session.feed(on.FlowUnavailable(to, reason))

    def end_flow(self, effect: fx.EndFlow) -> None:
        request = ivr.EndRequest(context=self._context(f"{effect.key}:end"), call_id=effect.key)
        self.lane.push(lambda: self._report("ivr", "End", request))
