"""What goes on now: agents' states, live calls, registered phones, the board, the instances."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from starlette.responses import Response

from seatbus.agent.v1 import service_pb2 as agent_rpc
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import service_pb2 as call_rpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.reporting.v1 import service_pb2 as report_rpc
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.examples import EXAMPLES
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

    async def agent_states(self, ask: Ask) -> Response:
        query = ask.query_as(models.PageQuery)
        request = agent_rpc.ListAgentsRequest(tenant_id=ask.tenant)
        request.page.limit, request.page.cursor = query.limit, query.cursor
        answer = await self._neighbours.ask(
            "agent_state", "ListAgents", request, agent_rpc.ListAgentsResponse
        )
        states = [to_json(agent) for agent in answer.agents]
        return json_response({"agents": states, "next_cursor": answer.next_cursor})

    async def agent_state(self, ask: Ask) -> Response:
        request = agent_rpc.GetAgentRequest(tenant_id=ask.tenant, agent_id=ask.path["id"])
        answer = await self._neighbours.ask("agent_state", "GetAgent", request, agent_rpc.AgentResponse)
        return json_response(to_json(answer.agent))

    async def act(self, ask: Ask) -> Response:
        body = ask.body_as(models.AgentAction)
        who: dict[str, Any] = {"context": ask.context(ask.tenant), "agent_id": ask.path["id"]}
        method, request = _command(body, who)
        answer = await self._neighbours.ask("agent_state", method, request, agent_rpc.AgentResponse)
        return json_response(to_json(answer.agent))

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
        agent = agent_types.AgentState.DESCRIPTOR
        base = "/tenants/{tenant}"
        return [
            Route("GET", f"{base}/agent-states", P.AGENTS_READ, "States of all agents", self.agent_states,
                  "agents", query=models.PageQuery, answer=paged("agents", "AgentState", "next_cursor")),
            Route("GET", f"{base}/agents/{{id}}/state", P.AGENTS_READ, "State of an agent", self.agent_state,
                  "agents", answer=agent),
            Route("POST", f"{base}/agents/{{id}}/state", P.AGENTS_CONTROL, "Change the state of an agent",
                  self.act, "agents", body=models.AgentAction, answer=agent, example=EXAMPLES["state"]),
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


def _command(body: models.AgentAction, who: dict[str, Any]) -> tuple[str, Message]:
    if body.action == "login":
        return "Login", agent_rpc.LoginRequest(**who, device_id=body.device_id, ready=body.ready)
    if body.action == "logout":
        return "Logout", agent_rpc.LogoutRequest(**who)
    if body.action == "complete_wrap_up":
        return "CompleteWrapUp", agent_rpc.CompleteWrapUpRequest(**who, disposition=body.reason)
    presence = agent_types.PRESENCE_READY if body.action == "ready" else agent_types.PRESENCE_NOT_READY
    return "SetPresence", agent_rpc.SetPresenceRequest(**who, presence=presence, reason=body.reason)


def _seen(call: call_types.Call) -> dict[str, Any]:
    """A call as others may see it: what its next owner needs is no one else's."""
    return {name: value for name, value in to_json(call).items() if name != "snapshot"}
