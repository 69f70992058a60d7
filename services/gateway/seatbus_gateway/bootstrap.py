"""The one place where everything is put together."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from seatbus.reporting.v1 import service_pb2 as reporting
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.adapters.operator_key import load_or_create
from seatbus_gateway.adapters.prompt_store import PromptStore
from seatbus_gateway.application.auth import Authenticator
from seatbus_gateway.application.hub import BoardHub
from seatbus_gateway.entrypoints.app import make_app
from seatbus_gateway.entrypoints.middleware import Edge
from seatbus_gateway.entrypoints.table import all_routes
from seatbus_gateway.entrypoints.ws import add_board
from seatbus_gateway.settings import Settings
from seatbus_kit.config_view import ConfigView
from seatbus_kit.runtime import App, Runtime


class _Server(uvicorn.Server):
    """The process's signals belong to the runtime."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _WebSocket(WebSocketsSansIOProtocol):
    """Hangs up on a handshake that cannot be read (an endless address): nobody waits for its answer."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if getattr(self.conn, "handshake_exc", None) is not None and not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            self.transport.close()


class _Keys:
    def __init__(self, config: ConfigView) -> None:
        self._config = config

    def api_key(self, tenant: str, key_id: str) -> tenancy.ApiKey | None:
        found = self._config.get(tenant, "api_key", key_id)
        return found.api_key if found is not None else None


class Gateway:
    """Implements `App`."""

    def __init__(self, runtime: Runtime) -> None:
        self._settings = cast("Settings", runtime.settings)
        self._runtime = runtime
        self._config = ConfigView(runtime.bus, clock=runtime.clock)
        self._neighbours = Neighbours(runtime.instances, runtime.channels)
        self.operator_key = load_or_create(self._settings.operator_key)
        auth = Authenticator(self.operator_key, _Keys(self._config), runtime.clock)
        self.hub = BoardHub(self._watch)
        routes = all_routes(self._neighbours, PromptStore(runtime.bus))
        app = make_app(routes, auth, self._settings.web_dir, self.not_ready)
        add_board(app, self.hub, auth)
        tracer = runtime.tracer if runtime.tracer.enabled else None
        config = uvicorn.Config(
            Edge(app, tracer),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws=_WebSocket,
            ws_max_size=4096,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=max(1, int(self._settings.drain_grace_s) - 1),
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None
        self._draining = False
        self._started = False
        self.http_port = 0

    async def _watch(self, tenant: str) -> AsyncIterator[reporting.BoardUpdate]:
        request = reporting.GetBoardRequest(tenant_id=tenant)
        async for update in self._neighbours.stream(
            "reporting", "WatchBoard", request, reporting.BoardUpdate, None
        ):
            yield update

    async def start(self) -> None:
        await self._config.start()
        listener = socket.create_server(
            (self._settings.http_host, self._settings.http_port),
            family=socket.AF_INET6 if ":" in self._settings.http_host else socket.AF_INET,
            backlog=512,
        )
        # Connections take it over. asyncio sets it by itself for sockets of its own making alone: without it
        # the body of an answer waits for the client's delayed ACK of the headers, 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.http_port = int(listener.getsockname()[1])
        self._runtime.attributes["http"] = f"{self._settings.http_host}:{self.http_port}"
        self._task = asyncio.create_task(self._server.serve([listener]), name="http")
        self._started = True
        self._runtime.log.info(
            "serving HTTP",
            url=f"http://{self._settings.http_host}:{self.http_port}",
            operator_key_file=str(self._settings.operator_key),
        )

    def not_ready(self) -> str:
        if self._draining:
            return "draining"
        if not self._started:
            return "starting"
        return "" if self._runtime.bus.connected else "the bus is not connected"

    async def drain(self) -> None:
        """No new connections; requests in work are answered, WebSockets told to come back."""
        self._draining = True
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        await self.hub.close()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=3)
        await self._config.stop()


async def bootstrap(runtime: Runtime) -> App:
    return Gateway(runtime)
