"""Keys of a tenant: made with a secret that is shown once, listed without it, removed."""

from __future__ import annotations

import secrets
from typing import Any, Final

from starlette.responses import Response

from seatbus.tenancy.v1 import service_pb2 as rpc
from seatbus.tenancy.v1 import types_pb2 as types
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.application import models
from seatbus_gateway.application.auth import hash_key
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.config_routes import given, make_object, object_json, ref
from seatbus_gateway.entrypoints.examples import EXAMPLES
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_kit.errors import InvalidArgument

_FIELD: Final = types.ConfigObject.DESCRIPTOR.fields_by_name["api_key"]
_NEW: Final[dict[str, Any]] = {
    "allOf": [
        ref("ApiKeyObject"),
        {
            "type": "object",
            "properties": {"key": {"type": "string", "description": "the whole key; never shown again"}},
            "required": ["key"],
        },
    ]
}
_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "api_keys": {"type": "array", "items": ref("ApiKeyObject")},
        "next_cursor": {"type": "string"},
    },
    "required": ["api_keys", "next_cursor"],
}


class KeyRoutes:
    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours

    async def create(self, ask: Ask) -> Response:
        """The hash is kept, the secret is not: an answer that was lost cannot be given again."""
        if "idempotency-key" in ask.request.headers:
            raise InvalidArgument(
                "a key is shown once and cannot be shown again: choose an id, or remove the lost key",
                field="Idempotency-Key",
                rule="not for keys",
            )
        body = ask.body_as(models.Strict)
        item = make_object(ask.tenant, getattr(body, "id", None), _FIELD, given(body))
        secret = secrets.token_urlsafe(32)
        item.api_key.key_hash = hash_key(secret)
        request = rpc.ApplyRequest(context=ask.context(ask.tenant), upserts=[item], create_only=True)
        answer = await self._neighbours.ask("tenancy", "Apply", request, rpc.ApplyResponse)
        stored = answer.objects[0] if answer.objects else item
        key = f"{ask.tenant}.{stored.id}.{secret}"
        return json_response({**object_json(stored), "key": key}, 201, {"Cache-Control": "no-store"})

    async def page(self, ask: Ask) -> Response:
        query = ask.query_as(models.PageQuery)
        request = rpc.ListRequest(tenant_id=ask.tenant, kind=_FIELD.name)
        request.page.limit, request.page.cursor = query.limit, query.cursor
        answer = await self._neighbours.ask("tenancy", "List", request, rpc.ListResponse)
        keys = [object_json(item) for item in answer.objects]
        return json_response({"api_keys": keys, "next_cursor": answer.next_cursor})

    async def remove(self, ask: Ask) -> Response:
        found = rpc.ObjectRef(kind=_FIELD.name, id=ask.path["id"])
        request = rpc.ApplyRequest(context=ask.context(ask.tenant), deletes=[found])
        await self._neighbours.ask("tenancy", "Apply", request, rpc.ApplyResponse)
        return Response(status_code=204)

    def routes(self) -> list[Route]:
        P = Permission
        base = "/tenants/{tenant}/api-keys"
        return [
            Route("GET", base, P.KEYS_READ, "List keys, without their secrets", self.page, "keys",
                  query=models.PageQuery, answer=_LIST),
            Route("POST", base, P.KEYS_WRITE, "Create a key", self.create, "keys",
                  body=models.create_model_of(_FIELD.message_type), answer=_NEW, status=201,
                  example=EXAMPLES["api-keys"],
                  description="`key` of the answer is shown this once; what is kept is its hash."),
            Route("DELETE", f"{base}/{{id}}", P.KEYS_WRITE, "Remove a key: it is refused from then on",
                  self.remove, "keys", status=204),
        ]  # fmt: skip
