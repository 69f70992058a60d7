"""What a model refused, as a domain error that names field and rule."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from seatbus_kit.errors import InvalidArgument


def path_of(loc: tuple[int | str, ...]) -> str:
    """`("nodes", 0, "play")` -> `nodes[0].play`."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def invalid(error: ValidationError, prefix: str = "") -> InvalidArgument:
    """The first thing that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = path_of(first["loc"])
    field = f"{prefix}.{where}" if prefix and where else prefix or where
    limits = [
        str(value) for key, value in first.get("ctx", {}).items() if key not in ("error", "actual_length")
    ]
    rule = first["type"] + (f": {', '.join(limits)}" if limits else "")
    return InvalidArgument(first["msg"], field=field or "body", rule=rule)


def read(model: type[BaseModel], raw: bytes, prefix: str = "") -> BaseModel:
    """The body as its model. Raises InvalidArgument."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise invalid(error, prefix) from None
