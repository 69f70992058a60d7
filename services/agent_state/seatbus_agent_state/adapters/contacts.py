"""Leader reads of what belongs to others: contacts, the fence of a reservation, and owners of calls."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from seatbus.acd.v1.types_pb2 import Contact
from seatbus.call.v1.types_pb2 import Call
from seatbus_contracts.subjects import record_key

if TYPE_CHECKING:
    from seatbus_kit.buckets import Bucket


class WaitingContacts:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def read(self, tenant: str, contact_id: str) -> Coroutine[Any, Any, Contact | None]:
        return self._read(record_key(tenant, contact_id))

    async def _read(self, key: str) -> Contact | None:
        entry = await self._bucket.get(key)
        return Contact.FromString(entry.value) if entry is not None else None


class LiveCalls:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def owner(self, tenant: str, call_id: str) -> str:
        """The edge that has the call now; empty for a call that has ended."""
        entry = await self._bucket.get(record_key(tenant, call_id))
        return Call.FromString(entry.value).owner if entry is not None else ""
