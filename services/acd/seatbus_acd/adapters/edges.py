"""The edge that owns a call, reached by the instance id in the contact."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from seatbus.call.v1 import service_pb2 as api
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.service_pb2_grpc import CallControlStub
from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor, RequestContext
from seatbus_acd.application.contact_forms import trace_of
from seatbus_acd.application.ports import Leg
from seatbus_acd.domain.model import LeaveReason
from seatbus_kit.errors import DeadlineExceeded, OutcomeUnknown, Refused, Unavailable
from seatbus_kit.rpc import invoke

if TYPE_CHECKING:
    from seatbus_acd.application.ports import CallbackPlan, Departure, Visit
    from seatbus_acd.domain.model import Offer
    from seatbus_kit.instances import Instances
    from seatbus_kit.rpc import Channels

T = TypeVar("T")

_TIMEOUT_S: Final = 2.0
_REPEAT_S: Final = (0.1, 0.4)

_LEAVE = {
    LeaveReason.MAX_WAIT: api.LEAVE_REASON_MAX_WAIT,
    LeaveReason.QUEUE_CLOSED: api.LEAVE_REASON_QUEUE_CLOSED,
    LeaveReason.NO_AGENTS: api.LEAVE_REASON_NO_AGENTS,
    LeaveReason.MOVED: api.LEAVE_REASON_MOVED,
    LeaveReason.EXPIRED: api.LEAVE_REASON_MAX_WAIT,
}
_LEG = {
    call_types.LEG_STATE_TRYING: Leg.PENDING,
    call_types.LEG_STATE_RINGING: Leg.PENDING,
    call_types.LEG_STATE_ANSWERED: Leg.LIVE,
    call_types.LEG_STATE_HELD: Leg.LIVE,
}


class EdgeClient:
    def __init__(
        self, instances: Instances, channels: Channels, own_id: str, own_address: Callable[[], str]
    ) -> None:
        self._instances = instances
        self._channels = channels
        self._actor = Actor(kind=ACTOR_KIND_SYSTEM, id=own_id)
        self._own_address = own_address
        self._stubs: dict[str, CallControlStub] = {}

    def present(self, edge_instance: str) -> bool:
        return self._instances.get(edge_instance) is not None

    def choose(self) -> str:
        instance = self._instances.pick("sip_edge")
        return instance.id if instance is not None else ""

    async def check_number(self, tenant: str, branch: str, number: str) -> str:
        instance = self._instances.pick("sip_edge")
        if instance is None:
            raise Unavailable("no edge is there to say whether the number may be called")
        request = api.CheckNumberRequest(tenant_id=tenant, branch_id=branch, number=number)
        answer: api.CheckNumberResponse = await invoke(
            self._stub_at(instance.address).CheckNumber, request, _TIMEOUT_S
        )
        if answer.refusal:
            raise Refused(
                "number_not_allowed",
                f"{number} may not be called: {answer.refusal}",
                field="callback.number",
            )
        return answer.number

    async def hang_up(self, visit: Visit) -> None:
        request = api.HangUpRequest(
            context=RequestContext(
                request_id=f"{visit.call_id}/cancelled", tenant_id=visit.tenant, actor=self._actor
            ),
            call_id=visit.call_id,
            cause=call_types.HANGUP_CAUSE_API,
        )
        await invoke(self._stub(visit).HangUp, request, _TIMEOUT_S, trace_of(visit.call_id))

    async def offer(self, visit: Visit, offer: Offer, group: str, epoch: int) -> None:
        if visit.callback is not None:
            await self._call_back(visit, visit.callback, offer, group, epoch)
            return
        tenant, agent_id = offer.agent
        request = api.OfferAgentRequest(
            context=RequestContext(request_id=offer.rid, tenant_id=visit.tenant, actor=self._actor),
            call_id=visit.call_id,
            contact_id=visit.contact_id,
            rid=offer.rid,
            epoch=epoch,
            group=group,
            agent_tenant_id=tenant,
            agent_id=agent_id,
            ring_timeout_s=offer.ring_timeout_s,
            queue_id=visit.queue_id,
            acd_address=self._own_address(),
            ring_rid=offer.ring,
        )
        trace = trace_of(visit.call_id)
        await self._repeated(lambda: invoke(self._stub(visit).OfferAgent, request, _TIMEOUT_S, trace))

    async def _call_back(
        self, visit: Visit, plan: CallbackPlan, offer: Offer, group: str, epoch: int
    ) -> None:
        tenant, agent_id = offer.agent
        request = api.CallBackRequest(
            context=RequestContext(request_id=offer.rid, tenant_id=visit.tenant, actor=self._actor),
            call_id=visit.call_id,
            contact_id=visit.contact_id,
            rid=offer.rid,
            epoch=epoch,
            group=group,
            agent_tenant_id=tenant,
            agent_id=agent_id,
            ring_timeout_s=offer.ring_timeout_s,
            queue_id=visit.queue_id,
            acd_address=self._own_address(),
            number=plan.number,
            customer_first=plan.customer_first,
            interaction_id=plan.interaction_id,
            branch_id=plan.branch_id,
            attributes=plan.attributes,
            visit=plan.visit,
        )
        trace = trace_of(visit.call_id)
        await self._repeated(lambda: invoke(self._stub(visit).CallBack, request, _TIMEOUT_S, trace))

    async def leave(self, visit: Visit, departure: Departure, epoch: int) -> None:
        request = api.LeaveQueueRequest(
            context=RequestContext(
                request_id=f"{visit.contact_id}/leave", tenant_id=visit.tenant, actor=self._actor
            ),
            call_id=visit.call_id,
            contact_id=visit.contact_id,
            reason=_LEAVE[departure.reason],
            epoch=epoch,
            overflow=departure.target,
            first_fifo=departure.fifo,
        )
        request.first_enqueued_at.FromMicroseconds(round(departure.first_at * 1_000_000))
        trace = trace_of(visit.call_id)
        await invoke(self._stub(visit).LeaveQueue, request, _TIMEOUT_S, trace)

    async def announce(self, visit: Visit, number: int, position: int, wait_s: int) -> None:
        request = api.AnnounceRequest(
            context=RequestContext(
                request_id=f"{visit.contact_id}/comfort/{number}", tenant_id=visit.tenant, actor=self._actor
            ),
            call_id=visit.call_id,
            contact_id=visit.contact_id,
            number=number,
            position=position,
            estimated_wait_s=wait_s,
        )
        await invoke(self._stub(visit).Announce, request, _TIMEOUT_S, trace_of(visit.call_id))

    async def query(self, visit: Visit, rid: str) -> Leg:
        request = api.QueryReservationRequest(tenant_id=visit.tenant, call_id=visit.call_id, rid=rid)
        answer: api.QueryReservationResponse = await invoke(
            self._stub(visit).QueryReservation, request, _TIMEOUT_S
        )
        return _LEG.get(answer.state, Leg.NONE)

    def _stub(self, visit: Visit) -> CallControlStub:
        instance = self._instances.get(visit.edge_instance)
        if instance is None:
            raise Unavailable(f"edge {visit.edge_instance} is away")
        return self._stub_at(instance.address)

    def _stub_at(self, address: str) -> CallControlStub:
        stub = self._stubs.get(address)
        if stub is None:
            stub = self._stubs[address] = CallControlStub(  # type: ignore[no-untyped-call]
                self._channels.get(address)
            )
        return stub

    @staticmethod
    async def _repeated(ask: Callable[[], Awaitable[T]]) -> T:
        """An offer is idempotent by its rid: a lost answer is asked for again."""
        for pause in _REPEAT_S:
            try:
                return await ask()
            except (Unavailable, OutcomeUnknown, DeadlineExceeded):
                await asyncio.sleep(pause)
        return await ask()
