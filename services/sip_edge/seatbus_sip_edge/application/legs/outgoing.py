"""The INVITE that we send to a phone: its forks, its answer, its CANCEL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip.building import initial_request, next_attempt
from seatbus_sip.dialog import Dialog
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.forking import ForkResult, Forks
from seatbus_sip.headers import NameAddr
from seatbus_sip.reliable import ReliableReceiver, is_reliable
from seatbus_sip.session_timer import session_expires
from seatbus_sip.stateless import in_transaction
from seatbus_sip.uri import sip_uri
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.legs.custom_headers import auto_answer, company_shown, screen_pop
from seatbus_sip_edge.application.legs.leg import ALLOW, SUPPORTED, SipLeg, text_of
from seatbus_sip_edge.application.media_kind import name_of
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Direction
from seatbus_sip_edge.domain.numbering import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ClientTransaction
    from seatbus_sip_edge.application.phones import Phone
    from seatbus_sip_edge.application.sip_side import SipSide
    from seatbus_sip_edge.domain.model import Call, Leg

log = get_logger("sip_edge.legs")

_LONGEST_SESSION_S = 86_400


def _shown(call: Call, leg_id: str) -> str:
    """Whom the agent's phone names: who calls, or who is going to be called for the agent."""
    if call.direction != Direction.DIRECTION_OUTBOUND:
        return call.dialed if leg_id == call.caller_leg_id else call.caller
    return masked(call.dialed) if call.mask_number else call.dialed


