"""AcdService over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.acd.v1.service_pb2_grpc import AcdServiceServicer
from seatbus_acd.application.contact_forms import OPERATOR, decision_message
from seatbus_acd.application.snapshot import preview, queue_snapshots
from seatbus_acd.entrypoints.desk import is_forwarded
from seatbus_kit.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    import grpc.aio

    from seatbus_acd.adapters.callbacks import StoredCallbacks
    from seatbus_acd.adapters.contact_feed import ContactFeed
    from seatbus_acd.adapters.decision_log import DecisionLog
    from seatbus_acd.adapters.sizing import Sizing
    from seatbus_acd.adapters.tenancy import TenancyClient
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.domain.model import AgentKey
    from seatbus_acd.entrypoints.desk import Desk

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_OUTCOMES: Final = {
    api.OFFER_OUTCOME_RINGING: "ringing",
    api.OFFER_OUTCOME_ANSWERED: "answered",
    api.OFFER_OUTCOME_NO_ANSWER: "no_answer",
    api.OFFER_OUTCOME_BUSY: "busy",
    api.OFFER_OUTCOME_REJECTED: "rejected",
    api.OFFER_OUTCOME_UNREACHABLE: "unreachable",
    api.OFFER_OUTCOME_FAILED: "failed",
    api.OFFER_OUTCOME_CUSTOMER_NO_ANSWER: "customer_no_answer",
    api.OFFER_OUTCOME_CUSTOMER_BUSY: "customer_busy",
    api.OFFER_OUTCOME_CUSTOMER_REJECTED: "customer_rejected",
    api.OFFER_OUTCOME_CUSTOMER_UNREACHABLE: "customer_unreachable",
    api.OFFER_OUTCOME_CUSTOMER_MACHINE: "customer_machine",
    api.OFFER_OUTCOME_CUSTOMER_HUNG_UP: "customer_hung_up",
}
_GOES_ON: Final = (wire.VISIT_OUTCOME_TRANSFERRED_OUT, wire.VISIT_OUTCOME_OVERFLOWED)
_DEFAULT_PAGE: Final = 200
_WATCH_S: Final = 0.5
# Sent though nothing changed, so that a silent line is noticed.
_WATCH_BEAT_S: Final = 5.0


class AcdServicer(AcdServiceServicer):
    def __init__(
        self,
        desk: Desk,
        tenancy: TenancyClient,
        sizing: Sizing,
        callbacks: StoredCallbacks,
        log: DecisionLog,
        feed: ContactFeed,
    ) -> None:
        self._log = log
        self._feed = feed
        self._desk = desk
        self._callbacks = callbacks
        self._tenancy = tenancy
        self._sizing = sizing

    async def Enqueue(self, request: api.EnqueueRequest, context: Context) -> api.EnqueueResponse:
        asked = request.context
        key = (asked.tenant_id, request.queue_id)
        called = request.channel in ("", "voice")
        if called and not request.edge_instance and not request.HasField("callback"):
            raise InvalidArgument(
                "a caller waits at an edge", field="edge_instance", rule="required without callback"
            )

        async def here(shard: Shard) -> api.EnqueueResponse:
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
                caller=request.caller,
                also_queue_ids=request.also_queue_ids,
                fifo=request.first_fifo,
                previous_contact_id=request.previous_contact_id,
            )
            if request.HasField("first_enqueued_at"):
                record.first_enqueued_at.CopyFrom(request.first_enqueued_at)
            if request.HasField("callback"):
                record.callback.CopyFrom(request.callback)
            position = await shard.requests.enqueue(record, asked.request_id)
            seconds, _ = shard.estimates.estimate(key, position)
            return api.EnqueueResponse(position=position, estimated_wait_s=seconds)

        return await self._desk.at_queue(key, "Enqueue", request, context, here)

    async def Cancel(self, request: api.CancelRequest, context: Context) -> api.CancelResponse:
        asked = request.context
        key = (asked.tenant_id, request.contact_id)

        async def here(shard: Shard) -> api.CancelResponse:
            outcome = await shard.requests.cancel(
                key, request.outcome, asked.request_id, without_call=request.without_call
            )
            onward = await shard.contacts.onward(key) if outcome in _GOES_ON else None
            next_id = onward.contact_id if onward is not None and onward.queue_id else ""
            return api.CancelResponse(outcome=outcome, next_contact_id=next_id)

        return await self._desk.at_contact(key, "Cancel", request, context, here)

    async def ReportOffer(self, request: api.ReportOfferRequest, context: Context) -> api.ReportOfferResponse:
        asked = request.context
        key = (asked.tenant_id, request.contact_id)

        async def here(shard: Shard) -> api.ReportOfferResponse:
            await shard.requests.report(
                key,
                request.rid,
                _OUTCOMES[request.outcome],
                asked.request_id,
                customer_waits=request.customer_waits,
                without_call=request.without_call,
            )
            return api.ReportOfferResponse()

        return await self._desk.at_contact(key, "ReportOffer", request, context, here)

    async def Requeue(self, request: api.RequeueRequest, context: Context) -> api.RequeueResponse:
        key = (request.context.tenant_id, request.contact_id)

        async def here(shard: Shard) -> api.RequeueResponse:
            return api.RequeueResponse(position=await shard.requests.requeue(key, front=request.front))

        return await self._desk.at_contact(key, "Requeue", request, context, here)

    async def Move(self, request: api.MoveRequest, context: Context) -> api.MoveResponse:
        tenant = request.context.tenant_id
        key = (tenant, request.contact_id)
        await self._desk.must_know((tenant, request.to_queue_id))

        async def here(shard: Shard) -> api.MoveResponse:
            contact_id, position = await shard.requests.move(key, request.to_queue_id)
            return api.MoveResponse(contact_id=contact_id, position=position)

        return await self._desk.at_contact(key, "Move", request, context, here)

    async def Prioritise(self, request: api.PrioritiseRequest, context: Context) -> api.PrioritiseResponse:
        asked = request.context
        key = (asked.tenant_id, request.contact_id)

        async def here(shard: Shard) -> api.PrioritiseResponse:
            position = await shard.requests.prioritise(key, request.priority, asked.request_id)
            return api.PrioritiseResponse(position=position)

        return await self._desk.at_contact(key, "Prioritise", request, context, here)

    async def Pull(self, request: api.PullRequest, context: Context) -> api.PullResponse:
        tenant = request.context.tenant_id
        key = (tenant, request.contact_id)

        async def here(shard: Shard) -> api.PullResponse:
            agent: AgentKey = (tenant, request.agent_id)
            if agent not in shard.engine.agents and (OPERATOR, request.agent_id) in shard.engine.agents:
                agent = (OPERATOR, request.agent_id)
            return api.PullResponse(rid=await shard.requests.pull(key, agent))

        return await self._desk.at_contact(key, "Pull", request, context, here)

    async def ListCallbacks(
        self, request: api.ListCallbacksRequest, context: Context
    ) -> api.ListCallbacksResponse:
        limit = request.page.limit or _DEFAULT_PAGE
        found = await self._callbacks.of(request.tenant_id, request.queue_id, request.page.cursor)
        page = found[:limit]
        return api.ListCallbacksResponse(
            callbacks=page, next_cursor=page[-1].contact_id if len(found) > limit else ""
        )

    async def Preview(self, request: api.PreviewRequest, context: Context) -> api.PreviewResponse:
        key = (request.tenant_id, request.queue_id)

        async def here(shard: Shard) -> api.PreviewResponse:
            shard.queue(*key)
            return api.PreviewResponse(waiting=preview(shard, key))

        return await self._desk.at_queue(key, "Preview", request, context, here)

    async def Explain(self, request: api.ExplainRequest, context: Context) -> api.ExplainResponse:
        key = (request.tenant_id, request.contact_id)

        async def here(shard: Shard) -> api.ExplainResponse:
            decisions = [decision_message(decision) for decision in shard.decisions.of(key)]
            known = {(decision.at.ToMicroseconds(), decision.chosen_agent_id) for decision in decisions}
            # Those of earlier holders; why it waited is in this one's memory alone.
            decisions += [
                decision
                for decision in await self._log.of(key)
                if (decision.at.ToMicroseconds(), decision.chosen_agent_id) not in known
            ]
            if not decisions and not await shard.requests.knows(key):
                raise NotFound(f"no contact {key[1]} is known", field="contact_id", rule="known")
            decisions.sort(key=lambda decision: decision.at.ToMicroseconds())
            answer = api.ExplainResponse(decisions=decisions, position=shard.engine.position(key))
            visit = shard.visits.get(key)
            if visit is not None and answer.position:
                found = shard.estimates.estimate((visit.tenant, visit.queue_id), answer.position)
                answer.estimated_wait_s, answer.error_s = found
            return answer

        return await self._desk.at_contact(key, "Explain", request, context, here)

    async def Snapshot(self, request: api.SnapshotRequest, context: Context) -> api.SnapshotResponse:
        return await self._snapshot(request.tenant_id, forwarded=is_forwarded(context))

    async def WatchSnapshot(
        self, request: api.SnapshotRequest, context: Context
    ) -> AsyncIterator[api.SnapshotResponse]:
        last: api.SnapshotResponse | None = None
        loop = asyncio.get_running_loop()
        sent_at = 0.0
        while True:
            now = await self._snapshot(request.tenant_id, forwarded=False)
            if now != last or loop.time() - sent_at >= _WATCH_BEAT_S:
                last, sent_at = now, loop.time()
                yield now
            await asyncio.sleep(_WATCH_S)

    async def WatchContacts(
        self, request: api.WatchContactsRequest, context: Context
    ) -> AsyncIterator[api.ContactsUpdate]:
        updates = self._feed.follow(request.tenant_id, request.queue_id, request.channel, _WATCH_BEAT_S)
        async with aclosing(updates):
            async for update in updates:
                yield update

    async def EstimateWait(
        self, request: api.EstimateWaitRequest, context: Context
    ) -> api.EstimateWaitResponse:
        key = (request.tenant_id, request.queue_id)

        async def here(shard: Shard) -> api.EstimateWaitResponse:
            shard.queue(*key)
            behind = len(shard.engine.queues[key].places) + 1
            seconds, error = shard.estimates.estimate(key, behind)
            return api.EstimateWaitResponse(estimated_wait_s=seconds, error_s=error)

        return await self._desk.at_queue(key, "EstimateWait", request, context, here)

    async def SetQueueMode(
        self, request: api.SetQueueModeRequest, context: Context
    ) -> api.SetQueueModeResponse:
        """A queue's mode is configuration: it outlives every replica, and every edge sees it."""
        await self._tenancy.set_mode(
            request.context, request.queue_id, request.mode, request.announcement_prompt_id
        )
        return api.SetQueueModeResponse()

    async def Size(self, request: api.SizeRequest, context: Context) -> api.SizeResponse:
        return api.SizeResponse(document=await self._sizing.size(request))

    async def _snapshot(self, tenant: str, *, forwarded: bool) -> api.SnapshotResponse:
        def here(shard: Shard) -> api.SnapshotResponse:
            return api.SnapshotResponse(queues=queue_snapshots(shard, tenant))

        return await self._desk.snapshot(tenant, here, forwarded=forwarded)
