"""Pairs of UDP sockets on the event loop."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import Final

from seatbus_kit.errors import ResourceExhausted
from seatbus_kit.log import get_logger
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.ticker import Ticker
from seatbus_media.application.udp_port import UdpPort
from seatbus_media.domain.port_pool import PortPool

log = get_logger("seatbus.media")

_TRIES: Final = 50
_BUFFER: Final = 262_144


class UdpSockets:
    """Opens endpoints on the ports of a pool; pairs that another process holds are passed over."""

    def __init__(self, host: str, pool: PortPool, ticker: Ticker) -> None:
        self._host = host
        self._pool = pool
        self._ticker = ticker
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET

    @property
    def load(self) -> float:
        """Share of the port pairs in use."""
        return self._pool.used / self._pool.size if self._pool.size else 1.0

    async def open(self) -> Endpoint:
        for _ in range(_TRIES):
            port = self._pool.acquire(monotonic())
            if port is None:
                break
            pair = self._bind(port)
            if pair is None:
                self._pool.release(port, monotonic())
                continue
            wire = UdpPort(self._host, port)
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda made=wire: made, sock=pair[0])  # type: ignore[misc]
            await loop.create_datagram_endpoint(wire.rtcp_socket, sock=pair[1])
            return Endpoint(wire, self._ticker)
        log.error(
            "no RTP ports left", used=self._pool.used, size=self._pool.size, remedy="widen SEATBUS_RTP_PORT_*"
        )
        raise ResourceExhausted("no pair of RTP ports is free", rule="rtp_ports")

    def close(self, endpoint: Endpoint) -> None:
        if not endpoint.closed:
            endpoint.close()
            self._pool.release(endpoint.wire.port, monotonic())

    def _bind(self, port: int) -> tuple[socket.socket, socket.socket] | None:
        made: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                sock = socket.socket(self._family, socket.SOCK_DGRAM)
                made.append(sock)
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
                sock.bind((self._host, number))
        except OSError as error:
            for sock in made:
                sock.close()
            log.info("port pair passed over", port=port, reason=str(error))
            return None
        return made[0], made[1]
