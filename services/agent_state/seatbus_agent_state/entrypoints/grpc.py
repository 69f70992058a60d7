"""AgentStateService over gRPC: requests to use cases, records to answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1.service_pb2_grpc import AgentStateServiceServicer
from seatbus.agent.v1.types_pb2 import WorkItem
from seatbus_agent_state.application.service import Agent, AgentService, Who
from seatbus_agent_state.domain.states import Cause, Presence
from seatbus_agent_state.domain.wanted import Wanted

if TYPE_CHECKING:
    import grpc.aio

_WATCH_BEAT_S: Final = 5.0
_CAUSES: dict[int, Cause] = {
    api.WORK_EVENT_RINGING: Cause.RINGING,
    api.WORK_EVENT_ANSWERED: Cause.ANSWERED,
    api.WORK_EVENT_HELD: Cause.HELD,
    api.WORK_EVENT_RESUMED: Cause.RESUMED,
    api.WORK_EVENT_CONSULT_STARTED: Cause.CONSULT_STARTED,
    api.WORK_EVENT_CONSULT_ENDED: Cause.CONSULT_ENDED,
    api.WORK_EVENT_CONFERENCED: Cause.CONFERENCED,
    api.WORK_EVENT_ENDED: Cause.ENDED,
    api.WORK_EVENT_NO_ANSWER: Cause.NO_ANSWER,
    api.WORK_EVENT_BUSY: Cause.BUSY,
    api.WORK_EVENT_REJECTED: Cause.REJECTED,
    api.WORK_EVENT_UNREACHABLE: Cause.UNREACHABLE,
    api.WORK_EVENT_CANCELLED: Cause.CANCELLED,
    api.WORK_EVENT_DIALING: Cause.DIALING,
    api.WORK_EVENT_DEVICE_LOST: Cause.DEVICE_LOST,
    api.WORK_EVENT_ANSWERED_ELSEWHERE: Cause.ANSWERED_ELSEWHERE,
}

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class AgentStateServicer(AgentStateServiceServicer):
    def __init__(self, service: AgentService) -> None:
        self._service = service

    async def Login(self, request: api.LoginRequest, context: Context) -> api.AgentResponse:
        return _answer(
            await self._service.login(
                Who.of(request.context, request.agent_id),
                seat_id=request.seat_id,
                device_id=request.device_id,
                take_over=request.take_over,
                ready=request.ready,
            )
        )

    async def Logout(self, request: api.LogoutRequest, context: Context) -> api.AgentResponse:
        return _answer(await self._service.logout(Who.of(request.context, request.agent_id)))

    async def SetPresence(self, request: api.SetPresenceRequest, context: Context) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(await self._service.set_presence(who, Presence(request.presence), request.reason))

    async def ForceState(self, request: api.ForceStateRequest, context: Context) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(await self._service.force(who, Presence(request.presence), request.reason))

    async def Reserve(self, request: api.ReserveRequest, context: Context) -> api.ReserveResponse:
        item = WorkItem(
            rid=request.rid,
            contact_id=request.contact_id,
            call_id=request.call_id,
            tenant_id=request.contact_tenant_id,
            queue_id=request.queue_id,
            edge_instance=request.edge_instance,
            channel=request.channel or "voice",
            ring_timeout_s=request.ring_timeout_s,
            wrap_up_s=request.wrap_up_s,
            acd_epoch_group=request.group,
            acd_epoch=request.epoch,
        )
        agent = await self._service.reserve(Who.of(request.context, request.agent_id), item)
        return api.ReserveResponse(revision=agent.revision, device_id=agent.state.device_id)

    async def BeginWork(self, request: api.BeginWorkRequest, context: Context) -> api.ReserveResponse:
        item = WorkItem(
            rid=request.rid,
            kind=request.kind,
            call_id=request.call_id,
            tenant_id=request.call_tenant_id,
            edge_instance=request.edge_instance,
            channel="voice",
            ring_timeout_s=request.ring_timeout_s,
            wrap_up_s=request.wrap_up_s,
        )
        agent = await self._service.begin(Who.of(request.context, request.agent_id), item)
        return api.ReserveResponse(revision=agent.revision, device_id=agent.state.device_id)

    async def ReportWork(self, request: api.ReportWorkRequest, context: Context) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(
            await self._service.work(who, request.rid, _CAUSES[request.event], request.edge_instance)
        )

    async def ReleaseReservation(
        self, request: api.ReleaseReservationRequest, context: Context
    ) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(await self._service.release(who, request.rid))

    async def CompleteWrapUp(self, request: api.CompleteWrapUpRequest, context: Context) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(await self._service.complete_wrap_up(who, request.rid, request.disposition))

    async def ExtendWrapUp(self, request: api.ExtendWrapUpRequest, context: Context) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(await self._service.extend_wrap_up(who, request.seconds))

    async def ReportDevice(self, request: api.ReportDeviceRequest, context: Context) -> api.AgentResponse:
        who = Who.of(request.context, request.agent_id)
        return _answer(await self._service.device(who, request.device_id, registered=request.registered))

    async def GetAgent(self, request: api.GetAgentRequest, context: Context) -> api.AgentResponse:
        return _answer(await self._service.get(request.tenant_id, request.agent_id))

    async def ListAgents(self, request: api.ListAgentsRequest, context: Context) -> api.ListAgentsResponse:
        agents, cursor = self._service.list(
            request.tenant_id, request.page.limit or 1000, request.page.cursor, _wanted(request.filter)
        )
        answer = api.ListAgentsResponse(agents=agents, next_cursor=cursor)
        for agent in answer.agents:
            agent.ClearField("meta")
        return answer

    async def WatchAgents(
        self, request: api.WatchAgentsRequest, context: Context
    ) -> AsyncIterator[api.AgentsUpdate]:
        updates = self._service.watch(request.tenant_id, _wanted(request.filter), _WATCH_BEAT_S)
        async for snapshot, agents, removed in updates:
            update = api.AgentsUpdate(snapshot=snapshot, agents=agents, removed=removed)
            for agent in update.agents:
                agent.ClearField("meta")
            yield update


def _wanted(filter: api.AgentFilter) -> Wanted:
    return Wanted(
        frozenset(filter.presences),
        frozenset(filter.work_states),
        filter.team_id,
        filter.branch_id,
        filter.queue_id,
        filter.seat_id,
        filter.overrun,
    )


def _answer(agent: Agent) -> api.AgentResponse:
    # The record is the caller's own copy.
    agent.state.ClearField("meta")
    return api.AgentResponse(agent=agent.state, revision=agent.revision)
