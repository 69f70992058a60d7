"""Control of live calls: each request goes to the edge that owns the call."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from starlette.responses import Response

from seatbus.call.v1 import service_pb2 as call_rpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import call_models as models
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.examples import EXAMPLES
from seatbus_gateway.entrypoints.live_routes import call_uuid
from seatbus_gateway.entrypoints.route import Ask, Handler, Route, json_response
from seatbus_kit.errors import NotFound
from seatbus_kit.instances import Instance


def _text_answer(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


class CallRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def _owner(self, ask: Ask, call_id: str) -> Instance:
        """The edge that has the call. Raises NotFound, or what kept an edge from answering."""
        find = call_rpc.GetCallRequest(tenant_id=ask.tenant, call_id=call_uuid(call_id))
        answers, errors = await self._neighbours.ask_all(
            "sip_edge", "GetCall", find, call_rpc.GetCallResponse
        )
        if not answers:
            other = [error for error in errors.values() if not isinstance(error, NotFound)]
            raise other[0] if other else NotFound(f"no live call {call_id}", field="call_id")
        return answers[0][0]

    async def _tell(self, ask: Ask, method: str, **fields: Any) -> Message:
        owner = await self._owner(ask, ask.path["id"])
        request = getattr(call_rpc, f"{method}Request")(
            context=ask.context(ask.tenant), call_id=ask.path["id"], **fields
        )
        kind = getattr(call_rpc, f"{method}Response")
        answer: Message = await self._neighbours.ask_at(owner, method, request, kind)
        return answer

    async def originate(self, ask: Ask) -> Response:
        body = ask.body_as(models.NewCall)
        request = call_rpc.OriginateRequest(
            context=ask.context(ask.tenant),
            agent_id=body.agent_id,
            caller_id=body.caller_id,
            attributes=body.attributes,
            mask_number=body.mask_number,
            ring_timeout_s=body.ring_timeout_s,
        )
        wanted = {
            "number": body.number,
            "agent_id": body.to_agent_id,
            "queue_id": body.queue_id,
            "flow_id": body.flow_id,
        }
        named = {name: value for name, value in wanted.items() if value}
        request.target.CopyFrom(call_types.OutboundTarget(**named))
        answer = await self._neighbours.ask("sip_edge", "Originate", request, call_rpc.OriginateResponse)
        return json_response({"call_id": answer.call_id}, 201)

    async def hold(self, ask: Ask) -> Response:
        body = ask.body_as(models.Switch)
        await self._tell(ask, "Hold", leg_id=body.leg_id, on=body.on)
        return Response(status_code=204)

    async def mute(self, ask: Ask) -> Response:
        body = ask.body_as(models.Switch)
        await self._tell(ask, "Mute", leg_id=body.leg_id, on=body.on)
        return Response(status_code=204)

    async def transfer(self, ask: Ask) -> Response:
        await self._tell(ask, "Transfer", target=_target(ask.body_as(models.Target)))
        return Response(status_code=204)

    async def consult(self, ask: Ask) -> Response:
        answer = await self._tell(ask, "StartConsult", target=_target(ask.body_as(models.ConsultTarget)))
        return json_response({"leg_id": answer.leg_id})

    async def swap(self, ask: Ask) -> Response:
        await self._tell(ask, "SwapConsult")
        return Response(status_code=204)

    async def complete(self, ask: Ask) -> Response:
        body = ask.body_as(models.ConsultEnding)
        end = call_rpc.ConsultEnd.Value(f"CONSULT_END_{body.end.upper()}")
        await self._tell(ask, "CompleteConsult", end=end)
        return Response(status_code=204)

    async def park(self, ask: Ask) -> Response:
        answer = await self._tell(ask, "Park")
        return json_response({"slot": answer.slot})

    async def dtmf(self, ask: Ask) -> Response:
        body = ask.body_as(models.Digits)
        await self._tell(ask, "SendDtmf", leg_id=body.leg_id, digits=body.digits)
        return Response(status_code=204)

    async def supervise(self, ask: Ask) -> Response:
        body = ask.body_as(models.Supervision)
        mode = call_rpc.SuperviseMode.Value(f"SUPERVISE_MODE_{body.mode.upper()}")
        await self._tell(ask, "Supervise", supervisor_agent_id=body.supervisor_agent_id, mode=mode)
        return Response(status_code=204)

    async def recording(self, ask: Ask) -> Response:
        body = ask.body_as(models.RecordingAction)
        control = call_rpc.RecordingControl.Value(f"RECORDING_CONTROL_{body.action.upper()}")
        await self._tell(ask, "ControlRecording", control=control)
        return Response(status_code=204)

    async def pick_up(self, ask: Ask) -> Response:
        body = ask.body_as(models.PickUp)
        call_id = body.call_id or await self._parked_in(ask, body.slot)
        owner = await self._owner(ask, call_id)
        request = call_rpc.PickUpRequest(
            context=ask.context(ask.tenant), slot=body.slot, call_id=call_id, agent_id=body.agent_id
        )
        await self._neighbours.ask_at(owner, "PickUp", request, call_rpc.PickUpResponse)
        return Response(status_code=204)

    async def _parked_in(self, ask: Ask, slot: str) -> str:
        request = call_rpc.ListCallsRequest(tenant_id=ask.tenant)
        request.page.limit = 1000
        answers, errors = await self._neighbours.ask_all(
            "sip_edge", "ListCalls", request, call_rpc.ListCallsResponse
        )
        for _, answer in answers:
            for call in answer.calls:
                if call.park_slot == slot:
                    return str(call.call_id)
        if errors:
            raise next(iter(errors.values()))
        raise NotFound(f"no call is parked in {slot}", field="slot")

    def routes(self) -> list[Route]:
        P = Permission
        base = "/tenants/{tenant}/calls/{id}"

        def post(
            word: str, summary: str, handler: Handler, body: Any, *, answer: dict[str, Any] | None = None,
            permission: Permission = P.CALLS_CONTROL,
        ) -> Route:  # fmt: skip
            return Route(
                "POST", f"{base}/{word}", permission, summary, handler, "calls", body=body, answer=answer,
                status=200 if answer else 204, example=EXAMPLES.get(f"calls/{word}"),
            )  # fmt: skip

        return [
            Route("POST", "/tenants/{tenant}/calls", P.CALLS_CONTROL, "Call a number for an agent",
                  self.originate, "calls", body=models.NewCall, answer=_text_answer("call_id"), status=201,
                  example=EXAMPLES["calls"]),
            post("hold", "Hold for a leg, or resume", self.hold, models.Switch),
            post("mute", "Mute a leg, or let it speak", self.mute, models.Switch),
            post("transfer", "Transfer blind", self.transfer, models.Target),
            post("consult", "Ask a third party", self.consult, models.ConsultTarget,
                 answer=_text_answer("leg_id")),
            post("consult/swap", "Go to the other one", self.swap, None),
            post("consult/complete", "Transfer, confer or return", self.complete, models.ConsultEnding),
            post("park", "Park", self.park, None, answer=_text_answer("slot")),
            post("dtmf", "Send digits to a leg", self.dtmf, models.Digits),
            post("supervise", "Listen, whisper, barge, take over", self.supervise, models.Supervision,
                 permission=P.CALLS_SUPERVISE),
            post("recording", "Control the recording", self.recording, models.RecordingAction),
            Route("POST", "/tenants/{tenant}/pick-up", P.CALLS_CONTROL, "Pick up a call", self.pick_up,
                  "calls", body=models.PickUp, status=204, example=EXAMPLES["pick-up"]),
        ]  # fmt: skip


def _target(body: models.Target | models.ConsultTarget) -> call_types.OutboundTarget:
    return call_types.OutboundTarget(**body.model_dump(exclude_defaults=True))
