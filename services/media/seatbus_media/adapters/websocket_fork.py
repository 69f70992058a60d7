"""Forks over WebSocket: a text message that says what follows, then 20 ms of samples a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from seatbus_kit.errors import InvalidArgument
from seatbus_kit.log import get_logger

log = get_logger("seatbus.media")

_OPEN_S: Final = 5.0
_WAITING: Final = 250
"""Frames that may wait for a slow peer: five seconds."""


class WebSocketStream:
    def __init__(self, url: str, about: dict[str, str], ended: Callable[[str], None]) -> None:
        self._url = url
        self._about = about
        self._ended = ended
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._closed = False
        self._task = asyncio.create_task(self._run(), name="fork")

    def send(self, frame: bytes) -> None:
        if self._closed:
            return
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self._end("too_slow")
            self._task.cancel()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._task.cancel()

    def _end(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            log.warning("a fork has ended", call=self._about["session_id"], reason=reason)
            self._ended(reason)

    async def _run(self) -> None:
        try:
            async with connect(
                self._url,
                open_timeout=_OPEN_S,
                close_timeout=1.0,
                compression=None,
                max_size=65536,
                max_queue=4,
            ) as socket:
                await socket.send(orjson.dumps(self._about).decode())
                while (frame := await self._frames.get()) is not None:
                    await socket.send(frame)
        except (OSError, TimeoutError):
            self._end("refused")
        except WebSocketException as error:
            self._end("refused" if "Handshake" in type(error).__name__ else "closed")


class WebSocketForker:
    def open(self, url: str, about: dict[str, str], ended: Callable[[str], None]) -> WebSocketStream:
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.username:
            raise InvalidArgument("a fork goes to ws:// or wss://", field="url", rule="ws or wss")
        return WebSocketStream(url, about, ended)
