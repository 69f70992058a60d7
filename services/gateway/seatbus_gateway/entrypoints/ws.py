"""WebSocket of live counters. It closes with 4401 (no valid key), 4403 (not allowed), 1013 (too slow)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from seatbus_gateway.application.auth import Authenticator, Unauthenticated
from seatbus_gateway.application.hub import BEHIND, BoardHub, Client
from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.app import PREFIX, allow, bearer, check_path
from seatbus_kit.errors import InvalidArgument, PermissionDenied
from seatbus_kit.log import get_logger

log = get_logger("gateway.ws")

PROTOCOL: Final = "seatbus"
_BEARER: Final = "bearer."
_SEND_S: Final = 10.0
KEY_CHECK_S: Final = 2.0


def key_of(socket: WebSocket) -> str | None:
    """`?key=`, `Sec-WebSocket-Protocol: seatbus, bearer.<key>`, or the header Authorization."""
    for name in socket.scope.get("subprotocols", ()):
        if name.startswith(_BEARER):
            return str(name.removeprefix(_BEARER))
    return socket.query_params.get("key") or bearer(socket.headers.get("authorization"))


def add_board(app: FastAPI, hub: BoardHub, auth: Authenticator) -> None:
    async def board(socket: WebSocket) -> None:
        tenant = socket.path_params["tenant"]
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        try:
            key = key_of(socket)
            allow(auth.principal(key), Permission.BOARD_READ, tenant)
            check_path({"tenant": tenant})
        except Unauthenticated as error:
            await socket.close(4401, error.message)
            return
        except PermissionDenied as error:
            await socket.close(4403, error.message)
            return
        except InvalidArgument as error:
            await socket.close(4404, error.message[:120])
            return
        client = hub.join(tenant)
        try:
            await _serve(socket, client, tenant, lambda: auth.principal(key))
        finally:
            hub.leave(tenant, client)

    app.add_api_websocket_route(f"{PREFIX}/tenants/{{tenant}}/board/ws", board)


async def _serve(socket: WebSocket, client: Client, tenant: str, check_key: Callable[[], object]) -> None:
    sender = asyncio.create_task(_send(socket, client))
    reader = asyncio.create_task(_drain(socket))
    slow = asyncio.create_task(client.overrun.wait())
    revoked = asyncio.create_task(_key_gone(check_key))
    tasks = (sender, reader, slow, revoked)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(results[3], Unauthenticated):
        log.info("board client closed: its key was removed or has expired", tenant=tenant)
        with contextlib.suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(1):
                await socket.close(4401, results[3].message)
        return
    if client.overrun.is_set() or any(isinstance(result, TimeoutError) for result in results):
        log.warning("slow board client dropped", tenant=tenant, behind=client.messages.qsize())
        with contextlib.suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(1):
                await socket.close(1013, f"too slow: more than {BEHIND} updates behind")


async def _send(socket: WebSocket, client: Client) -> None:
    while True:
        text = await client.messages.get()
        async with asyncio.timeout(_SEND_S):
            await socket.send_text(text)


async def _key_gone(check_key: Callable[[], object]) -> None:
    """Ends with Unauthenticated when the key is removed or has expired: a socket outlives no key."""
    while True:
        await asyncio.sleep(KEY_CHECK_S)
        check_key()


async def _drain(socket: WebSocket) -> None:
    """Clients have nothing to say; reading notices that they leave."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            if (await socket.receive())["type"] == "websocket.disconnect":
                return
