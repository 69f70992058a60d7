"""What both ends of a lane set on their socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

# A host that is gone is noticed after this time of unacknowledged data or keepalives.
_GONE_AFTER_S: Final = 7
_KEEPALIVE_IDLE_S: Final = 5
_KEEPALIVE_EVERY_S: Final = 1
_WRITE_HIGH: Final = 1024 * 1024


def tune(transport: asyncio.Transport) -> None:
    transport.set_write_buffer_limits(high=_WRITE_HIGH)
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_EVERY_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_AFTER_S * 1000)
