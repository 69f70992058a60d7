"""One UDP socket, read until it is empty: who reads all of it can choose what comes first."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from seatbus_kit.log import get_logger
from seatbus_sip.flow import host_port

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from seatbus_sip.flow import Address

log = get_logger("sip_edge.sip")

# Others have their turn after so many.
_AT_ONCE: Final = 64
# The kernel's own limit holds some 190 INVITEs; what comes while a busy loop does not read is lost beyond it.
_RECEIVE_BUFFER: Final = 4 * 1024 * 1024

Datagrams = list[tuple[bytes, tuple[str, int]]]


@lru_cache(4096)
def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


class UdpSocket:
    """`received` gets what lay in the socket, in the order of its coming."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, largest: int, received: Callable[[UdpSocket, Datagrams], None]
    ) -> None:
        self._loop = loop
        self._largest = largest
        self._received = received
        self._sock: socket.socket | None = None
        self.local: Address = ("", 0)

    def open(self, host: str, port: int) -> None:
        """Raises OSError when the address is taken."""
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        bound = sock.getsockname()
        self.local = (bound[0], bound[1])
        self._sock = sock
        self._loop.add_reader(sock, self._readable, sock)

    def _readable(self, sock: socket.socket) -> None:
        came: Datagrams = []
        receive, size = sock.recvfrom, self._largest + 1
        try:
            for _ in range(_AT_ONCE):
                came.append(receive(size))
        except BlockingIOError:
            pass
        except OSError as error:
            # An ICMP answer names no transaction: the transaction's own timer decides.
            log.debug("socket error", error=repr(error))
        if came:
            self._received(self, came)

    def send(self, data: bytes, remote: Address) -> None:
        """What the kernel does not take is lost, as it may be anywhere on its way."""
        if self._sock is None:
            return
        if not _is_address(remote[0]):
            log.warning("cannot send", to=host_port(remote), error="not an address")
            return
        try:
            self._sock.sendto(data, remote)
        except (OSError, OverflowError) as error:
            log.warning("cannot send", to=host_port(remote), error=str(error))

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._loop.remove_reader(sock)
            sock.close()
