"""An INVITE to a trunk that is too large for a datagram: by TCP where the peer takes it, else smaller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from seatbus_sip import Request, parse_message
from seatbus_sip.framing import StreamFramer
from seatbus_testkit.tenant import TestTenant
from tests.integration.agents import agent_phone
from tests.integration.outside import DIALLED, branch, configure, trunk_is_asked

from .wire import Stream, Talk, Wire

pytestmark = pytest.mark.platform

LONG = ".".join(["a-carrier-with-a-long-name"] * 8) + ".example.com"
"""Stands in From and P-Asserted-Identity."""


class Carrier(Wire):
    """UDP, and with `listen` TCP on the same port; what came by which is in `came`."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(server)
        self.came: list[tuple[str, bytes]] = []
        self._writer: asyncio.StreamWriter | None = None

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self.came.append(("UDP", data))
        super().datagram_received(data, addr)

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, *self.address)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        framer = StreamFramer()
        while data := await reader.read(65536):
            for message in framer.feed(data, 0.0):
                self.came.append(("TCP", message))
                super().datagram_received(message, self.address)
        writer.close()

    def send(self, message: object) -> None:
        """Answers go the way that their request came."""
        if self._writer is not None and b"SIP/2.0/TCP" in bytes(message):  # type: ignore[call-overload]
            self._writer.write(bytes(message))  # type: ignore[call-overload]
        else:
            super().send(message)  # type: ignore[arg-type]

    def ways(self, method: str) -> list[str]:
        return [way for way, data in self.came if data.startswith(method.encode() + b" ")]

    def first(self, method: str) -> bytes:
        return next(data for _, data in self.came if data.startswith(method.encode() + b" "))


@asynccontextmanager
async def carrier(
    tenant: TestTenant, host: str, *, listens: bool = False, connects: bool = False
) -> AsyncIterator[Carrier]:
    """The peer of a trunk by UDP. `connects`: it has shown by a connection of its own that it takes TCP."""
    async with AsyncExitStack() as stack:
        wire = await Carrier.open(tenant.platform.sip, host)
        assert isinstance(wire, Carrier)
        stack.callback(wire.close)
        if listens:
            server = await wire.listen()
            stack.callback(server.close)
        if connects:
            far = tenant.platform.sip_over("TCP")
            reader, writer = await asyncio.open_connection(*far, local_addr=(host, 0))
            stream = await stack.enter_async_context(Stream(reader, writer))
            stream.write(stream.options(wire))
            await stream.message()
        trunk = {
            "name": "out",
            "host": host,
            "port": wire.address[1],
            "outbound": True,
            "no_options": True,
            "setup_timeout_s": 20,
            "from_domain": LONG,
            "caller_id_header": "CALLER_ID_HEADER_ASSERTED",
        }
        await configure(tenant, branch(), {"id": "out", "trunk": trunk})
        await trunk_is_asked(tenant, "out")
        yield wire


async def talk_and_hang_up(tenant: TestTenant, wire: Carrier, parameter: str = "") -> Request:
    """The agent calls, the carrier answers, the agent hangs up; the INVITE that came."""
    async with agent_phone(tenant, "a1", ready=False) as phone:
        call = await phone.dial(DIALLED)
        ring = await Talk.ringing(wire)
        contact = wire.contact.replace(">", f"{parameter}>")
        await ring.pick_up(headers={"Contact": contact})
        await call.wait_answered()
        await call.hang_up()
        bye = await wire.request("BYE")
        ring.reply(200, bye)
    assert len({parse_message(data).call_id for _, data in wire.came if data.startswith(b"INVITE ")}) == 1
    return ring.invite


@pytest.mark.parametrize(("parameter", "way"), [("", "UDP"), (";transport=tcp", "TCP")])
async def test_by_tcp_and_what_follows_goes_by_itself(tenant: TestTenant, parameter: str, way: str) -> None:
    async with carrier(tenant, "127.0.0.21", listens=True, connects=True) as wire:
        invite = await talk_and_hang_up(tenant, wire, parameter)
        assert wire.ways("INVITE") == ["TCP"]
        assert len(wire.first("INVITE")) > 1300
        assert invite.via.transport == "TCP"
        # Its dialog is one of UDP: the size of one request says nothing about the others.
        assert invite.contact is not None
        assert invite.contact.uri.transport is None
        assert set(wire.ways("ACK")) == set(wire.ways("BYE")) == {way}
        assert parse_message(wire.first("BYE")).via.transport == way


async def test_a_peer_that_is_not_known_to_take_tcp_gets_a_smaller_one(tenant: TestTenant) -> None:
    async with carrier(tenant, "127.0.0.22", listens=True) as wire:
        invite = await talk_and_hang_up(tenant, wire)
        assert set(wire.ways("INVITE")) == {"UDP"}
        data = wire.first("INVITE")
        assert b"\r\nv: SIP/2.0/UDP " in data
        assert len(data) <= 1300
        # The carrier may still choose among codecs.
        assert invite.body


async def test_refused_by_tcp_it_goes_by_udp(tenant: TestTenant) -> None:
    async with carrier(tenant, "127.0.0.23", connects=True) as wire:
        invite = await talk_and_hang_up(tenant, wire)
        assert set(wire.ways("INVITE")) == set(wire.ways("ACK")) == set(wire.ways("BYE")) == {"UDP"}
        assert (invite.via.transport, invite.cseq.number) == ("UDP", 1)
        assert invite.via.branch.endswith("u")
        assert len(wire.first("INVITE")) <= 1300
