"""Chats, e-mails and tasks of a tenant's own system: queued, offered to agents, taken, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent_rpc
from seatbus.common.v1.types_pb2 import Skill
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import contact_models as models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.event_stream import STREAM_S, event_stream
from seatbus_gateway.entrypoints.examples import EXAMPLES
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_gateway.entrypoints.routing_routes import contact_uuid
from seatbus_kit.errors import InvalidArgument, NotFound
from seatbus_kit.ids import uuid7, uuid7_time

_AGE: Final = timedelta(days=1)
_ENQUEUED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "contact_id": {"type": "string"},
        "position": {"type": "integer"},
        "estimated_wait_s": {"type": "integer"},
    },
    "required": ["contact_id", "position", "estimated_wait_s"],
}
_OUTCOME: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "outcome": {"type": "string", "enum": list(acd_types.VisitOutcome.keys())},
        "next_contact_id": {"type": "string"},
    },
    "required": ["outcome"],
}


class ContactRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def enqueue(self, ask: Ask) -> Response:
        body = ask.body_as(models.NewContact)
        contact_id = _new_id(body.contact_id, once="idempotency-key" in ask.request.headers)
        request = acd.EnqueueRequest(
            context=ask.context(ask.tenant),
            contact_id=contact_id,
            call_id=contact_id,
            queue_id=body.queue_id,
            channel=body.channel,
            caller=body.customer,
            priority=body.priority,
            requirements=[Skill(name=skill.name, level=skill.level) for skill in body.requirements],
            preferred_agent_id=body.preferred_agent_id,
            branch_id=body.branch_id,
            interaction_id=body.interaction_id,
            attributes=body.attributes,
        )
        answer = await self._neighbours.ask("acd", "Enqueue", request, acd.EnqueueResponse)
        told = {"position": answer.position, "estimated_wait_s": answer.estimated_wait_s}
        return json_response({"contact_id": contact_id, **told}, 201)

    async def cancel(self, ask: Ask) -> Response:
        request = acd.CancelRequest(
            context=ask.context(ask.tenant),
            contact_id=contact_uuid(ask.path["id"]),
            outcome=acd_types.VISIT_OUTCOME_ABANDONED,
            without_call=True,
        )
        answer = await self._neighbours.ask("acd", "Cancel", request, acd.CancelResponse)
        told = {"outcome": acd_types.VisitOutcome.Name(answer.outcome)}
        if answer.next_contact_id:
            told["next_contact_id"] = answer.next_contact_id
        return json_response(told)

    async def accept(self, ask: Ask) -> Response:
        return await self._report(ask, ask.body_as(models.Taken).rid, acd.OFFER_OUTCOME_ANSWERED)

    async def reject(self, ask: Ask) -> Response:
        body = ask.body_as(models.NotTaken)
        return await self._report(
            ask, body.rid, acd.OfferOutcome.Value(f"OFFER_OUTCOME_{body.reason.upper()}")
        )

    async def _report(self, ask: Ask, rid: str, outcome: acd.OfferOutcome) -> Response:
        request = acd.ReportOfferRequest(
            context=ask.context(ask.tenant),
            contact_id=contact_uuid(ask.path["id"]),
            rid=rid,
            outcome=outcome,
            without_call=True,
        )
        await self._neighbours.ask("acd", "ReportOffer", request, acd.ReportOfferResponse)
        return Response(status_code=204)

    async def end(self, ask: Ask) -> Response:
        """Only of an agent who has exactly this contact of exactly this tenant."""
        body = ask.body_as(models.Over)
        contact_id = contact_uuid(ask.path["id"])
        tenant = body.agent_tenant_id or ask.tenant
        find = agent_rpc.GetAgentRequest(tenant_id=tenant, agent_id=body.agent_id)
        found = await self._neighbours.ask("agent_state", "GetAgent", find, agent_rpc.AgentResponse)
        mine = (ask.tenant, contact_id, body.rid)
        work = [item for item in found.agent.work if (item.tenant_id, item.contact_id, item.rid) == mine]
        if not work or work[0].edge_instance:
            raise NotFound(
                f"agent {body.agent_id} has not {contact_id} under {body.rid}",
                field="rid",
                rule="held",
            )
        request = agent_rpc.ReportWorkRequest(
            context=ask.context(tenant),
            agent_id=body.agent_id,
            rid=body.rid,
            event=agent_rpc.WORK_EVENT_ENDED,
        )
        await self._neighbours.ask("agent_state", "ReportWork", request, agent_rpc.AgentResponse)
        return Response(status_code=204)

    async def stream(self, ask: Ask) -> Response:
        query = ask.query_as(models.ContactFilter)
        request = acd.WatchContactsRequest(
            tenant_id=ask.tenant, queue_id=query.queue_id, channel=query.channel
        )
        upstream = self._neighbours.stream("acd", "WatchContacts", request, acd.ContactsUpdate, STREAM_S)
        return event_stream("contacts", upstream, _told)

    def routes(self) -> list[Route]:
        P = Permission
        path = "/tenants/{tenant}/contacts"
        return [
            Route("POST", path, P.CALLS_CONTROL, "Queue a chat, an e-mail or a task", self.enqueue,
                  "contacts", body=models.NewContact, answer=_ENQUEUED, status=201,
                  example=EXAMPLES["contacts"],
                  description="Agents need a capacity for the channel (`capacities`). With `Idempotency-Key` "
                  "a `contact_id` is wanted."),
            Route("GET", f"{path}/stream", P.CALLS_READ, "Who waits, is offered to whom, and has ended",
                  self.stream, "contacts", query=models.ContactFilter, media_type="text/event-stream",
                  answer={"type": "string"},
                  description="Server-sent events `contacts` `{snapshot, contacts, ended}`: all that wait or "
                  "are offered, then those that have changed, and those that have ended with their "
                  "`outcome`; an empty one each 5 s. `offered` of a contact names agent and `rid`. `onward` "
                  "of one that left its queue without an agent says why, and in which queue it goes on under "
                  "which `contact_id`, or what refused it; that one has a `previous_contact_id`. `error` "
                  "says why a stream ends before its 5 minutes."),
            Route("DELETE", f"{path}/{{id}}", P.CALLS_CONTROL, "The customer has gone", self.cancel,
                  "contacts", answer=_OUTCOME,
                  description="Before an agent has taken it. 409 `has_a_call`: a call is hung up instead. "
                  "What had gone on in another queue names its `next_contact_id`: that one waits."),
            Route("POST", f"{path}/{{id}}/accept", P.CALLS_CONTROL, "The agent takes the contact",
                  self.accept, "contacts", body=models.Taken, status=204, example=EXAMPLES["contacts/accept"],
                  description="409 `not_current_offer`: the time to answer is over, another one has it, or "
                  "its customer has gone."),
            Route("POST", f"{path}/{{id}}/reject", P.CALLS_CONTROL, "The agent does not take it",
                  self.reject, "contacts", body=models.NotTaken, status=204,
                  example=EXAMPLES["contacts/reject"]),
            Route("POST", f"{path}/{{id}}/end", P.CALLS_CONTROL, "The conversation is over", self.end,
                  "contacts", body=models.Over, status=204, example=EXAMPLES["contacts/end"]),
        ]  # fmt: skip


def _new_id(given: str, *, once: bool) -> str:
    """Ids carry their time, by which the reports find them."""
    if not given:
        if once:
            raise InvalidArgument(
                "a request that is repeated names its contact", field="contact_id", rule="Idempotency-Key"
            )
        return uuid7()
    contact_id = contact_uuid(given)
    try:
        age = datetime.now(UTC) - uuid7_time(contact_id)
    except ValueError:
        raise InvalidArgument(f"not a UUIDv7: {given}", field="contact_id", rule="uuid version 7") from None
    if abs(age) > _AGE:
        raise InvalidArgument(f"not of the last day: {given}", field="contact_id", rule="24 hours")
    return contact_id


def _told(update: acd.ContactsUpdate) -> dict[str, Any]:
    return {
        "snapshot": update.snapshot,
        "contacts": [to_json(contact) for contact in update.contacts],
        "ended": [to_json(contact) for contact in update.ended],
    }
