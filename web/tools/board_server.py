"""A gateway of one board for page work: serves `web/dist` and sends over the WebSocket what it is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import uvicorn
from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.staticfiles import StaticFiles

Update = dict[str, object]

KEY: Final = "page-test-key"
DIST: Final = Path(__file__).resolve().parents[1] / "dist"


class BoardServer:
    """Serves in a thread of its own; `url` is known once the block is entered.

    `snapshot` is called for each client that connects. A tenant without a board is not found, a wrong key is
    refused before the handshake ends, as the gateway does.
    """

    def __init__(
        self,
        snapshot: Callable[[], Update],
        tenants: Sequence[Update] = ({"id": "demo", "name": "Demo Company"},),
        port: int = 0,
    ) -> None:
        self._snapshot = snapshot
        self._tenants = list(tenants)
        self._sockets: set[WebSocket] = set()
        self._accepting = True
        self._loop: asyncio.AbstractEventLoop | None = None
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="board", daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        ready = threading.Event()
        while not self._server.started and self._thread.is_alive():
            ready.wait(0.02)
        if not self._server.started:
            raise RuntimeError("the board's server did not start; is the port taken?")
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._accepting = False
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=10)

    def send(self, update: Update) -> None:
        """To every page that is connected now."""
        self._run(self._send(json.dumps(update)))

    def drop(self) -> None:
        """Cuts every page off and lets none in until `admit`."""
        self._accepting = False
        self._run(self._close())

    def admit(self) -> None:
        self._accepting = True

    @property
    def clients(self) -> int:
        return len(self._sockets)

    def _run(self, work: Coroutine[object, object, None]) -> None:
        if self._loop is None:
            work.close()  # nobody has connected yet, so there is nobody to tell
        else:
            asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _send(self, text: str) -> None:
        for socket in list(self._sockets):
            await socket.send_text(text)

    async def _close(self) -> None:
        for socket in list(self._sockets):
            await socket.close(code=1012)

    def _app(self) -> FastAPI:
        app = FastAPI()

        def known(tenant: str) -> bool:
            return any(tenant == item["id"] for item in self._tenants)

        def admitted(request: Request) -> None:
            if request.headers.get("authorization") != f"Bearer {KEY}":
                raise HTTPException(401)

        @app.get("/api/v1/tenants")
        def tenants(request: Request) -> list[Update]:
            admitted(request)
            return self._tenants

        @app.get("/api/v1/tenants/{tenant}/board")
        def board(tenant: str, request: Request) -> Update:
            admitted(request)
            if not known(tenant):
                raise HTTPException(404)
            return self._snapshot()

        @app.websocket("/api/v1/tenants/{tenant}/board/ws")
        async def board_socket(socket: WebSocket, tenant: str, key: str = "") -> None:
            self._loop = asyncio.get_running_loop()
            if not self._accepting or key != KEY or not known(tenant):
                await socket.close(code=1008)
                return
            await socket.accept()
            await socket.send_text(json.dumps(self._snapshot()))
            self._sockets.add(socket)
            try:
                while True:
                    await socket.receive_text()
            except WebSocketDisconnect:
                pass
            finally:
                self._sockets.discard(socket)

        app.mount("/", StaticFiles(directory=DIST, html=True), name="web")
        return app
