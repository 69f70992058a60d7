"""Who waits and why, what a supervisor does about it, and how many seats a load needs."""

from __future__ import annotations

import uuid
from typing import Any, Final

from starlette.responses import Response

from seatbus.acd.v1 import service_pb2 as acd
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import routing_models as models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.event_stream import STREAM_S, event_stream
from seatbus_gateway.entrypoints.live_routes import paged
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_kit.errors import InvalidArgument

_SIZE_S: Final = 65.0
_POSITION: Final = {
    "type": "object",
    "properties": {"position": {"type": "integer"}},
    "required": ["position"],
}


_MOVED: Final = {
    "type": "object",
    "properties": {"contact_id": {"type": "string"}, "position": {"type": "integer"}},
    "required": ["contact_id", "position"],
}


class RoutingRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def _tell(self, ask: Ask, method: str, **fields: Any) -> Any:
        request = getattr(acd, f"{method}Request")(
            context=ask.context(ask.tenant), contact_id=contact_uuid(ask.path["id"]), **fields
        )
        return await self._neighbours.ask("acd", method, request, getattr(acd, f"{method}Response"))

    # Contacts

    async def explain(self, ask: Ask) -> Response:
        request = acd.ExplainRequest(tenant_id=ask.tenant, contact_id=contact_uuid(ask.path["id"]))
        answer = await self._neighbours.ask("acd", "Explain", request, acd.ExplainResponse)
        return json_response(to_json(answer))

    async def requeue(self, ask: Ask) -> Response:
        answer = await self._tell(ask, "Requeue", front=ask.body_as(models.Requeue).front)
        return json_response({"position": answer.position})

    async def move(self, ask: Ask) -> Response:
        answer = await self._tell(ask, "Move", to_queue_id=ask.body_as(models.Move).queue_id)
        return json_response({"contact_id": answer.contact_id, "position": answer.position})

    async def prioritise(self, ask: Ask) -> Response:
        answer = await self._tell(ask, "Prioritise", priority=ask.body_as(models.Prioritise).priority)
        return json_response({"position": answer.position})

    async def pull(self, ask: Ask) -> Response:
        answer = await self._tell(ask, "Pull", agent_id=ask.body_as(models.Pull).agent_id)
        return json_response({"rid": answer.rid})

    # Queues

    async def waiting(self, ask: Ask) -> Response:
        request = acd.PreviewRequest(tenant_id=ask.tenant, queue_id=ask.path["id"])
        answer = await self._neighbours.ask("acd", "Preview", request, acd.PreviewResponse)
        return json_response({"contacts": [to_json(contact) for contact in answer.waiting]})

    async def estimate(self, ask: Ask) -> Response:
        request = acd.EstimateWaitRequest(tenant_id=ask.tenant, queue_id=ask.path["id"])
        answer = await self._neighbours.ask("acd", "EstimateWait", request, acd.EstimateWaitResponse)
        return json_response(to_json(answer))

    async def mode(self, ask: Ask) -> Response:
        body = ask.body_as(models.QueueMode)
        request = acd.SetQueueModeRequest(
            context=ask.context(ask.tenant),
            queue_id=ask.path["id"],
            mode=body.mode,
            announcement_prompt_id=body.announcement_prompt_id,
        )
        await self._neighbours.ask("acd", "SetQueueMode", request, acd.SetQueueModeResponse)
        return Response(status_code=204)

    async def queues(self, ask: Ask) -> Response:
        request = acd.SnapshotRequest(tenant_id=ask.tenant)
        answer = await self._neighbours.ask("acd", "Snapshot", request, acd.SnapshotResponse)
        return json_response(_snapshot(answer))

    async def queue_stream(self, ask: Ask) -> Response:
        request = acd.SnapshotRequest(tenant_id=ask.tenant)
        upstream = self._neighbours.stream("acd", "WatchSnapshot", request, acd.SnapshotResponse, STREAM_S)
        return event_stream("queues", upstream, _snapshot)

    # Planning

    async def size(self, ask: Ask) -> Response:
        body = ask.body_as(models.Sizing)
        if (body.customers is None) == (body.calls_per_hour is None):
            raise InvalidArgument(
                "either customers or calls_per_hour is wanted", field="customers", rule="one"
            )
        given = {name: value for name, value in body.model_dump().items() if value is not None}
        request = acd.SizeRequest(**given)
        answer = await self._neighbours.ask("acd", "Size", request, acd.SizeResponse, _SIZE_S)
        return Response(answer.document, media_type="application/json")

    def routes(self) -> list[Route]:
        P = Permission
        contact, queue = "/tenants/{tenant}/contacts/{id}", "/tenants/{tenant}/queues/{id}"
        return [
            Route("GET", contact, P.CALLS_READ, "Why a contact waits, or who was chosen", self.explain,
                  "routing", answer=acd.ExplainResponse.DESCRIPTOR,
                  description="Decisions are kept by the holder of the routing group while it has room."),
            Route("POST", f"{contact}/requeue", P.CALLS_CONTROL, "Back to its place, or to the front",
                  self.requeue, "routing", body=models.Requeue, answer=_POSITION),
            Route("POST", f"{contact}/move", P.CALLS_CONTROL, "To another queue, with its place",
                  self.move, "routing", body=models.Move, answer=_MOVED,
                  description="A chat, an e-mail or a task goes on there under a new id, which is told; the "
                  "other one ends as `transferred_out`. Of a call both are empty. 409: it does not wait, or "
                  "that queue does not take it (`queue_closed`, `no_agents`; 429 `queue_full`), and it "
                  "waits on."),
            Route("POST", f"{contact}/prioritise", P.CALLS_CONTROL, "Another class", self.prioritise,
                  "routing", body=models.Prioritise, answer=_POSITION),
            Route("POST", f"{contact}/pull", P.CALLS_CONTROL, "An agent picks a waiting contact", self.pull,
                  "routing", body=models.Pull,
                  answer={"type": "object", "properties": {"rid": {"type": "string"}}, "required": ["rid"]}),
            Route("GET", f"{queue}/waiting", P.CALLS_READ, "Who waits, in the order of places", self.waiting,
                  "routing", answer=paged("contacts", "WaitingContact")),
            Route("GET", f"{queue}/estimate", P.BOARD_READ, "How long a caller who came now would wait",
                  self.estimate, "routing", answer=acd.EstimateWaitResponse.DESCRIPTOR),
            Route("POST", f"{queue}/mode", P.CALLS_CONTROL, "Open, close, or announce a mass outage",
                  self.mode, "routing", body=models.QueueMode, status=204),
            Route("GET", "/tenants/{tenant}/queue-snapshots", P.BOARD_READ, "All queues as they are now",
                  self.queues, "routing", answer=acd.SnapshotResponse.DESCRIPTOR),
            Route("GET", "/tenants/{tenant}/queue-snapshots/stream", P.BOARD_READ,
                  "The same whenever it changes", self.queue_stream, "routing",
                  media_type="text/event-stream", answer={"type": "string"},
                  description="Server-sent events `queues`, each a whole snapshot; one each 5 s at least. "
                  "`error` says why a stream ends before its 5 minutes."),
            Route("POST", "/sizing", P.TENANTS_READ, "How many seats and agents a load needs", self.size,
                  "planning", body=models.Sizing, answer={"type": "object"},
                  description="The document of `seatbus size --json`."),
        ]  # fmt: skip


def _snapshot(answer: acd.SnapshotResponse) -> dict[str, Any]:
    return {"queues": [to_json(queue) for queue in answer.queues], "unreachable": list(answer.unreachable)}


def contact_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidArgument(f"not a contact id: {text!r}", field="contact_id", rule="uuid") from None
