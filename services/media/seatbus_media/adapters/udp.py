"""UDP sockets of the legs on the event loop."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from time import monotonic
from typing import Final

from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_LINK, ENDPOINT_KIND_WEBRTC, EndpointKind
from seatbus_kit.clock import Clock
from seatbus_kit.errors import InvalidArgument, ResourceExhausted
from seatbus_kit.log import get_logger
from seatbus_media.adapters.pump import Pump
from seatbus_media.adapters.rtc_socket import BrowserPorts, family_of, mark
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.ticker import Ticker
from seatbus_media.application.udp_port import UdpPort
from seatbus_media.application.webrtc_port import WebRtcPort
from seatbus_media.domain.port_pool import PortPool
from seatbus_media.domain.zones import LINKS, Zone
from seatbus_rtp.ice import CONSENT_S

log = get_logger("seatbus.media")

_TRIES: Final = 500
_BUFFER: Final = 262_144


class UdpSockets:
    """Opens endpoints: on pairs of ports of a pool, passing over those that another process holds, and
    browsers' legs on one port of each zone that they share, opened for the first of them. A port number is
    used in one zone at a time.
    """

    def __init__(
        self,
        zones: Mapping[str, Zone],
        pool: PortPool,
        ticker: Ticker,
        clock: Clock,
        *,
        webrtc_port: int = 0,
        consent_s: float = CONSENT_S,
        dscp: int = 0,
    ) -> None:
        """`zones` by name; the one without a name is where legs are that ask for none."""
        self._zones = zones
        self._pool = pool
        self._ticker = ticker
        self._dscp = dscp
        self._pump = Pump()
        self._browsers = BrowserPorts(pool, self._pump, clock, webrtc_port, consent_s, dscp)

    @property
    def load(self) -> float:
        """Legs as a share of the port pairs; browsers' legs cost as much though they share one port."""
        legs = self._pool.used + self._browsers.legs
        return min(1.0, legs / self._pool.size) if self._pool.size else 1.0

    async def open(self, kind: EndpointKind, zone: str = "") -> Endpoint:
        where = self._zone(zone or (LINKS if kind == ENDPOINT_KIND_LINK and LINKS in self._zones else ""))
        if kind == ENDPOINT_KIND_WEBRTC:
            return Endpoint(WebRtcPort(self._browsers.port(where)), self._ticker, where)
        return Endpoint(self._pair(kind, where), self._ticker, where)

    def _zone(self, name: str) -> Zone:
        found = self._zones.get(name)
        if found is None:
            known = ", ".join(sorted(filter(None, self._zones))) or "none"
            raise InvalidArgument(
                f"{name} is no zone of this instance", field="zone", rule=f"one of: {known}"
            )
        return found

    def _pair(self, kind: EndpointKind, zone: Zone) -> UdpPort:
        for _ in range(_TRIES):
            port = self._pool.acquire(monotonic())
            if port is None:
                break
            pair = self._bind(port, zone)
            if pair is None:
                self._pool.release(port, monotonic())
                continue
            wire = UdpPort(zone.host, port, kind)
            self._watch(wire, *pair)
            return wire
        log.error(
            "no RTP ports left", used=self._pool.used, size=self._pool.size, remedy="widen SEATBUS_RTP_PORT_*"
        )
        raise ResourceExhausted("no pair of RTP ports is free", rule="rtp_ports")

    async def reopen(self, port: int, *, shared: bool = False, zone: str = "") -> Endpoint:
        """What a leg of a predecessor had: a pair, or the port of all browsers. Raises ResourceExhausted
        where it is not free, InvalidArgument where the zone is gone.
        """
        where = self._zone(zone)
        if shared:
            return Endpoint(WebRtcPort(self._browsers.again(where, port)), self._ticker, where)
        pair = self._bind(port, where) if self._pool.claim(port) else None
        if pair is None:
            raise ResourceExhausted(f"port {port} is not free", rule="rtp_ports")
        wire = UdpPort(where.host, port)
        self._watch(wire, *pair)
        return Endpoint(wire, self._ticker, where)

    def _watch(self, wire: UdpPort, rtp: socket.socket, rtcp: socket.socket) -> None:
        wire.opened(self._pump.watched(rtp, wire.read), self._pump.watched(rtcp, wire.read_rtcp))

    def close(self, endpoint: Endpoint) -> None:
        if not endpoint.closed:
            endpoint.close()
            if isinstance(endpoint.wire, UdpPort):
                self._pool.release(endpoint.wire.port, monotonic())

    def stop(self) -> None:
        """Closes the ports of browsers, when nobody is left on them."""
        self._browsers.close()
        self._pump.stop()

    def _bind(self, port: int, zone: Zone) -> tuple[socket.socket, socket.socket] | None:
        made: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                sock = socket.socket(family_of(zone.host), socket.SOCK_DGRAM)
                made.append(sock)
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
                mark(sock, self._dscp)
                sock.bind((zone.host, number))
        except OSError as error:
            for sock in made:
                sock.close()
            log.info("port pair passed over", port=port, zone=zone.name, reason=str(error))
            return None
        return made[0], made[1]
