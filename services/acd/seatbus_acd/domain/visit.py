"""The record of a queue visit: its changes and the facts that follow. Every change is fenced by the lease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as wire
from seatbus.acd.v1.events_pb2 import (
    ContactCallbackRequested,
    ContactEnded,
    ContactEnqueued,
    ContactOffered,
    ContactReturned,
)
from seatbus_acd.domain.model import LeaveReason
from seatbus_kit.errors import NotFound, Refused, StaleEpoch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from google.protobuf.message import Message

    from seatbus_acd.domain.model import QueueSpec

# Queues that overflow into each other would hand a contact round for ever.
MOST_VISITS: Final = 32


@dataclass(frozen=True, slots=True)
class Fence:
    """The lease under which a replica writes."""

    group: str
    epoch: int

    def wrote(self, record: wire.Contact) -> bool:
        """Whether this very holder wrote the record last."""
        return bool(record.group == self.group and record.epoch == self.epoch)

    def check(self, record: wire.Contact) -> None:
        """Raises StaleEpoch when another holder, or another group's, has written the record."""
        if record.group != self.group or record.epoch > self.epoch:
            raise StaleEpoch(
                f"contact belongs to {record.group} epoch {record.epoch}",
                sent=self.epoch,
                current=record.epoch,
            )


def must_exist(record: wire.Contact | None) -> wire.Contact:
    if record is None:
        raise NotFound("the visit has ended", field="contact_id", rule="waiting or offered")
    return record


def calls_back(record: wire.Contact) -> bool:
    """Nobody holds the line: the customer is to be called."""
    return record.HasField("callback") and not record.callback.customer_waits


def enqueue(record: wire.Contact, queue: QueueSpec, now: datetime) -> list[Message]:
    record.state = wire.CONTACT_STATE_WAITING
    return [
        *_enqueued(record, queue),
        *(_callback_requested(record, now) if record.HasField("callback") else ()),
    ]


def _enqueued(record: wire.Contact, queue: QueueSpec) -> list[Message]:
    return [
        ContactEnqueued(
            call_id=record.call_id,
            queue_id=record.queue_id,
            priority=record.priority,
            visit=record.visit,
            interaction_id=record.interaction_id,
            channel=record.channel,
            branch_id=record.branch_id,
            service_level_s=queue.service_level_s,
            short_abandon_s=queue.short_abandon_s,
        )
    ]


def set_out(record: wire.Contact, onward: wire.Onward) -> list[Message]:
    """It leaves its queue, and nobody is offered it any more. What could not be written back is given up."""
    events: list[Message] = []
    for old in [old.rid for old in offers_of(record)]:
        events += give_back(record, old, "failed")
    record.onward.CopyFrom(onward)
    if record.visit + 1 >= MOST_VISITS and onward.cause != LeaveReason.MOVED.value:
        record.onward.queue_id, record.onward.refusal = "", "too_many_visits"
    return events


def must_stay(record: wire.Contact) -> None:
    """Raises Refused(not_waiting) for a contact that leaves its queue."""
    if record.HasField("onward"):
        raise Refused("not_waiting", f"contact {record.contact_id} leaves its queue")


def request_callback(record: wire.Contact, callback: wire.Callback, now: datetime) -> list[Message]:
    """The caller does not hold the line any more; the place stays. Raises Refused(not_waiting)."""
    if record.state != wire.CONTACT_STATE_WAITING:
        raise Refused("not_waiting", "an agent's phone rings for this caller already")
    record.callback.CopyFrom(callback)
    return _callback_requested(record, now)


def _callback_requested(record: wire.Contact, now: datetime) -> list[Message]:
    wait = max(timedelta(0), now - record.enqueued_at.ToDatetime(UTC))
    return [
        ContactCallbackRequested(
            call_id=record.call_id,
            queue_id=record.queue_id,
            number=record.callback.number,
            order=record.callback.order,
            wait_us=wait // timedelta(microseconds=1),
        )
    ]


def attempt_failed(record: wire.Contact, rid: str, reason: str, now: datetime) -> list[Message]:
    """The customer was called and not reached. Raises Refused(not_current_offer)."""
    callback = record.callback
    callback.attempts += 1
    callback.last_failure = reason
    callback.not_before.FromDatetime(now + timedelta(seconds=callback.retry_s))
    attempt = record.offer.call_id
    events = give_back(record, rid, reason)
    returned = events[-1]
    if isinstance(returned, ContactReturned):
        returned.call_id, returned.attempts = attempt, callback.attempts
        returned.not_before.CopyFrom(callback.not_before)
    return events


def customer_waits(record: wire.Contact, rid: str) -> None:
    """The customer was reached and waits for the next agent, in the call of this offer.

    Raises Refused(not_current_offer).
    """
    must_stand(record, rid)
    record.callback.customer_waits = True
    record.call_id, record.edge_instance = record.offer.call_id, record.offer.edge_instance


def offers_of(record: wire.Contact) -> list[wire.Offer]:
    """The offer that stands, or those of a simultaneous ring."""
    return [record.offer, *record.also_offered] if record.state == wire.CONTACT_STATE_OFFERED else []


