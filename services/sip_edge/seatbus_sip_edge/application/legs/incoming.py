"""The INVITE that a caller sent us: its answers, until the ACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_sip.dialog import Dialog
from seatbus_sip.reliable import wants_reliable
from seatbus_sip.session_timer import check
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.legs.leg import ALLOW, SUPPORTED, SipLeg, text_of
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.sip_side import SipSide


class Incoming:
    """Answers INVITEs that make a dialog."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def receive(self, leg_id: str, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        """Makes the caller's early dialog. Raises SipError when the request cannot make one."""
        side = self._side
        check(request, side.refreshing.policy)
        dialog = Dialog.uas(request, tx.local_tag, side.contact(flow))
        leg = side.legs[leg_id] = SipLeg(
            leg_id, flow, dialog, received=tx, request=request, acked=False, invite=text_of(request)
        )
        leg.allows = request.tokens("Allow")
        leg.late = not sdp_of(request)
        if wants_reliable(request):
            leg.provisional = side.provisional.sender()
        side.index(leg_id, tx.call_id, tx.local_tag)

    def answer(self, leg_id: str, sdp: str) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is None:
            return
        leg.local_sdp = sdp
        if leg.provisional is not None and leg.provisional.unacknowledged and leg.received is not None:
            # RFC 3262 section 3: no 2xx before the PRACK of a response that had a description.
            leg.answer_waits = sdp
            return
        self.respond(leg, 200, sdp)

    def progress(self, leg_id: str, sdp: str) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is not None:
            leg.local_sdp = sdp
            self.respond(leg, 183, sdp)

    def ring(self, leg_id: str) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is not None:
            self.respond(leg, 180)

    def refuse(self, leg_id: str, status: int) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is not None:
            self.respond(leg, status)

    def respond(self, leg: SipLeg, status: int, sdp: str = "") -> None:
        """Answers the INVITE that is open; nothing happens when there is none."""
        tx, request, dialog = leg.received, leg.request, leg.dialog
        if tx is None or request is None or dialog is None:
            return
        if dialog.state is DialogState.TERMINATED:
            # A BYE has ended the early dialog; its INVITE still wants a final answer.
            if status < 300:
                return
            response = tx.response(status)
        else:
            # An answer that went ahead reliably is not repeated.
            described = leg.provisional is not None and leg.provisional.described and not leg.late
            again = described and leg.provisional is not None and leg.provisional.unacknowledged
            response = dialog.response(request, status, body="" if described and not again else sdp)
        if status < 300:
            response.set("Allow", ALLOW)
            response.set("Supported", SUPPORTED)
        if 100 < status < 200:
            self._side.provisional.make_reliable(leg, response)
        elif 200 <= status < 300:
            self._side.refreshing.answer(leg, request, response)
        if status == 503:
            response.set("Retry-After", "5")
        if status >= 200:
            leg.received = leg.request = None
        if status >= 300:
            for name, value in self._side.reason(leg).items():
                response.set(name, value)
            leg.invite = ""
            leg.quiet()
        self._side.respond(tx, response)

    def cancelled(self, leg_id: str) -> None:
        """CANCEL. It has no effect once our 200 is decided, sent or not (RFC 3261 section 9.2)."""
        session = self._side.session
        if not session.call.legs[leg_id].was_answered:
            session.feed(on.CallerCancelled())

    def acknowledged(self, leg_id: str, ack: Request | None = None) -> None:
        """The ACK came, or (without one) it never will."""
        leg = self._side.legs.get(leg_id)
        if leg is None:
            return
        if ack is not None and leg.ack_answers is not None and ack.cseq.number == leg.ack_answers:
            leg.ack_answers = None
            self._side.within.answer_came(leg, ack)
            return
        if leg.acked:
            return
        leg.acked = True
        leg.invite = ""
        if leg.late and ack is not None:
            leg.late = False
            self._side.session.feed(on.CallerAnswerGiven(sdp_of(ack)))
        if leg.bye_waits:
            self._side.within.bye_if_due(leg)
        elif leg.behind:
            self._side.edge.media_move.offers.catch_up(self._side.session, leg)
