"""`/metrics`, `/healthz` and `/readyz` of a process, on a plain socket: they need no web framework."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seatbus_kit import metrics

_TEXT = "text/plain; charset=utf-8"


class Probes:
    """`ready` gives the reason why the process is not ready, or an empty text."""

    def __init__(self, host: str, port: int, ready: Callable[[], str]) -> None:
        self._host = host
        self._port = port
        self._ready = ready
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError when it is taken."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=8192)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4; charset=utf-8", metrics.render()
        if path == "/healthz":
            return 200, _TEXT, b"ok\n"
        if path == "/readyz":
            reason = self._ready()
            return (503, _TEXT, f"{reason}\n".encode()) if reason else (200, _TEXT, b"ready\n")
        return 404, _TEXT, b"not found\n"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                words = head.split(b"\r\n", 1)[0].split()
                path = words[1].decode("ascii", "replace").partition("?")[0] if len(words) > 1 else ""
                status, kind, body = self._answer(path)
                reason = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}[status]
                writer.write(
                    f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # A prober that went away or spoke no HTTP; there is nobody to tell.
            pass
        finally:
            writer.close()
