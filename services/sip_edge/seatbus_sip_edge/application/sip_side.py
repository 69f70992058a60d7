"""The SIP half of a call: its legs, what they share, and how the machine's wishes become messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_sip.digest import DigestClient
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.uri import sip_uri
from seatbus_sip_edge.application.legs.asking import Asking
from seatbus_sip_edge.application.legs.early_offers import EarlyOffers
from seatbus_sip_edge.application.legs.incoming import Incoming
from seatbus_sip_edge.application.legs.outgoing import Outgoing
from seatbus_sip_edge.application.legs.provisional import Provisional
from seatbus_sip_edge.application.legs.referring import Referring
from seatbus_sip_edge.application.legs.refreshing import Refreshing
from seatbus_sip_edge.application.legs.restoring import Restoring
from seatbus_sip_edge.application.legs.ringing import Ringing
from seatbus_sip_edge.application.legs.sizing import Sizing
from seatbus_sip_edge.application.legs.vanishing import Vanishing
from seatbus_sip_edge.application.legs.within import Within
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.causes import reason_of
from seatbus_sip_edge.domain.hops import leads_back
from seatbus_sip_edge.domain.model import Direction
from seatbus_sip_edge.domain.routes import TrunkRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip.dialog import Dialog
    from seatbus_sip.flow import Address, Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ClientTransaction, ServerTransaction
    from seatbus_sip_edge.adapters.sip_stack import SipStack
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.phones import Phone
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.hops import FlowToken

# RFC 3261 section 19.1.1, RFC 7118 section 5.2.
_TRANSPORT_PARAMETER = {"TCP": "tcp", "TLS": "tls", "WS": "ws", "WSS": "ws"}


def own_contact(stack: SipStack, flow: Flow) -> str:
    """Our own Contact, as the far end of this flow reaches us."""
    host, port = stack.advertised_for(flow)
    uri = sip_uri("seatbus", host, port)
    parameter = _TRANSPORT_PARAMETER.get(flow.transport)
    return f"<{uri};transport={parameter}>" if parameter else f"<{uri}>"


class SipSide:
    """All legs of one call. Each part does what its name says."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.edge = session.edge
        self.stack = session.edge.stack
        self.legs: dict[str, SipLeg] = {}
        self._keys: list[tuple[str, str]] = []
        # Why no INVITE could be made for an outside leg.
        self.refusals: dict[str, int] = {}
        # What media has just offered for a leg that is about to be called, by the kind of its phones.
        self.offers: dict[str, dict[str, str]] = {}
        self.incoming = Incoming(self)
        self.outgoing = Outgoing(self)
        self.early_offers = EarlyOffers(self)
        self.ringing = Ringing(self)
        self.asking = Asking(self)
        self.provisional = Provisional(self)
        self.refreshing = Refreshing(self)
        self.referring = Referring(self)
        self.sizing = Sizing(self)
        self.vanishing = Vanishing(self)
        self.within = Within(self)
        self.restoring = Restoring(self)

    # ---- from the network -------------------------------------------------------------------------------
    def on_response(self, leg_id: str, tx: ClientTransaction, response: Response) -> None:
        leg = self.legs.get(leg_id)
        if leg is None:
            return
        if self.asking.on_response(leg, tx, response):
            return
        if response.cseq.method == "INVITE" and leg.forks is not None:
            self.outgoing.on_response(leg, tx, response)
        elif response.cseq.method == "INVITE" and leg.refreshing:
            self.restoring.on_refreshed(leg, tx, response)
        else:
            self.within.on_response(leg, response)

    def on_no_response(self, leg_id: str, request: Request, status: int) -> None:
        """A request of ours was never answered (408), or could not be sent (503)."""
        leg = self.legs.get(leg_id)
        if leg is None or self.asking.on_no_response(leg, request):
            return
        if request.method == "INVITE" and request.to.tag is None:
            self.outgoing.on_no_response(leg_id, status, request)

    def peer_is_gone(self, leg_id: str) -> None:
        leg = self.session.call.legs.get(leg_id)
        if leg is not None and leg.accepting:
            # It picked up and pressed no key: nobody was there.
            self.session.feed(on.AgentFailed(leg_id, 480))
            return
        self.session.feed(on.CallerHungUp() if self.is_caller(leg_id) else on.AgentHungUp(leg_id))

    # ---- to the network ---------------------------------------------------------------------------------
    def respond(self, tx: ServerTransaction, response: Response) -> None:
        self.stack.layer.respond(tx, response, self.stack.now)
        self.stack.pump()

    def acknowledge(self, tx: ClientTransaction | None, ack: Request, flow: Flow | None = None) -> None:
        self.stack.layer.send_ack(tx, ack, self.stack.now, flow)
        self.stack.pump()

    def send(self, leg: SipLeg, request: Request) -> ClientTransaction | None:
        """Sends a request of the leg's dialog to where the dialog goes now."""
        if leg.dialog is None:
            return None
        routes = leg.dialog.route_set
        flow = self.flow_of(leg, leg.dialog)
        if leg.dialog.route_set != routes:
            request.set("Route", *leg.dialog.route_set)
        if leg.digest is not None:
            leg.digest.authorize(request)
        tx = self.sizing.ask(leg, request, flow)
        self.stack.pump()
        return tx

    def flow_of(self, leg: SipLeg, dialog: Dialog) -> Flow:
        """A registered phone is reached over its own flow; others where route set or Contact say.

        A connection that lives is used, whatever Contact says. After it, the phone's new one is.
        """
        token = self.edge.proxy.token_of(dialog.route_set)
        if token is not None:
            return self._through(leg, dialog, token)
        if leg.flow.reliable and self.stack.alive(leg.flow):
            return leg.flow
        by_trunk = self.by_trunk(leg)
        if leg.flow.reliable and not by_trunk and self._is_agents(leg.leg_id):
            return self._again(leg, dialog)
        if by_trunk:
            try:
                hop = dialog.next_hop
            except SipError:
                return leg.flow
            host, port = hop.address
            if leads_back(host, leg.flow.remote[0]):
                transport = leg.flow.transport
                if transport == "UDP" and hop.transport == "tcp" and self.sizing.takes_tcp(leg.trunk, host):
                    transport = "TCP"
                call = self.session.call
                ref = leg.trunk or TrunkRef(call.trunk_tenant or call.tenant_id, call.trunk_id)
                self.edge.trunks.also_at(ref, (host, port))
                return self.stack.flow_to(host, port, transport)
        return leg.flow

    def by_trunk(self, leg: SipLeg) -> bool:
        """Whether the peer is a trunk's, not a registered phone."""
        return leg.trunk is not None or (
            self.is_caller(leg.leg_id) and self.session.call.direction == Direction.DIRECTION_INBOUND
        )

    def reason(self, leg: SipLeg) -> dict[str, str]:
        """Why a leg ends, in the terms of carriers: their side of the record says the same as ours."""
        if not self.by_trunk(leg):
            return {}
        known = self.session.call.legs.get(leg.leg_id)
        cause = (known.cause if known is not None else 0) or self.session.call.cause
        return {"Reason": reason_of(cause)}

    def _again(self, leg: SipLeg, dialog: Dialog) -> Flow:
        """The flow of the phone that registered anew; the old one, which leads nowhere, if it has not."""
        phone = self._phone(leg, dialog, leg.flow.remote)
        return leg.flow if phone is None else self.follow(leg, dialog, phone)

    def _through(self, leg: SipLeg, dialog: Dialog, token: FlowToken) -> Flow:
        """To the edge that holds the phone's flow; where the phone is now, if it has registered since."""
        phone = self._phone(leg, dialog, token.remote)
        if phone is not None and (phone.edge, phone.transport, (phone.host, phone.port)) != token:
            return self.follow(leg, dialog, phone)
        return self.edge.proxy.way(token) or leg.flow

    def _phone(self, leg: SipLeg, dialog: Dialog, remote: Address) -> Phone | None:
        agent = self.session.call.legs.get(leg.leg_id)
        if agent is None or not agent.agent_id:
            return None
        return self.edge.registrar.reach(
            agent.agent_tenant_id,
            agent.agent_id,
            device_id=agent.device_id,
            known=(host_port(remote), dialog.remote_target),
        )

    def follow(self, leg: SipLeg, dialog: Dialog, phone: Phone) -> Flow:
        """From now on the dialog goes where the phone has registered."""
        leg.flow, dialog.route_set = self.edge.proxy.path(phone)
        return leg.flow

    def find_phone(self, leg: SipLeg) -> None:
        """Where a leg that comes from another edge goes: the phone's flow may be held there."""
        phone = self._phone(leg, leg.dialog, leg.flow.remote) if leg.dialog is not None else None
        if phone is not None and leg.dialog is not None:
            self.follow(leg, leg.dialog, phone)

    def later(self, leg: SipLeg, name: str, seconds: float, act: Callable[[], None]) -> None:
        """Does this for the leg in a while, unless the leg ends or something else takes the name before."""
        known = leg.alarms.pop(name, None)
        if known is not None:
            known.cancel()

        def fire() -> None:
            leg.alarms.pop(name, None)
            act()

        leg.alarms[name] = self.edge.loop.call_later(seconds, fire)

    def credentials(self, leg: SipLeg) -> DigestClient | None:
        """Who we are to a peer that asks: the trunk's account, or the account that we share with a phone."""
        if leg.digest is None and leg.trunk is None:
            known = self.session.call.legs.get(leg.leg_id)
            found = (
                self.edge.config.get(known.agent_tenant_id, "device", known.device_id)
                if known is not None and known.device_id
                else None
            )
            if found is not None:
                device = found.device
                leg.digest = DigestClient(
                    device.username,
                    "",
                    realm=self.edge.settings.sip_realm,
                    hashes={"MD5": device.ha1_md5, "SHA-256": device.ha1_sha256},
                )
        return leg.digest

    # ---- identity ---------------------------------------------------------------------------------------
    @property
    def caller(self) -> SipLeg | None:
        return self.legs.get(self.session.call.caller_leg_id)

    def _is_agents(self, leg_id: str) -> bool:
        leg = self.session.call.legs.get(leg_id)
        return leg is not None and bool(leg.agent_id)

    def is_caller(self, leg_id: str) -> bool:
        return leg_id == self.session.call.caller_leg_id

    def contact(self, flow: Flow) -> str:
        return own_contact(self.stack, flow)

    def index(self, leg_id: str, call_id: str, tag: str) -> None:
        """From now on messages with this Call-ID and own tag find the leg."""
        key = (call_id, tag)
        self._keys.append(key)
        self.edge.legs[key] = (self.session, leg_id)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Call-ID and own tag of each dialog."""
        return list(self._keys)

    def release(self, leg_id: str) -> SipLeg | None:
        """Lets go of a leg whose dialog another call serves from now on."""
        leg = self.legs.pop(leg_id, None)
        for key in [key for key in self._keys if self.edge.legs.get(key) == (self.session, leg_id)]:
            self._keys.remove(key)
        return leg

    def take(self, leg: SipLeg) -> None:
        """Serves the dialog of another call's leg from now on."""
        self.legs[leg.leg_id] = leg
        if leg.dialog is not None:
            self.index(leg.leg_id, leg.dialog.call_id, leg.dialog.local_tag)

    def forget(self) -> None:
        """Nothing of this call is found by its dialogs any more."""
        for key in self._keys:
            self.edge.legs.pop(key, None)
        self._keys.clear()
        self.close()
        self.legs.clear()

    def take_apart(self) -> None:
        """Ends the circles of references in which this and its parts hold each other. Answers find no leg."""
        for part in (
            self.incoming,
            self.outgoing,
            self.ringing,
            self.asking,
            self.provisional,
            self.refreshing,
            self.referring,
            self.sizing,
            self.vanishing,
            self.within,
            self.restoring,
        ):
            vars(part).clear()
        vars(self).clear()
        self.legs, self._keys = {}, []

    def close(self) -> None:
        """Nothing happens by time any more."""
        for leg in self.legs.values():
            leg.quiet()
