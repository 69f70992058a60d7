"""Live counters to many clients: one upstream stream a tenant, whatever the number of its clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from seatbus.reporting.v1 import service_pb2 as reporting
from seatbus_gateway.application.messages import to_json
from seatbus_gateway.domain.board_mirror import BoardMirror
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger

log = get_logger("gateway.hub")

BEHIND: Final = 100  # messages that a client may be behind
_RETRY_S: Final = 0.5
_MAX_RETRY_S: Final = 5.0

Upstream = Callable[[str], AsyncIterator[reporting.BoardUpdate]]


class Client:
    """One WebSocket. `overrun` means that it did not read fast enough."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[str] = asyncio.Queue(BEHIND)
        self.overrun = asyncio.Event()

    def put(self, text: str) -> None:
        try:
            self.messages.put_nowait(text)
        except asyncio.QueueFull:
            self.overrun.set()


class _Room:
    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.mirror = BoardMirror()
        self.task: asyncio.Task[None] | None = None


class BoardHub:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._rooms: dict[str, _Room] = {}

    @property
    def clients(self) -> int:
        return sum(len(room.clients) for room in self._rooms.values())

    def join(self, tenant: str) -> Client:
        """A client that gets a snapshot first, at once if the board is known here."""
        client = Client()
        room = self._rooms.get(tenant)
        if room is None:
            room = self._rooms[tenant] = _Room()
            room.task = asyncio.create_task(self._follow(tenant, room), name=f"board {tenant}")
        room.clients.add(client)
        if room.mirror.loaded:
            client.put(orjson.dumps(room.mirror.snapshot()).decode())
        return client

    def leave(self, tenant: str, client: Client) -> None:
        """The last client closes the upstream stream."""
        room = self._rooms.get(tenant)
        if room is None:
            return
        room.clients.discard(client)
        if not room.clients:
            del self._rooms[tenant]
            if room.task is not None:
                room.task.cancel()

    async def close(self) -> None:
        rooms, self._rooms = self._rooms, {}
        tasks = [room.task for room in rooms.values() if room.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, tenant: str, room: _Room) -> None:
        delay = _RETRY_S
        while True:
            try:
                async for update in self._upstream(tenant):
                    delay = _RETRY_S
                    value = to_json(update)
                    room.mirror.apply(value)
                    text = orjson.dumps(value).decode()
                    for client in room.clients:
                        client.put(text)
                raise Unavailable("the stream of the board ended")
            except SeatbusError as error:
                log.warning(
                    "board stream lost, connecting again", tenant=tenant, reason=str(error), retry_in_s=delay
                )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _MAX_RETRY_S)
