"""A queue and its contacts as their holder shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as wire

if TYPE_CHECKING:
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.domain.model import QueueKey
    from seatbus_acd.domain.pools import Contact

_MOST_SHOWN: Final = 100


def queue_snapshots(shard: Shard, tenant: str) -> list[wire.QueueSnapshot]:
    return [_queue_snapshot(shard, key) for key in sorted(shard.engine.queues) if key[0] == tenant]


def _queue_snapshot(shard: Shard, key: QueueKey) -> wire.QueueSnapshot:
    queue = shard.engine.queues[key]
    waiting = [contact for contact in queue.contacts.values() if not contact.rid]
    seconds, error = shard.estimates.estimate(key, len(waiting) + 1)
    snapshot = wire.QueueSnapshot(
        tenant_id=key[0],
        queue_id=key[1],
        waiting=len(waiting),
        offered=len(queue.contacts) - len(waiting),
        ready_agents=shard.engine.ready_agents(key),
        estimated_wait_s=seconds,
        estimate_error_s=error,
        agents_logged_in=queue.present,
        closed=queue.spec.closed,
        callbacks=sum(contact.spec.callback for contact in queue.contacts.values()),
    )
    if waiting:
        oldest = min(contact.spec.enqueued_at for contact in waiting)
        snapshot.oldest_enqueued_at.FromDatetime(datetime.fromtimestamp(oldest, UTC))
    return snapshot


def preview(shard: Shard, key: QueueKey) -> list[wire.WaitingContact]:
    """The first of those who wait, in their order, then those who are offered. The queue is configured."""
    contacts = shard.engine.queues[key].contacts.values()
    waiting = sorted((c for c in contacts if not c.rid), key=lambda contact: contact.place)
    offered = sorted((c for c in contacts if c.rid), key=lambda contact: contact.place)
    return [_shown(shard, contact) for contact in (*waiting, *offered)[:_MOST_SHOWN]]


def _shown(shard: Shard, contact: Contact) -> wire.WaitingContact:
    spec = contact.spec
    visit = shard.visits.get(spec.key)
    decisions = shard.decisions.of(spec.key)
    shown = wire.WaitingContact(
        contact_id=spec.key[1],
        queue_id=spec.queue[1],
        call_id=visit.call_id if visit is not None else "",
        caller=visit.caller if visit is not None else "",
        priority=spec.priority,
        position=shard.engine.position(spec.key),
        agent_id=contact.agent.key[1] if contact.agent is not None else "",
        rule=decisions[-1].rule.value if decisions else "",
        channel=spec.channel,
        callback=spec.callback,
        also_agent_ids=[held.agent.key[1] for held in contact.held[1:]],
    )
    shown.enqueued_at.FromDatetime(datetime.fromtimestamp(spec.enqueued_at, UTC))
    return shown
