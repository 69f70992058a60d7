"""Page cursors: opaque to callers, checked on return."""

from __future__ import annotations

import base64
import json

from seatbus_kit.errors import InvalidArgument

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def limit_of(limit: int) -> int:
    return min(limit or DEFAULT_LIMIT, MAX_LIMIT)


def pack(*parts: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def unpack(cursor: str, *types: type) -> list[str | int] | None:
    """The parts of a cursor, None for an empty one. Raises InvalidArgument for what `pack` did not make."""
    if not cursor:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise InvalidArgument("not a cursor of this list", field="page.cursor", rule="as returned")
    return parts
