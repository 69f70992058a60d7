"""Agents' states: seen, filtered, followed as a stream, changed by agents, forced by supervisors."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import Message
from starlette.responses import Response

from seatbus.agent.v1 import service_pb2 as agent_rpc
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import agent_models as models
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.event_stream import STREAM_S, event_stream
from seatbus_gateway.entrypoints.examples import EXAMPLES
from seatbus_gateway.entrypoints.live_routes import paged
from seatbus_gateway.entrypoints.route import Ask, Route, json_response


class AgentRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def states(self, ask: Ask) -> Response:
        query = ask.query_as(models.AgentPageQuery)
        request = agent_rpc.ListAgentsRequest(tenant_id=ask.tenant, filter=_filter(query))
        request.page.limit, request.page.cursor = query.limit, query.cursor
        answer = await self._neighbours.ask(
            "agent_state", "ListAgents", request, agent_rpc.ListAgentsResponse
        )
        states = [to_json(agent) for agent in answer.agents]
        return json_response({"agents": states, "next_cursor": answer.next_cursor})

    async def stream(self, ask: Ask) -> Response:
        filter = _filter(ask.query_as(models.AgentFilterQuery))
        request = agent_rpc.WatchAgentsRequest(tenant_id=ask.tenant, filter=filter)
        upstream = self._neighbours.stream(
            "agent_state", "WatchAgents", request, agent_rpc.AgentsUpdate, STREAM_S
        )
        return event_stream("agents", upstream, _told)

    async def state(self, ask: Ask) -> Response:
        request = agent_rpc.GetAgentRequest(tenant_id=ask.tenant, agent_id=ask.path["id"])
        answer = await self._neighbours.ask("agent_state", "GetAgent", request, agent_rpc.AgentResponse)
        return json_response(to_json(answer.agent))

    async def act(self, ask: Ask) -> Response:
        method, request = _command(ask.body_as(models.AgentAction), self._who(ask))
        answer = await self._neighbours.ask("agent_state", method, request, agent_rpc.AgentResponse)
        return json_response(to_json(answer.agent))

    async def force(self, ask: Ask) -> Response:
        body = ask.body_as(models.ForcedState)
        request = agent_rpc.ForceStateRequest(
            **self._who(ask), presence=_PRESENCES[body.presence], reason=body.reason
        )
        answer = await self._neighbours.ask("agent_state", "ForceState", request, agent_rpc.AgentResponse)
        return json_response(to_json(answer.agent))

    @staticmethod
    def _who(ask: Ask) -> dict[str, Any]:
        return {"context": ask.context(ask.tenant), "agent_id": ask.path["id"]}

    def routes(self) -> list[Route]:
        P = Permission
        agent = agent_types.AgentState.DESCRIPTOR
        base = "/tenants/{tenant}"
        return [
            Route("GET", f"{base}/agent-states", P.AGENTS_READ, "States of all agents", self.states,
                  "agents", query=models.AgentPageQuery, answer=paged("agents", "AgentState", "next_cursor")),
            Route("GET", f"{base}/agent-states/stream", P.AGENTS_READ, "The same whenever they change",
                  self.stream, "agents", query=models.AgentFilterQuery, media_type="text/event-stream",
                  answer={"type": "string"},
                  description="Server-sent events: `agents` with all that pass, then with those that have "
                  "changed and, as `removed`, the ids of those that do not pass any more; an empty one each "
                  "5 s. `error` says why a stream ends before its 5 minutes."),
            Route("GET", f"{base}/agents/{{id}}/state", P.AGENTS_READ, "State of an agent", self.state,
                  "agents", answer=agent),
            Route("POST", f"{base}/agents/{{id}}/state", P.AGENTS_CONTROL, "Change the state of an agent",
                  self.act, "agents", body=models.AgentAction, answer=agent, example=EXAMPLES["state"]),
            Route("POST", f"{base}/agents/{{id}}/force", P.AGENTS_SUPERVISE,
                  "A supervisor's word: ends a wrap-up at once, takes effect after a conversation",
                  self.force, "agents", body=models.ForcedState, answer=agent, example=EXAMPLES["force"]),
        ]  # fmt: skip


_PRESENCES: Final = {
    "logged_out": agent_types.PRESENCE_LOGGED_OUT,
    "not_ready": agent_types.PRESENCE_NOT_READY,
    "ready": agent_types.PRESENCE_READY,
}


def _filter(query: models.AgentFilterQuery) -> agent_rpc.AgentFilter:
    made = agent_rpc.AgentFilter(
        team_id=query.team_id,
        branch_id=query.branch_id,
        queue_id=query.queue_id,
        seat_id=query.seat_id,
        overrun=query.overrun,
    )
    if query.presence is not None:
        made.presences.append(_PRESENCES[query.presence])
    if query.work is not None:
        made.work_states.append(agent_types.WorkState.Value(f"WORK_STATE_{query.work.upper()}"))
    return made


def _command(body: models.AgentAction, who: dict[str, Any]) -> tuple[str, Message]:
    if body.action == "login":
        return "Login", agent_rpc.LoginRequest(
            **who,
            seat_id=body.seat_id,
            device_id=body.device_id,
            take_over=body.take_over,
            ready=body.ready,
        )
    if body.action == "logout":
        return "Logout", agent_rpc.LogoutRequest(**who)
    if body.action == "complete_wrap_up":
        return "CompleteWrapUp", agent_rpc.CompleteWrapUpRequest(**who, rid=body.rid, disposition=body.reason)
    if body.action == "extend_wrap_up":
        return "ExtendWrapUp", agent_rpc.ExtendWrapUpRequest(**who, seconds=body.seconds)
    presence = _PRESENCES[body.action]
    return "SetPresence", agent_rpc.SetPresenceRequest(**who, presence=presence, reason=body.reason)


def _told(update: agent_rpc.AgentsUpdate) -> dict[str, Any]:
    return {
        "snapshot": update.snapshot,
        "agents": [to_json(agent) for agent in update.agents],
        "removed": list(update.removed),
    }
