"""What every request passes: body limit, trace, access log, headers. Plain ASGI, nothing is buffered."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seatbus_gateway.domain.http_errors import body as error_body
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.telemetry import Tracer
from seatbus_kit.trace import TraceContext, new_span_id

log = get_logger("gateway.access")

MAX_BODY: Final = 1024 * 1024
MAX_AUDIO: Final = 20 * 1024 * 1024
_AUDIO_PATH: Final = re.compile(r"/api/v1/tenants/[^/]+/prompts/[^/]+/audio")
_CSP: Final = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; font-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_QUIET: Final = frozenset({"/healthz", "/readyz"})


class BodyTooLarge(SeatbusError):
    """The body went over the limit while it was read."""

    code = "payload_too_large"


class Edge:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, tracer: Tracer | None = None) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        parent = TraceContext.parse(headers.get(b"traceparent", b"").decode("latin-1"))
        trace = parent or TraceContext(secrets.randbits(128) or 1, new_span_id())
        started = time.monotonic()
        status = 500

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                extra = [*_HEADERS, (b"trace-id", b"%032x" % trace.trace_id)]
                if scope["path"].startswith("/api/") and b"cache-control" not in given:
                    extra.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            limit = MAX_AUDIO if _AUDIO_PATH.fullmatch(scope["path"]) else MAX_BODY
            if int(headers.get(b"content-length", b"0") or 0) > limit:
                await refuse_body(reply, limit)
            elif self._tracer is not None:
                with self._tracer.span("gateway.http", trace, kind="server", method=scope["method"]):
                    await self._app(scope, limited(receive, limit), reply)
            else:
                await self._app(scope, limited(receive, limit), reply)
        finally:
            if scope["path"] not in _QUIET:
                # What was only read, and read well, is not worth a line at three in the morning.
                read = status < 400 and scope["method"] in ("GET", "HEAD")
                (log.debug if read else log.info)(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.monotonic() - started) * 1000, 1),
                    tenant=scope.get("path_params", {}).get("tenant", ""),
                    trace=f"{trace.trace_id:032x}",
                )


def limited(receive: Receive, limit: int = MAX_BODY) -> Receive:
    """Counts what arrives, for bodies that do not say their length."""
    got = 0

    async def read() -> Message:
        nonlocal got
        message = await receive()
        if message["type"] == "http.request":
            got += len(message.get("body", b""))
            if got > limit:
                raise BodyTooLarge(
                    f"a body has at most {limit} bytes", field="body", rule=f"max_bytes: {limit}"
                )
        return message

    return read


async def refuse_body(send: Send, limit: int = MAX_BODY) -> None:
    text = orjson.dumps(
        error_body("payload_too_large", f"a body has at most {limit} bytes", "body", f"max_bytes: {limit}")
    )
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
