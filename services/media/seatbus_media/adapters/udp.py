"""UDP sockets of the legs on the event loop."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import Final

from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_WEBRTC, EndpointKind
from seatbus_kit.clock import Clock
from seatbus_kit.errors import ResourceExhausted
from seatbus_kit.log import get_logger
from seatbus_media.adapters.pump import Pump
from seatbus_media.adapters.rtc_socket import RtcSocket, bind_shared
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.ticker import Ticker
from seatbus_media.application.udp_port import UdpPort
from seatbus_media.application.webrtc_port import WebRtcPort
from seatbus_media.domain.port_pool import PortPool
from seatbus_rtp.dtls import DtlsIdentity
from seatbus_rtp.ice import CONSENT_S

log = get_logger("seatbus.media")

_TRIES: Final = 50
_BUFFER: Final = 262_144


class UdpSockets:
    """Opens endpoints: on pairs of ports of a pool, passing over those that another process holds, and
    browsers' legs on one port that they share, opened for the first of them.
    """

    def __init__(
        self,
        host: str,
        advertised: str,
        pool: PortPool,
        ticker: Ticker,
        clock: Clock,
        webrtc_port: int = 0,
        consent_s: float = CONSENT_S,
    ) -> None:
        self._consent_s = consent_s
        self._host = host
        self._advertised = advertised
        self._pool = pool
        self._ticker = ticker
        self._clock = clock
        self._webrtc_port = webrtc_port
        self._pump = Pump()
        self._shared: RtcSocket | None = None
        self._opening = asyncio.Lock()
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET

    @property
    def load(self) -> float:
        """Legs as a share of the port pairs; browsers' legs cost as much though they share one port."""
        legs = self._pool.used + (len(self._shared) if self._shared is not None else 0)
        return min(1.0, legs / self._pool.size) if self._pool.size else 1.0

    async def open(self, kind: EndpointKind) -> Endpoint:
        if kind == ENDPOINT_KIND_WEBRTC:
            return Endpoint(WebRtcPort(await self._shared_port()), self._ticker)
        return Endpoint(await self._pair(kind), self._ticker)

    async def _shared_port(self) -> RtcSocket:
        async with self._opening:
            if self._shared is None:
                self._shared = await self._open_shared()
        if len(self._shared) >= self._pool.size:
            raise ResourceExhausted("as many browsers' legs as there are port pairs", rule="rtp_ports")
        return self._shared

    async def _open_shared(self) -> RtcSocket:
        sock = None
        for _ in range(_TRIES):
            port = self._webrtc_port or self._pool.acquire(monotonic())
            if port is None:
                break
            try:
                sock = bind_shared(self._shared_hosts, port)
                break
            except OSError as error:
                log.info("port for browsers passed over", port=port, reason=str(error))
                if self._webrtc_port:
                    break
                self._pool.release(port, monotonic())
        if sock is None or port is None:
            log.error("no port for browsers", port=self._webrtc_port, remedy="free SEATBUS_WEBRTC_PORT")
            raise ResourceExhausted("no port for browsers' legs is free", rule="webrtc_port")
        return await self._serve_shared(sock, port)

    async def _serve_shared(self, sock: socket.socket, port: int) -> RtcSocket:
        made = RtcSocket(self._advertised, port, DtlsIdentity.new(self._clock.now()), self._consent_s)
        made.opened(self._pump.watched(sock, made.read))
        log.info("port for browsers is open", host=self._advertised, port=port)
        return made

    async def _shared_again(self, port: int) -> RtcSocket:
        """The port that a predecessor's browsers know."""
        if self._shared is None:
            taken = self._webrtc_port == port or self._pool.claim(port)
            try:
                sock = bind_shared(self._shared_hosts, port) if taken else None
            except OSError as error:
                log.info("port for browsers is taken", port=port, reason=str(error))
                sock = None
            if sock is None:
                self._pool.release(port, monotonic())
                raise ResourceExhausted(f"port {port} is not free", rule="webrtc_port")
            self._shared = await self._serve_shared(sock, port)
        if self._shared.port != port:
            raise ResourceExhausted(f"browsers are at port {self._shared.port}", rule="webrtc_port")
        return self._shared

    @property
    def _shared_hosts(self) -> tuple[str, ...]:
        wild = self._host in ("0.0.0.0", "::")
        return (self._advertised, self._host) if wild else (self._host,)

    async def _pair(self, kind: EndpointKind) -> UdpPort:
        for _ in range(_TRIES):
            port = self._pool.acquire(monotonic())
            if port is None:
                break
            pair = self._bind(port)
            if pair is None:
                self._pool.release(port, monotonic())
                continue
            wire = UdpPort(self._host, port, kind)
            self._watch(wire, *pair)
            return wire
        log.error(
            "no RTP ports left", used=self._pool.used, size=self._pool.size, remedy="widen SEATBUS_RTP_PORT_*"
        )
        raise ResourceExhausted("no pair of RTP ports is free", rule="rtp_ports")

    async def reopen(self, port: int, *, shared: bool = False) -> Endpoint:
        """What a leg of a predecessor had: a pair, or the port of all browsers. Raises ResourceExhausted
        where it is not free.
        """
        if shared:
            return Endpoint(WebRtcPort(await self._shared_again(port)), self._ticker)
        pair = self._bind(port) if self._pool.claim(port) else None
        if pair is None:
            raise ResourceExhausted(f"port {port} is not free", rule="rtp_ports")
        wire = UdpPort(self._host, port)
        self._watch(wire, *pair)
        return Endpoint(wire, self._ticker)

    def _watch(self, wire: UdpPort, rtp: socket.socket, rtcp: socket.socket) -> None:
        wire.opened(self._pump.watched(rtp, wire.read), self._pump.watched(rtcp, wire.read_rtcp))

    def close(self, endpoint: Endpoint) -> None:
        if not endpoint.closed:
            endpoint.close()
            if isinstance(endpoint.wire, UdpPort):
                self._pool.release(endpoint.wire.port, monotonic())

    def stop(self) -> None:
        """Closes the shared port, when nobody is left on it."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None
        self._pump.stop()

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