def offer(record: wire.Contact, made: Sequence[wire.Offer], decision: wire.Decision) -> list[Message]:
    """P2 step 1. Older offers that could not be written back before are given up here.

    Raises Refused(not_waiting).
    """
    must_stay(record)
    events: list[Message] = []
    for old in [old.rid for old in offers_of(record)]:
        events += give_back(record, old, "failed")
    record.state = wire.CONTACT_STATE_OFFERED
    record.offers += len(made)
    for item in made:
        item.queue_id = decision.won_queue_id
        events.append(
            ContactOffered(
                rid=item.rid,
                agent_tenant_id=item.agent_tenant_id,
                agent_id=item.agent_id,
                decision=decision,
            )
        )
    record.offer.CopyFrom(made[0])
    record.also_offered.extend(made[1:])
    return events


def must_stand(record: wire.Contact, rid: str) -> None:
    """Raises Refused(not_current_offer)."""
    if not any(offer.rid == rid for offer in offers_of(record)):
        raise Refused("not_current_offer", f"the contact's offer is {record.offer.rid or 'none'}")


def give_back(record: wire.Contact, rid: str, reason: str) -> list[Message]:
    """Back to its place, unless others of the ring go on. Raises Refused(not_current_offer)."""
    must_stand(record, rid)
    if record.offer.rid != rid:
        over = next(offer for offer in record.also_offered if offer.rid == rid)
        event = ContactReturned(rid=rid, agent_id=over.agent_id, reason=reason)
        record.also_offered.remove(over)
        return [event]
    event = ContactReturned(rid=rid, agent_id=record.offer.agent_id, reason=reason)
    if record.also_offered:
        record.offer.CopyFrom(record.also_offered.pop(0))
    else:
        record.state = wire.CONTACT_STATE_WAITING
        record.ClearField("offer")
    return [event]


def win(record: wire.Contact, rid: str) -> None:
    """The offer under which the visit ends is the one that its last record shows.

    Raises Refused(not_current_offer).
    """
    must_stand(record, rid)
    if record.also_offered:
        record.offer.CopyFrom(next(offer for offer in offers_of(record) if offer.rid == rid))
        record.ClearField("also_offered")


_CALLBACK_CAUSES = {
    wire.VISIT_OUTCOME_ANSWERED: "answered",
    wire.VISIT_OUTCOME_ABANDONED: "customer_hung_up",
    wire.VISIT_OUTCOME_SHORT_ABANDONED: "customer_hung_up",
    wire.VISIT_OUTCOME_CALLBACK: "cancelled",
}


def end(
    record: wire.Contact, outcome: wire.VisitOutcome, queue: QueueSpec | None, now: datetime, cause: str = ""
) -> tuple[wire.VisitOutcome, list[Message]]:
    """The visit's one outcome. An abandon before the queue's threshold is a short one; of a call-back the
    outcome is that it was one, and `cause` says how it went.
    """
    wait = max(timedelta(0), now - record.enqueued_at.ToDatetime(UTC))
    short_s = queue.short_abandon_s if queue is not None else 0
    if outcome == wire.VISIT_OUTCOME_ABANDONED and wait < timedelta(seconds=short_s):
        outcome = wire.VISIT_OUTCOME_SHORT_ABANDONED
    answered = outcome == wire.VISIT_OUTCOME_ANSWERED
    if record.HasField("callback"):
        cause = cause or _CALLBACK_CAUSES.get(outcome, "moved")
        outcome = wire.VISIT_OUTCOME_CALLBACK
    event = ContactEnded(
        outcome=outcome,
        call_id=record.call_id,
        queue_id=record.queue_id,
        enqueued_at=record.enqueued_at,
        wait_us=wait // timedelta(microseconds=1),
        offers=record.offers,
        service_level_s=queue.service_level_s if queue is not None else 0,
        short_abandon_s=short_s,
        interaction_id=record.interaction_id,
        visit=record.visit,
        cause=cause,
        attempts=record.callback.attempts,
        next_contact_id=record.onward.contact_id if record.onward.queue_id else "",
    )
    if answered:
        event.agent_id = record.offer.agent_id
        event.agent_tenant_id = record.offer.agent_tenant_id
        event.rid = record.offer.rid
    return outcome, [event]


def adopt(record: wire.Contact, fence: Fence, fifo: int, *, reserved: Collection[str]) -> list[Message]:
    """A new holder takes the contact over: offers whose agents are reserved for it stand (`reserved`: their
    rids), else it waits.

    Raises StaleEpoch when a later holder was here first.
    """
    if record.group == fence.group and record.epoch > fence.epoch:
        fence.check(record)
    events: list[Message] = []
    for rid in [offer.rid for offer in offers_of(record)]:
        if rid not in reserved:
            events += give_back(record, rid, "rebuilt")
    record.group, record.epoch = fence.group, fence.epoch
    record.fifo = record.fifo or fifo
    return events
