"""The FastAPI application: the table of routes, the WebSocket, probes and the web pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from seatbus_gateway.application import models, refusals
from seatbus_gateway.application.auth import Authenticator, Unauthenticated
from seatbus_gateway.domain import http_errors
from seatbus_gateway.domain.access import Permission, Principal
from seatbus_gateway.entrypoints.openapi import document
from seatbus_gateway.entrypoints.report_routes import RangeNotSatisfiable
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_gateway.entrypoints.static import WebPages
from seatbus_kit.errors import InvalidArgument, PermissionDenied, SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

log = get_logger("gateway.http")

PREFIX = "/api/v1"
_ID: Final = re.compile(models.ID_PATTERN.removeprefix("^").removesuffix("$"))


def bearer(header: str | None) -> str | None:
    scheme, _, key = (header or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def allow(principal: Principal, permission: Permission, tenant: str | None) -> None:
    """Raises PermissionDenied."""
    rule = principal.refusal(permission, tenant)
    if rule:
        raise PermissionDenied(rule, field="Authorization", rule=rule)


def check_path(path: Mapping[str, str]) -> None:
    """What stands in a path becomes a key of the bus: nothing but ids passes. Raises InvalidArgument."""
    for name, value in path.items():
        if not _ID.fullmatch(value):
            raise InvalidArgument(
                f"not an id: {value[:80]!r}", field=name, rule=f"pattern: {models.ID_PATTERN}"
            )


async def request_id(request: Request, principal: Principal) -> str:
    """A repeated request with one Idempotency-Key is done once; a new id where there is none.

    The id holds a digest of the whole request: another request under a used key is another request, never
    taken for one that was done.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return uuid7()
    if not 1 <= len(key) <= 128 or not key.isprintable():
        raise InvalidArgument("1 to 128 printable characters", field="Idempotency-Key", rule="length")
    body = await request.body()
    whole = "\n".join((key, principal.id, request.method, request.url.path)).encode() + b"\n" + body
    return f"{key[:64]}.{hashlib.sha256(whole).hexdigest()[:40]}"


def endpoint(route: Route, auth: Authenticator) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        principal = auth.principal(bearer(request.headers.get("authorization")))
        path: dict[str, str] = dict(request.path_params)
        tenant = path.get("tenant")
        if tenant is None and route.permission is Permission.TENANTS_READ:
            tenant = principal.tenant
        allow(principal, route.permission, tenant)
        check_path(path)
        query = body = None
        if route.query is not None:
            try:
                query = route.query.model_validate(dict(request.query_params))
            except ValidationError as error:
                raise refusals.invalid(error) from None
        if route.body is not None:
            body = refusals.read(route.body, await request.body())
        asked = await request_id(request, principal)
        try:
            return await route.handler(Ask(request, principal, path, asked, query, body))
        except (SeatbusError, HTTPException):
            raise
        except Exception as error:
            log.exception(
                "a handler failed: a defect of this program, please report it with this line",
                tenant=tenant or "",
                method=route.method,
                path=request.url.path,
            )
            raise SeatbusError("internal error") from error

    return serve


def error_response(error: SeatbusError) -> Response:
    status = http_errors.STATUS.get(error.code, 500)
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.total}"
    if status in (429, 503):
        headers["Retry-After"] = "1"
    return json_response(
        http_errors.body(error.code, error.message or error.code, error.field, error.rule), status, headers
    )


async def on_error(request: Request, error: Exception) -> Response:
    if isinstance(error, SeatbusError):
        if http_errors.STATUS.get(error.code, 500) >= 500:
            log.warning(
                "request failed",
                path=request.url.path,
                tenant=request.path_params.get("tenant", ""),
                code=error.code,
                reason=str(error),
            )
        return error_response(error)
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "internal")
    return json_response(http_errors.body(code, f"{request.method} {request.url.path}: {code}"), status)


def make_app(
    routes: Sequence[Route], auth: Authenticator, web_dir: Path | None, not_ready: Callable[[], str]
) -> FastAPI:
    """The application without its WebSocket (`ws.add_board`)."""
    app = FastAPI(title="Seatbus", openapi_url=None, docs_url=None, redoc_url=None)
    for route in routes:
        app.add_api_route(
            PREFIX + route.path,
            endpoint(route, auth),
            methods=[route.method],
            include_in_schema=False,
            response_model=None,
        )
    app.add_exception_handler(SeatbusError, on_error)
    app.add_exception_handler(HTTPException, on_error)

    async def openapi(_request: Request) -> Response:
        return json_response(document())

    async def healthz(_request: Request) -> Response:
        return Response("ok", media_type="text/plain")

    async def readyz(_request: Request) -> Response:
        why = not_ready()
        return Response(why or "ready", 503 if why else 200, media_type="text/plain")

    async def unknown(request: Request) -> Response:
        raise HTTPException(404)

    app.add_route(f"{PREFIX}/openapi.json", openapi)
    app.add_route("/healthz", healthz)
    app.add_route("/readyz", readyz)
    app.add_route("/api/{rest:path}", unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    app.add_route("/{path:path}", WebPages(web_dir).serve, methods=["GET"])
    return app
