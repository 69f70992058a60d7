"""Call-backs: asked for, listed, cancelled."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import routing_models as models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.live_routes import paged
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_gateway.entrypoints.routing_routes import contact_uuid
from seatbus_kit.ids import uuid7

_ORDERS: Final = {
    "agent_first": acd_types.CALLBACK_ORDER_AGENT_FIRST,
    "customer_first": acd_types.CALLBACK_ORDER_CUSTOMER_FIRST,
}
_ASKED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "contact_id": {"type": "string"},
        "position": {"type": "integer"},
        "estimated_wait_s": {"type": "integer"},
    },
    "required": ["contact_id", "position", "estimated_wait_s"],
}


class CallbackRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def ask_for(self, ask: Ask) -> Response:
        body = ask.body_as(models.NewCallback)
        contact_id = contact_uuid(body.contact_id) if body.contact_id else uuid7()
        request = acd.EnqueueRequest(
            context=ask.context(ask.tenant),
            contact_id=contact_id,
            call_id=contact_id,
            queue_id=body.queue_id,
            channel="voice",
            priority=body.priority,
            preferred_agent_id=body.preferred_agent_id,
            attributes=body.attributes,
            caller=body.number,
            callback=acd_types.Callback(
                number=body.number,
                order=_ORDERS.get(body.order or "", acd_types.CALLBACK_ORDER_UNSPECIFIED),
                max_attempts=body.max_attempts,
                retry_s=body.retry_s,
            ),
        )
        answer = await self._neighbours.ask("acd", "Enqueue", request, acd.EnqueueResponse)
        told = {"position": answer.position, "estimated_wait_s": answer.estimated_wait_s}
        return json_response({"contact_id": contact_id, **told}, 201)

    async def all(self, ask: Ask) -> Response:
        query = ask.query_as(models.CallbackQuery)
        request = acd.ListCallbacksRequest(tenant_id=ask.tenant, queue_id=query.queue_id)
        request.page.limit, request.page.cursor = query.limit, query.cursor
        answer = await self._neighbours.ask("acd", "ListCallbacks", request, acd.ListCallbacksResponse)
        found = [to_json(entry) for entry in answer.callbacks]
        return json_response({"callbacks": found, "next_cursor": answer.next_cursor})

    async def cancel(self, ask: Ask) -> Response:
        request = acd.CancelRequest(
            context=ask.context(ask.tenant),
            contact_id=contact_uuid(ask.path["id"]),
            outcome=acd_types.VISIT_OUTCOME_CALLBACK,
        )
        await self._neighbours.ask("acd", "Cancel", request, acd.CancelResponse)
        return Response(status_code=204)

    def routes(self) -> list[Route]:
        P = Permission
        path = "/tenants/{tenant}/callbacks"
        return [
            Route("POST", path, P.CALLS_CONTROL, "Ask for a call-back", self.ask_for, "routing",
                  body=models.NewCallback, answer=_ASKED, status=201,
                  description="One a number and queue. The number is called in the queue's order, when an "
                  "agent is free, inside the hours of the queue's `callback` settings."),
            Route("GET", path, P.CALLS_READ, "Call-backs that have not ended", self.all, "routing",
                  query=models.CallbackQuery, answer=paged("callbacks", "CallbackEntry", "next_cursor")),
            Route("DELETE", f"{path}/{{id}}", P.CALLS_CONTROL, "Cancel a call-back", self.cancel, "routing",
                  status=204, description="At any moment: a call under way is ended."),
        ]  # fmt: skip
