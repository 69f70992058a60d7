"""SIP over TCP: messages split anywhere, several in one piece, keep-alives between them."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.platform import Platform

from .wire import Stream, Wire

pytestmark = pytest.mark.platform


async def test_messages_are_found_however_they_are_cut(platform: Platform, caller: Wire) -> None:
    async with await Stream.open(platform.sip_over("TCP")) as stream:
        one, two, three = (stream.options(caller) for _ in range(3))
        whole = one + b"\r\n\r\n" + two + three
        for place in range(0, len(whole), 97):
            stream.write(whole[place : place + 97])
            await asyncio.sleep(0.005)
        statuses = [(await stream.message()).status for _ in range(3)]
        assert statuses == [200, 200, 200]
        stream.write(stream.options(caller) + stream.options(caller))
        assert [(await stream.message()).status for _ in range(2)] == [200, 200]


async def test_a_message_without_its_length_is_refused_and_the_connection_closed(
    platform: Platform, caller: Wire
) -> None:
    async with await Stream.open(platform.sip_over("TCP")) as stream:
        stream.write(stream.options(caller).replace(b"Content-Length: 0\r\n", b""))
        assert (await stream.message()).status == 400
        assert await stream.closed()


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
async def test_a_body_of_64_kb_is_refused(platform: Platform, caller: Wire, transport: str) -> None:
    async with await Stream.open(platform.sip_over(transport), tls=transport == "TLS") as stream:
        big = stream.options(caller).replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 65536\r\n\r\n")
        stream.write(big + b"x" * 65536)
        assert (await stream.message()).status == 513
        assert await stream.closed()
