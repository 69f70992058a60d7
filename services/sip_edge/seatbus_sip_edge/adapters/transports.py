"""All connections of the edge: who is let in, which one a message takes, and new ones where none is left."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Protocol

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import Flow, host_port
from seatbus_sip.framing import PING, StreamFramer
from seatbus_sip.parsing import parse_message
from seatbus_sip.websocket import WebSocketServer
from seatbus_sip_edge.adapters.transport_connection import Connection
from seatbus_sip_edge.adapters.transport_limits import ConnectionLimits, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from seatbus_sip.flow import Address
    from seatbus_sip.framing import Codec, FramingError

log = get_logger("sip_edge.transport")

WEB = ("WS", "WSS")
_SWEEP_S = 1.0
_CONNECT_S = 4.0
# For a request that can go by UDP as well.
_HASTE_S = 1.0
# An address that refused a connection is not tried again for so long.
_SHUN_S = 5.0
_BACKLOG = 512
# A peer that vanished is found by TCP itself after 30 + 3 * 10 s, or when data is not acknowledged for 30 s.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000))
_QUEUED_WHILE_CONNECTING = 32


class Listener(Protocol):
    """The engine's side."""

    def allow(self, source: str) -> bool:
        """Whether one more message of this source is read."""

    def message(self, data: bytes, flow: Flow) -> None: ...

    def unframed(self, error: FramingError, flow: Flow) -> None: ...

    def flow_lost(self, flow: Flow) -> None: ...


