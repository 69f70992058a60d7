"""The UDP port that all browsers' legs share, and the worker that takes the steps of their handshakes."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final

from seatbus_kit.clock import Clock
from seatbus_kit.errors import ResourceExhausted
from seatbus_kit.log import get_logger
from seatbus_media.adapters.pump import Pump
from seatbus_media.application.handshake import Step
from seatbus_media.application.ports import Datagrams
from seatbus_media.application.webrtc_port import Source, WebRtcPort
from seatbus_media.domain.port_pool import PortPool
from seatbus_media.domain.zones import Zone
from seatbus_rtp.dtls import DtlsIdentity
from seatbus_rtp.errors import StunError
from seatbus_rtp.mux import Content, UdpMux, content
from seatbus_rtp.stun import parse_stun

log = get_logger("seatbus.media")

_BUFFER: Final = 8 * 1024 * 1024
"""All browsers' packets of a stall wait in one socket. Without CAP_NET_ADMIN it gets net.core.rmem_max."""
_SMALL: Final = 2 * 1024 * 1024
_SO_RCVBUFFORCE: Final = 33
_TRIES: Final = 50
_AT_ONCE: Final = 16
_LARGEST: Final = 4096
_HANDSHAKES: Final = 256
_OF_ONE_HOST: Final = 64
"""Handshakes under way at once, of all and of one host: an office behind one address dials in at nine."""


class RtcSocket:
    """A `SharedPort` of `WebRtcPort`s. `host` is what candidates say."""

    def __init__(self, host: str, port: int, identity: DtlsIdentity, consent_s: float) -> None:
        self.host = host
        self.consent_s = consent_s
        self.port = port
        self.identity = identity
        self._mux: UdpMux[WebRtcPort] = UdpMux()
        self._by_address = self._mux.by_address
        self._sock: Datagrams | None = None
        self._workers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dtls")
        self._beginning: dict[WebRtcPort, str] = {}
        self._of_host: Counter[str] = Counter()
        self.strange = 0
        self.unsent = 0

    def __len__(self) -> int:
        """Legs that are here."""
        return len(self._mux)

    # -- datagrams -------------------------------------------------------------------------------------------

    def opened(self, sock: Datagrams) -> None:
        self._sock = sock

    def read(self, now: float) -> None:
        """What has come, some packets at a time. Raises OSError when there is no more."""
        recvfrom = self._sock.recvfrom  # type: ignore[union-attr]
        for _ in range(_AT_ONCE):
            data, addr = recvfrom(_LARGEST)
            self._received(data, addr, now)

    def _received(self, data: bytes, addr: Source, now: float) -> None:
        leg = self._by_address.get(addr)
        if leg is not None and data and 128 <= data[0] <= 191:
            leg.media_received(data, now)
        else:
            self._other(data, addr, leg)

    def _other(self, data: bytes, addr: Source, leg: WebRtcPort | None) -> None:
        kind = content(data)
        now = monotonic()
        if leg is None and (kind is not Content.STUN or not self._mux.let_in(str(addr[0]), now)):
            self.strange += 1
            return
        if kind is Content.DTLS and leg is not None:
            leg.handshake_received(data)
        elif kind is Content.STUN:
            try:
                message = parse_stun(data)
            except StunError:
                self.strange += 1
                return
            named = self._mux.named(message.username) if message.username else leg
            if named is not None and self._mux.free_for(named, addr, now):
                named.check_received(message, addr, now)
            else:
                self.strange += 1

    def sendto(self, data: bytes, addr: Source) -> None:
        if self._sock is None:
            return
        try:
            self._sock.sendto(data, addr)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._workers.shutdown(wait=False, cancel_futures=True)

    # -- legs ------------------------------------------------------------------------------------------------

    def add(self, leg: WebRtcPort, ufrag: str) -> None:
        self._mux.add(leg, ufrag)

    def drop(self, ufrag: str) -> None:
        self._mux.drop(ufrag)

    def checked(self, leg: WebRtcPort, source: Source, now: float) -> None:
        self._mux.checked(leg, source, now)

    def keep(self, leg: WebRtcPort, sources: set[Source]) -> None:
        self._mux.keep(leg, sources)

    def remove(self, leg: WebRtcPort) -> None:
        self.handshake_over(leg)
        self._mux.remove(leg)

    # -- handshakes ------------------------------------------------------------------------------------------

    def submit(self, step: Step) -> asyncio.Future[list[bytes]]:
        return asyncio.get_running_loop().run_in_executor(self._workers, step)

    def may_begin(self, leg: WebRtcPort, host: str) -> bool:
        if leg in self._beginning:
            return True
        if len(self._beginning) >= _HANDSHAKES or self._of_host[host] >= _OF_ONE_HOST:
            log.info("handshake has to wait", host=host, under_way=len(self._beginning))
            return False
        self._beginning[leg] = host
        self._of_host[host] += 1
        return True

    def handshake_over(self, leg: WebRtcPort) -> None:
        host = self._beginning.pop(leg, None)
        if host is not None:
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]


