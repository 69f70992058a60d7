"""AcdService over gRPC. A request for a group that another replica holds is passed to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.acd.v1.service_pb2_grpc import AcdServiceServicer
from seatbus_acd.adapters.holders import FORWARDED
from seatbus_acd.application.contacts import decision_message
from seatbus_kit.errors import StaleEpoch, Unavailable

if TYPE_CHECKING:
    import grpc.aio
    from google.protobuf.message import Message

    from seatbus_acd.adapters.holders import Holders
    from seatbus_acd.application.router import Router
    from seatbus_acd.application.shard import Shard

T = TypeVar("T")
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_OUTCOMES: Final = {
    api.OFFER_OUTCOME_RINGING: "ringing",
    api.OFFER_OUTCOME_ANSWERED: "answered",
    api.OFFER_OUTCOME_NO_ANSWER: "no_answer",
    api.OFFER_OUTCOME_BUSY: "busy",
    api.OFFER_OUTCOME_REJECTED: "rejected",
    api.OFFER_OUTCOME_UNREACHABLE: "unreachable",
    api.OFFER_OUTCOME_FAILED: "failed",
}
# A takeover is waited for a little; callers repeat after that.
_TAKEOVER_WAIT_S: Final = 1.0
_FORWARD_S: Final = 4.0


class AcdServicer(AcdServiceServicer):
    def __init__(self, router: Router, holders: Holders, own_id: str) -> None:
        self._router = router
        self._holders = holders
        self._own_id = own_id

    async def Enqueue(self, request: api.EnqueueRequest, context: Context) -> api.EnqueueResponse:
        async def here(shard: Shard) -> api.EnqueueResponse:
            asked = request.context
            self._router.knows_queue(shard, asked.tenant_id, request.queue_id)
            record = wire.Contact(
                tenant_id=asked.tenant_id,
                contact_id=request.contact_id,
                channel=request.channel or "voice",
                call_id=request.call_id,
                edge_instance=request.edge_instance,
                queue_id=request.queue_id,
                requirements=request.requirements,
                priority=request.priority,
                preferred_agent_id=request.preferred_agent_id,
                visit=request.visit,
                attributes=request.attributes,
                interaction_id=request.interaction_id,
                branch_id=request.branch_id,
            )
            position = await shard.enqueue(record, asked.request_id)
            seconds, _ = shard.estimates.estimate((asked.tenant_id, request.queue_id), position)
            return api.EnqueueResponse(position=position, estimated_wait_s=seconds)

        return await self._at_holder(request.context.tenant_id, "Enqueue", request, context, here)

    async def Cancel(self, request: api.CancelRequest, context: Context) -> api.CancelResponse:
        async def here(shard: Shard) -> api.CancelResponse:
            asked = request.context
            key = (asked.tenant_id, request.contact_id)
            return api.CancelResponse(outcome=await shard.cancel(key, request.outcome, asked.request_id))

        return await self._at_holder(request.context.tenant_id, "Cancel", request, context, here)

    async def ReportOffer(self, request: api.ReportOfferRequest, context: Context) -> api.ReportOfferResponse:
        async def here(shard: Shard) -> api.ReportOfferResponse:
            asked = request.context
            key = (asked.tenant_id, request.contact_id)
            await shard.report(key, request.rid, _OUTCOMES[request.outcome], asked.request_id)
            return api.ReportOfferResponse()

        return await self._at_holder(request.context.tenant_id, "ReportOffer", request, context, here)

    async def Requeue(self, request: api.RequeueRequest, context: Context) -> api.RequeueResponse:
        async def here(shard: Shard) -> api.RequeueResponse:
            key = (request.context.tenant_id, request.contact_id)
            return api.RequeueResponse(position=await shard.requeue(key, front=request.front))

        return await self._at_holder(request.context.tenant_id, "Requeue", request, context, here)

    async def Explain(self, request: api.ExplainRequest, context: Context) -> api.ExplainResponse:
        async def here(shard: Shard) -> api.ExplainResponse:
            decisions = shard.decisions.of((request.tenant_id, request.contact_id))
            return api.ExplainResponse(decisions=[decision_message(decision) for decision in decisions])

        return await self._at_holder(request.tenant_id, "Explain", request, context, here)

    async def Snapshot(self, request: api.SnapshotRequest, context: Context) -> api.SnapshotResponse:
        async def here(shard: Shard) -> api.SnapshotResponse:
            return api.SnapshotResponse(queues=shard.snapshot(request.tenant_id))

        return await self._at_holder(request.tenant_id, "Snapshot", request, context, here)

    async def EstimateWait(
        self, request: api.EstimateWaitRequest, context: Context
    ) -> api.EstimateWaitResponse:
        async def here(shard: Shard) -> api.EstimateWaitResponse:
            seconds, error = shard.estimate(request.tenant_id, request.queue_id)
            return api.EstimateWaitResponse(estimated_wait_s=seconds, error_s=error)

        return await self._at_holder(request.tenant_id, "EstimateWait", request, context, here)

    async def _at_holder(
        self,
        tenant: str,
        method: str,
        request: Message,
        context: Context,
        here: Callable[[Shard], Awaitable[T]],
    ) -> T:
        group = self._router.group(tenant)
        shard = self._router.shard(group)
        if shard is None:
            holder = self._holders.holder(group)
            if holder is not None and holder.id != self._own_id:
                if _forwarded(context):
                    raise Unavailable(f"routing group {group} moves, try again")
                remaining = context.time_remaining()
                timeout = min(_FORWARD_S, remaining) if remaining is not None else _FORWARD_S
                answer: T = await self._holders.forward(holder, method, request, timeout)
                return answer
            shard = await self._router.wait_shard(group, _TAKEOVER_WAIT_S)
        try:
            return await here(shard)
        except StaleEpoch as error:
            # That is ours to know, not the caller's: the holder will answer the repeated request.
            raise Unavailable(f"routing group {group} has moved to epoch {error.current}") from error


def _forwarded(context: Context) -> bool:
    return any(key == FORWARDED for key, _ in context.invocation_metadata() or ())
