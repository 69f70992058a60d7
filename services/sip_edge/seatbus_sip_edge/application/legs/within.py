"""Inside a dialog: requests of the peer, and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_sip.errors import SipError
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.leg import ALLOW
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ClientTransaction, ServerTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide


class Within:
    """Serves dialogs that exist. A method without an entry gets 405."""

    def __init__(self, side: SipSide) -> None:
        self._side = side
        self.methods: Mapping[str, Callable[[SipLeg, ServerTransaction, Request], None]] = {
            "BYE": self._bye_came,
            "INVITE": self._reoffered,
            "UPDATE": self._reoffered,
            "OPTIONS": self._fine,
            "INFO": self._fine,
            "REFER": side.referring.refer,
        }

    def on_request(self, leg_id: str, tx: ServerTransaction, request: Request) -> None:
        """A request inside one of the dialogs."""
        side = self._side
        leg = side.legs.get(leg_id)
        if leg is None or leg.dialog is None:
            side.respond(tx, tx.response(481))
            return
        try:
            leg.dialog.on_request(request)
        except SipError as error:
            side.respond(tx, tx.response(error.status))
            return
        if leg.flow.reliable:
            # The phone has reconnected: it is reached where it speaks now.
            leg.flow = tx.flow
        serve = self.methods.get(request.method)
        if serve is not None:
            serve(leg, tx, request)
            return
        response = tx.response(405)
        response.set("Allow", ALLOW)
        side.respond(tx, response)

    def on_response(self, leg: SipLeg, response: Response) -> None:
        """A response to a request of ours inside the dialog."""
        if leg.dialog is not None:
            leg.dialog.on_response(response)
            if response.cseq.method == "OPTIONS" and response.status == 481:
                self._side.peer_is_gone(leg.leg_id)
            elif response.cseq.method == "OPTIONS" and response.status >= 200:
                self._side.vanishing.answered(leg)

    # ---- the end ----------------------------------------------------------------------------------------
    def hang_up(self, leg_id: str) -> None:
        leg = self._side.legs.get(leg_id)
        if leg is None:
            return
        if not leg.acked:
            # RFC 3261 section 15: no BYE before the ACK of our 200.
            leg.bye_waits = True
            return
        self.bye(leg)

    def bye(self, leg: SipLeg) -> None:
        dialog = leg.dialog
        if dialog is None or dialog.state is not DialogState.CONFIRMED:
            return
        self._side.send(leg, dialog.request("BYE"))

    def _bye_came(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        self._side.peer_is_gone(leg.leg_id)
        # Not before the journal has it: the peer would never say it again to a successor.
        self._side.edge.journal.then(lambda: self._fine(leg, tx, request))

    def _fine(self, _leg: SipLeg, tx: ServerTransaction, _request: Request) -> None:
        self._side.respond(tx, tx.response(200))

    # ---- a new offer ------------------------------------------------------------------------------------
    def _reoffered(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        """Hold, codec change, session refresh: answered on this leg alone, never relayed."""
        if not request.body:
            self._reanswer(leg, tx, request, 200, leg.local_sdp if request.method == "INVITE" else "")
            return
        sdp = request.body.decode("utf-8", "replace")
        try:
            audio = parse_sdp(sdp).audio
        except SipError as error:
            self._reanswer(leg, tx, request, error.status)
            return
        held = audio is not None and audio.on_hold
        session, leg_id = self._side.session, leg.leg_id

        def answered(answer: str) -> None:
            if not answer:
                self._reanswer(leg, tx, request, 488)
                return
            leg.local_sdp = answer
            if session.call.legs[leg_id].held != held:
                session.feed(on.HoldChanged(leg_id, held))
            else:
                # Target and order of the dialog have changed all the same.
                session.checkpoint()
            self._side.edge.journal.then(lambda: self._reanswer(leg, tx, request, 200, answer))

        session.commands.reoffer(leg_id, sdp, answered)

    def reoffer(self, leg_id: str, sdp: str, answered: Callable[[int, str], None]) -> None:
        """Offers other audio inside the dialog; `answered` gets the final status and the peer's SDP."""
        leg = self._side.legs.get(leg_id)
        if leg is None or leg.dialog is None or leg.offering is not None:
            answered(491, "")
            return
        try:
            request = leg.dialog.request("INVITE", sdp, headers={"Allow": ALLOW})
        except SipError as error:
            answered(error.status, "")
            return
        leg.offered = answered
        leg.offering = self._side.send(leg, request)

    def on_answer(self, leg: SipLeg, tx: ClientTransaction, response: Response) -> None:
        dialog = leg.dialog
        if dialog is None or response.status < 200:
            return
        dialog.on_response(response)
        if response.status < 300:
            self._side.acknowledge(tx, dialog.ack(response.cseq.number))
        told, leg.offering, leg.offered = leg.offered, None, None
        if told is not None:
            told(response.status, response.body.decode("utf-8", "replace"))

    def _reanswer(
        self, leg: SipLeg, tx: ServerTransaction, request: Request, status: int, sdp: str = ""
    ) -> None:
        if leg.dialog is None or leg.dialog.state is DialogState.TERMINATED:
            status, sdp = 481, ""
        if leg.dialog is None or status == 481:
            response = tx.response(481)
        else:
            response = leg.dialog.response(request, status, body=sdp)
        self._side.respond(tx, response)
