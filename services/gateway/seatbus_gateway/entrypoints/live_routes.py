"""What goes on now: live calls, registered phones, the board, the instances."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from seatbus.call.v1 import service_pb2 as call_rpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.reporting.v1 import service_pb2 as report_rpc
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_kit.errors import InvalidArgument, NotFound


def paged(word: str, message: str, *more: str) -> dict[str, Any]:
    """Schema of a page of messages; `more` are lists of words."""
    properties: dict[str, Any] = {
        word: {"type": "array", "items": {"$ref": f"#/components/schemas/{message}"}},
    }
    for name in more:
        properties[name] = (
            {"type": "string"} if name == "next_cursor" else {"type": "array", "items": {"type": "string"}}
        )
    return {"type": "object", "properties": properties, "required": list(properties)}


class LiveRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def calls(self, ask: Ask) -> Response:
        """Calls of every edge, the newest first. An edge that does not answer is named."""
        query = ask.query_as(models.PageQuery)
        request = call_rpc.ListCallsRequest(tenant_id=ask.tenant)
        request.page.limit = query.limit
        answers, errors = await self._neighbours.ask_all(
            "sip_edge", "ListCalls", request, call_rpc.ListCallsResponse
        )
        if errors and not answers:
            raise next(iter(errors.values()))
        calls = [_seen(call) for _, answer in answers for call in answer.calls]
        calls.sort(key=lambda call: str(call["started_at"] or ""), reverse=True)
        return json_response({"calls": calls[: query.limit], "unreachable": sorted(errors)})

    async def hang_up(self, ask: Ask) -> Response:
        call_id = ask.path["id"]
        find = call_rpc.GetCallRequest(tenant_id=ask.tenant, call_id=call_uuid(call_id))
        answers, errors = await self._neighbours.ask_all(
            "sip_edge", "GetCall", find, call_rpc.GetCallResponse
        )
        if not answers:
            other = [error for error in errors.values() if not isinstance(error, NotFound)]
            raise other[0] if other else NotFound(f"no live call {call_id}", field="call_id")
        request = call_rpc.HangUpRequest(
            context=ask.context(ask.tenant), call_id=call_id, cause=call_types.HANGUP_CAUSE_API
        )
        await self._neighbours.ask_at(answers[0][0], "HangUp", request, call_rpc.HangUpResponse)
        return Response(status_code=204)

    async def registrations(self, ask: Ask) -> Response:
        request = call_rpc.ListRegistrationsRequest(tenant_id=ask.tenant)
        answers, errors = await self._neighbours.ask_all(
            "sip_edge", "ListRegistrations", request, call_rpc.ListRegistrationsResponse
        )
        if errors and not answers:
            raise next(iter(errors.values()))
        found = {
            (r.username, r.contact, r.flow_token): r for _, answer in answers for r in answer.registrations
        }
        rows = [to_json(found[key]) for key in sorted(found)]
        return json_response({"registrations": rows, "unreachable": sorted(errors)})

    async def board(self, ask: Ask) -> Response:
        request = report_rpc.GetBoardRequest(tenant_id=ask.tenant)
        answer = await self._neighbours.ask("reporting", "GetBoard", request, report_rpc.BoardUpdate)
        return json_response(to_json(answer))

    async def status(self, ask: Ask) -> Response:
        services = {
            service: [
                {
                    "id": i.id,
                    "address": i.address,
                    "region": i.region,
                    "load": i.load,
                    "draining": i.draining,
                    "attributes": dict(i.attributes),
                }
                for i in instances
            ]
            for service, instances in self._neighbours.status().items()
        }
        return json_response({"services": services})

    def routes(self) -> list[Route]:
        P = Permission
        base = "/tenants/{tenant}"
        return [
            Route("GET", f"{base}/calls", P.CALLS_READ, "Live calls", self.calls, "calls",
                  query=models.PageQuery, answer=paged("calls", "Call", "unreachable")),
            Route("DELETE", f"{base}/calls/{{id}}", P.CALLS_CONTROL, "Hang up a call", self.hang_up, "calls",
                  status=204),
            Route("GET", f"{base}/registrations", P.CALLS_READ, "Registered phones", self.registrations,
                  "devices", answer=paged("registrations", "Registration", "unreachable")),
            Route("GET", f"{base}/board", P.BOARD_READ, "Live counters", self.board, "board",
                  answer=report_rpc.BoardUpdate.DESCRIPTOR,
                  description="The same as a stream: WebSocket on `board/ws`, a snapshot and then deltas."),
            Route("GET", "/status", P.STATUS_READ, "Instances of every service", self.status, "platform",
                  answer={"$ref": "#/components/schemas/Status"}),
        ]  # fmt: skip


def call_uuid(text: str) -> str:
    import uuid

    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidArgument(f"not a call id: {text!r}", field="call_id", rule="uuid") from None


def _seen(call: call_types.Call) -> dict[str, Any]:
    """A call as others may see it: what its next owner needs is no one else's."""
    return {name: value for name, value in to_json(call).items() if name != "snapshot"}
