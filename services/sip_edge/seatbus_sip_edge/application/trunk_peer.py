"""The far end of one trunk: its addresses, and what is believed of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatbus_sip_edge.domain.targets import Health, State

if TYPE_CHECKING:
    import asyncio

    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip.flow import Address
    from seatbus_sip_edge.application.trunk_registration import Registration
    from seatbus_sip_edge.domain.routes import TrunkRef
    from seatbus_sip_edge.domain.targets import Target


@dataclass(slots=True)
class Peer:
    """Follows from the trunk's configuration and what its name leads to."""

    ref: TrunkRef
    trunk: tenancy.Trunk
    targets: list[Target] = field(default_factory=list)
    health: dict[tuple[str, int, str], Health] = field(default_factory=dict)
    state: State = State.UP
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    registration: Registration | None = None
    # Its name has SRV records for TCP, whatever it is asked by.
    takes_tcp: bool = False
    # Addresses that its calls have named, besides those of its name.
    named: dict[Address, None] = field(default_factory=dict)

    def rest(self, address: Address, until: float) -> None:
        """Whoever is at this address wants to be left alone, by every transport."""
        for target in self.targets:
            if (target.host, target.port) == address:
                self.health.setdefault(target.way, Health()).rests_until = until

    def rests(self, target: Target, now: float) -> bool:
        known = self.health.get(target.way)
        return known is not None and known.rests_until > now

    def state_of(self, target: Target, now: float) -> State:
        known = self.health.get(target.way)
        if known is None:
            return State.UP
        return State.DOWN if known.rests_until > now else known.state
