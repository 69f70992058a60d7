"""The OpenAPI document, from the same table of routes that is served."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_gateway.application import models
from seatbus_gateway.application.messages import TIMESTAMP, is_map, shown_fields
from seatbus_gateway.entrypoints.route import Route

_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"{(\w+)}")
_ERRORS: Final = {
    "400": "field and rule are named",
    "401": "no valid key",
    "403": "not allowed",
    "404": "not found",
}
_FLOATS: Final = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)
_HEAD: Final[dict[str, Any]] = {
    "id": {"type": "string"},
    "tenant_id": {"type": "string"},
    "config_version": {"type": "integer"},
    "updated_at": {"type": ["string", "null"], "format": "date-time"},
}


class Answers:
    """Schemas of answers, made from the messages of the contract."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def add(self, message: Descriptor) -> dict[str, Any]:
        name = message.name if message.full_name != "seatbus.ivr.v1.Queue" else "IvrQueue"
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = self._object(message)
        return {"$ref": f"#/components/schemas/{name}"}

    def add_object(self, message: Descriptor) -> None:
        """The configuration object: the fields and its head."""
        schema = self._object(message)
        properties = _HEAD | schema["properties"]
        required = [*_HEAD, *schema["required"]]
        self.schemas[f"{message.name}Object"] = {
            "type": "object", "properties": properties, "required": required,
        }  # fmt: skip

    def _object(self, message: Descriptor) -> dict[str, Any]:
        fields = shown_fields(message)
        return {
            "type": "object",
            "properties": {field.name: self._field(field) for field in fields},
            "required": [field.name for field in fields if field.containing_oneof is None],
        }

    def _field(self, field: FieldDescriptor) -> dict[str, Any]:
        if is_map(field):
            value = self._scalar(field.message_type.fields_by_name["value"])
            return {"type": "object", "additionalProperties": value}
        if field.is_repeated:
            return {"type": "array", "items": self._scalar(field)}
        schema = self._scalar(field)
        if field.message_type is None or field.containing_oneof is not None:
            return schema
        return {"anyOf": [schema, {"type": "null"}]}

    def _scalar(self, field: FieldDescriptor) -> dict[str, Any]:
        if field.message_type is not None:
            if field.message_type.full_name == TIMESTAMP:
                return {"type": "string", "format": "date-time"}
            return self.add(field.message_type)
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        if field.type == FieldDescriptor.TYPE_STRING:
            return {"type": "string"}
        if field.type == FieldDescriptor.TYPE_BOOL:
            return {"type": "boolean"}
        return {"type": "number" if field.type in _FLOATS else "integer"}


_STATUS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "services": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"$ref": "#/components/schemas/Instance"}},
        }
    },
    "required": ["services"],
}
_INSTANCE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "address": {"type": "string"},
        "region": {"type": "string"},
        "load": {"type": "number"},
        "draining": {"type": "boolean"},
        "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["id", "address", "region", "load", "draining", "attributes"],
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("code", "message", "field", "rule")},
            "required": ["code", "message", "field", "rule"],
        }
    },
    "required": ["error"],
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        schema = route.query.model_json_schema()
        for name, part in schema["properties"].items():
            plain = {key: value for key, value in part.items() if key not in ("title", "description")}
            parameter = {"name": name, "in": "query", "required": False, "schema": plain}
            if "description" in part:
                parameter["description"] = part["description"]
            found.append(parameter)
    if route.method != "GET":
        text = "a repeated request with the same key is done once"
        found.append(
            {"name": "Idempotency-Key", "in": "header", "required": False, "description": text,
             "schema": {"type": "string", "minLength": 1, "maxLength": 128}}
        )  # fmt: skip
    return found


def _operation(route: Route, bodies: dict[type[BaseModel], str], answers: Answers) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.body is not None:
        content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{bodies[route.body]}"}}
        if route.example is not None:
            content["example"] = route.example
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    good: dict[str, Any] = {"description": "done"}
    if route.answer is not None:
        schema = answers.add(route.answer) if isinstance(route.answer, Descriptor) else route.answer
        good["content"] = {route.media_type: {"schema": schema}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation["responses"] = {str(route.status): good} | {
        status: {"description": text, "content": error} for status, text in _ERRORS.items()
    }
    return operation


def operation_id(route: Route) -> str:
    """`GET /tenants/{tenant}/queues/{id}` -> `get_tenants_queues_by_id`."""
    parts = [route.method.lower()]
    for part in route.path.strip("/").split("/"):
        if part == "{tenant}" and not route.path.endswith("{tenant}"):
            continue
        parts.append(f"by_{part[1:-1]}" if part.startswith("{") else part.replace("-", "_"))
    return "_".join(parts)


def all_routes() -> list[Route]:
    """The table, for the document alone: its handlers are not called."""
    from seatbus_gateway.entrypoints.table import routes_for_document

    return routes_for_document()


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    routes = all_routes()
    wanted = list(dict.fromkeys(route.body for route in routes if route.body is not None))
    names, definitions = models_json_schema([(model, "validation") for model in wanted], ref_template=_REF)
    answers = Answers()
    for kind in ("tenant", "api_key", *models.KINDS.values()):
        answers.add_object(tenancy.ConfigObject.DESCRIPTOR.fields_by_name[kind].message_type)
    for message in _listed():
        answers.add(message)
    # Bodies and answers of one message differ (secrets, unset fields): bodies take the suffix Input.
    inputs = dict(definitions.get("$defs", {}))
    renamed = {name: f"{name}Input" for name in inputs if name in answers.schemas}
    bodies: dict[type[BaseModel], str] = {}
    for model in wanted:
        name = names[model, "validation"]["$ref"].rpartition("/")[2]
        bodies[model] = renamed.get(name, name)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(f"/api/v1{route.path}", {})[route.method.lower()] = _operation(
            route, bodies, answers
        )
    schemas = {renamed.get(name, name): _rename(schema, renamed) for name, schema in inputs.items()}
    schemas |= answers.schemas | {"Status": _STATUS, "Instance": _INSTANCE, "Error": _ERROR}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Seatbus", "version": "1", "description": "Hosted contact-centre seats."},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas)},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _listed() -> list[Descriptor]:
    from seatbus.acd.v1.types_pb2 import CallbackEntry, WaitingContact
    from seatbus.agent.v1.types_pb2 import AgentState
    from seatbus.call.v1.types_pb2 import Call, Registration
    from seatbus.reporting.v1 import types_pb2 as reporting

    live = (AgentState, Call, CallbackEntry, Registration, WaitingContact)
    kinds = (*live, reporting.Cdr, reporting.QueueVisit, reporting.AgentInterval)
    return [kind.DESCRIPTOR for kind in kinds]


def _rename(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, dict):
        out = {
            key: _rename(item, renamed)
            for key, item in value.items()
            if key != "title" or isinstance(item, dict)
        }
        target = out.get("$ref")
        if isinstance(target, str):
            name = target.rpartition("/")[2]
            out["$ref"] = f"#/components/schemas/{renamed.get(name, name)}"
        return out
    if isinstance(value, list):
        return [_rename(item, renamed) for item in value]
    return value


def text() -> str:
    """The document as it is kept in docs/api/openapi.json."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
