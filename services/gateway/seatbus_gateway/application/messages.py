"""Protobuf messages as JSON and back: snake_case names, RFC 3339 times, 64-bit integers as numbers.

Every field is present, unset messages are null, and only the chosen member of a oneof appears. Secrets never
leave.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from seatbus_kit.errors import InvalidArgument

SECRETS: Final = frozenset({"password", "ha1_md5", "ha1_sha256", "secret", "password_hash", "key_hash"})
# Bookkeeping of records, not facts about them.
HIDDEN: Final = frozenset({"seatbus.common.v1.RecordMeta"})
TIMESTAMP: Final = "google.protobuf.Timestamp"


def time_text(stamp: Timestamp) -> str:
    """RFC 3339 in UTC with microseconds."""
    return cast("str", stamp.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def shown_fields(descriptor: Descriptor) -> list[FieldDescriptor]:
    return [
        field
        for field in descriptor.fields
        if field.name not in SECRETS
        and not (field.message_type is not None and field.message_type.full_name in HIDDEN)
    ]


def is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)


def to_json(message: Message) -> dict[str, Any]:
    """The message as JSON values."""
    out: dict[str, Any] = {}
    for field in shown_fields(message.DESCRIPTOR):
        value = getattr(message, field.name)
        if is_map(field):
            out[field.name] = dict(value)
        elif field.is_repeated:
            out[field.name] = [_value(field, item) for item in value]
        elif field.message_type is not None:
            if message.HasField(field.name):
                out[field.name] = _value(field, value)
            elif field.containing_oneof is None:
                out[field.name] = None
        elif field.containing_oneof is None or message.HasField(field.name):
            out[field.name] = _value(field, value)
    return out


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return time_text(value) if field.message_type.full_name == TIMESTAMP else to_json(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    return value


def fill(message: Message, values: dict[str, Any], where: str = "") -> None:
    """Sets the fields of `message`. Raises InvalidArgument for what the contract cannot hold."""
    try:
        json_format.ParseDict(values, message)
    except json_format.ParseError as error:
        raise InvalidArgument(str(error), field=where or None, rule="contract") from error
