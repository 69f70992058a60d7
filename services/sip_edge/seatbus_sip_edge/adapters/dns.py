"""Names of trunks' peers to addresses: NAPTR, SRV, A and AAAA (RFC 3263)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from seatbus_kit.errors import Unavailable
from seatbus_sip_edge.domain.targets import Target

if TYPE_CHECKING:
    from dns.rdtypes.IN.SRV import SRV

_SERVICE: Final = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}
_NAPTR: Final = {"sip+d2u": "UDP", "sip+d2t": "TCP", "sips+d2t": "TLS"}
_PORT: Final = {"TLS": 5061}
_LONGEST_S: Final = 300.0
_SHORTEST_S: Final = 5.0
_LIFETIME_S: Final = 3.0
_MOST: Final = 32
# No such name or record: the next kind of record is asked for. Anything else is a fault of the resolver.
_ABSENT: Final = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)


class Resolver:
    """Asks the system's servers, or `server` (host or host:port)."""

    def __init__(self, server: str = "") -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not server)
        if server:
            host, _, port = server.partition(":")
            self._resolver.nameservers = [host]
            self._resolver.port = int(port or 53)
        self._resolver.lifetime = _LIFETIME_S
        self._resolver.cache = None

    async def targets(self, host: str, port: int, transport: str) -> tuple[list[Target], float]:
        """Addresses of a peer, and for how many seconds they hold. Raises Unavailable.

        An address or a name with a port is taken as it is; `transport` empty: what NAPTR says, else UDP.
        """
        if (known := literal(host, port, transport)) is not None:
            return [known], _LONGEST_S
        try:
            if port:
                wanted = transport or "UDP"
                return await self._addresses(host, port, wanted, 0, 0)
            for service, kind in await self._services(host, transport):
                found, ttl = await self._srv(service, kind)
                if found:
                    return found, ttl
            kind = transport or "UDP"
            return await self._addresses(host, _PORT.get(kind, 5060), kind, 0, 0)
        except dns.exception.DNSException as error:
            raise Unavailable(f"{host} cannot be resolved: {error or type(error).__name__}") from error

    async def takes_tcp(self, host: str, port: int) -> bool:
        """Whether the name has SRV records for TCP; an address, or a name with a port, says nothing."""
        if port or literal(host, port, "") is not None:
            return False
        try:
            answer = await self._resolver.resolve(f"{_SERVICE['TCP']}.{host}", dns.rdatatype.SRV)
        except _ABSENT:
            return False
        except dns.exception.DNSException as error:
            raise Unavailable(f"{host} cannot be resolved: {error or type(error).__name__}") from error
        return any(record.target != dns.name.root for record in answer)

    async def _services(self, host: str, transport: str) -> list[tuple[str, str]]:
        """Names of SRV records with their transports, the preferred one first."""
        if transport:
            return [(f"{_SERVICE[transport]}.{host}", transport)]
        try:
            answer = await self._resolver.resolve(host, dns.rdatatype.NAPTR)
        except _ABSENT:
            return [(f"{_SERVICE['UDP']}.{host}", "UDP")]
        found = []
        for record in sorted(answer, key=lambda item: (item.order, item.preference)):
            kind = _NAPTR.get(record.service.decode("ascii", "replace").lower())
            if kind is not None and record.flags.lower() == b"s":
                found.append((record.replacement.to_text(omit_final_dot=True), kind))
        return found or [(f"{_SERVICE['UDP']}.{host}", "UDP")]

    async def _srv(self, service: str, transport: str) -> tuple[list[Target], float]:
        try:
            answer = await self._resolver.resolve(service, dns.rdatatype.SRV)
        except _ABSENT:
            return [], 0.0
        ttl = _bounded(answer.rrset.ttl if answer.rrset is not None else 0)
        found: list[Target] = []
        records: list[SRV] = sorted(answer, key=lambda item: (item.priority, -item.weight))
        for record in records[:_MOST]:
            if record.target == dns.name.root:
                continue
            name = record.target.to_text(omit_final_dot=True)
            addresses, address_ttl = await self._addresses(
                name, record.port, transport, record.priority, record.weight, absent_is_fine=True
            )
            found += addresses
            ttl = min(ttl, address_ttl)
        return found, ttl

    async def _addresses(
        self,
        host: str,
        port: int,
        transport: str,
        priority: int,
        weight: int,
        *,
        absent_is_fine: bool = False,
    ) -> tuple[list[Target], float]:
        ttl = _LONGEST_S
        found: list[Target] = []
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                answer = await self._resolver.resolve(host, kind)
            except _ABSENT:
                continue
            ttl = min(ttl, _bounded(answer.rrset.ttl if answer.rrset is not None else 0))
            found += [Target(record.address, port, transport, priority, weight) for record in answer]
        if not found and not absent_is_fine:
            raise Unavailable(f"{host} has no address")
        return found[:_MOST], ttl


def literal(host: str, port: int, transport: str) -> Target | None:
    """The target of an address that needs no look-up; None for a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    kind = transport or "UDP"
    return Target(str(address), port or _PORT.get(kind, 5060), kind)


def _bounded(ttl: float) -> float:
    return min(_LONGEST_S, max(_SHORTEST_S, ttl))
