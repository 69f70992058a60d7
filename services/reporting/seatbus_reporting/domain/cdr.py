"""The call detail record, computed from the call's facts alone and always anew.

The facts of a call are numbered 1..N without gaps and the last one, CallEnded, says N. It also carries the
whole call once more: what the other facts do not tell yet (a gap) is taken from there, and the record stays
provisional until all are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from seatbus.call.v1 import events_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_reporting.domain.event import EPOCH, enum_word, micros

CAUSES = {value: enum_word(name, "HANGUP_CAUSE_") for name, value in call_types.HangupCause.items()}
DIRECTIONS = {value: enum_word(name, "DIRECTION_") for name, value in call_types.Direction.items()}
_AGENT_ROLES = frozenset({call_types.LEG_ROLE_AGENT, call_types.LEG_ROLE_CONSULT})


@dataclass(frozen=True, slots=True)
class CallFact:
    seq: int
    occurred_at: datetime
    message: Message | None  # None: of a type that this version does not know


@dataclass(slots=True)
class Segment:
    """One agent leg. Times are 1970 while unset."""

    leg_id: str
    agent_id: str = ""
    agent_tenant_id: str = ""
    queue_id: str = ""
    cause: str = ""
    created_at: datetime = EPOCH
    answered_at: datetime = EPOCH
    ended_at: datetime = EPOCH


@dataclass(slots=True)
class CallRecord:
    """A CDR in the making; durations in microseconds, unset times are 1970."""

    tenant: str
    call_id: str
    known: int = 0  # facts it was made from: a record from more facts replaces one from fewer
    interaction_id: str = ""
    direction: str = ""
    caller: str = ""
    dialed: str = ""
    trunk_id: str = ""
    number_id: str = ""
    branch_id: str = ""
    flow_id: str = ""
    queue_ids: list[str] = field(default_factory=list)
    agent_id: str = ""
    digits: str = ""
    cause: str = ""
    sip_status: int = 0
    started_at: datetime = EPOCH
    answered_at: datetime = EPOCH
    queued_at: datetime = EPOCH
    bridged_at: datetime = EPOCH
    ended_at: datetime = EPOCH
    talk_us: int = 0
    queue_visits: int = 0
    recording_id: str = ""
    last_seq: int = 0
    final: bool = False
    caller_mos: float = 0.0
    agent_mos: float = 0.0
    owner: str = ""
    segments: dict[str, Segment] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def queue_id(self) -> str:
        return self.queue_ids[-1] if self.queue_ids else ""

    @property
    def agent_ids(self) -> list[str]:
        return sorted({segment.agent_id for segment in self.segments.values() if segment.agent_id})

    @property
    def duration_us(self) -> int:
        return _between(self.started_at, self.ended_at)

    @property
    def wait_us(self) -> int:
        """From the first queue to the first bridge, or to the end."""
        if self.queued_at == EPOCH:
            return 0
        return _between(self.queued_at, self.bridged_at if self.bridged_at != EPOCH else self.ended_at)


def missing(seqs: Mapping[int, object] | set[int], last_seq: int) -> list[tuple[int, int]]:
    """The gaps in 1..last_seq as inclusive ranges."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for seq in range(1, last_seq + 1):
        if seq in seqs:
            if start:
                gaps.append((start, seq - 1))
                start = 0
        elif not start:
            start = seq
    if start:
        gaps.append((start, last_seq))
    return gaps


def contiguous(seqs: Mapping[int, object] | set[int]) -> int:
    """The highest N with 1..N all there; 0 when the first is missing."""
    n = 0
    while n + 1 in seqs:
        n += 1
    return n


def build(tenant: str, call_id: str, facts: Sequence[CallFact]) -> CallRecord | None:
    """The record of an ended call; None while CallEnded is not among the facts."""
    ordered = sorted({fact.seq: fact for fact in facts}.values(), key=lambda fact: fact.seq)
    last = next((fact for fact in ordered if isinstance(fact.message, call.CallEnded)), None)
    if last is None or not isinstance(last.message, call.CallEnded):
        return None
    record = CallRecord(tenant, call_id, known=len(ordered))
    fold = _Fold(record)
    for fact in ordered:
        fold.apply(fact)
    fold.close(last.occurred_at)
    record.last_seq = last.message.last_seq or last.seq
    _fill(record, last.message)
    record.final = not missing({fact.seq for fact in ordered}, record.last_seq)
    return record


