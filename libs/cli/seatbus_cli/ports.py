"""Which ports the embedded platform takes: fixed defaults, or one block behind `--port-base`."""

from __future__ import annotations

import socket
from dataclasses import dataclass

RTP_PORTS = 2000


@dataclass(frozen=True)
class PortPlan:
    """TCP: http, nats, nats_monitor, metrics (one a service from here), sip_ws, sip_tls, sip_wss.

    UDP: rtp_min..rtp_max. Both: sip.
    """

    http: int
    sip: int
    nats: int
    nats_monitor: int
    sip_ws: int
    sip_tls: int
    sip_wss: int
    metrics: int
    rtp_min: int
    rtp_max: int
    # SIP of the second edge, UDP and TCP, WS, TLS, WSS; further ones have the four ports below.
    more_edges: int

    @classmethod
    def default(cls) -> PortPlan:
        return cls(
            http=8080,
            sip=5060,
            nats=14222,
            nats_monitor=18222,
            sip_ws=5062,
            sip_tls=5061,
            sip_wss=5063,
            metrics=19100,
            rtp_min=20000,
            rtp_max=29999,
            more_edges=5130,
        )

    @classmethod
    def from_base(cls, base: int) -> PortPlan:
        """Block of `RTP_PORTS` + 100 ports from `base`: http, sip, nats, monitor, ws, tls, wss, metrics, RTP.

        Raises ValueError when the block does not fit below 65536 or reaches into the privileged ports.
        """
        if not 1024 <= base <= 65535 - RTP_PORTS - 100:
            raise ValueError(f"--port-base: 1024 to {65535 - RTP_PORTS - 100}, not {base}")
        rtp = base + 100 + (base % 2)
        return cls(
            http=base,
            sip=base + 1,
            nats=base + 2,
            nats_monitor=base + 3,
            sip_ws=base + 4,
            sip_tls=base + 5,
            sip_wss=base + 6,
            metrics=base + 10,
            rtp_min=rtp,
            rtp_max=rtp + RTP_PORTS - 1,
            more_edges=base + 96,
        )

    def edge(self, index: int) -> dict[str, int]:
        """Port of each SIP transport of the edge with this number."""
        if index == 0:
            ports = (self.sip, self.sip_ws, self.sip_tls, self.sip_wss)
        else:
            first = self.more_edges - 4 * (index - 1)
            ports = (first, first + 1, first + 2, first + 3)
        sip, ws, tls, wss = ports
        return {"UDP": sip, "TCP": sip, "WS": ws, "TLS": tls, "WSS": wss}

    def taken(self, host: str) -> list[str]:
        """What of the plan another process holds already, in words; empty when all is free."""
        found = []
        for name, port in (
            ("HTTP", self.http),
            ("NATS", self.nats),
            ("NATS monitor", self.nats_monitor),
            ("SIP", self.sip),
            ("SIP over WS", self.sip_ws),
            ("SIP over TLS", self.sip_tls),
            ("SIP over WSS", self.sip_wss),
        ):
            bind = "127.0.0.1" if name.startswith("NATS") else host
            if not _free(bind, port, socket.SOCK_STREAM):
                found.append(f"{name} {bind}:{port}/tcp")
        if not _free(host, self.sip, socket.SOCK_DGRAM):
            found.append(f"SIP {host}:{self.sip}/udp")
        return found


def _free(host: str, port: int, kind: socket.SocketKind) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def has_ipv6_loopback() -> bool:
    """Whether `::1` can be bound here."""
    return socket.has_ipv6 and _free("::1", 0, socket.SOCK_STREAM)
