"""Tenants and their configuration."""

from __future__ import annotations

import re
import uuid
from typing import Any, TypeVar

import orjson
from google.protobuf.descriptor import FieldDescriptor
from pydantic import BaseModel
from starlette.responses import Response

from seatbus.tenancy.v1 import service_pb2 as rpc
from seatbus.tenancy.v1 import types_pb2 as types
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import models, refusals
from seatbus_gateway.application.messages import fill, time_text, to_json
from seatbus_gateway.domain.access import OPERATORS_KINDS, Permission, Role
from seatbus_gateway.entrypoints.examples import EXAMPLES
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_kit.errors import InvalidArgument, PermissionDenied
from seatbus_kit.ids import uuid7

T = TypeVar("T")


def object_json(item: types.ConfigObject) -> dict[str, Any]:
    """`id`, `tenant_id`, `config_version`, `updated_at` and the fields of the object itself."""
    kind = item.WhichOneof("object")
    head = {
        "id": item.id,
        "tenant_id": item.tenant_id,
        "config_version": item.version,
        "updated_at": time_text(item.updated_at) if item.HasField("updated_at") else None,
    }
    return head | to_json(getattr(item, kind)) if kind else head


def make_object(
    tenant: str, id: str | None, field: FieldDescriptor, values: dict[str, Any], where: str = ""
) -> types.ConfigObject:
    item = types.ConfigObject(tenant_id=tenant, id=id or uuid7())
    chosen = getattr(item, field.name)
    chosen.SetInParent()
    fill(chosen, values, where)
    return item


def given(body: BaseModel) -> dict[str, Any]:
    """What the client sent, as ParseDict takes it."""
    return body.model_dump(mode="json", exclude_none=True, by_alias=True, exclude={"id"})


class ConfigRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def _apply(self, ask: Ask, request: rpc.ApplyRequest) -> rpc.ApplyResponse:
        return await self._neighbours.ask("tenancy", "Apply", request, rpc.ApplyResponse)

    # -- tenants ------------------------------------------------------------------------------------------

    async def list_tenants(self, ask: Ask) -> Response:
        query = ask.query_as(models.PageQuery)
        request = rpc.ListTenantsRequest()
        request.page.limit, request.page.cursor = query.limit, query.cursor
        if ask.principal.tenant is not None:
            return json_response({"tenants": [await self._tenant(ask.principal.tenant)], "next_cursor": ""})
        answer = await self._neighbours.ask("tenancy", "ListTenants", request, rpc.ListTenantsResponse)
        tenants = [object_json(item) for item in answer.tenants]
        return json_response({"tenants": tenants, "next_cursor": answer.next_cursor})

    async def create_tenant(self, ask: Ask) -> Response:
        body = ask.body_as(models.Strict)
        field = _field("tenant")
        # A repeated request must come to the same tenant, also where the platform chooses the id.
        repeatable = "idempotency-key" in ask.request.headers
        made = str(uuid.uuid5(uuid.NAMESPACE_OID, ask.request_id)) if repeatable else uuid7()
        id = getattr(body, "id", None) or made
        item = make_object(id, id, field, given(body))
        request = rpc.ApplyRequest(context=ask.context(id), upserts=[item], create_only=True)
        answer = await self._apply(ask, request)
        return json_response(object_json(answer.objects[0] if answer.objects else item), 201)

    async def get_tenant(self, ask: Ask) -> Response:
        return json_response(await self._tenant(ask.tenant))

    async def _tenant(self, tenant: str) -> dict[str, Any]:
        request = rpc.GetRequest(tenant_id=tenant, ref=rpc.ObjectRef(kind="tenant", id=tenant))
        answer = await self._neighbours.ask("tenancy", "Get", request, rpc.GetResponse)
        return object_json(answer.object)

    # -- objects of a tenant ------------------------------------------------------------------------------

    def list_of(self, word: str) -> Any:
        async def handler(ask: Ask) -> Response:
            query = ask.query_as(models.PageQuery)
            request = rpc.ListRequest(tenant_id=ask.tenant, kind=models.KINDS[word])
            request.page.limit, request.page.cursor = query.limit, query.cursor
            answer = await self._neighbours.ask("tenancy", "List", request, rpc.ListResponse)
            items = [object_json(item) for item in answer.objects]
            value = {word: items, "next_cursor": answer.next_cursor, "config_version": answer.version}
            return json_response(value, headers={"ETag": f'"{answer.version}"'})

        return handler

    def create_of(self, word: str) -> Any:
        async def handler(ask: Ask) -> Response:
            body = ask.body_as(models.Strict)
            item = make_object(ask.tenant, getattr(body, "id", None), _field(models.KINDS[word]), given(body))
            return await self._write(ask, item, create=True)

        return handler

    def put_of(self, word: str) -> Any:
        async def handler(ask: Ask) -> Response:
            body = ask.body_as(models.Strict)
            item = make_object(ask.tenant, ask.path["id"], _field(models.KINDS[word]), given(body))
            return await self._write(ask, item, create=False)

        return handler

    async def _write(self, ask: Ask, item: types.ConfigObject, *, create: bool) -> Response:
        request = rpc.ApplyRequest(
            context=ask.context(ask.tenant),
            expected_version=_expected(ask),
            upserts=[item],
            create_only=create,
        )
        answer = await self._apply(ask, request)
        stored = answer.objects[0] if answer.objects else item
        return json_response(object_json(stored), 201 if create else 200, {"ETag": f'"{answer.version}"'})

    def get_of(self, word: str) -> Any:
        async def handler(ask: Ask) -> Response:
            ref = rpc.ObjectRef(kind=models.KINDS[word], id=ask.path["id"])
            request = rpc.GetRequest(tenant_id=ask.tenant, ref=ref)
            answer = await self._neighbours.ask("tenancy", "Get", request, rpc.GetResponse)
            return json_response(object_json(answer.object))

        return handler

    def delete_of(self, word: str) -> Any:
        async def handler(ask: Ask) -> Response:
            ref = rpc.ObjectRef(kind=models.KINDS[word], id=ask.path["id"])
            request = rpc.ApplyRequest(
                context=ask.context(ask.tenant), expected_version=_expected(ask), deletes=[ref]
            )
            await self._apply(ask, request)
            return Response(status_code=204)

        return handler

    async def change(self, ask: Ask) -> Response:
        body = ask.body_as(models.ConfigChange)
        request = rpc.ApplyRequest(
            context=ask.context(ask.tenant), expected_version=body.expected_version or _expected(ask)
        )
        for i, values in enumerate(body.upserts):
            item = self._upsert(ask.tenant, values, f"upserts[{i}]")
            _may_write(ask, str(item.WhichOneof("object")), f"upserts[{i}]")
            request.upserts.append(item)
        for i, ref in enumerate(body.deletes):
            field = _field(ref.kind, f"deletes[{i}].kind")
            _may_write(ask, field.name, f"deletes[{i}].kind")
            request.deletes.append(rpc.ObjectRef(kind=field.name, id=ref.id))
        answer = await self._apply(ask, request)
        objects = [
            {"id": item.id, str(item.WhichOneof("object")): object_json(item)} for item in answer.objects
        ]
        return json_response({"version": answer.version, "objects": objects})

    @staticmethod
    def _upsert(tenant: str, values: dict[str, Any], where: str) -> types.ConfigObject:
        """`{kind, id, <fields>}` or `{id, <kind>: {<fields>}}`."""
        rest = dict(values)
        id = rest.pop("id", None)
        if "kind" in rest and not (len(rest) == 1 and isinstance(rest["kind"], dict)):
            field = _field(str(rest.pop("kind")), f"{where}.kind")
            path = where
        else:
            kinds = [key for key in rest if models.kind_field(key) is not None]
            if len(kinds) != 1 or len(rest) != 1 or not isinstance(rest[kinds[0]], dict):
                unknown = next((key for key in rest if key not in kinds), "")
                raise InvalidArgument(
                    "an object is {kind, id, <fields>} or {id, <kind>: {<fields>}}",
                    field=f"{where}.{unknown}" if unknown else where,
                    rule="exactly one known kind",
                )
            field = _field(kinds[0])
            rest, path = rest[kinds[0]], f"{where}.{kinds[0]}"
        model = models.create_model_of(field.message_type)
        if id is not None:
            rest = {**rest, "id": id}
        try:
            raw = orjson.dumps(rest)
        except TypeError as error:
            raise InvalidArgument(str(error), field=path, rule="64-bit integers, text of Unicode") from error
        body = refusals.read(model, raw, path)
        return make_object(tenant, getattr(body, "id", None), field, given(body), path)

    def routes(self) -> list[Route]:
        read, write = Permission.CONFIG_READ, Permission.CONFIG_WRITE
        tenant_model = models.create_model_of(_field("tenant").message_type)
        found = [
            Route("GET", "/tenants", Permission.TENANTS_READ, "List tenants", self.list_tenants, "tenants",
                  query=models.PageQuery, answer=list_schema("tenants", "Tenant")),
            Route("POST", "/tenants", Permission.TENANTS_WRITE, "Create a tenant", self.create_tenant,
                  "tenants", body=tenant_model, answer=ref("TenantObject"), status=201,
                  example=EXAMPLES["tenants"]),
            Route("GET", "/tenants/{tenant}", Permission.TENANTS_READ, "One tenant", self.get_tenant,
                  "tenants", answer=ref("TenantObject")),
            Route("POST", "/tenants/{tenant}/config", write, "One atomic change", self.change,
                  "configuration", body=models.ConfigChange, answer=CHANGE_SCHEMA,
                  example=EXAMPLES["config"],
                  description="An object with a field `kind` of its own (a device) is given nested."),
        ]  # fmt: skip
        for word, kind in models.KINDS.items():
            message = _field(kind).message_type
            base, answer = f"/tenants/{{tenant}}/{word}", ref(f"{message.name}Object")
            found += [
                Route("GET", base, read, f"List {word}", self.list_of(word), word, query=models.PageQuery,
                      answer=list_schema(word, message.name)),
                Route("POST", base, write, f"Create a {kind}", self.create_of(word), word,
                      body=models.create_model_of(message), answer=answer, status=201,
                      example=EXAMPLES[word]),
                Route("GET", f"{base}/{{id}}", read, f"One {kind}", self.get_of(word), word, answer=answer),
                Route("PUT", f"{base}/{{id}}", write, f"Write a {kind} as a whole", self.put_of(word), word,
                      body=models.model_of(message), answer=answer,
                      example={k: v for k, v in EXAMPLES[word].items() if k != "id"},
                      description="If-Match: the configuration version that the change was made on."),
                Route("DELETE", f"{base}/{{id}}", write, f"Remove a {kind}", self.delete_of(word), word,
                      status=204),
            ]  # fmt: skip
        return found


