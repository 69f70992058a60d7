"""SIP over WebSocket (RFC 7118): frames cut anywhere and glued together, each one message."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_sip import Response, parse_message
from seatbus_sip.websocket import WebSocketClient
from seatbus_testkit.platform import Platform

from .wire import Wire, outside

pytestmark = pytest.mark.platform


async def test_frames_are_found_however_they_are_cut(platform: Platform, caller: Wire) -> None:
    server = platform.sip_over("WS")
    reader, writer = await asyncio.open_connection(*server)
    client = WebSocketClient(server, 0.0)
    answers: list[Response] = []

    async def until(count: int) -> None:
        async with asyncio.timeout(30):
            while len(answers) < count or not client.opened:
                data = await reader.read(65536)
                assert data, "the connection was closed"
                for message in client.feed(data, 0.0):
                    found = parse_message(message)
                    assert isinstance(found, Response)
                    answers.append(found)
                writer.write(client.outgoing())

    def options() -> bytes:
        return outside(caller, "OPTIONS").to_bytes().replace(b"SIP/2.0/UDP", b"SIP/2.0/WS")

    writer.write(client.outgoing())
    await until(0)
    line = client.encode(options())
    for place in range(0, len(line), 50):
        writer.write(line[place : place + 50])
        await asyncio.sleep(0.005)
    await until(1)
    writer.write(client.encode(options()) + client.encode(options()))
    await until(3)
    assert [answer.status for answer in answers] == [200, 200, 200]
    writer.close()
