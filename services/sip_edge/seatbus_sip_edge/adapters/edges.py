"""The other edges of the platform, as they announce themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus_sip_edge.domain.hops import owner_hint

if TYPE_CHECKING:
    from seatbus_kit.clock import Clock
    from seatbus_kit.instances import Instances
    from seatbus_sip.flow import Address

SERVICE: Final = "sip_edge"
# Attributes of the announcement: where requests of other edges are taken.
SIP_UDP: Final = "sip"
SIP_TCP: Final = "sip_tcp"
_FRESH_S: Final = 0.25


def address_of(text: str) -> Address | None:
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None


class Edges:
    """Looked up for each message that may belong to another edge, so it is read from a short-lived copy."""

    def __init__(self, instances: Instances, own_id: str, clock: Clock) -> None:
        self.own_id = own_id
        self._instances = instances
        self._clock = clock
        self._read_at = float("-inf")
        self._udp: dict[str, Address] = {}
        self._tcp: dict[str, Address] = {}
        self._by_address: dict[Address, str] = {}
        # Hints of every edge that was ever seen: a dialog's owner may be away.
        self._by_hint: dict[str, str] = {owner_hint(own_id): own_id}
        self._others: frozenset[str] = frozenset()

    def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now - self._read_at < _FRESH_S:
            return
        self._read_at = now
        udp: dict[str, Address] = {}
        tcp: dict[str, Address] = {}
        for found in self._instances.all(SERVICE):
            self._by_hint.setdefault(owner_hint(found.id), found.id)
            if (address := address_of(found.attributes.get(SIP_UDP, ""))) is not None:
                udp[found.id] = address
            if (address := address_of(found.attributes.get(SIP_TCP, ""))) is not None:
                tcp[found.id] = address
        self._udp, self._tcp = udp, tcp
        self._by_address = {
            address: name for table in (tcp, udp) for name, address in table.items() if name != self.own_id
        }
        self._others = frozenset(address[0] for address in self._by_address)

    @property
    def alone(self) -> bool:
        """Whether no other edge is there."""
        self._refresh()
        return not self._by_address

    def hop(self, edge: str, *, reliable: bool) -> tuple[str, Address] | None:
        """Transport and address of another edge, None while it is away.

        The hop is as reliable as the phone's own transport: then retransmissions go end to end, and a proxy
        without state loses nothing.
        """
        self._refresh()
        if edge == self.own_id:
            return None
        if reliable and edge in self._tcp:
            return "TCP", self._tcp[edge]
        return ("UDP", self._udp[edge]) if edge in self._udp else None

    def at(self, address: Address) -> str:
        """The other edge with this address, or nothing."""
        self._refresh()
        return self._by_address.get(address, "")

    def by_hint(self, hint: str) -> str:
        """The edge, this one too, whose tags end so; it need not be there any more."""
        self._refresh()
        return self._by_hint.get(hint, "")

    def is_host(self, host: str) -> bool:
        """Whether another edge sends from this address."""
        self._refresh()
        return host in self._others
