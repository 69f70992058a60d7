"""The tables of facts by name and column; `adapters/schema.sql` gives their types and keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

Value: TypeAlias = "str | int | float | datetime | list[str] | dict[str, str]"
Row: TypeAlias = "tuple[Value, ...]"


@dataclass(frozen=True, slots=True)
class Table:
    """An insert names the columns in this order."""

    name: str
    columns: tuple[str, ...]

    @property
    def insert(self) -> str:
        return f"INSERT INTO {self.name} ({', '.join(self.columns)})"


CALL_EVENTS = Table(
    "call_events",
    ("tenant", "call_id", "seq", "type", "occurred_at", "producer", "causation", "payload", "stream_seq"),
)

CDR = Table(
    "cdr",
    (
        "tenant", "call_id", "version", "interaction_id", "direction", "caller", "dialed", "trunk_id",
        "number_id", "branch_id", "flow_id", "queue_id", "queue_ids", "agent_id", "agent_ids", "digits",
        "cause", "sip_status", "started_at", "answered_at", "queued_at", "bridged_at", "ended_at",
        "duration_us", "wait_us", "talk_us", "queue_visits", "offers", "recording_id", "last_seq", "final",
        "caller_mos", "agent_mos", "owner", "segments", "attributes",
    ),
)  # fmt: skip

QUEUE_VISITS = Table(
    "queue_visits",
    (
        "tenant", "contact_id", "seq", "type", "occurred_at", "call_id", "interaction_id", "queue_id",
        "branch_id", "channel", "priority", "visit", "enqueued_at", "outcome", "wait_us", "agent_tenant",
        "agent_id", "offers", "rid", "reason", "service_level_s", "short_abandon_s", "stream_seq",
    ),
)  # fmt: skip

AGENT_INTERVALS = Table(
    "agent_intervals",
    (
        "tenant", "agent_id", "seq", "kind", "state", "reason", "from_at", "until_at", "next_state", "cause",
        "rid", "call_id", "contact_id", "contact_tenant", "queue_id", "disposition", "stream_seq",
    ),
)  # fmt: skip

RECORDINGS = Table(
    "recordings",
    (
        "tenant", "recording_id", "seq", "type", "occurred_at", "call_id", "duration_ms", "size_bytes",
        "channels", "sha256", "incomplete", "reason", "stream_seq",
    ),
)  # fmt: skip

TABLES = (CALL_EVENTS, CDR, QUEUE_VISITS, AGENT_INTERVALS, RECORDINGS)
