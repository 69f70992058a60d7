"""Events as they travel: subject `sb.<tenant>.<domain>.<entity>`, envelope in headers, protobuf inside."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from google.protobuf import descriptor_pool, message_factory

from seatbus_contracts.subjects import SubjectError, token
from seatbus_kit.clock import from_rfc3339, to_rfc3339
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.trace import TraceContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

MSG_ID = "Nats-Msg-Id"
TYPE = "Sb-Type"
SEQ = "Sb-Seq"
TIME = "Sb-Time"
PRODUCER = "Sb-Producer"
CAUSATION = "Sb-Causation"
TRACEPARENT = "traceparent"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_classes: dict[str, type[Message]] = {}


def message_class(type_name: str) -> type[Message]:
    """The generated class of a full protobuf name. Raises InvalidArgument for an unknown one."""
    found = _classes.get(type_name)
    if found is not None:
        return found
    pool = descriptor_pool.Default()
    try:
        descriptor = pool.FindMessageTypeByName(type_name)
    except KeyError:
        package = type_name.rpartition(".")[0]
        try:
            importlib.import_module(f"{package}.events_pb2")
            descriptor = pool.FindMessageTypeByName(type_name)
        except (ImportError, KeyError) as error:
            raise InvalidArgument(
                f"unknown event type {type_name}", field=TYPE, rule="registered type"
            ) from error
    made = cast("type[Message]", message_factory.GetMessageClass(descriptor))
    _classes[type_name] = made
    return made


def check_token(value: str, field: str) -> str:
    """One token of a subject. Raises InvalidArgument: a dot or wildcard here would address somebody else."""
    try:
        return token(value)
    except SubjectError as error:
        raise InvalidArgument(str(error), field=field, rule=error.rule) from None


@dataclass(frozen=True, slots=True)
class OutEvent:
    """A fact about to be published. `seq` is the entity's gap-free number, from 1."""

    tenant: str
    domain: str
    entity: str
    seq: int
    type_name: str
    payload: bytes
    occurred_at: datetime
    producer: str
    causation: str = ""
    trace: TraceContext | None = None

    @property
    def subject(self) -> str:
        return f"sb.{self.tenant}.{self.domain}.{self.entity}"

    @property
    def event_id(self) -> str:
        # With the tenant: two tenants may have an agent of the same id.
        return f"{self.tenant}/{self.entity}/{self.seq}"

    def headers(self) -> dict[str, str]:
        headers = {
            MSG_ID: self.event_id,
            TYPE: self.type_name,
            SEQ: str(self.seq),
            TIME: to_rfc3339(self.occurred_at),
            PRODUCER: self.producer,
        }
        if self.causation:
            headers[CAUSATION] = self.causation
        if self.trace is not None:
            headers[TRACEPARENT] = self.trace.to_traceparent()
        return headers


def make_event(
    tenant: str,
    domain: str,
    entity: str,
    seq: int,
    message: Message,
    *,
    occurred_at: datetime | None = None,
    producer: str = "",
    causation: str = "",
    trace: TraceContext | None = None,
) -> OutEvent:
    """An event from its message; the time defaults to now. Raises InvalidArgument for a bad subject token."""
    check_token(tenant, "tenant")
    check_token(domain, "domain")
    check_token(entity, "entity")
    if seq < 1:
        raise InvalidArgument(f"sequence {seq}", field="seq", rule=">= 1")
    return OutEvent(
        tenant,
        domain,
        entity,
        seq,
        message.DESCRIPTOR.full_name,
        message.SerializeToString(),
        occurred_at or datetime.now(UTC),
        producer,
        causation,
        trace,
    )


@dataclass(frozen=True, slots=True)
class InEvent:
    """A delivered event. For what is no event of ours (a timer) the envelope fields are empty."""

    subject: str
    tenant: str
    domain: str
    entity: str
    seq: int
    type_name: str
    payload: bytes
    occurred_at: datetime
    producer: str
    causation: str
    trace: TraceContext | None
    stream: str
    stream_seq: int
    deliveries: int
    # Why the message cannot be read: it has no number then.
    fault: str = ""

    @property
    def event_id(self) -> str:
        # With the tenant: two tenants may have an agent of the same id.
        return f"{self.tenant}/{self.entity}/{self.seq}"

    def decode(self) -> Message:
        """The protobuf message. Raises InvalidArgument for an unknown type or a payload that is not of it."""
        from google.protobuf.message import DecodeError

        message = message_class(self.type_name)()
        try:
            message.ParseFromString(self.payload)
        except DecodeError as error:
            raise InvalidArgument(
                f"payload is no {self.type_name}", field="payload", rule="protobuf"
            ) from error
        return message


@dataclass(frozen=True, slots=True)
class Delivery:
    """What JetStream says about a delivered message, from its reply subject."""

    stream: str
    consumer: str
    deliveries: int
    stream_seq: int
    consumer_seq: int
    stored_ns: int
    pending: int

    @classmethod
    def parse(cls, reply: str) -> Delivery:
        """Reads `$JS.ACK…` in both forms (9 tokens, or 11 and more with domain and account)."""
        tokens = reply.split(".")
        if len(tokens) < 9 or tokens[0] != "$JS" or tokens[1] != "ACK":
            raise ValueError(f"not a JetStream reply subject: {reply}")
        at = 2 if len(tokens) == 9 else 4
        return cls(
            tokens[at],
            tokens[at + 1],
            int(tokens[at + 2]),
            int(tokens[at + 3]),
            int(tokens[at + 4]),
            int(tokens[at + 5]),
            int(tokens[at + 6]),
        )


def read_event(
    subject: str, payload: bytes, headers: Mapping[str, str] | None, delivery: Delivery
) -> InEvent:
    """An `InEvent` from a delivered message, whose facts `burst.read_events` tells apart. Raises
    InvalidArgument when the envelope is malformed.
    """
    found = headers or {}
    tenant = domain = entity = ""
    parts = subject.split(".", 3)
    if len(parts) == 4 and parts[0] == "sb":
        _, tenant, domain, entity = parts
    try:
        seq = int(found.get(SEQ, "0"))
        time = found.get(TIME)
        occurred_at = from_rfc3339(time) if time else _EPOCH
    except ValueError as error:
        raise InvalidArgument(f"malformed envelope on {subject}: {error}", field="headers") from error
    return InEvent(
        subject,
        tenant,
        domain,
        entity,
        seq,
        found.get(TYPE, ""),
        payload,
        occurred_at,
        found.get(PRODUCER, ""),
        found.get(CAUSATION, ""),
        TraceContext.parse(found.get(TRACEPARENT)),
        delivery.stream,
        delivery.stream_seq,
        delivery.deliveries,
    )


def unreadable(
    subject: str,
    payload: bytes,
    headers: Mapping[str, str] | None,
    delivery: Delivery,
    error: InvalidArgument,
) -> InEvent:
    """What stands for a message that cannot be read: without a number, with the reason."""
    event = read_event(subject, payload, {TYPE: (headers or {}).get(TYPE, "")}, delivery)
    return replace(event, fault=str(error))