class Transports:
    """Connections by transport and far address."""

    def __init__(
        self,
        listener: Listener,
        limits: ConnectionLimits,
        *,
        origins: Sequence[str] | None = None,
        client_tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._listener = listener
        self._limits = limits
        self._origins = origins
        self._client_tls = client_tls
        # Whose certificate the peer at an address must show; empty: the address's own.
        self.name_of: Callable[[Address], str] = lambda _: ""
        self._loop = asyncio.get_running_loop()
        self._connections: dict[tuple[str, Address], Connection] = {}
        self._admitted: set[Connection] = set()
        self._connecting: dict[tuple[str, Address], list[bytes]] = {}
        self._shunned: dict[tuple[str, Address], float] = {}
        self._hasty: set[tuple[str, Address]] = set()
        self._tcp_with: dict[str, set[Connection]] = {}
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self.gate = Gate(limits)
        self.refused = 0

    def __len__(self) -> int:
        return len(self._connections)

    # ---- listening --------------------------------------------------------------------------------------
    def listen(self, transport: str, host: str, port: int, tls: ssl.SSLContext | None = None) -> Address:
        """Accepts connections; returns the bound address. Raises OSError when it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((host, port))
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        self._sockets.append(sock)
        local = (str(sock.getsockname()[0]), int(sock.getsockname()[1]))
        self._spawn(self._accept(transport, sock, local, tls))
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)
        return local

    async def _accept(
        self, transport: str, sock: socket.socket, local: Address, tls: ssl.SSLContext | None
    ) -> None:
        while True:
            try:
                accepted, peer = await self._loop.sock_accept(sock)
            except OSError as error:
                # No file descriptors left, most likely: those that are open go on.
                log.error("cannot accept a connection", transport=transport, error=str(error))
                await asyncio.sleep(0.2)
                continue
            remote = (str(peer[0]), int(peer[1]))
            reason = self.gate.admit(remote[0])
            if reason:
                self.refused += 1
                log.info("connection refused", transport=transport, source=host_port(remote), reason=reason)
                accepted.close()
                continue
            self._spawn(self._serve(accepted, Flow(transport, local, remote), tls))

    async def _serve(self, sock: socket.socket, flow: Flow, tls: ssl.SSLContext | None) -> None:
        now = self._loop.time()
        codec: Codec
        if flow.transport in WEB:
            codec = WebSocketServer(now, self._limits.framing, self._origins)
        else:
            codec = StreamFramer(self._limits.framing)
        connection = Connection(self, flow, codec, self._limits, now)
        self._admitted.add(connection)
        self._keep(connection)
        try:
            _tune(sock)
            await self._loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=tls,
                ssl_handshake_timeout=self._limits.half_open_s if tls is not None else None,
            )
        except OSError as error:
            log.info(
                "handshake failed", transport=flow.transport, source=host_port(flow.remote), error=str(error)
            )
            sock.close()
            self._drop(connection)

    # ---- connections ------------------------------------------------------------------------------------
    def received(self, connection: Connection, message: bytes) -> None:
        if not self._listener.allow(connection.flow.remote[0]):
            return
        if not connection.established and message != PING:
            connection.established = True
            if connection in self._admitted:
                self.gate.established(connection.flow.remote[0])
        self._listener.message(message, connection.flow)

    def unreadable(self, connection: Connection) -> None:
        error = connection.codec.error
        if error is not None:
            self._listener.unframed(error, connection.flow)

    def lost(self, connection: Connection) -> None:
        self._drop(connection)
        self._listener.flow_lost(connection.flow)

    def _keep(self, connection: Connection) -> None:
        flow = connection.flow
        self._connections[(flow.transport, flow.remote)] = connection
        if flow.transport == "TCP":
            self._tcp_with.setdefault(flow.remote[0], set()).add(connection)

    def _drop(self, connection: Connection) -> None:
        flow = connection.flow
        with_host = self._tcp_with.get(flow.remote[0], set())
        with_host.discard(connection)
        if not with_host:
            self._tcp_with.pop(flow.remote[0], None)
        if self._connections.get((flow.transport, flow.remote)) is connection:
            del self._connections[(flow.transport, flow.remote)]
        if connection in self._admitted:
            self._admitted.discard(connection)
            self.gate.released(flow.remote[0], half_open=not connection.established)

    def certificate_names(self, flow: Flow) -> list[str]:
        """Names in the certificate that the far end of a TLS connection has shown, verified; none without."""
        found = self._connections.get((flow.transport, flow.remote))
        return found.certificate_names() if found is not None else []

    def is_connected(self, transport: str, remote: Address) -> bool:
        """Whether there is a connection with this far end."""
        found = self._connections.get((transport, remote))
        return found is not None and found.usable

    def has_tcp_with(self, host: str) -> bool:
        """Whether a TCP connection with this host stands, whoever has opened it."""
        return any(connection.usable for connection in self._tcp_with.get(host, ()))

    def hasten(self, flow: Flow) -> None:
        """The next connection with this far end is made within a second or not at all."""
        if not self.is_connected(flow.transport, flow.remote):
            self._hasty.add((flow.transport, flow.remote))

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in list(self._connections.values()):
            reason = connection.overdue(now)
            if reason:
                log.info(
                    "connection cut",
                    transport=connection.flow.transport,
                    source=host_port(connection.flow.remote),
                    reason=reason,
                )
                connection.abort()
        for key in [key for key, until in self._shunned.items() if until <= now]:
            del self._shunned[key]
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

    # ---- sending ----------------------------------------------------------------------------------------
    def send(self, flow: Flow, data: bytes) -> None:
        """Over the flow's own connection; else over a new one, to where RFC 3261 section 18.2.2 says.

        Whoever sits behind a WebSocket cannot be called back. A flow that cannot be had is told as lost.
        """
        connection = self._connections.get((flow.transport, flow.remote))
        if connection is not None:
            if connection.codec.error is not None:
                connection.last_word(data)
                return
            if connection.send(data):
                return
        target = _response_address(data, flow) if data.startswith(b"SIP/2.0 ") else flow.remote
        key = (flow.transport, target)
        known = self._connections.get(key)
        if known is not None and known is not connection and known.send(data):
            return
        if key in self._connecting:
            if len(self._connecting[key]) < _QUEUED_WHILE_CONNECTING:
                self._connecting[key].append(data)
            return
        if flow.transport in WEB or self._shunned.get(key, 0.0) > self._loop.time():
            self._hasty.discard(key)
            # Not from within the engine's own sending.
            self._loop.call_soon(self._listener.flow_lost, flow)
            return
        self._connecting[key] = [data]
        self._spawn(self._connect(flow, target))

    async def _connect(self, flow: Flow, target: Address) -> None:
        key = (flow.transport, target)
        now = self._loop.time()
        connection = Connection(
            self,
            Flow(flow.transport, flow.local, target),
            StreamFramer(self._limits.framing),
            self._limits,
            now,
        )
        # Our own connections are not half-open: it is up to us to speak first.
        connection.established = True
        try:
            async with asyncio.timeout(_HASTE_S if key in self._hasty else _CONNECT_S):
                await self._open(connection, target)
        except OSError as error:
            self._hasty.discard(key)
            del self._connecting[key]
            self._shunned[key] = self._loop.time() + _SHUN_S
            log.info("cannot connect", transport=flow.transport, to=host_port(target), error=str(error))
            self._listener.flow_lost(flow)
            return
        self._hasty.discard(key)
        self._keep(connection)
        for data in self._connecting.pop(key):
            connection.send(data)

    async def _open(self, connection: Connection, target: Address) -> None:
        tls = self._client_tls() if connection.flow.transport == "TLS" else None
        name = self.name_of(target) or target[0]
        sock = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self._loop.sock_connect(sock, target)
            _tune(sock)
            await self._loop.create_connection(
                lambda: connection, sock=sock, ssl=tls, server_hostname=name if tls is not None else None
            )
        except BaseException:
            sock.close()
            raise

    # ---- end --------------------------------------------------------------------------------------------
    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """No connection is accepted any more, those that are there are closed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        for sock in self._sockets:
            sock.close()


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _response_address(data: bytes, flow: Flow) -> Address:
    """Where the sender of a request listens: its true host, at the port that its Via names."""
    try:
        via = parse_message(data).via
    except SipError:
        return flow.remote
    return flow.remote[0], via.port or (5061 if flow.transport == "TLS" else 5060)
