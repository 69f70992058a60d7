"""One TCP, TLS, WS or WSS connection: bytes between asyncio and the framing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from seatbus_sip.flow import Flow
    from seatbus_sip.framing import Codec
    from seatbus_sip_edge.adapters.transport_limits import ConnectionLimits

# A WebSocket that says nothing for so long is asked whether it lives.
_PING_AFTER_S = 30.0
_PING_WAIT_S = 30.0
# Closed at once, with bytes unread, TCP would take back the last answer (RFC 9112 section 9.6).
_LINGER_S = 1.0


class Owner(Protocol):
    """Who hears of a connection."""

    def received(self, connection: Connection, message: bytes) -> None: ...

    def unreadable(self, connection: Connection) -> None: ...

    def lost(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """`established` once a complete SIP message has come."""

    def __init__(self, owner: Owner, flow: Flow, codec: Codec, limits: ConnectionLimits, now: float) -> None:
        self.flow = flow
        self.codec = codec
        self.established = False
        self._owner = owner
        self._limits = limits
        self._opened_at = now
        self._heard_at = now
        self._pinged_at: float | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._gone = False
        self._closing = False

    # ---- asyncio ----------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        self._heard_at, self._pinged_at = now, None
        for message in self.codec.feed(data, now):
            if self._gone:
                return
            self._owner.received(self, message)
        if self.codec.error is not None:
            self._owner.unreadable(self)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._owner.lost(self)

    # ---- sending ----------------------------------------------------------------------------------------
    @property
    def usable(self) -> bool:
        """Whether a message sent now has a chance to arrive."""
        return not self._gone and self._transport is not None and self.codec.opened

    def certificate_names(self) -> list[str]:
        """Host names, then the common name, of the verified certificate that the far end has shown."""
        shown = self._transport.get_extra_info("peercert") if self._transport is not None else None
        if not shown:
            return []
        names = [value for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]
        names += [value for part in shown.get("subject", ()) for key, value in part if key == "commonName"]
        return names

    def send(self, message: bytes) -> bool:
        """False: nothing can be sent over this connection (any more)."""
        if self._gone or self._transport is None or self._transport.is_closing():
            return False
        data = self.codec.encode(message)
        if not data:
            return False
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._limits.backlog:
            self.abort()
        return True

    def last_word(self, message: bytes) -> None:
        """The answer to what broke the stream; it is closed after that."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message)

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        data = self.codec.outgoing()
        if data:
            self._transport.write(data)
        if self.codec.ended and not self._closing:
            self._closing = True
            self._loop.call_later(_LINGER_S, self._transport.close)

    def close(self) -> None:
        """With a farewell where the transport has one."""
        self.codec.close()
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """At once."""
        if self._transport is not None:
            self._transport.abort()

    # ---- time -------------------------------------------------------------------------------------------
    def overdue(self, now: float) -> str:
        """Why the connection is to be cut now; empty if it is not. Pings a silent WebSocket on the way."""
        if self._transport is None or self._closing:
            return ""
        deadline = self.codec.deadline
        if deadline is not None and now > deadline:
            return "message or handshake took too long"
        if not self.established and now - self._opened_at > self._limits.half_open_s:
            return "no SIP message came"
        silent = now - self._heard_at
        if silent > self._limits.idle_s:
            return "idle"
        if self.flow.transport in ("WS", "WSS") and self.codec.opened:
            if self._pinged_at is not None and now - self._pinged_at > _PING_WAIT_S:
                return "ping not answered"
            if self._pinged_at is None and silent > _PING_AFTER_S:
                self._pinged_at = now
                self.codec.ping()
                self._flush()
        return ""
