"""Call-backs as the bucket `waiting` has them, whoever holds their groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1.types_pb2 import CallbackEntry, Contact
from seatbus_acd.domain.visit import calls_back

if TYPE_CHECKING:
    from seatbus_kit.records import RecordStore


class StoredCallbacks:
    def __init__(self, store: RecordStore[Contact]) -> None:
        self._store = store

    async def of(self, tenant: str, queue_id: str, after: str) -> list[CallbackEntry]:
        """Those of a tenant, or of one queue, by contact id: the oldest first. `after`: a contact id."""
        entries = await self._store.bucket.load(tenant)
        records = [self._store.parse(entry.value) for entry in entries]
        found = [
            _entry(record)
            for record in records
            if calls_back(record) and record.contact_id > after and queue_id in ("", record.queue_id)
        ]
        return sorted(found, key=lambda entry: entry.contact_id)


def _entry(record: Contact) -> CallbackEntry:
    return CallbackEntry(
        contact_id=record.contact_id,
        queue_id=record.queue_id,
        call_id=record.call_id,
        priority=record.priority,
        enqueued_at=record.first_enqueued_at if record.HasField("first_enqueued_at") else record.enqueued_at,
        callback=record.callback,
        calling_call_id=record.offer.call_id,
        agent_id=record.offer.agent_id,
    )
