"""One HTTP operation as data: what is served and what the OpenAPI document says are the same table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

import orjson
from google.protobuf.descriptor import Descriptor
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from seatbus.common.v1.types_pb2 import (
    ACTOR_KIND_ADMIN,
    ACTOR_KIND_AGENT,
    ACTOR_KIND_API,
    ACTOR_KIND_OPERATOR,
    ACTOR_KIND_SUPERVISOR,
    Actor,
    RequestContext,
)
from seatbus_gateway.domain.access import Permission, Principal, Role

B = TypeVar("B", bound=BaseModel)

# As whom a key's holder is recorded.
_ACTORS: Final = {
    Role.OPERATOR: ACTOR_KIND_OPERATOR,
    Role.TENANT_ADMIN: ACTOR_KIND_ADMIN,
    Role.SUPERVISOR: ACTOR_KIND_SUPERVISOR,
    Role.AGENT: ACTOR_KIND_AGENT,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that passed authentication, permission and the models of its route."""

    request: Request
    principal: Principal
    path: Mapping[str, str]
    request_id: str
    query: BaseModel | None = None
    body: BaseModel | None = None

    @property
    def tenant(self) -> str:
        return self.path["tenant"]

    def context(self, tenant: str) -> RequestContext:
        kind = _ACTORS.get(self.principal.role, ACTOR_KIND_API)
        actor = Actor(kind=kind, id=self.principal.id)
        return RequestContext(request_id=self.request_id, tenant_id=tenant, actor=actor)

    def query_as(self, kind: type[B]) -> B:
        return cast("B", self.query)

    def body_as(self, kind: type[B]) -> B:
        return cast("B", self.body)


Handler = Callable[[Ask], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """`answer`: a message of the contract, or a ready JSON schema. `tenant` None: `{tenant}` of the path."""

    method: str
    path: str
    permission: Permission
    summary: str
    handler: Handler
    tag: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: Descriptor | dict[str, Any] | None = None
    status: int = 200
    description: str = ""
    example: dict[str, Any] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")