def _field(kind: str, where: str = "kind") -> FieldDescriptor:
    field = models.kind_field(kind)
    if field is None:
        raise InvalidArgument(f"no kind {kind!r}", field=where, rule="kind of the contract")
    return field


def _expected(ask: Ask) -> int:
    """The version in If-Match; 0 where any will do."""
    text = ask.request.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not text or text == "*":
        return 0
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise InvalidArgument("If-Match is a configuration version", field="If-Match", rule="number")
    return int(text)


def _may_write(ask: Ask, kind: str, where: str) -> None:
    """Raises PermissionDenied for what is the operator's to say, InvalidArgument for a key."""
    if kind in OPERATORS_KINDS and ask.principal.role is not Role.OPERATOR:
        rule = f"only the operator writes a {kind}"
        raise PermissionDenied(rule, field=where, rule=rule)
    if kind == "api_key":
        raise InvalidArgument(
            "keys are made and removed at /tenants/{tenant}/api-keys", field=where, rule="api_keys"
        )


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def list_schema(word: str, message: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        word: {"type": "array", "items": ref(f"{message}Object")},
        "next_cursor": {"type": "string"},
    }
    if word != "tenants":
        properties["config_version"] = {"type": "integer"}
    return {"type": "object", "properties": properties, "required": list(properties)}


CHANGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "version": {"type": "integer"},
        "objects": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
    },
    "required": ["version", "objects"],
}
