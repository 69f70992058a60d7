"""Names of files. They are made from checked parts only, so no request can name a path of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

from seatbus_kit.errors import InvalidArgument

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def check_tenant(tenant: str) -> str:
    """Raises InvalidArgument for anything that is no tenant id."""
    if not _TENANT.fullmatch(tenant):
        raise InvalidArgument(f"no tenant id: {tenant!r}", field="tenant_id", rule="[a-z0-9-], 1 to 63")
    return tenant


def check_recording(recording_id: str) -> str:
    """The id in canonical lower-case form. Raises InvalidArgument for anything that is no UUID."""
    try:
        canonical = str(UUID(recording_id))
    except ValueError:
        canonical = ""
    if not canonical or canonical != recording_id.lower():
        raise InvalidArgument(f"no recording id: {recording_id!r}", field="recording_id", rule="string.uuid")
    return canonical


def object_name(tenant: str, started_at: datetime, recording_id: str) -> str:
    """`<tenant>/<yyyy>/<mm>/<dd>/<recording id>.wav`, by the UTC day of the start."""
    day = started_at.astimezone(UTC)
    return f"{check_tenant(tenant)}/{day:%Y/%m/%d}/{check_recording(recording_id)}.wav"


def marker_name(tenant: str, recording_id: str) -> str:
    """Name of the note that a file is not finished."""
    return f"{check_tenant(tenant)}.{check_recording(recording_id)}"


def parse_marker(name: str) -> tuple[str, str]:
    """(tenant, recording id). Raises InvalidArgument."""
    tenant, _, recording_id = name.partition(".")
    return check_tenant(tenant), check_recording(recording_id)
