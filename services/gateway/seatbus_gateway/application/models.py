"""Pydantic models of request bodies, made from the contract: its types, limits and oneofs.

They are made rather than written so that the HTTP API cannot drift from the protobuf text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Literal, cast

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_gateway.application.messages import TIMESTAMP, is_map

MAX_ITEMS: Final = 1000
MAX_TEXT: Final = 4096
_UINT32: Final = (1 << 32) - 1
_UINT64: Final = (1 << 64) - 1
_INT32: Final = (1 << 31) - 1
_FIELD_RULES: Final[Any] = getattr(validate_pb2, "field")  # noqa: B009 - made at run time
_ONEOF_RULES: Final[Any] = getattr(validate_pb2, "oneof")  # noqa: B009

ID_PATTERN: Final = "^[a-z0-9][a-z0-9-]{0,62}$"
Id = Annotated[
    str, Field(pattern=ID_PATTERN, description="chosen by the caller; made by the platform if left out")
]

# Path word -> name of the object's kind in the contract.
KINDS: Final = {
    "branches": "branch",
    "numbers": "number",
    "trunks": "trunk",
    "queues": "queue",
    "flows": "flow",
    "agents": "agent",
    "devices": "device",
    "teams": "team",
    "outbound-routes": "outbound_route",
}
# Written by the platform alone.
_READ_ONLY: Final = frozenset({"ha1_md5", "ha1_sha256", "password_hash", "key_hash"})


class Strict(BaseModel):
    """No conversions, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", protected_namespaces=(), populate_by_name=True)


def kind_field(kind: str) -> FieldDescriptor | None:
    """The field of ConfigObject for a kind, singular or as in paths."""
    name = KINDS.get(kind, kind)
    field = tenancy.ConfigObject.DESCRIPTOR.fields_by_name.get(name)
    return field if field is not None and field.containing_oneof is not None else None


