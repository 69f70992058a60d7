"""A TCP proxy between a client and a server that can swallow answers or cut connections."""

from __future__ import annotations

import asyncio


class TcpProxy:
    """Forwards a port of the loopback, each connection after `late_s` seconds. `answers_lost` True drops what
    the server sends from then on.
    """

    def __init__(self, target_port: int, late_s: float = 0.0) -> None:
        self.answers_lost = False
        self._late_s = late_s
        self.port = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Breaks all connections; new ones are taken."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._late_s)
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream}
        await asyncio.gather(
            self._pipe(reader, upstream, is_answer=False),
            self._pipe(upstream_reader, writer, is_answer=True),
        )
        self._writers -= {writer, upstream}

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                if not (is_answer and self.answers_lost):
                    writer.write(data)
                    await writer.drain()
        except OSError:
            # One side is gone; the other is closed below.
            pass
        writer.transport.abort()
