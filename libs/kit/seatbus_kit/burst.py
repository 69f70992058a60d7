"""Several facts of one entity as one message, and back.

Each message to the bus is a synced write, whatever it holds. One fact alone is a message as ever; several are
an `EventBurst`. Whoever reads events calls `read_events`, which understands both.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from google.protobuf.message import DecodeError

from seatbus.common.v1.burst_pb2 import EventBurst
from seatbus_kit.clock import from_rfc3339, to_rfc3339
from seatbus_kit.errors import InvalidArgument, NotFound
from seatbus_kit.events import (
    MSG_ID,
    PRODUCER,
    SEQ,
    TIME,
    TRACEPARENT,
    TYPE,
    Delivery,
    InEvent,
    OutEvent,
    read_event,
)
from seatbus_kit.trace import TraceContext
from seatbus_kit.wire import parse_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus_kit.bus import Bus

BURST: Final = EventBurst.DESCRIPTOR.full_name
FIRST: Final = "Sb-First"
LAST_TYPE: Final = "Sb-Last-Type"
# Far below the bus's largest payload (1 MiB by default).
MOST_FACTS: Final = 100
MOST_BYTES: Final = 128 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FACT_BYTES: Final = 32  # of a fact without its texts and payload


@dataclass(frozen=True, slots=True)
class OutBurst:
    """Facts of one entity, in order and without a gap, as one message."""

    facts: tuple[OutEvent, ...]

    @property
    def subject(self) -> str:
        return self.facts[0].subject

    @property
    def event_id(self) -> str:
        return f"{self.facts[0].event_id}-{self.facts[-1].seq}"

    @property
    def payload(self) -> bytes:
        burst = EventBurst()
        shared = self._trace()
        for fact in self.facts:
            made = burst.facts.add(
                seq=fact.seq, type=fact.type_name, payload=fact.payload, causation=fact.causation
            )
            since = fact.occurred_at - _EPOCH
            made.occurred_at.seconds = since.days * 86_400 + since.seconds
            made.occurred_at.nanos = since.microseconds * 1000
            if shared is None and fact.trace is not None:
                made.traceparent = fact.trace.to_traceparent()
        payload: bytes = burst.SerializeToString()
        return payload

    def headers(self) -> dict[str, str]:
        last = self.facts[-1]
        headers = {
            MSG_ID: self.event_id,
            TYPE: BURST,
            FIRST: str(self.facts[0].seq),
            SEQ: str(last.seq),
            LAST_TYPE: last.type_name,
            TIME: to_rfc3339(last.occurred_at),
            PRODUCER: last.producer,
        }
        if (trace := self._trace()) is not None:
            headers[TRACEPARENT] = trace.to_traceparent()
        return headers

    def _trace(self) -> TraceContext | None:
        """The trace of all, None when they differ."""
        trace = self.facts[0].trace
        for fact in self.facts:
            if fact.trace is not trace and fact.trace != trace:
                return None
        return trace


OutMessage: TypeAlias = OutEvent | OutBurst


def message_of(facts: Sequence[OutEvent]) -> OutMessage:
    return facts[0] if len(facts) == 1 else OutBurst(tuple(facts))


def fitting(facts: Sequence[OutEvent]) -> int:
    """How many of `facts`, from the first on, may go as one message: at least one."""
    first = facts[0]
    size = 0
    for count, fact in enumerate(facts):
        size += _FACT_BYTES + len(fact.payload) + len(fact.type_name) + len(fact.causation)
        if fact.trace is not None:
            size += 57
        if count and (
            count == MOST_FACTS
            or size > MOST_BYTES
            or fact.seq != first.seq + count
            or fact.producer != first.producer
            or fact.subject != first.subject
        ):
            return count
    return len(facts)


def read_events(
    subject: str, payload: bytes, headers: Mapping[str, str] | None, delivery: Delivery
) -> list[InEvent]:
    """The facts of a delivered message, in order; all have its place in the stream.

    Raises InvalidArgument when the envelope or the burst is malformed: nothing of it is to be believed then.
    """
    envelope = read_event(subject, payload, headers, delivery)
    if envelope.type_name != BURST:
        return [envelope]
    burst = EventBurst()
    try:
        burst.ParseFromString(payload)
    except DecodeError as error:
        raise _malformed(envelope, "the payload is no EventBurst", "payload") from error
    if not burst.facts:
        raise _malformed(envelope, "it is empty", "facts")
    first = (headers or {}).get(FIRST, "")
    if not first.isdecimal() or int(first) < 1:
        raise _malformed(envelope, f"{FIRST} is {first!r}", FIRST)
    found: list[InEvent] = []
    for seq, fact in enumerate(burst.facts, int(first)):
        if fact.seq != seq:
            raise _malformed(envelope, f"fact {fact.seq} stands where {seq} belongs", "seq")
        if not fact.type or fact.type == BURST:
            raise _malformed(envelope, f"fact {seq} has the type {fact.type!r}", "type")
        try:
            occurred_at = fact.occurred_at.ToDatetime(UTC)
        except (ValueError, OverflowError) as error:
            raise _malformed(envelope, f"the time of fact {seq} is none: {error}", "occurred_at") from error
        found.append(
            InEvent(
                envelope.subject,
                envelope.tenant,
                envelope.domain,
                envelope.entity,
                seq,
                fact.type,
                fact.payload,
                occurred_at,
                envelope.producer,
                fact.causation,
                TraceContext.parse(fact.traceparent) if fact.traceparent else envelope.trace,
                envelope.stream,
                envelope.stream_seq,
                envelope.deliveries,
            )
        )
    if found[-1].seq != envelope.seq:
        raise _malformed(envelope, f"it ends with fact {found[-1].seq}, {SEQ} is {envelope.seq}", SEQ)
    return found


def _malformed(envelope: InEvent, what: str, field: str) -> InvalidArgument:
    return InvalidArgument(f"malformed burst on {envelope.subject}: {what}", field=field, rule="burst")


@dataclass(frozen=True, slots=True)
class Tail:
    """The last fact of an entity that its stream has; `seq` 0: none. `place` is its message's in the stream,
    `occurred_at` None where the message does not say.
    """

    seq: int = 0
    type_name: str = ""
    place: int = 0
    occurred_at: datetime | None = None


async def tail(bus: Bus, stream: str, subject: str, timeout: float = 2.0) -> Tail:
    """Asks the leader. Raises as `Bus.api` does, but not NotFound."""
    try:
        answer = await bus.api(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject}, timeout)
    except NotFound:
        return Tail()
    headers, message = _stored_headers(answer), answer.get("message")
    seq = headers.get(SEQ, "")
    try:
        occurred_at = from_rfc3339(headers.get(TIME, ""))
    except ValueError:
        occurred_at = None
    return Tail(
        int(seq) if seq.isdecimal() else 0,
        headers.get(LAST_TYPE) or headers.get(TYPE, ""),
        int(str(message.get("seq", 0))) if isinstance(message, dict) else 0,
        occurred_at,
    )


def stored_events(stream: str, answer: Mapping[str, object]) -> list[InEvent]:
    """The facts of the message in an answer to STREAM.MSG.GET. Raises as `read_events` does."""
    message = answer.get("message")
    found: Mapping[str, object] = message if isinstance(message, dict) else {}
    delivery = Delivery(stream, "", 1, int(str(found.get("seq", 0))), 0, 0, 0)
    payload = base64.b64decode(str(found.get("data") or ""))
    return read_events(str(found.get("subject", "")), payload, _stored_headers(answer), delivery)


def _stored_headers(answer: Mapping[str, object]) -> dict[str, str]:
    message = answer.get("message")
    raw = base64.b64decode(message.get("hdrs") or "") if isinstance(message, dict) else b""
    return parse_headers(raw)
