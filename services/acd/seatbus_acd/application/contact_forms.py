"""What a contact's record says, for the engine and for edges; offers and decisions as the record has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.ports import CallbackPlan, Visit
from seatbus_acd.domain import visit as rules
from seatbus_acd.domain.model import ContactSpec, Offered
from seatbus_kit.errors import Refused
from seatbus_kit.trace import TraceContext

if TYPE_CHECKING:
    from collections.abc import Collection

    from google.protobuf.timestamp_pb2 import Timestamp

    from seatbus_acd.domain.model import AgentKey, Decision, Offer

OPERATOR: Final = "operator"
# The order key of the front of the queue, and when who is there came: before everybody else.
FRONT: Final = 1
FRONT_AT: Final = 0.0


def trace_of(call_id: str) -> TraceContext | None:
    try:
        return TraceContext.for_call(call_id)
    except ValueError:
        return None


def _seconds(moment: Timestamp) -> float:
    seconds: float = moment.seconds + moment.nanos / 1e9
    return seconds


def visit_of(record: wire.Contact) -> Visit:
    visit = Visit(
        record.tenant_id,
        record.contact_id,
        record.call_id,
        record.queue_id,
        record.edge_instance,
        record.channel,
        _seconds(record.enqueued_at),
        record.caller,
    )
    if not rules.calls_back(record):
        return visit
    wanted = record.callback
    plan = CallbackPlan(
        wanted.number,
        wanted.order == wire.CALLBACK_ORDER_CUSTOMER_FIRST,
        wanted.attempts,
        wanted.max_attempts,
        record.interaction_id,
        record.branch_id,
        dict(record.attributes),
        record.visit,
    )
    # The call is that of the present attempt.
    return replace(
        visit, call_id=record.offer.call_id, edge_instance=record.offer.edge_instance, callback=plan
    )


def must_be_alike(known: Visit, asked: wire.Contact) -> None:
    """A contact id means one contact. Raises Refused(other_contact)."""
    if known.callback is not None:
        return
    if known.without_call != (not asked.edge_instance):
        has = "no" if known.without_call else "a"
        raise Refused("other_contact", f"contact {known.contact_id} has {has} call", field="contact_id")
    if known.without_call and (known.queue_id, known.channel) != (asked.queue_id, asked.channel):
        raise Refused(
            "other_contact",
            f"contact {known.contact_id} is of queue {known.queue_id}, channel {known.channel}",
            field="contact_id",
        )


def _first_at(record: wire.Contact) -> float | None:
    if record.fifo == FRONT:
        return FRONT_AT
    return _seconds(record.first_enqueued_at) if record.HasField("first_enqueued_at") else None


def spec_of(record: wire.Contact, fifo: int, members: Collection[AgentKey] = ()) -> ContactSpec:
    """The engine's view of a record. `members` tell whose the preferred agent is."""
    tenant = record.tenant_id
    offered = tuple(
        Offered(made.rid, (made.agent_tenant_id, made.agent_id), _seconds(made.offered_at))
        for made in rules.offers_of(record)
    )
    preferred = None
    if record.preferred_agent_id:
        own, shared = (tenant, record.preferred_agent_id), (OPERATOR, record.preferred_agent_id)
        preferred = shared if shared in members and own not in members else own
    return ContactSpec(
        (tenant, record.contact_id),
        (tenant, record.queue_id),
        record.fifo or fifo,
        _seconds(record.enqueued_at),
        record.priority,
        record.channel,
        tuple(sorted((skill.name, skill.level) for skill in record.requirements)),
        record.offers,
        offered,
        _first_at(record),
        tuple((tenant, queue) for queue in record.also_queue_ids),
        preferred,
        record.branch_id,
        rules.calls_back(record),
        record.callback.customer_waits,
        _seconds(record.callback.not_before),
        _seconds(record.callback.expires_at),
    )


def offer_message(visit: Visit, offer: Offer, now: datetime) -> wire.Offer:
    message = wire.Offer(
        rid=offer.rid,
        agent_tenant_id=offer.agent[0],
        agent_id=offer.agent[1],
        agent_revision=offer.agent_revision,
        ring_rid=offer.ring,
    )
    if visit.callback is not None:
        message.call_id, message.edge_instance = visit.call_id, visit.edge_instance
    message.offered_at.FromDatetime(now)
    return message


def decision_message(decision: Decision) -> wire.Decision:
    message = wire.Decision(
        contact_id=decision.contact[1],
        queue_id=decision.queue[1],
        rule=decision.rule.value,
        chosen_agent_id=decision.chosen[1] if decision.chosen else "",
        candidate_agent_ids=[agent for _, agent in decision.first_candidates],
        candidates=decision.candidates,
        position=decision.position,
        won_queue_id=decision.won[1] if decision.won else "",
        step=decision.step,
        also_chosen_agent_ids=[agent for _, agent in decision.also],
    )
    message.at.FromDatetime(datetime.fromtimestamp(decision.at, UTC))
    return message
