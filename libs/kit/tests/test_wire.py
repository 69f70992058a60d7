"""The short way in and out of the NATS client, and that the pinned client still has the names it leans on."""

from __future__ import annotations

import asyncio
from typing import Any

import nats.errors
import pytest
from nats.aio.client import Client

from seatbus_kit.bus import Bus
from seatbus_kit.wire import WireClient, WireParser, encode_headers, parse_headers
from seatbus_testkit.eventually import eventually


class Heard:
    """Stands in for the client behind a parser."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.stats = {"in_msgs": 0, "in_bytes": 0}
        self.direct = {2: lambda *message: self.said.append(("direct", *message))}

    async def _process_msg(self, *message: Any) -> None:
        self.said.append(("queued", *message))

    async def _process_ping(self) -> None:
        self.said.append(("ping",))

    async def _process_pong(self) -> None:
        self.said.append(("pong",))

    async def _process_err(self, text: str) -> None:
        self.said.append(("error", text))

    async def _process_info(self, info: Any) -> None:
        self.said.append(("info", info))


STREAM = (
    b'INFO {"version":"2.15"} \r\n+OK\r\nPING\r\nMSG a.b 1 5\r\nhello\r\nMSG a.b 2 to.me 2\r\n\r\n\r\n'
    b"HMSG c 2 12 14\r\nNATS/1.0\r\n\r\nxy\r\nHMSG c 1 back 16 16\r\nNATS/1.0 503\r\n\r\n\r\nPONG\r\n"
    b"-ERR 'Stale Connection'\r\n"
)
MESSAGES = [
    ("info", {"version": "2.15"}),
    ("ping",),
    ("queued", 1, b"a.b", b"", b"hello", b""),
    ("direct", b"a.b", b"to.me", b"\r\n", b""),
    ("direct", b"c", b"", b"xy", b"NATS/1.0\r\n\r\n"),
    ("queued", 1, b"c", b"back", b"", b"NATS/1.0 503\r\n\r\n"),
    ("pong",),
    ("error", "'stale connection'"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
async def test_the_stream_is_cut_the_same_however_it_arrives(size: int) -> None:
    heard = Heard()
    parser = WireParser(heard)  # type: ignore[arg-type]
    for start in range(0, len(STREAM), size):
        await parser.parse(STREAM[start : start + size])
    assert heard.said == MESSAGES


@pytest.mark.parametrize("line", [b"HELLO\r\n", b"MSG a 1 x\r\n", b"MSG a\r\n", b"HMSG a 1 5\r\n"])
async def test_what_no_server_says_is_an_error(line: bytes) -> None:
    with pytest.raises(nats.errors.ProtocolError):
        await WireParser(Heard()).parse(line)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "raw",
    [
        b"NATS/1.0 503\r\n\r\n",
        b"NATS/1.0 404 No Messages\r\n\r\n",
        b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Last-Stream: 9\r\n\r\n",
        b"NATS/1.0\r\nSb-Type: a.b.C\r\nSb-Time:2026-01-01T00:00:00.000000Z\r\n\r\n",
        b"NATS/1.0\r\nName: caf\xc3\xa9\r\n\r\n",
    ],
)
async def test_headers_read_as_the_client_reads_them(raw: bytes) -> None:
    client = Client()
    assert parse_headers(raw) == await client._process_headers(raw)


def test_headers_survive_and_a_line_break_in_one_is_refused() -> None:
    headers = {"Nats-Msg-Id": "a/1", "Sb-Type": "seatbus.call.v1.CallStarted"}
    assert parse_headers(encode_headers(headers)) == headers
    for bad in ({"A": "x\r\nB: y"}, {"A\n": "x"}, {"A": "x\r"}):
        with pytest.raises(nats.errors.BadHeaderError):
            encode_headers(bad)


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0"])
async def test_a_subject_that_would_be_another_command_is_refused(bus: Bus, subject: str) -> None:
    with pytest.raises(nats.errors.BadSubjectError):
        bus.nc.send(subject)


async def test_messages_pass_in_order_both_ways_and_beside_the_clients_own(bus: Bus, agent_id: str) -> None:
    direct: list[bytes] = []
    queued: list[bytes] = []

    async def later(msg: Any) -> None:
        queued.append(msg.data)

    sub = await bus.nc.subscribe_direct(f"t.{agent_id}", lambda _s, _r, data, _h: direct.append(data))
    await bus.nc.subscribe(f"t.{agent_id}", cb=later)
    sent = [str(number).encode() * (number * 40 + 1) for number in range(200)]
    for payload in sent:
        await bus.nc.publish(f"t.{agent_id}", payload, headers={"N": "1"})
    await eventually(lambda: len(direct) == len(queued) == len(sent))
    assert direct == queued == sent
    await bus.nc.unsubscribe_direct(sub)
    bus.nc.send(f"t.{agent_id}", b"more")
    await eventually(lambda: queued[-1] == b"more")
    assert direct == sent


async def test_a_listener_that_raises_ends_nothing(bus: Bus, agent_id: str) -> None:
    heard: list[bytes] = []

    def listen(_subject: bytes, _reply: bytes, data: bytes, _headers: bytes) -> None:
        heard.append(data)
        raise ValueError("bad message")

    await bus.nc.subscribe_direct(f"t.{agent_id}", listen)
    bus.nc.send(f"t.{agent_id}", b"1")
    bus.nc.send(f"t.{agent_id}", b"2")
    await eventually(lambda: heard == [b"1", b"2"])


async def test_nothing_is_sent_or_kept_without_a_connection() -> None:
    client = WireClient()
    with pytest.raises(nats.errors.OutboundBufferLimitError):
        client.send("a")
    await asyncio.sleep(0)
    assert client._pending == []
