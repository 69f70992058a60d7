"""What the journal holds of a call's SIP side, and how another process takes it up."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from seatbus_kit.log import get_logger
from seatbus_sip.dialog import Dialog
from seatbus_sip.message import Request
from seatbus_sip.parsing import parse_message
from seatbus_sip.session_timer import SessionTimer
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.legs.early_offers import Updated
from seatbus_sip_edge.application.legs.leg import ALLOW, SipLeg
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import LegPhase
from seatbus_sip_edge.domain.routes import TrunkRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Response
    from seatbus_sip.transactions import ClientTransaction
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.legs")

# After a crash requests of the lost process may be on their way: their numbers are skipped.
_CSEQ_BLOCK = 100
_PHONE_IS_BACK_S = 0.1


def _but(offers: Mapping[str, str], known: str) -> dict[str, str]:
    """Without the one that is stored anyway."""
    return {name: "" if sdp == known else sdp for name, sdp in offers.items()}


class Restoring:
    """Stores legs, and makes them again."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def to_dict(self) -> dict[str, object]:
        """What a successor needs: dialogs, where they go, and INVITEs that are not finished yet.

        To be written as JSON at once: the dialogs in it are those of the legs.
        """
        stored: dict[str, object] = {}
        for leg_id, leg in self._side.legs.items():
            item: dict[str, object] = {
                "flow": leg.flow.remote,
                "transport": leg.flow.transport,
                "sdp": leg.local_sdp,
            }
            if leg.trunk is not None:
                item["trunk"] = [leg.trunk.tenant, leg.trunk.trunk_id]
            if leg.dialog is not None:
                item["dialog"] = leg.dialog
            if leg.invite:
                item["invite"] = leg.invite
            if ring := self._side.ringing.to_list(leg):
                item["ring"] = ring
            if leg.allows:
                item["allows"] = sorted(leg.allows)
            if leg.late:
                item["late"] = True
            if leg.offers:
                item["offers"] = _but(leg.offers, leg.local_sdp)
            if leg.moved_offer:
                item["moved_offer"] = leg.moved_offer
            if leg.behind:
                item["behind"] = True
            if leg.updated is not None:
                item["updated"] = list(leg.updated)
            if leg.timer is not None:
                item["timer"] = leg.timer.to_dict()
            if leg.provisional is not None and leg.received is not None:
                item["provisional"] = leg.provisional.to_dict()
            stored[leg_id] = item
        return stored

    def restore(self, stored: Mapping[str, object]) -> None:
        """Takes up what `to_dict` gave, in another process. Raises SipError when it cannot be read."""
        for leg_id, item in stored.items():
            if isinstance(item, dict):
                self._side.legs[leg_id] = self._restore_leg(leg_id, item)

    def _restore_leg(self, leg_id: str, item: Mapping[str, Any]) -> SipLeg:
        side = self._side
        host, port = item["flow"]
        flow = side.stack.flow_to(host, port, str(item.get("transport", "UDP")))
        leg = SipLeg(leg_id, flow, local_sdp=str(item.get("sdp", "")))
        leg.allows = frozenset(item.get("allows", ()))
        leg.late = item.get("late") is True
        leg.offers = {name: sdp or leg.local_sdp for name, sdp in item.get("offers", {}).items()}
        leg.moved_offer = str(item.get("moved_offer", ""))
        leg.behind = item.get("behind") is True
        if isinstance(item.get("updated"), list):
            leg.updated = Updated(*item["updated"])
        if isinstance(item.get("timer"), dict):
            side.refreshing.arm(leg, SessionTimer.from_dict(item["timer"]))
        if isinstance(item.get("provisional"), dict):
            leg.provisional = side.provisional.sender()
            leg.provisional.restore(item["provisional"])
        leg.invite = str(item.get("invite", ""))
        if isinstance(item.get("ring"), list):
            side.ringing.restore(leg, item["ring"])
        if isinstance(item.get("trunk"), list):
            self._of_trunk(leg, TrunkRef(*item["trunk"]))
        if leg.invite:
            parsed = parse_message(leg.invite.encode("latin-1"))
            leg.request = parsed if isinstance(parsed, Request) else None
        if isinstance(item.get("dialog"), dict):
            dialog = leg.dialog = Dialog.from_dict(item["dialog"])
            dialog.reserve_cseq(_CSEQ_BLOCK)
            # Offers under way went with their transactions: the peer repeats its own.
            dialog.local_offer_pending = dialog.remote_offer_pending = False
            side.index(leg_id, dialog.call_id, dialog.local_tag)
            if side.session.adopted:
                dialog.contact = side.contact(flow)
            if leg.request is not None and self._came_to_us(leg_id):
                leg.received = side.stack.layer.resume_invite(leg.request, leg.flow, dialog.local_tag)
                leg.acked = False
        elif leg.request is not None:
            side.index(leg_id, leg.request.call_id, leg.request.from_.tag or "")
        return leg

    def take(self, leg_id: str, item: Mapping[str, Any], sdp: str) -> None:
        """The dialog of a party that another edge has released; `sdp` is what it was offered last."""
        side = self._side
        leg = side.legs[leg_id] = self._restore_leg(leg_id, item)
        leg.local_sdp = sdp
        if leg.dialog is not None:
            leg.dialog.contact = side.contact(leg.flow)

    def tell(self, leg_id: str) -> None:
        """Its peer learns that the dialog is served here now."""
        leg = self._side.legs.get(leg_id)
        if leg is not None:
            self._side.find_phone(leg)
            self._refresh(leg)

    def _of_trunk(self, leg: SipLeg, ref: TrunkRef) -> None:
        trunks = self._side.edge.trunks
        trunk = trunks.trunk(ref)
        leg.trunk = ref
        leg.digest = trunks.digest(ref, trunk) if trunk is not None else None
        trunks.also_at(ref, leg.flow.remote)

    def _came_to_us(self, leg_id: str) -> bool:
        leg = self._side.session.call.legs.get(leg_id)
        return self._side.is_caller(leg_id) if leg is None or not leg.incoming else True

    @property
    def _unanswered(self) -> SipLeg | None:
        """The leg whose INVITE came to us and is open: the caller's, or that of an agent's phone."""
        found = self._side.caller
        if found is not None and found.received is not None:
            return found
        return next((leg for leg in self._side.legs.values() if leg.received is not None), found)

    @property
    def offer(self) -> str:
        """The SDP of the caller's INVITE that is not answered yet, or nothing."""
        leg = self._unanswered
        if leg is None or leg.request is None:
            return ""
        return sdp_of(leg.request)

    def resume_caller(self, *, answered: bool, sdp: str) -> None:
        """The answer of the present state again, if the caller may not have it."""
        leg = self._unanswered
        if leg is not None and leg.received is not None and sdp:
            if leg is not self._side.caller and leg.local_sdp:
                # A phone that has taken another one's place has audio of its own.
                self._side.incoming.answer(leg.leg_id, leg.local_sdp)
            elif answered:
                self._side.incoming.answer(leg.leg_id, sdp)
            else:
                self._side.incoming.progress(leg.leg_id, sdp)

    def resume_dial(self, leg_id: str) -> None:
        """The INVITE once more, where it went: to the peer it is a retransmission.

        Where it went may be gone: a connection with the process that had it, and from another edge's address
        a phone would still answer to the dead one's. Then the phone is called anew, once it can be reached.
        """
        side = self._side
        leg = side.legs.get(leg_id)
        if leg is not None and leg.ring is not None and self._must_call_anew(leg):
            side.outgoing.cancel(leg_id)
            leg.ring = None
            self._call_anew(leg_id)
            return
        if leg is not None:
            side.ringing.await_lost(leg)
        if leg is None or leg.request is None:
            side.outgoing.dial(leg_id)
            return
        token = side.edge.proxy.token_of(leg.request.values("Route"))
        way = leg.flow if token is None else side.edge.proxy.way(token)
        gone = way is None or (token is None and not side.stack.alive(way))
        if way is not None:
            leg.flow = way
        if not gone and not side.session.adopted:
            side.outgoing.dial(leg_id)
            return
        if not gone:
            side.outgoing.cancel(leg_id)
        if leg.trunk is not None:
            side.session.feed(on.AgentFailed(leg_id, 503))
            return
        leg.request, leg.invite = None, ""
        self._call_anew(leg_id)

    def _must_call_anew(self, leg: SipLeg) -> bool:
        return self._side.session.adopted or self._side.ringing.ways_are_gone(leg)

    def _call_anew(self, leg_id: str) -> None:
        """The ring timer limits how long the phone may take to come back."""
        side = self._side
        leg, known = side.session.call.legs.get(leg_id), side.legs.get(leg_id)
        if leg is None or known is None or not leg.live or leg.was_answered or known.dialog is not None:
            return
        if side.edge.registrar.reach(leg.agent_tenant_id, leg.agent_id) is None:
            side.edge.loop.call_later(_PHONE_IS_BACK_S, self._call_anew, leg_id)
            return
        side.outgoing.prepare(leg_id, known.local_sdp)
        side.session.checkpoint()
        side.edge.journal.then(lambda: side.outgoing.dial(leg_id))

    def probe(self, leg_id: str) -> None:
        """Asks whether the peer still has the dialog: 481 says that it hung up while nobody listened."""
        leg = self._side.legs.get(leg_id)
        known = self._side.session.call.legs.get(leg_id)
        if known is not None and known.lost:
            # It is asked when its phone is back.
            return
        if (
            leg is None
            or leg.dialog is None
            or leg.dialog.state is not DialogState.CONFIRMED
            or not leg.acked
        ):
            return
        if self._side.session.adopted:
            self._refresh(leg)
        else:
            self._side.send(leg, leg.dialog.request("OPTIONS"))

    def tell_all(self) -> None:
        """After another edge's death: every peer learns where its dialog is now."""
        for leg_id in list(self._side.legs):
            self.probe(leg_id)

    def _refresh(self, leg: SipLeg) -> None:
        """Tells the peer that its dialog is served here now (RFC 3261 section 12.2.2); the audio stays."""
        dialog = leg.dialog
        if dialog is None or dialog.state is not DialogState.CONFIRMED or leg.refreshing:
            return
        request = dialog.request("INVITE", leg.local_sdp, headers={"Allow": ALLOW})
        # A peer's offer is answered meanwhile as ever: ours changes nothing.
        dialog.local_offer_pending = False
        leg.refreshing = self._side.send(leg, request) is not None

    def on_refreshed(self, leg: SipLeg, tx: ClientTransaction, response: Response) -> None:
        side, dialog, status = self._side, leg.dialog, response.status
        if dialog is None or status < 200:
            return
        leg.refreshing = False
        dialog.on_response(response)
        if status < 300:
            side.acknowledge(tx, dialog.ack())
            side.session.checkpoint()
        elif status in (408, 481):
            side.peer_is_gone(leg.leg_id)
        elif status == 491:
            side.edge.loop.call_later(random.uniform(2.1, 4.0), self._refresh, leg)
        else:
            log.warning(
                "a peer does not follow its call to this edge: it needs an address that moves along",
                tenant=side.session.call.tenant_id,
                call=side.session.call.call_id,
                leg=leg.leg_id,
                status=status,
            )

    @staticmethod
    def _waits(leg: SipLeg) -> bool:
        """Its INVITE has not been sent by this process."""
        return leg.request is not None or (leg.ring is not None and leg.forks is None)

    def on_stray(self, leg_id: str, response: Response, flow: Flow) -> bool:
        """What is answered to an INVITE whose transaction is gone: a 2xx of a live dialog gets its ACK.

        False: nobody here wants it.
        """
        leg = self._side.legs.get(leg_id)
        known = self._side.session.call.legs.get(leg_id)
        if leg is not None and leg.dialog is None and self._waits(leg) and known is not None:
            # Its INVITE is about to be taken up again: the phone repeats what it says until then.
            return known.phase in (LegPhase.DIALLED, LegPhase.RINGING)
        dialog = leg.dialog if leg is not None else None
        if (
            dialog is None
            or dialog.remote_tag != response.to.tag
            or dialog.state is not DialogState.CONFIRMED
            or response.status >= 300
        ):
            return False
        self._side.acknowledge(None, dialog.ack(response.cseq.number), flow)
        return True
