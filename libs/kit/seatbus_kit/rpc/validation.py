"""Checks messages against the rules of their contract and names the field and rule that were broken."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from seatbus_kit.errors import InvalidArgument

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from protovalidate import Validator, Violation


@cache
def _validator() -> Validator:
    from protovalidate import Validator

    return Validator()


def check(message: Message) -> None:
    """Raises InvalidArgument for the first broken rule: field `context.tenant_id`, rule `string.uuid`."""
    violations = _validator().collect_violations(message, fail_fast=True)
    if violations:
        raise _error(violations[0])


def problems(message: Message) -> list[InvalidArgument]:
    """All broken rules of a message, in field order."""
    return [_error(violation) for violation in _validator().collect_violations(message)]


def _error(violation: Violation) -> InvalidArgument:
    proto = violation.proto
    rule = proto.rule_id or "custom"
    value = violation.rule_value
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        rule = f"{rule}: {value}"
    return InvalidArgument(proto.message or rule, field=_path(proto.field) or None, rule=rule)


def _path(path: object) -> str:
    parts: list[str] = []
    for element in getattr(path, "elements", ()):
        text = element.field_name
        subscript = element.subscript
        if subscript is not None:
            text += f"[{subscript.value!r}]" if isinstance(subscript.value, str) else f"[{subscript.value}]"
        parts.append(text)
    return ".".join(parts)
