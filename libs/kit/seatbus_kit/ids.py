"""Identifiers are UUIDv7 (RFC 9562 §5.7): they sort by creation and carry their own time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils


def uuid7() -> str:
    """A new identifier in canonical lower-case form."""
    return str(uuid_utils.uuid7())


def uuid7_time(identifier: str) -> datetime:
    """The UTC time inside a UUIDv7, to the millisecond. Raises ValueError for any other identifier."""
    value = UUID(identifier)
    if value.version != 7:
        raise ValueError(f"not a UUIDv7: {identifier}")
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)
