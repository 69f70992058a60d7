"""Requests to trunks that are too large for a datagram (RFC 3261 section 18.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus_sip.flow import Flow
from seatbus_sip.size import Peer, Way, shrunk, way_of
from seatbus_sip_edge.domain.routes import TrunkRef

if TYPE_CHECKING:
    from seatbus_sip.message import Request
    from seatbus_sip.transactions import ClientTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

# What a peer can do without: it learns by 405 what we do not serve.
_OPTIONAL: Final = ("Allow",)
_OVER_TCP: Final = "SIP/2.0/TCP "


class Sizing:
    """Each request by itself: a dialog that began with a large one goes on by UDP with small ones."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def takes_tcp(self, trunk: TrunkRef | None, host: str) -> bool:
        """By the peer's SRV records, or a connection with it that stands."""
        side, call = self._side, self._side.session.call
        known = trunk or TrunkRef(call.trunk_tenant or call.tenant_id, call.trunk_id)
        return side.edge.trunks.takes_tcp(known) or side.stack.transports.has_tcp_with(host)

    def prepare(self, request: Request, flow: Flow, trunk: TrunkRef | None) -> Request:
        """The request as it is sent to a trunk, with its Via: that tells `send` how it goes."""
        layer = self._side.stack.layer
        layer.prepare_request(request, flow)
        if flow.transport != "UDP":
            return request
        peer = Peer.TAKES_TCP if self.takes_tcp(trunk, flow.remote[0]) else Peer.UNKNOWN
        match way_of(len(request.to_bytes()), peer):
            case Way.TCP:
                request.set("Via", *request.get_all("Via")[1:])
                layer.prepare_request(request, self._over_tcp(flow))
            case Way.SHRUNK:
                return shrunk(request, _OPTIONAL)
            case Way.AS_IT_IS:
                pass
        return request

    def send(self, request: Request, flow: Flow) -> ClientTransaction:
        """Sends what `prepare` gave. `flow` is how it would go if it were small, and goes if TCP fails."""
        stack = self._side.stack
        way = self.way(request, flow)
        if way is flow:
            return stack.layer.send_prepared(request, flow, stack.now)
        stack.transports.hasten(way)
        return stack.layer.send_prepared(request, way, stack.now, (shrunk(request, _OPTIONAL), flow))

    def way(self, request: Request, flow: Flow) -> Flow:
        """`flow`, or TCP to the same address where the request's Via says so."""
        moved = flow.transport == "UDP" and str(request.get("Via")).startswith(_OVER_TCP)
        return self._over_tcp(flow) if moved else flow

    def ask(self, leg: SipLeg, request: Request, flow: Flow) -> ClientTransaction:
        """Sends a request inside a dialog. One without a body is small."""
        stack = self._side.stack
        if flow.transport != "UDP" or not request.body or not self._side.by_trunk(leg):
            return stack.layer.send_request(request, flow, stack.now)
        return self.send(self.prepare(request, flow, leg.trunk), flow)

    def _over_tcp(self, flow: Flow) -> Flow:
        return self._side.stack.flow_to(*flow.remote, "TCP")
