"""A phone's connection to its server: TCP, TLS, WS or WSS in place of a UDP socket."""

from __future__ import annotations

import asyncio
import ssl
from functools import cache
from typing import cast

from seatbus_sip import Address, Flow, Timing
from seatbus_sip.framing import Codec, StreamFramer
from seatbus_sip.websocket import WebSocketClient
from seatbus_testkit.actors_sip import IDS, SipSocket, SipUser

CONNECT_S = 5.0


class SipConnection(SipSocket):
    """Everything goes over one connection to one server, wherever it is addressed to."""

    def __init__(self, transport: str, server: Address, user: SipUser, timing: Timing | None) -> None:
        self.transport = transport
        self.server = server
        # A browser does not know its address (RFC 7118 section 5): neither do we.
        self.domain = f"{IDS.token()}.invalid" if transport in ("WS", "WSS") else ""
        super().__init__(user, timing, (lambda _: self.domain) if self.domain else None)
        self.codec: Codec
        if self.domain:
            self.codec = WebSocketClient(server, self._loop.time(), secure=transport == "WSS")
        else:
            self.codec = StreamFramer()
        self.connected = asyncio.Event()
        self.lost = asyncio.Event()

    @classmethod
    async def connect(
        cls,
        transport: str,
        server: Address,
        user: SipUser,
        *,
        host: str | None = None,
        timing: Timing | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> SipConnection:
        """A connection that can be used. Raises OSError, TimeoutError (no handshake) or ConnectionError."""
        made = cls(transport, server, user, timing)
        context = (tls or _trusting()) if transport in ("TLS", "WSS") else None
        async with asyncio.timeout(CONNECT_S):
            await made._loop.create_connection(
                lambda: _Stream(made), *server, ssl=context, local_addr=(host, 0) if host else None
            )
            await made.connected.wait()
        if made._transport is None:
            raise ConnectionError(f"{transport} to {server}: the handshake was refused")
        return made

    @property
    def contact_host(self) -> str:
        """Host and transport parameter of this phone's Contact."""
        host, port = self.address
        where = self.domain or (f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        return f"{where};transport={'ws' if self.domain else self.transport.lower()}"

    def flow(self, remote: Address) -> Flow:
        return Flow(self.transport, self.address, self.server)

    def _put(self, data: bytes, flow: Flow) -> None:
        self.write(self.codec.encode(data))

    def write(self, data: bytes) -> None:
        """Bytes as they are: what a test wants to be wrong."""
        if self._transport is not None:
            cast(asyncio.WriteTransport, self._transport).write(data)

    def drop(self) -> None:
        """The connection breaks, as when a network cable is pulled and TCP notices."""
        if self._transport is not None:
            cast(asyncio.WriteTransport, self._transport).abort()

    # ---- for the stream ---------------------------------------------------------------------------------
    def stream_data(self, data: bytes) -> None:
        for message in self.codec.feed(data, self._loop.time()):
            self._received(message, self.flow(self.server))
        self.stream_flush()

    def stream_flush(self) -> None:
        data = self.codec.outgoing()
        if data:
            self.write(data)
        if self.codec.opened:
            self.connected.set()
        if self.codec.ended and self._transport is not None:
            self._transport.close()

    def stream_lost(self) -> None:
        self._transport = None
        self.lost.set()
        self.connected.set()
        for tx, sink in list(self._sinks.items()):
            sink.on_failure(tx, 503)
        self._sinks.clear()


class _Stream(asyncio.Protocol):
    def __init__(self, owner: SipConnection) -> None:
        self._owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.connection_made(transport)
        self._owner.stream_flush()

    def data_received(self, data: bytes) -> None:
        self._owner.stream_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.stream_lost()


@cache
def _trusting() -> ssl.SSLContext:
    """Any certificate will do: a phone on a test bench. One for all: each costs tens of milliseconds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
