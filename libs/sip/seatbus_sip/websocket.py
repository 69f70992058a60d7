"""SIP over WebSocket (RFC 7118) without I/O: subprotocol `sip`, one SIP message in each of the WebSocket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from seatbus_sip.flow import Address, host_port
from seatbus_sip.framing import DEFAULT_FRAMING, FramingError, FramingLimits

SUBPROTOCOL = Subprotocol("sip")
_GOING_AWAY = 1001


class _WebSocket(ABC):
    """What both ends share. `started` is when the connection was made: the handshake has its time too."""

    def __init__(
        self, protocol: ServerProtocol | ClientProtocol, started: float, limits: FramingLimits
    ) -> None:
        self.error: FramingError | None = None
        self._protocol = protocol
        self._limits = limits
        self._since: float | None = started
        self._parts: list[bytes] = []
        self._ended = False

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Messages that are complete now; text and binary alike (RFC 7118 section 5)."""
        if self._ended:
            return []
        self._protocol.receive_data(data)
        found: list[bytes] = []
        progress = False
        for event in self._protocol.events_received():
            progress = True
            if isinstance(event, Frame):
                self._take(event, found)
            else:
                self._handshake(event)
        if progress and self._protocol.state is not State.CONNECTING and not self._parts:
            self._since = None
        elif self._since is None:
            self._since = now
        return found

    def _take(self, frame: Frame, found: list[bytes]) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self._parts.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._parts)
            self._parts.clear()
            if message:
                found.append(message)

    @abstractmethod
    def _handshake(self, event: Event) -> None:
        """The other side's half of it."""

    def encode(self, message: bytes) -> bytes:
        """One message, as text if it is text. Empty if the WebSocket is not open."""
        if not self.opened:
            return b""
        try:
            message.decode()
        except UnicodeDecodeError:
            self._protocol.send_binary(message)
        else:
            self._protocol.send_text(message)
        return self.outgoing()

    def ping(self) -> None:
        """A WebSocket ping."""
        if self.opened:
            self._protocol.send_ping(b"seatbus")

    def close(self) -> None:
        """1001, going away."""
        if self.opened:
            self._protocol.send_close(_GOING_AWAY)

    def outgoing(self) -> bytes:
        """Handshake, pongs and closing frames that are due."""
        chunks = self._protocol.data_to_send()
        if b"" in chunks or self._protocol.close_expected():
            self._ended = True
        return b"".join(chunks)

    @property
    def opened(self) -> bool:
        """Whether the handshake succeeded and nobody has closed."""
        return self._protocol.state is State.OPEN

    @property
    def ended(self) -> bool:
        """Whether the handshake failed or either side has closed."""
        return self._ended

    @property
    def deadline(self) -> float | None:
        """When the handshake, or a frame that has begun, must be complete."""
        return None if self._since is None else self._since + self._limits.message_s


class WebSocketServer(_WebSocket):
    """The server's end. A client that does not offer `sip` is told 400, one that does not upgrade 426."""

    def __init__(
        self, now: float, limits: FramingLimits = DEFAULT_FRAMING, origins: Sequence[str] | None = None
    ) -> None:
        allowed = None if origins is None else [Origin(origin) for origin in origins]
        protocol = ServerProtocol(origins=allowed, subprotocols=[SUBPROTOCOL], max_size=limits.message)
        super().__init__(protocol, now, limits)
        self._tail = b""

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """As of both ends; what follows the handshake is read once that was answered."""
        if self._protocol.state is not State.CONNECTING:
            return super().feed(data, now)
        end = (self._tail + data).find(b"\r\n\r\n")
        if end < 0:
            self._tail = (self._tail + data)[-3:]
            return super().feed(data, now)
        cut = end + 4 - len(self._tail)
        found = super().feed(data[:cut], now)
        return found + super().feed(data[cut:], now) if self.opened and data[cut:] else found

    def _handshake(self, event: Event) -> None:
        protocol = cast(ServerProtocol, self._protocol)
        # A request that cannot be read has ended the protocol already.
        if isinstance(event, Request) and not protocol.eof_sent:
            protocol.send_response(protocol.accept(event))


class WebSocketClient(_WebSocket):
    """The client's end: a phone, or a test's."""

    def __init__(
        self,
        server: Address,
        now: float,
        *,
        secure: bool = False,
        limits: FramingLimits = DEFAULT_FRAMING,
        subprotocols: Sequence[str] = (SUBPROTOCOL,),
        origin: str | None = None,
    ) -> None:
        protocol = ClientProtocol(
            parse_uri(f"{'wss' if secure else 'ws'}://{host_port(server)}/"),
            origin=None if origin is None else Origin(origin),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            max_size=limits.message,
        )
        super().__init__(protocol, now, limits)
        self.status: int | None = None
        protocol.send_request(protocol.connect())

    def _handshake(self, event: Event) -> None:
        # A refusal ends the protocol by itself.
        if isinstance(event, Response):
            self.status = event.status_code
