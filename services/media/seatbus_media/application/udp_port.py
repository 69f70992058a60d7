"""A leg on its own pair of UDP ports: where its packets may come from, and so where ours go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from seatbus_media.application.packet_port import PacketUser
from seatbus_media.application.ports import Address, DatagramSink
from seatbus_rtp.latch import Latch
from seatbus_rtp.packet import is_rtcp, is_rtp

_NOWHERE: Final = frozenset({"0.0.0.0", "::", ""})


class UdpPort(asyncio.DatagramProtocol):
    """RTP on the even port, RTCP on the odd one or on the same. Both sockets are open before negotiation."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.destination: Address | None = None
        self._user: PacketUser | None = None
        self._receive: Callable[[bytes, float], None] | None = None
        self._latch = Latch()
        self._locked: tuple[object, ...] | None = None
        self._strange = 0
        self._reached = False
        self._negotiated = False
        self._closed = False
        self._transport: DatagramSink | None = None
        self._sendto: Callable[[bytes, Address | None], None] | None = None
        self._rtcp_transport: DatagramSink | None = None
        self._rtcp_from: Address | None = None

    @property
    def refused(self) -> int:
        return self._latch.refused + self._strange

    # -- sockets ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: object) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._sendto = transport.sendto  # type: ignore[attr-defined]

    def error_received(self, exc: Exception) -> None:
        """An ICMP error about a packet that we sent: the peer's port is closed. Silence will tell."""

    def close(self) -> None:
        self._closed = True
        self._sendto = None
        for transport in (self._transport, self._rtcp_transport):
            if transport is not None:
                transport.close()

    # -- the peer --------------------------------------------------------------------------------------------

    def attach(self, user: PacketUser) -> None:
        self._user = user
        self._receive = user.receive

    def negotiated(self, remote: Address) -> None:
        self._negotiated = True
        if remote[0] in _NOWHERE:
            return
        self._latch.renegotiated(remote)
        if self._latch.locked is None:
            self._locked = None
        self.destination = self._latch.destination

    # -- packets ---------------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        now = monotonic()
        if addr != self._locked and not self._admit(data, addr, now):
            return
        self._receive(data, now)  # type: ignore[misc]

    def _admit(self, data: bytes, addr: tuple[object, ...], now: float) -> bool:
        """Whether a packet from a source that is not locked belongs to this leg."""
        if not self._negotiated or self._closed or not is_rtp(data):
            if is_rtcp(data):
                self.rtcp_received(data, addr)
            else:
                self._strange += 1
            return False
        source = (str(addr[0]), int(addr[1]))  # type: ignore[call-overload]
        if not self._latch.accept(source, now):
            return False
        if self._latch.locked is not None:
            self._locked = addr
        self.destination = self._latch.destination
        if not self._reached and self._user is not None:
            self._reached = True
            self._user.reached()
        return True

    def send(self, packet: bytes) -> None:
        if self._sendto is not None and self.destination is not None:
            self._sendto(packet, self.destination)

    # -- RTCP ------------------------------------------------------------------------------------------------

    def rtcp_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        """A compound on either port. From elsewhere than the leg's host it is not believed."""
        if self.destination is None or addr[0] != self.destination[0] or self._user is None:
            self._strange += 1
            return
        self._rtcp_from = (str(addr[0]), int(addr[1]))  # type: ignore[call-overload]
        self._user.receive_rtcp(data)

    def send_rtcp(self, compound: bytes) -> None:
        if self._rtcp_transport is None or self.destination is None or self._closed:
            return
        host, port = self.destination
        self._rtcp_transport.sendto(compound, self._rtcp_from or (host, port + 1))

    def rtcp_socket(self) -> asyncio.DatagramProtocol:
        """The protocol of the odd port."""
        return _RtcpSocket(self)

    def rtcp_opened(self, transport: DatagramSink) -> None:
        self._rtcp_transport = transport


class _RtcpSocket(asyncio.DatagramProtocol):
    """The odd port of a leg."""

    def __init__(self, port: UdpPort) -> None:
        self._port = port

    def connection_made(self, transport: object) -> None:
        self._port.rtcp_opened(transport)  # type: ignore[arg-type]

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        if is_rtcp(data):
            self._port.rtcp_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The peer has no RTCP port."""
