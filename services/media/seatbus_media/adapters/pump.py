"""All RTP sockets of the process behind one descriptor of the event loop: a wake-up brings every packet that
has come meanwhile, at one system call for many sockets and without a transport for each.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from seatbus_media.application.vigil import VIGIL

Reader = Callable[[float], None]
"""Takes what has come to one socket; told the time of the wake-up. An OSError says that nothing was there."""

_AT_ONCE: Final = 48
"""Sockets read in one turn of the event loop: about a millisecond, so that timers keep their time."""


class WatchedSocket:
    """A UDP socket that leaves the pump when it is closed."""

    def __init__(self, sock: socket.socket, pump: Pump) -> None:
        self.recvfrom = sock.recvfrom
        self.sendto: Callable[[bytes, Any], int] = sock.sendto
        self._sock = sock
        self._pump = pump

    def close(self) -> None:
        """May be called twice."""
        self._pump.forget(self._sock)
        self._sock.close()


class Pump:
    def __init__(self) -> None:
        self._readers: list[Reader | None] = []
        """By descriptor."""
        self._epoll: select.epoll | None = None

    def watched(self, sock: socket.socket, reader: Reader) -> WatchedSocket:
        """From now on `reader` is called while there is anything in the socket."""
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._run)
        number = sock.fileno()
        self._readers += [None] * (number + 1 - len(self._readers))
        self._readers[number] = reader
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        return WatchedSocket(sock, self)

    def forget(self, sock: socket.socket) -> None:
        number = sock.fileno()
        if self._epoll is not None and 0 <= number < len(self._readers) and self._readers[number] is not None:
            self._readers[number] = None
            self._epoll.unregister(number)

    def stop(self) -> None:
        """Nothing is read any more. May be called twice."""
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        self._readers.clear()

    def _run(self) -> None:
        now = monotonic()
        if now > VIGIL.until:
            VIGIL.check(now)
        if self._epoll is None:
            return
        readers = self._readers
        for number, _ in self._epoll.poll(0, _AT_ONCE):
            reader = readers[number]
            if reader is None:
                continue  # a packet before it in this turn ended the leg
            try:
                reader(now)
            except OSError:
                continue  # a broken checksum, or an ICMP error about what was sent