class _Fold:
    def __init__(self, record: CallRecord) -> None:
        self._record = record
        self._talking_since: datetime | None = None
        self._legs: dict[str, int] = {}

    def apply(self, fact: CallFact) -> None:
        record, message, at = self._record, fact.message, fact.occurred_at
        if isinstance(message, call.CallStarted):
            record.started_at = at
            record.interaction_id = message.interaction_id
            record.direction = DIRECTIONS.get(message.direction, "")
            record.caller, record.dialed = message.caller, message.dialed
            record.trunk_id, record.number_id = message.trunk_id, message.number_id
            record.branch_id, record.owner = message.branch_id, message.owner
        elif isinstance(message, call.CallAnswered):
            record.answered_at = at if record.answered_at == EPOCH else record.answered_at
        elif isinstance(message, call.CallFlowEntered):
            record.flow_id = message.flow_id
        elif isinstance(message, call.CallDigitsCollected):
            record.digits += message.digits
        elif isinstance(message, call.CallAttributesSet):
            record.attributes.update(message.attributes)
        elif isinstance(message, call.CallQueued):
            record.queued_at = at if record.queued_at == EPOCH else record.queued_at
            record.queue_ids.append(message.queue_id)
            record.queue_visits = max(record.queue_visits + 1, message.visit)
        elif isinstance(message, call.CallBridged):
            record.bridged_at = at if record.bridged_at == EPOCH else record.bridged_at
            record.agent_id = message.agent_id or record.agent_id
            self._talking_since = self._talking_since or at
        elif isinstance(message, call.CallUnbridged):
            self._stop_talk(at)
        elif isinstance(message, call.CallRecordingStarted):
            record.recording_id = message.recording_id
        elif isinstance(message, call.CallQualityReported):
            if self._legs.get(message.leg_id) in _AGENT_ROLES:
                record.agent_mos = message.mos
            else:
                record.caller_mos = message.mos
        elif isinstance(message, call.CallEnded):
            record.ended_at = at
            record.cause = CAUSES.get(message.cause, "")
            record.sip_status = message.sip_status
        else:
            self._apply_leg(message, at)

    def _apply_leg(self, message: Message | None, at: datetime) -> None:
        if isinstance(message, call.LegCreated):
            self._legs[message.leg_id] = message.role
            if message.role in _AGENT_ROLES:
                segment = self._segment(message.leg_id)
                segment.agent_id, segment.agent_tenant_id = message.agent_id, message.agent_tenant_id
                segment.created_at, segment.queue_id = at, self._record.queue_id
        elif isinstance(message, call.LegAnswered):
            known = self._record.segments.get(message.leg_id)
            if known is not None:
                known.answered_at = at
        elif isinstance(message, call.LegEnded) and (
            message.role in _AGENT_ROLES or message.leg_id in self._record.segments
        ):
            segment = self._segment(message.leg_id)
            segment.agent_id = message.agent_id or segment.agent_id
            segment.agent_tenant_id = message.agent_tenant_id or segment.agent_tenant_id
            segment.queue_id = message.queue_id or segment.queue_id
            segment.cause = CAUSES.get(message.cause, "")
            segment.created_at = _time(message.created_at) or segment.created_at
            segment.answered_at = _time(message.answered_at) or segment.answered_at
            segment.ended_at = at

    def close(self, at: datetime) -> None:
        self._stop_talk(at)

    def _segment(self, leg_id: str) -> Segment:
        return self._record.segments.setdefault(leg_id, Segment(leg_id))

    def _stop_talk(self, at: datetime) -> None:
        if self._talking_since is not None:
            self._record.talk_us += _between(self._talking_since, at)
            self._talking_since = None


def _fill(record: CallRecord, ended: call.CallEnded) -> None:
    """Takes from the whole call in CallEnded what no other fact has told."""
    whole = ended.call
    record.interaction_id = record.interaction_id or whole.interaction_id
    record.direction = record.direction or DIRECTIONS.get(whole.direction, "")
    record.caller, record.dialed = record.caller or whole.caller, record.dialed or whole.dialed
    record.trunk_id = record.trunk_id or whole.trunk_id
    record.number_id = record.number_id or whole.number_id
    record.branch_id = record.branch_id or whole.branch_id
    record.flow_id = record.flow_id or whole.flow_id
    record.owner = record.owner or whole.owner
    record.recording_id = record.recording_id or whole.recording_id
    record.digits = ended.digits or record.digits
    record.attributes = {**whole.attributes, **record.attributes}
    if not record.queue_ids and whole.queue_id:
        record.queue_ids.append(whole.queue_id)
    if record.started_at == EPOCH:
        record.started_at = _time(whole.started_at) or EPOCH
    if record.answered_at == EPOCH:
        record.answered_at = _time(whole.answered_at) or EPOCH
    for leg in whole.legs:
        if leg.role in _AGENT_ROLES and leg.leg_id not in record.segments:
            record.segments[leg.leg_id] = Segment(
                leg.leg_id,
                leg.agent_id,
                leg.agent_tenant_id,
                record.queue_id,
                CAUSES.get(leg.cause, ""),
                _time(leg.created_at) or EPOCH,
                _time(leg.answered_at) or EPOCH,
                _time(leg.ended_at) or EPOCH,
            )


def _time(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.seconds or stamp.nanos else None


def _between(start: datetime, end: datetime) -> int:
    return max(0, micros(end) - micros(start)) if start != EPOCH else 0