class Outgoing:
    """Makes calls to phones."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def prepare(self, leg_id: str, sdp: str) -> None:
        """Makes the INVITE for the flow that the phone registered on, so that the journal has it first."""
        side = self._side
        call = side.session.call
        leg = call.legs[leg_id]
        if leg.number:
            side.edge.outside.prepare(side, leg_id, sdp)
            return
        before, offers = side.legs.get(leg_id), side.offers.pop(leg_id, {})
        if before is not None and not offers:
            # It is called anew.
            offers = before.offers
        stages = self._stages(leg, offers)
        if stages and (len(stages) > 1 or len(stages[0]) > 1 or len(offers) > 1):
            side.ringing.prepare(leg_id, stages, sdp, offers)
            return
        phone = stages[0][0] if stages else None
        if phone is None and side.edge.outside.external(leg):
            side.edge.outside.prepare(side, leg_id, sdp)
            return
        if phone is None:
            log.warning(
                "agent has no registered phone, the contact goes back to its queue",
                tenant=call.tenant_id,
                call=call.call_id,
                agent=leg.agent_id,
            )
            return
        invite, flow = self.invite_to(leg_id, phone, sdp)
        leg.sip_call_id, leg.binding = invite.call_id, phone.binding
        leg.remote_address = f"{phone.transport.lower()}:{host_port((phone.host, phone.port))}"
        side.legs[leg_id] = SipLeg(leg_id, flow, request=invite, local_sdp=sdp, invite=text_of(invite))
        side.index(leg_id, invite.call_id, invite.from_.tag or "")

    def _stages(self, leg: Leg, offers: Mapping[str, str]) -> list[list[Phone]]:
        """The phones that ring: all of a list at once, and none that there is no offer for."""
        registrar = self._side.edge.registrar
        if leg.lost:
            found = registrar.reach(
                leg.agent_tenant_id, leg.agent_id, device_id=leg.device_id, binding=leg.binding
            )
            return [[found]] if found is not None else []
        stages = registrar.rings(leg.agent_tenant_id, leg.agent_id)
        if not offers:
            return stages
        return [kept for stage in stages if (kept := [p for p in stage if name_of(p.kind) in offers])]

    def invite_to(
        self, leg_id: str, phone: Phone, sdp: str, like: Request | None = None
    ) -> tuple[Request, Flow]:
        """The INVITE for one phone, and its way. `like`: that of another phone, which it is a fork of."""
        side = self._side
        call = side.session.call
        layer = side.stack.layer
        flow, routes = side.edge.proxy.path(phone)
        host, _ = side.stack.advertised_for(flow)
        invite = initial_request(
            "INVITE",
            phone.contact,
            from_=self._from(call, call.legs[leg_id], host),
            to=f"<{sip_uri(phone.username, side.edge.settings.sip_realm)}>",
            call_id=f"{layer.ids.token()}@{host}",
            tag=layer.ids.token(),
            contact=side.contact(flow),
            routes=routes,
            headers={"Allow": ALLOW, "Supported": SUPPORTED, **self._told(call, call.legs[leg_id], host)},
            body=sdp,
        )
        if like is not None:
            invite.copy_from(like, "From", "To", "Call-ID")
        side.refreshing.ask(invite)
        layer.prepare_request(invite, flow)
        return invite, flow

    def _from(self, call: Call, leg: Leg, host: str) -> str:
        """Whom the phone names, and to a lent agent whose call it is."""
        found = self._side.edge.config.get(call.tenant_id, "tenant", call.tenant_id)
        queue = self._side.edge.directory.queue(call.tenant_id, leg.queue_id)
        company, name = found.tenant.name if found else "", queue.name if queue else ""
        address = str(sip_uri(_shown(call, leg.leg_id) or "anonymous", host))
        return str(NameAddr(company_shown(call, leg, company, name), address))

    def _told(self, call: Call, leg: Leg, host: str) -> dict[str, str]:
        """The screen pop, and whether the phone shall pick up by itself."""
        config = self._side.edge.config
        found = config.get(call.tenant_id, "tenant", call.tenant_id)
        told = screen_pop(call, leg, found.tenant.headers_out if found is not None else {})
        agent = config.get(leg.agent_tenant_id, "agent", leg.agent_id)
        # Who has asked for a call by the API, or was in this talk before, has the phone ring for nobody else.
        asked = (
            call.direction == Direction.DIRECTION_OUTBOUND
            and leg.leg_id == call.agent_leg_id
            and not call.calls_back
        )
        if asked or leg.lost or (agent is not None and agent.agent.auto_answer):
            told |= auto_answer(host)
        return told

    def dial(self, leg_id: str) -> None:
        """Sends the prepared INVITE, or says that there is none. In a successor: once more."""
        side = self._side
        leg = side.legs.get(leg_id)
        if leg is not None and leg.ring is not None:
            side.ringing.dial(leg)
            return
        invite = leg.request if leg is not None else None
        if leg is None or invite is None:
            side.session.feed(on.AgentFailed(leg_id, side.refusals.pop(leg_id, 0)))
            return
        leg.request = None
        leg.forks = Forks(invite)
        leg.heard = False
        if leg.trunk is not None:
            # Sending adds nothing to it that a second attempt would not take off again.
            leg.asked = invite
            side.edge.outside.sent(side, leg)
        leg.sent = side.sizing.send(invite, leg.flow)
        side.stack.pump()

    def on_response(self, leg: SipLeg, tx: ClientTransaction, response: Response) -> None:
        """A response to the INVITE that makes the dialog."""
        if leg.forks is None:
            return
        side = self._side
        if leg.ring is not None:
            side.ringing.on_response(leg, tx, response)
            return
        if leg.trunk is not None:
            if leg.asked is not None and tx.call_id != leg.asked.call_id:
                self._too_late(tx, response)
                return
            if tx is not leg.sent and leg.dialog is None:
                # Of the INVITE before the one with credentials.
                return
            side.edge.outside.heard(leg, response)
            if side.edge.outside.proves(side, leg, response):
                return
        outcome = leg.forks.receive(response)
        dialog = outcome.dialog
        match outcome.result:
            case ForkResult.EARLY if dialog is not None:
                self.early(leg, tx, dialog, response)
            case ForkResult.WON if dialog is not None:
                self.won(leg, tx, dialog, response)
            case ForkResult.REPEATED if dialog is not None:
                self._acknowledge(leg, tx, dialog)
            case ForkResult.SURPLUS if dialog is not None:
                way = self._way(leg, dialog)
                side.stack.layer.send_ack(tx, dialog.ack(), side.stack.now, way)
                side.stack.layer.send_request(dialog.request("BYE"), way or leg.flow, side.stack.now)
            case ForkResult.FAILED if self._prove(leg, response) or self._waits_longer(leg, response):
                pass
            case ForkResult.FAILED:
                leg.sent = None
                leg.invite = ""
                side.early_offers.failed(leg, lambda: self._failed(leg, response))
            case _:
                pass

    def _failed(self, leg: SipLeg, response: Response) -> None:
        side = self._side
        if side.edge.outside.redirecting.follows(side, leg, response):
            return
        self._goes_on(leg, response.status, response.get("Reason") or "")

    def _goes_on(self, leg: SipLeg, status: int, reason: str = "") -> None:
        side = self._side
        if leg.trunk is None or not side.edge.outside.goes_on(side, leg, status, reason):
            side.session.feed(on.AgentFailed(leg.leg_id, status))

    def early(self, leg: SipLeg, tx: ClientTransaction, dialog: Dialog, response: Response) -> None:
        """It rings, or there is audio before the answer."""
        if response.status not in (180, 181, 182, 183):
            return
        side = self._side
        if is_reliable(response):
            self._prack(leg, self._way(leg, dialog) or tx.flow, dialog, response)
        sdp = sdp_of(response) if leg.trunk is not None else ""
        if sdp and leg.updated is None:
            side.session.feed(on.EarlyMedia(leg.leg_id, sdp))
            if response.status == 183:
                return
        side.session.feed(on.AgentRinging(leg.leg_id))

    def won(self, leg: SipLeg, tx: ClientTransaction, dialog: Dialog, response: Response) -> None:
        """The first answer."""
        side, leg_id = self._side, leg.leg_id
        leg.dialog = dialog
        leg.sent = None
        leg.invite = ""
        wanted = side.session.call.legs[leg_id].live
        if not wanted:
            side.acknowledge(tx, dialog.ack(), self._way(leg, dialog))
        if leg.trunk is not None:
            side.edge.outside.answered()
        leg.allows = response.tokens("Allow")
        side.refreshing.agreed(leg, response)
        # The answer may have come with a reliable 18x (RFC 6337 section 2.2).
        said = sdp_of(response) or leg.forks_sdp.get(dialog.remote_tag, "")
        updated = leg.updated
        if updated is not None and updated.tag == dialog.remote_tag:
            said = updated.sdp
        accepts = side.edge.outside.must_accept(side.session.call, leg_id)
        told = on.ExternalAnswered if accepts else on.AgentAnswered
        if leg.moved_offer and wanted:
            side.acknowledge(tx, dialog.ack(), self._way(leg, dialog))
            side.edge.media_move.offers.ring_answered(side.session, leg, lambda answer: told(leg_id, answer))
            return
        if updated is not None and updated.tag != dialog.remote_tag and wanted:
            side.acknowledge(tx, dialog.ack(), self._way(leg, dialog))
            side.early_offers.another_answered(leg, lambda answer: told(leg_id, answer))
            return
        side.session.feed(told(leg_id, said))
        if wanted:
            self._acknowledge(leg, tx, dialog)

    def _acknowledge(self, leg: SipLeg, tx: ClientTransaction, dialog: Dialog) -> None:
        """The phone repeats its 200 until the journal has the answer: it is unknown to no successor."""
        ack, way = dialog.ack(), self._way(leg, dialog)
        self._side.edge.journal.then(lambda: self._side.acknowledge(tx, ack, way))

    def _way(self, leg: SipLeg, dialog: Dialog) -> Flow | None:
        """By a trunk: where its route set or Contact says, each by its own size; a phone: as the INVITE."""
        return self._side.flow_of(leg, dialog) if leg.trunk is not None else None

    def _prack(self, leg: SipLeg, flow: Flow, dialog: Dialog, response: Response) -> None:
        """RFC 3262 section 4: each fork counts for itself, a repeat is not acknowledged again."""
        side = self._side
        value = leg.forks_reliable.setdefault(dialog.remote_tag, ReliableReceiver()).take(response)
        if value is None:
            return
        sdp = sdp_of(response)
        if sdp:
            leg.forks_sdp.setdefault(dialog.remote_tag, sdp)
        prack = dialog.request("PRACK", headers={"RAck": value})
        side.stack.layer.send_request(prack, flow, side.stack.now)
        side.stack.pump()

    def _prove(self, leg: SipLeg, response: Response) -> bool:
        """401 or 407 to our INVITE: once more with credentials, if there are any that may help."""
        side = self._side
        if response.status not in (401, 407) or leg.trunk is not None:
            return False
        if leg.forks is None or leg.sent is None:
            return False
        client = side.credentials(leg)
        if client is None:
            return False
        if not side.session.call.legs[leg.leg_id].live or not client.accept(response, leg.forks.request):
            return False
        self._dial_again(leg, client.authorize(next_attempt(leg.forks.request)))
        return True

    def _waits_longer(self, leg: SipLeg, response: Response) -> bool:
        """422 to our INVITE: once more with refreshes as rare as the peer wants them (RFC 4028 7.4)."""
        side = self._side
        if response.status != 422 or leg.forks is None or leg.sent is None:
            return False
        asked = leg.forks.request
        try:
            least, before = response.integer("Min-SE", 1, _LONGEST_SESSION_S), session_expires(asked)
        except SipError:
            return False
        # Once: who asks for more and more is not followed.
        if least is None or before is None or before[0] != side.refreshing.policy.expires_s:
            return False
        if least <= before[0] or not side.session.call.legs[leg.leg_id].live:
            return False
        again = next_attempt(asked)
        again.set("Session-Expires", str(least))
        again.set("Min-SE", str(least))
        self._dial_again(leg, leg.digest.authorize(again) if leg.digest is not None else again)
        return True

    def _dial_again(self, leg: SipLeg, again: Request) -> None:
        side = self._side
        if leg.trunk is not None:
            again = side.sizing.prepare(again, leg.flow, leg.trunk)
        else:
            side.stack.layer.prepare_request(again, leg.flow)
        leg.request, leg.invite, leg.sent = again, text_of(again), None
        side.session.checkpoint()
        side.edge.journal.then(lambda: self.dial(leg.leg_id))

    def on_no_response(self, leg_id: str, status: int, request: Request | None = None) -> None:
        """The INVITE to the phone was never answered (408), or could not be sent (503)."""
        leg = self._side.legs.get(leg_id)
        if leg is not None and leg.ring is not None and request is not None:
            self._side.ringing.on_no_response(leg, request, status)
            return
        if leg is not None and leg.sent is not None:
            leg.sent = None
            leg.invite = ""
            leg.quiet()
            self._side.early_offers.failed(leg, lambda: self._goes_on(leg, status))

    def _too_late(self, tx: ClientTransaction, response: Response) -> None:
        """A trunk answers an INVITE that the call has left: whoever picked up there is let go."""
        if response.status < 200 or response.status >= 300:
            return
        side = self._side
        dialog = Dialog.uac(tx.request, response) if tx.request is not None else None
        if dialog is not None:
            side.stack.layer.send_ack(tx, dialog.ack(), side.stack.now)
            side.stack.layer.send_request(dialog.request("BYE"), tx.flow, side.stack.now)

    def _reason(self, leg_id: str) -> str | None:
        """RFC 3326: a phone need not show a missed call that somebody else has taken."""
        legs = self._side.session.call.legs
        taken = any(
            leg.leg_id != leg_id and leg.agent_id and leg.live and leg.was_answered for leg in legs.values()
        )
        return 'SIP;cause=200;text="Call completed elsewhere"' if taken else None

    def cancel(self, leg_id: str) -> None:
        side = self._side
        leg = side.legs.get(leg_id)
        if leg is None:
            return
        if leg.ring is not None:
            side.ringing.cancel(leg, self._reason(leg_id))
        elif leg.sent is not None:
            side.stack.layer.cancel(leg.sent, side.stack.now, self._reason(leg_id))
            side.stack.pump()
        elif leg.request is not None and leg.dialog is None:
            # It was sent before a crash and is not taken up again: CANCEL needs its headers alone.
            cancel = in_transaction(leg.request, "CANCEL")
            cancel.copy_from(leg.request, "To")
            way = side.sizing.way(leg.request, leg.flow)
            leg.request, leg.invite = None, ""
            side.stack.layer.send_raw(cancel, way)
            side.stack.pump()