class BrowserPorts:
    """The port of each zone that browsers share, opened for the first of them."""

    def __init__(
        self, pool: PortPool, pump: Pump, clock: Clock, fixed: int, consent_s: float, dscp: int
    ) -> None:
        """`fixed` is the port's number; 0: one of the pool."""
        self._pool = pool
        self._pump = pump
        self._clock = clock
        self._fixed = fixed
        self._consent_s = consent_s
        self._dscp = dscp
        self._open: dict[str, RtcSocket] = {}

    @property
    def legs(self) -> int:
        return sum(map(len, self._open.values()))

    def port(self, zone: Zone) -> RtcSocket:
        """Raises ResourceExhausted."""
        shared = self._open.get(zone.name)
        if shared is None:
            shared = self._open[zone.name] = self._first(zone)
        if len(shared) >= self._pool.size:
            raise ResourceExhausted("as many browsers' legs as there are port pairs", rule="rtp_ports")
        return shared

    def _first(self, zone: Zone) -> RtcSocket:
        for _ in range(_TRIES):
            port = self._fixed or self._pool.acquire(monotonic())
            if port is None:
                break
            try:
                return self._serve(zone, port)
            except OSError as error:
                log.info("port for browsers passed over", port=port, zone=zone.name, reason=str(error))
                if self._fixed:
                    break
                self._pool.release(port, monotonic())
        log.error("no port for browsers", port=self._fixed, remedy="free SEATBUS_WEBRTC_PORT")
        raise ResourceExhausted("no port for browsers' legs is free", rule="webrtc_port")

    def again(self, zone: Zone, port: int) -> RtcSocket:
        """The port that a predecessor's browsers know. Raises ResourceExhausted."""
        shared = self._open.get(zone.name)
        if shared is None:
            try:
                if self._fixed != port and not self._pool.claim(port):
                    raise ResourceExhausted(f"port {port} is not free", rule="webrtc_port")
                shared = self._open[zone.name] = self._serve(zone, port)
            except OSError as error:
                log.info("port for browsers is taken", port=port, zone=zone.name, reason=str(error))
                self._pool.release(port, monotonic())
                raise ResourceExhausted(f"port {port} is not free", rule="webrtc_port") from error
        if shared.port != port:
            raise ResourceExhausted(f"browsers are at port {shared.port}", rule="webrtc_port")
        return shared

    def _serve(self, zone: Zone, port: int) -> RtcSocket:
        wild = zone.host in ("0.0.0.0", "::")
        sock = bind_shared((zone.advertised, zone.host) if wild else (zone.host,), port)
        mark(sock, self._dscp)
        made = RtcSocket(zone.advertised, port, DtlsIdentity.new(self._clock.now()), self._consent_s)
        made.opened(self._pump.watched(sock, made.read))
        log.info("port for browsers is open", host=zone.advertised, port=port, zone=zone.name)
        return made

    def close(self) -> None:
        for shared in self._open.values():
            shared.close()
        self._open.clear()


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def mark(sock: socket.socket, dscp: int) -> None:
    """What is sent is marked for routers (RFC 2474); RTCP as the audio it belongs to (RFC 8837 5)."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)


def bind_shared(hosts: tuple[str, ...], port: int) -> socket.socket:
    """A socket on the first of the hosts that is ours: replies must leave from the address that candidates
    name, which a wildcard does not promise. Raises OSError if none can be bound.
    """
    failed: OSError | None = None
    for host in hosts:
        sock = socket.socket(family_of(host), socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            _enlarge(sock)
            sock.bind((host, port))
        except OSError as error:
            sock.close()
            failed = error
            continue
        return sock
    raise failed or OSError("no host to bind")


def _enlarge(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    given = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    if given < _SMALL:
        log.warning(
            "the port for browsers has a small buffer: a busy process may lose packets",
            bytes=given,
            remedy="sysctl -w net.core.rmem_max=8388608, or CAP_NET_ADMIN",
        )
