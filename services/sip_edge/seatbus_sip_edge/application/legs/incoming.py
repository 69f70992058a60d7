"""The INVITE that a caller sent us: its answers, until the ACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_sip.dialog import Dialog
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.leg import ALLOW, SipLeg, text_of
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
        dialog = Dialog.uas(request, tx.local_tag, side.contact(flow))
        side.legs[leg_id] = SipLeg(
            leg_id, flow, dialog, received=tx, request=request, acked=False, invite=text_of(request)
        )
        side.index(leg_id, tx.call_id, tx.local_tag)

    def answer(self, leg_id: str, sdp: str) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is not None:
            leg.local_sdp = sdp
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
            response = dialog.response(request, status, body=sdp)
        if status < 300:
            response.set("Allow", ALLOW)
        elif status == 503:
            response.set("Retry-After", "5")
        if status >= 200:
            leg.received = leg.request = None
        if status >= 300:
            leg.invite = ""
        self._side.respond(tx, response)

    def cancelled(self, leg_id: str) -> None:
        """CANCEL. It has no effect once our 200 is decided, sent or not (RFC 3261 section 9.2)."""
        session = self._side.session
        if not session.call.legs[leg_id].was_answered:
            session.feed(on.CallerCancelled())

    def acknowledged(self, leg_id: str) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is None or leg.acked:
            return
        leg.acked = True
        leg.invite = ""
        if leg.bye_waits:
            leg.bye_waits = False
            self._side.within.bye(leg)
