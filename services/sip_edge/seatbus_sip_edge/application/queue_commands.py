"""What a call tells acd: it waits, it left, how an offer went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.common.v1 import types_pb2 as common
from seatbus_kit.errors import Refused, SeatbusError
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.asking import Asking
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.callback_inputs import CallbackRefused, CallbackTaken

if TYPE_CHECKING:
    from seatbus_sip_edge.application.lanes import Lane
    from seatbus_sip_edge.application.session import Session

# acd's next decision should see the agent's new state, but not wait for an absent agent_state for ever.
_ORDER_S = 3.0


class QueueCommands(Asking):
    """`agents` is the lane to agent_state, which hears of an offer's end first."""

    def __init__(self, session: Session, lane: Lane, agents: Lane) -> None:
        super().__init__(session, lane)
        self._agents = agents
        self._address = ""

    def hint(self, address: str) -> None:
        """The replica that awaits the outcome of the offer under way."""
        self._address = address

    def enqueue(self, effect: fx.Enqueue) -> None:
        call = self._call
        request = acd.EnqueueRequest(
            context=self._context(f"{effect.contact_id}:enqueue:{call.seq}{self._taken_over}"),
            contact_id=effect.contact_id,
            call_id=call.call_id,
            queue_id=effect.queue_id,
            edge_instance=call.owner,
            requirements=effect.requirements,
            priority=effect.priority,
            preferred_agent_id=effect.preferred_agent_id,
            channel="voice",
            visit=call.visit,
            interaction_id=call.interaction_id,
            branch_id=call.branch_id,
            attributes=call.attributes,
            caller=call.caller[:64],
            first_fifo=effect.first_fifo,
            also_queue_ids=call.also_queue_ids,
        )
        if effect.first_enqueued_at:
            request.first_enqueued_at.FromMicroseconds(effect.first_enqueued_at)

        async def job() -> None:
            try:
                await self._ask(
                    "acd",
                    "Enqueue",
                    request,
                    go_on=lambda: call.waits_as(effect.contact_id),
                )
            except AWAY:
                return  # The caller left before acd was back.
            except SeatbusError as error:
                self._log("acd refuses the contact", error, queue=effect.queue_id)
                reason = error.rule or error.reason if isinstance(error, Refused) else error.rule
                reason = reason or error.code
                to = (
                    None
                    if reason == "blocked_caller"
                    else self._edge.directory.overflow(call.tenant_id, effect.queue_id)
                )
                self._session.feed(on.EnqueueRefused(effect.contact_id, reason, to))
                return
            self._session.feed(on.Enqueued(effect.contact_id))

        self.lane.push(job)

    def enqueue_again(self) -> None:
        """acd learns where the contact's call is now; the offer under way stands."""
        call = self._call
        wanted = tuple(common.Skill(name=name, level=level) for name, level in call.requirements.items())
        self.enqueue(
            fx.Enqueue(call.contact_id, call.queue_id, wanted, call.priority, call.preferred_agent_id)
        )

    def request_callback(self, effect: fx.RequestCallback) -> None:
        """Repeated though the caller hangs up meanwhile: the wish stands."""
        call = self._call
        request = acd.EnqueueRequest(
            context=self._context(f"{effect.contact_id}:callback:{call.seq}"),
            contact_id=effect.contact_id,
            call_id=call.call_id,
            queue_id=effect.queue_id,
            edge_instance=call.owner,
            channel="voice",
            visit=call.visit,
            interaction_id=call.interaction_id,
            branch_id=call.branch_id,
            attributes=call.attributes,
            caller=call.caller[:64],
        )
        request.callback.number = effect.number[:64]

        async def job() -> None:
            try:
                await self._ask("acd", "Enqueue", request, go_on=self._owed)
            except SeatbusError as error:
                self._log("acd does not take a call-back", error, queue=effect.queue_id)
                reason = error.rule or error.code
                self._session.feed(CallbackRefused(effect.contact_id, reason))
                return
            self._session.feed(CallbackTaken(effect.contact_id))

        self.lane.push(job)

    def cancel_contact(self, effect: fx.CancelContact) -> None:
        request = acd.CancelRequest(
            context=self._context(f"{effect.contact_id}:cancel"),
            contact_id=effect.contact_id,
            outcome=effect.outcome,  # type: ignore[arg-type]
        )

        async def job() -> None:
            await self._agents.settled(_ORDER_S)
            await self._report("acd", "Cancel", request, self._address)

        self.lane.push(job)

    def report_offer(self, effect: fx.ReportOffer) -> None:
        rid = self._call.legs[effect.leg_id].rid
        request = acd.ReportOfferRequest(
            context=self._context(f"{rid}:{effect.outcome}"),
            contact_id=effect.contact_id,
            rid=rid,
            outcome=effect.outcome,
            customer_waits=effect.customer_waits,
        )
        answered = effect.outcome == acd.OFFER_OUTCOME_ANSWERED and not effect.repeated
        address = self._address

        async def job() -> None:
            if not answered:
                await self._agents.settled(_ORDER_S)
            try:
                await self._ask("acd", "ReportOffer", request, go_on=self._owed, first_address=address)
            except AWAY as error:
                self._log("acd does not take the outcome of an offer, given up", error, rid=rid)
            except SeatbusError as error:
                self._log("acd has no such offer", error, rid=rid)
                if answered:
                    self._session.feed(on.OfferDropped(rid))

        self.lane.push(job)
