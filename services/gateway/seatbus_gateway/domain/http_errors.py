"""The one table from error codes to HTTP status."""

from __future__ import annotations

from typing import Final

STATUS: Final[dict[str, int]] = {
    "invalid_argument": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "already_exists": 409,
    "refused": 409,
    "conflict": 412,
    "stale_epoch": 412,
    "payload_too_large": 413,
    "range_not_satisfiable": 416,
    "resource_exhausted": 429,
    "internal": 500,
    "unimplemented": 501,
    "unavailable": 503,
    "outcome_unknown": 503,
    "deadline_exceeded": 504,
}


def body(code: str, message: str, field: str | None = None, rule: str | None = None) -> dict[str, object]:
    """What every refusal looks like."""
    return {"error": {"code": code, "message": message, "field": field or "", "rule": rule or ""}}