def _rules(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[_FIELD_RULES]


def _enum_reader(enum: EnumDescriptor) -> Callable[[object], object]:
    names = {value.name for value in enum.values}
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")

    def read(value: object) -> object:
        """`longest_idle` is as good as `STRATEGY_LONGEST_IDLE`."""
        if isinstance(value, str) and value not in names and prefix + value.upper() in names:
            return prefix + value.upper()
        return value

    return read


def _text(rules: Any) -> Any:
    if rules.HasField("pattern"):
        return Annotated[str, Field(pattern=rules.pattern, max_length=MAX_TEXT)]
    allowed = list(getattr(rules, "in"))
    if allowed:
        return Literal[tuple(allowed)]
    low = rules.min_len if rules.HasField("min_len") else None
    high = rules.max_len if rules.HasField("max_len") else MAX_TEXT
    return Annotated[str, Field(min_length=low, max_length=high)]


def _integer(field: FieldDescriptor, rules: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_UINT32:
        limits, low, high = rules.uint32, 0, _UINT32
    elif field.type == FieldDescriptor.TYPE_UINT64:
        limits, low, high = rules.uint64, 0, _UINT64
    else:
        limits, low, high = rules.int32, -_INT32, _INT32
    low = limits.gte if limits.HasField("gte") else low
    high = limits.lte if limits.HasField("lte") else high
    return Annotated[int, Field(ge=low, le=high)]


def _scalar(field: FieldDescriptor, rules: Any) -> Any:
    if field.message_type is not None:
        return AwareDatetime if field.message_type.full_name == TIMESTAMP else model_of(field.message_type)
    if field.enum_type is not None:
        excluded = set(rules.enum.not_in)
        names = tuple(value.name for value in field.enum_type.values if value.number not in excluded)
        return Annotated[Literal[names], BeforeValidator(_enum_reader(field.enum_type))]
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(rules.string)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return bool
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return float
    return _integer(field, rules)


def _annotation(field: FieldDescriptor, rules: Any) -> Any:
    if is_map(field):
        pairs = rules.map
        keys = _text(pairs.keys.string)
        values = _scalar(field.message_type.fields_by_name["value"], pairs.values)
        low = pairs.min_pairs if pairs.HasField("min_pairs") else None
        high = pairs.max_pairs if pairs.HasField("max_pairs") else MAX_ITEMS
        return Annotated[dict.__class_getitem__((keys, values)), Field(min_length=low, max_length=high)]
    if field.is_repeated:
        item = _scalar(field, rules.repeated.items)
        low = rules.repeated.min_items if rules.repeated.HasField("min_items") else None
        high = rules.repeated.max_items if rules.repeated.HasField("max_items") else MAX_ITEMS
        return Annotated[list.__class_getitem__(item), Field(min_length=low, max_length=min(high, MAX_ITEMS))]
    return _scalar(field, rules)


def _is_needed(field: FieldDescriptor, rules: Any) -> bool:
    if field.containing_oneof is not None:
        return False
    text = rules.string
    return bool(
        rules.required
        or (text.HasField("min_len") and text.min_len > 0)
        or (field.is_repeated and rules.repeated.min_items)
        or (is_map(field) and rules.map.min_pairs)
        or (field.enum_type is not None and 0 in rules.enum.not_in)
    )


def _one_of(name: str, members: tuple[str, ...], needed: bool) -> Callable[[BaseModel], BaseModel]:
    def check(model: BaseModel) -> BaseModel:
        given = [member for member in members if getattr(model, member, None) is not None]
        if len(given) > 1 or (needed and not given):
            raise PydanticCustomError(
                "oneof",
                "{words} one of {members} must be given",
                {"words": "exactly" if needed else "at most", "members": ", ".join(members), "oneof": name},
            )
        return model

    return check


@cache
def model_of(descriptor: Descriptor) -> type[Strict]:
    """The model of a message, as a client may send it."""
    fields: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.name in _READ_ONLY:
            continue
        rules = _rules(field)
        kind = _annotation(field, rules)
        name = f"{field.name}_" if field.name in ("from", "in") else field.name
        alias = field.name if name != field.name else None
        if _is_needed(field, rules):
            fields[name] = (kind, Field(alias=alias))
        else:
            fields[name] = (kind | None, Field(default=None, alias=alias))
    validators: dict[str, Any] = {}
    for oneof in descriptor.oneofs:
        members = tuple(member.name for member in oneof.fields)
        needed = bool(oneof.GetOptions().Extensions[_ONEOF_RULES].required)
        check = _one_of(oneof.name, members, needed)
        validators[f"check_{oneof.name}"] = model_validator(mode="after")(cast("Any", check))
    return cast(
        "type[Strict]",
        create_model(descriptor.name, __base__=Strict, __validators__=validators, **fields),
    )


@cache
def create_model_of(descriptor: Descriptor) -> type[Strict]:
    """As `model_of`, with the id that a POST may choose."""
    return cast(
        "type[Strict]",
        create_model(
            f"New{descriptor.name}", __base__=model_of(descriptor), id=(Id | None, Field(default=None))
        ),
    )


class ObjectRef(Strict):
    kind: Annotated[str, Field(min_length=1, max_length=32, description="branch, number, trunk, queue, …")]
    id: Annotated[str, Field(pattern=ID_PATTERN)]


class ConfigChange(Strict):
    """One atomic change: all of it is applied, or nothing."""

    expected_version: Annotated[int, Field(ge=0, le=_UINT64)] = 0
    upserts: Annotated[
        list[dict[str, Any]],
        Field(max_length=500, description="each {kind, id, <fields>} or {id, <kind>: {<fields>}}"),
    ] = []
    deletes: Annotated[list[ObjectRef], Field(max_length=500)] = []


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=512, description="`next_cursor` of the page before")] = ""


class SpanQuery(PageQuery):
    from_: Annotated[AwareDatetime | None, Field(alias="from", description="first moment")] = None
    until: Annotated[AwareDatetime | None, Field(description="first moment after")] = None


class CdrQuery(SpanQuery):
    queue_id: Annotated[str, Field(max_length=63)] = ""
    agent_id: Annotated[str, Field(max_length=63)] = ""
    cause: Annotated[str, Field(max_length=64)] = ""
    caller: Annotated[str, Field(max_length=64)] = ""


class VisitQuery(SpanQuery):
    queue_id: Annotated[str, Field(max_length=63)] = ""
    call_id: Annotated[str, Field(max_length=36)] = ""


class IntervalQuery(SpanQuery):
    agent_id: Annotated[str, Field(max_length=63)] = ""
