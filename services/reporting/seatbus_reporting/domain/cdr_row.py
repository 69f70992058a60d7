"""A call record as a row of `cdr`, and rows of `cdr` as the contract's message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from seatbus.reporting.v1 import types_pb2 as reporting
from seatbus_reporting.domain.cdr import CallRecord, Segment
from seatbus_reporting.domain.event import micros
from seatbus_reporting.domain.tables import Row


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What the recording domain says of one recording of a call."""

    recording_id: str
    duration_ms: int
    size_bytes: int


def cdr_row(record: CallRecord) -> Row:
    """In the order of `tables.CDR`."""
    return (
        record.tenant, record.call_id, record.known, record.interaction_id, record.direction, record.caller,
        record.dialed, record.trunk_id, record.number_id, record.branch_id, record.flow_id, record.queue_id,
        list(record.queue_ids), record.agent_id, record.agent_ids, record.digits, record.cause,
        record.sip_status, record.started_at, record.answered_at, record.queued_at, record.bridged_at,
        record.ended_at, record.duration_us, record.wait_us, record.talk_us, record.queue_visits,
        len(record.segments), record.recording_id, record.last_seq, int(record.final), record.caller_mos,
        record.agent_mos, record.owner, json.dumps([_dump(s) for s in record.segments.values()]),
        dict(record.attributes),
    )  # fmt: skip


def _dump(segment: Segment) -> dict[str, str | int]:
    return {
        "leg_id": segment.leg_id,
        "agent_id": segment.agent_id,
        "agent_tenant_id": segment.agent_tenant_id,
        "queue_id": segment.queue_id,
        "cause": segment.cause,
        "created_at": micros(segment.created_at),
        "answered_at": micros(segment.answered_at),
        "ended_at": micros(segment.ended_at),
    }


def set_time(stamp: Timestamp, value_us: int) -> None:
    """Leaves the field unset for 1970, which means unset."""
    if value_us:
        stamp.FromMicroseconds(value_us)


_TIMES = ("started_at", "answered_at", "queued_at", "bridged_at", "ended_at")
_PLAIN = (
    "tenant_id", "call_id", "interaction_id", "direction", "caller", "dialed", "trunk_id", "number_id",
    "branch_id", "flow_id", "queue_id", "agent_id", "digits", "cause", "sip_status", "duration_us", "wait_us",
    "talk_us", "queue_visits", "offers", "recording_id", "last_seq", "caller_mos", "agent_mos", "owner",
)  # fmt: skip


def cdr_message(row: Mapping[str, object], recordings: Iterable[RecordingFacts]) -> reporting.Cdr:
    """A CDR from a row of the CDR query (times in microseconds) and the recordings of its call."""
    plain: dict[str, Any] = {name: row[name] for name in _PLAIN}
    cdr = reporting.Cdr(**plain, final=bool(row["final"]), attributes=_text_map(row["attributes"]))
    for name in _TIMES:
        set_time(getattr(cdr, name), _int(row[name]))
    for item in json.loads(str(row["segments"])):
        segment = cdr.segments.add(
            leg_id=item["leg_id"],
            agent_id=item["agent_id"],
            agent_tenant_id=item["agent_tenant_id"],
            queue_id=item["queue_id"],
            cause=item["cause"],
        )
        for name in ("created_at", "answered_at", "ended_at"):
            set_time(getattr(segment, name), item[name])
    known = {facts.recording_id: facts for facts in recordings}
    chosen: Sequence[RecordingFacts] = (
        [known[cdr.recording_id]] if cdr.recording_id in known else list(known.values())
    )
    if chosen:
        cdr.recording_id = chosen[0].recording_id
        cdr.recording_ms, cdr.recording_bytes = chosen[0].duration_ms, chosen[0].size_bytes
    return cdr


def _int(value: object) -> int:
    return value if isinstance(value, int) else int(str(value))


def _text_map(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}
