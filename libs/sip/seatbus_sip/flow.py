"""Where a message came from and goes to."""

from __future__ import annotations

from typing import NamedTuple

Address = tuple[str, int]


class Flow(NamedTuple):
    """One transport association: upper-case transport (UDP, TCP, TLS, WS, WSS), own and far address.

    A named tuple: it is a dictionary key for every message.
    """

    transport: str
    local: Address
    remote: Address

    @property
    def reliable(self) -> bool:
        """Whether the transport itself retransmits."""
        return self.transport != "UDP"

    def towards(self, remote: Address) -> Flow:
        """The same local end, another peer (UDP only makes sense)."""
        return Flow(self.transport, self.local, remote)


def host_port(address: Address) -> str:
    """`host:port` with brackets around an IPv6 host."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_of(sent_by: str) -> str:
    """The host of `host[:port]` in lower case, an IPv6 one in its brackets."""
    bracketed, closed, _ = sent_by.lower().partition("]")
    return bracketed + closed if closed else bracketed.partition(":")[0]
