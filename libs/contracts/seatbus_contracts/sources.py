"""Source addresses of a trunk: `address` or `network/length`, either with `:port` (IPv6 then in brackets)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


class SourceError(ValueError):
    """Not a source address. Fields: what was given, and the rule that it broke."""

    def __init__(self, given: str, rule: str) -> None:
        super().__init__(f"{given!r}: {rule}")
        self.given = given
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Source:
    """`port` None means any port."""

    network: Network
    port: int | None

    @property
    def specificity(self) -> tuple[int, bool]:
        """The larger one wins: the longer prefix, then the one that names a port."""
        return self.network.prefixlen, self.port is not None

    @property
    def single(self) -> bool:
        return self.network.prefixlen == self.network.max_prefixlen

    def __str__(self) -> str:
        base = str(self.network.network_address) if self.single else str(self.network)
        if self.port is None:
            return base
        return f"[{base}]:{self.port}" if self.network.version == 6 else f"{base}:{self.port}"


def parse_source(text: str) -> Source:
    """Reads one source address. Raises SourceError; a network with host bits set is refused."""
    base, port_text = text, ""
    if text.startswith("["):
        base, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise SourceError(text, "an IPv6 address with a port is [address]:port")
        if rest:
            port_text = rest[1:]
            if not port_text:
                raise SourceError(text, "a port is 1 to 65535")
    elif text.count(":") == 1:
        base, _, port_text = text.partition(":")
        if not port_text:
            raise SourceError(text, "a port is 1 to 65535")
    port: int | None = None
    if port_text:
        if not (port_text.isascii() and port_text.isdigit() and 1 <= int(port_text) <= 65535):
            raise SourceError(text, "a port is 1 to 65535")
        port = int(port_text)
    try:
        return Source(ip_network(base), port)
    except ValueError as error:
        raise SourceError(text, f"an address or a network, optionally with a port: {error}") from None


def parse_address(host: str) -> Address | None:
    """The address of a packet's sender, None for a name. IPv4 that came in over IPv6 is taken as IPv4."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
