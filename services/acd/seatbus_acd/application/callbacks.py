"""Callers who do not hold the line: taken in their place, called when their turn has come, called again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contact_forms import spec_of, visit_of
from seatbus_acd.application.offers import offers_ended
from seatbus_acd.domain.model import ContactChanged, LeaveReason, OfferFailed, Skip
from seatbus_kit import metrics
from seatbus_kit.errors import NotFound, Refused, SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_acd.application.ports import Visit
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.domain.model import QueueSpec

log = get_logger("acd.callbacks")

# Outside of the hours, or without an edge, a call-back rests.
_HOURS_LOOK_S: Final = 30.0
_EDGE_LOOK_S: Final = 2.0
# Reached, and gone before an agent was there: nobody is called twice for that.
_HUNG_UP: Final = "customer_hung_up"
_CAUSES: Final = {LeaveReason.EXPIRED: "expired", LeaveReason.QUEUE_CLOSED: "queue_closed"}
_ended = metrics.counter(
    "seatbus_acd_callbacks_total", "Call-backs by how they ended, and attempts that failed", ("outcome",)
)


class Callbacks:
    """Each raises StaleEpoch once another replica has taken the group over."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        # Number and queue of call-backs on their way into the bucket.
        self._opening: set[tuple[str, str, str]] = set()

    # Asked for

    async def admit(self, queue: QueueSpec, record: wire.Contact) -> wire.Callback:
        """The call-back as it is kept. Raises Refused(callback_not_offered, no_number, number_not_allowed,
        callback_exists) or a retryable SeatbusError when no edge could say whether the number may be called.
        """
        shard, rules = self._shard, queue.callback
        if rules is None:
            raise Refused("callback_not_offered", f"queue {queue.key[1]} calls nobody back", field="callback")
        asked = record.callback
        number = asked.number or record.caller
        if not number:
            raise Refused("no_number", "neither a number nor a caller is given", field="callback.number")
        branch = record.branch_id or queue.branch
        number = await shard.deps.edges.check_number(record.tenant_id, branch, number)
        for key, visit in shard.visits.items():
            if (
                visit.callback is not None
                and key[1] != record.contact_id
                and (visit.tenant, visit.queue_id, visit.callback.number)
                == (record.tenant_id, record.queue_id, number)
            ):
                raise Refused(
                    "callback_exists", f"{number} is called back already: {key[1]}", field="callback.number"
                )
        customer_first = wire.CALLBACK_ORDER_CUSTOMER_FIRST
        default = customer_first if rules.customer_first else wire.CALLBACK_ORDER_AGENT_FIRST
        kept = wire.Callback(
            number=number,
            order=asked.order or default,
            max_attempts=asked.max_attempts or rules.max_attempts,
            retry_s=asked.retry_s or rules.retry_s,
        )
        now = shard.deps.clock.now()
        kept.requested_at.FromDatetime(now)
        kept.expires_at.FromDatetime(now + timedelta(seconds=rules.max_age_s))
        return kept

    def reserve(self, record: wire.Contact, number: str) -> tuple[str, str, str]:
        """Holds number and queue while the record is written; `free` gives them back.

        Raises Refused(callback_exists).
        """
        key = (record.tenant_id, record.queue_id, number)
        if key in self._opening:
            raise Refused(
                "callback_exists", f"{number} asks for it at this moment too", field="callback.number"
            )
        self._opening.add(key)
        return key

    def free(self, key: tuple[str, str, str]) -> None:
        self._opening.discard(key)

    async def request(self, visit: Visit, record: wire.Contact, request_id: str) -> int:
        """A waiting caller's contact becomes a call-back in its place.

        Raises as `admit`, Refused(not_waiting).
        """
        shard = self._shard
        key = (visit.tenant, visit.contact_id)
        if visit.callback is not None:
            return shard.engine.position(key)
        queue = shard.queue(visit.tenant, visit.queue_id)
        kept = await self.admit(queue, record)
        contact = shard.engine.contacts.get(key)
        if contact is None or not contact.waiting:
            raise Refused("not_waiting", "an agent's phone rings for this caller, or the visit is over")
        held = self.reserve(record, kept.number)
        try:
            stored = await shard.contacts.request_callback(visit, kept, request_id)
        finally:
            self.free(held)
        if key in shard.visits:
            shard.visits[key] = visit_of(stored)
            spec = spec_of(stored, contact.spec.fifo, queue.members)
            shard.apply(ContactChanged(replace(spec, offers=contact.offers)))
        return shard.engine.position(key)

    # Called

    def begin(self, visit: Visit) -> Visit | float:
        """The visit with call and edge of a new attempt; or for how long it rests."""
        shard = self._shard
        queue = shard.queue(visit.tenant, visit.queue_id)
        if queue.callback is not None and not shard.deps.open_now(visit.tenant, queue.callback.schedule_id):
            return _HOURS_LOOK_S
        edge = shard.deps.edges.choose()
        if not edge:
            return _EDGE_LOOK_S
        rings_s = queue.callback.ring_timeout_s if queue.callback is not None else 0
        plan = visit.callback and replace(visit.callback, ring_timeout_s=rings_s)
        begun = replace(visit, call_id=uuid7(), edge_instance=edge, callback=plan)
        shard.visits[visit.tenant, visit.contact_id] = begun
        return begun

    async def failed(self, visit: Visit, rid: str, reason: str) -> None:
        """The customer was called and not reached. Raises Refused(not_current_offer)."""
        shard, plan = self._shard, visit.callback
        key = (visit.tenant, visit.contact_id)
        if plan is None:
            raise Refused("not_current_offer", f"contact {visit.contact_id} is no call-back")
        offers_ended.inc(outcome=reason)
        if reason == _HUNG_UP or plan.attempts + 1 >= plan.max_attempts:
            await self._end(visit, reason, f"{rid}/attempt", rid=rid)
            return
        retry_s = await shard.contacts.attempt_failed(visit, rid, reason)
        _ended.inc(outcome="attempt_failed")
        if key in shard.visits:
            again = replace(plan, attempts=plan.attempts + 1)
            shard.visits[key] = replace(visit, call_id="", edge_instance="", callback=again)
        shard.apply(OfferFailed(key, rid, Skip.NONE, float(retry_s)))

    async def customer_waits(self, visit: Visit, rid: str) -> Visit:
        """The customer was reached, the agent was not: the contact goes on as that of a caller who waits."""
        shard = self._shard
        stored = await shard.contacts.customer_waits(visit, rid)
        key = (visit.tenant, visit.contact_id)
        found = shard.visits[key] = visit_of(stored)
        contact = shard.engine.contacts.get(key)
        if contact is not None:
            spec = spec_of(stored, contact.spec.fifo, shard.members((key[0], stored.queue_id)))
            shard.apply(ContactChanged(replace(spec, offers=contact.offers)))
        return found

    # Ended

    async def over(self, visit: Visit, reason: LeaveReason) -> None:
        """Nobody is called any more: too old, or the queue is gone."""
        cause = _CAUSES.get(reason, reason.value)
        await self._end(visit, cause, f"{visit.contact_id}/{cause}")

    async def cancel(self, visit: Visit, request_id: str) -> wire.VisitOutcome:
        """By the API, at any moment: a call under way is ended."""
        shard = self._shard
        contact = shard.engine.contacts.get((visit.tenant, visit.contact_id))
        rid = contact.rid if contact is not None else ""
        agent = contact.agent.key if contact is not None and contact.agent is not None else None
        await self._end(visit, "cancelled", request_id)
        if rid and visit.edge_instance:
            try:
                await shard.deps.edges.hang_up(visit)
            except NotFound:
                pass
            except SeatbusError as error:
                log.warning(
                    "edge not told that a call-back is cancelled",
                    tenant=visit.tenant,
                    call=visit.call_id,
                    reason=str(error),
                )
        if rid and agent is not None:
            await shard.offers.release(visit, agent, rid)
        return wire.VISIT_OUTCOME_CALLBACK

    async def _end(self, visit: Visit, cause: str, request_id: str, *, rid: str = "") -> None:
        shard = self._shard
        key = (visit.tenant, visit.contact_id)
        try:
            await shard.contacts.end(
                key, wire.VISIT_OUTCOME_CALLBACK, shard.queue_of(key[0]), request_id, rid=rid, cause=cause
            )
        except NotFound:
            log.debug("visit had ended", contact=key[1])
        else:
            _ended.inc(outcome=cause)
            log.info("call-back ended", tenant=key[0], contact=key[1], queue=visit.queue_id, cause=cause)
        shard.left(key)
