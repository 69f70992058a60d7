"""A queue as its holder shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seatbus.acd.v1 import types_pb2 as wire

if TYPE_CHECKING:
    from seatbus_acd.application.memory import WaitEstimates
    from seatbus_acd.domain.engine import Engine
    from seatbus_acd.domain.model import QueueKey


def queue_snapshot(engine: Engine, estimates: WaitEstimates, key: QueueKey) -> wire.QueueSnapshot:
    """`key` is a queue of the engine."""
    contacts = engine.queues[key].contacts.values()
    waiting = [contact for contact in contacts if not contact.rid]
    snapshot = wire.QueueSnapshot(
        tenant_id=key[0],
        queue_id=key[1],
        waiting=len(waiting),
        offered=len(contacts) - len(waiting),
        ready_agents=engine.ready_agents(key),
        estimated_wait_s=estimates.estimate(key, len(waiting) + 1)[0],
    )
    if waiting:
        oldest = min(contact.spec.enqueued_at for contact in waiting)
        snapshot.oldest_enqueued_at.FromDatetime(datetime.fromtimestamp(oldest, UTC))
    return snapshot
