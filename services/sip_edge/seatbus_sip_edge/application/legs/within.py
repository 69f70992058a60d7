"""Inside a dialog: requests of the peer, and ours."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip.digits import DIGIT_TYPES, read_digit
from seatbus_sip.errors import SipError
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.session_timer import SessionIntervalTooSmallError, check
from seatbus_sip.tables import DialogState
from seatbus_sip.values import read_reasons
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.legs.leg import ALLOW, SUPPORTED, tell_what_is_served
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatbus_sip.dialog import Dialog
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.legs")


class Within:
    """Serves dialogs that exist. A method without an entry gets 405."""

    def __init__(self, side: SipSide) -> None:
        self._side = side
        self.methods: Mapping[str, Callable[[SipLeg, ServerTransaction, Request], None]] = {
            "BYE": self._bye_came,
            "INVITE": self._reoffered,
            "UPDATE": self._reoffered,
            "PRACK": side.provisional.prack,
            "OPTIONS": self._asked,
            "INFO": self._told,
            "REFER": side.referring.refer,
        }

    def on_request(self, leg_id: str, tx: ServerTransaction, request: Request) -> None:
        """A request inside one of the dialogs."""
        side = self._side
        leg = side.legs.get(leg_id)
        dialog = leg.dialog if leg is not None else None
        if leg is not None and dialog is None and leg.forks is not None:
            # The phone speaks before it has answered.
            dialog = leg.forks.dialogs.get(request.from_.tag or "")
        if leg is None or dialog is None:
            side.respond(tx, tx.response(481))
            return
        try:
            dialog.on_request(request)
            if request.method in ("INVITE", "UPDATE"):
                check(request, side.refreshing.policy)
        except SessionIntervalTooSmallError as error:
            dialog.remote_offer_pending = False
            response = tx.response(422)
            response.set("Min-SE", str(error.min_se))
            side.respond(tx, response)
            return
        except SipError as error:
            response = tx.response(error.status)
            if error.status == 500:
                response.set("Retry-After", str(random.randrange(1, 10)))
            side.respond(tx, response)
            return
        if leg.dialog is None:
            self._early(leg, dialog, tx, request)
            return
        if request.method in ("INVITE", "UPDATE") and "Allow" in request:
            leg.allows = request.tokens("Allow")
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

    def _early(self, leg: SipLeg, dialog: Dialog, tx: ServerTransaction, request: Request) -> None:
        """A request in an early dialog of who is called: the answer is still to come."""
        if request.method == "BYE":
            response = tx.response(403)
        elif request.method == "UPDATE" and not request.body:
            response = dialog.response(request, 200)
        elif request.method == "UPDATE":
            self._side.early_offers.came(leg, dialog, tx, request)
            return
        elif request.method == "INVITE":
            # Our own INVITE is open.
            dialog.remote_offer_pending = False
            response = tx.response(491)
        else:
            response = tx.response(200 if request.method in ("INFO", "OPTIONS") else 405)
            response.set("Allow", ALLOW)
        self._side.respond(tx, response)

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
        leg.bye_waits = True
        self.bye_if_due(leg)

    def bye_if_due(self, leg: SipLeg) -> None:
        """RFC 3261 section 15: no BYE before the ACK of our 200; none that overtakes a REFER's outcome."""
        if leg.bye_waits and leg.acked and not leg.telling:
            leg.bye_waits = False
            self.bye(leg)

    def bye(self, leg: SipLeg) -> None:
        dialog = leg.dialog
        leg.quiet()
        if dialog is None or dialog.state is not DialogState.CONFIRMED:
            return
        self._side.asking.ask(leg, "BYE", lambda _: None, headers=self._side.reason(leg))

    def _bye_came(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        leg.quiet()
        session = self._side.session
        if not (_has_lost_audio(request) and session.edge.lost_devices.silent(session, leg.leg_id)):
            self._side.peer_is_gone(leg.leg_id)
        # Not before the journal has it: the peer would never say it again to a successor.
        self._side.edge.journal.then(lambda: self._fine(leg, tx, request))

    def _fine(self, _leg: SipLeg, tx: ServerTransaction, _request: Request) -> None:
        self._side.respond(tx, tx.response(200))

    def _asked(self, _leg: SipLeg, tx: ServerTransaction, _request: Request) -> None:
        response = tx.response(200)
        tell_what_is_served(response)
        self._side.respond(tx, response)

    def _told(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        """INFO: a digit of a phone that does not send RFC 4733."""
        if not request.body:
            self._fine(leg, tx, request)
            return
        try:
            digit = read_digit(request)
        except SipError as error:
            response = tx.response(error.status)
            if error.status == 415:
                response.set("Accept", ", ".join(DIGIT_TYPES))
            self._side.respond(tx, response)
            return
        if digit:
            self._side.session.commands.media.digit(leg.leg_id, digit)
        self._fine(leg, tx, request)

    # ---- a new offer ------------------------------------------------------------------------------------
    def _reoffered(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        """Hold, codec change, session refresh: answered on this leg alone, never relayed."""
        dialog = leg.dialog
        if request.method == "INVITE" and leg.received is not None:
            # RFC 3261 section 14.2: the first INVITE is not finally answered yet.
            self._refuse(leg, tx, request, 500)
        elif not request.body and request.method == "INVITE":
            self._side.session.commands.media.own_offer(
                leg.leg_id, lambda sdp: self._offer(leg, tx, request, sdp)
            )
        elif not request.body:
            self._journalled(leg, tx, request, "")
        elif dialog is not None and dialog.state is DialogState.EARLY and not self._settled(leg):
            # RFC 3311 section 5.2: the offer of the INVITE has no answer yet that the caller must have.
            self._refuse(leg, tx, request, 500)
        else:
            self._answer(leg, tx, request)

    @staticmethod
    def _settled(leg: SipLeg) -> bool:
        sender = leg.provisional
        return sender is not None and sender.described and not sender.unacknowledged

    def _refuse(self, leg: SipLeg, tx: ServerTransaction, request: Request, status: int) -> None:
        if leg.dialog is not None:
            leg.dialog.remote_offer_pending = False
        response = tx.response(status)
        if status == 500:
            # RFC 3261 section 14.2, RFC 3311 section 5.2.
            response.set("Retry-After", str(random.randrange(0, 10)))
        self._side.respond(tx, response)

    def _answer(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        try:
            sdp = sdp_of(request)
            audio = parse_sdp(sdp).audio
        except SipError as error:
            self._refuse(leg, tx, request, error.status)
            return
        held = audio is not None and audio.on_hold
        session, leg_id = self._side.session, leg.leg_id

        def answered(answer: str) -> None:
            if not answer:
                self._refuse(leg, tx, request, 488)
                return
            leg.local_sdp = answer
            if session.call.legs[leg_id].held != held:
                session.feed(on.HoldChanged(leg_id, held))
            self._journalled(leg, tx, request, answer)

        session.commands.media.reoffer(leg_id, sdp, answered)

    def _offer(self, leg: SipLeg, tx: ServerTransaction, request: Request, sdp: str) -> None:
        """A re-INVITE without an offer gets ours; the answer comes with the ACK."""
        if not sdp:
            self._refuse(leg, tx, request, 488)
            return
        leg.local_sdp = sdp
        leg.ack_answers = request.cseq.number
        self._journalled(leg, tx, request, sdp)

    def answer_came(self, leg: SipLeg, ack: Request) -> None:
        """The answer to the offer in our 200 to a re-INVITE."""
        sdp = sdp_of(ack)
        if not sdp:
            log.warning("an offer of ours was acknowledged without an answer", leg=leg.leg_id)
            return
        try:
            audio = parse_sdp(sdp).audio
        except SipError as error:
            log.warning("the answer in an ACK cannot be read", leg=leg.leg_id, error=str(error))
            return
        session = self._side.session
        session.commands.media.answered(leg.leg_id, sdp)
        held = audio is not None and audio.on_hold
        if session.call.legs[leg.leg_id].held != held:
            session.feed(on.HoldChanged(leg.leg_id, held))

    def _journalled(self, leg: SipLeg, tx: ServerTransaction, request: Request, sdp: str) -> None:
        """200, once the journal has the dialog's new target, order and timer."""
        dialog = leg.dialog
        if dialog is None or dialog.state is DialogState.TERMINATED:
            self._side.respond(tx, tx.response(481))
            return
        response = dialog.response(request, 200, body=sdp)
        response.set("Allow", ALLOW)
        response.set("Supported", SUPPORTED)
        if dialog.state is DialogState.CONFIRMED:
            self._side.refreshing.answer(leg, request, response)
        self._side.session.checkpoint()
        self._side.edge.journal.then(lambda: self._side.respond(tx, response))

    def reoffer(
        self, leg_id: str, sdp: str, answered: Callable[[int, str], None], method: str = "INVITE"
    ) -> None:
        """Offers other audio inside the dialog; `answered` gets the final status and the peer's SDP."""
        leg = self._side.legs.get(leg_id)

        def done(response: Response | None) -> None:
            if response is None:
                answered(481, "")
            else:
                answered(response.status, sdp_of(response))

        if leg is None:
            done(None)
        else:
            leg.updated = None
            self._side.asking.ask(leg, method, done, body=sdp, headers={"Allow": ALLOW})


def _has_lost_audio(bye: Request) -> bool:
    """A browser whose way to media is gone says so as it gives up; nobody has hung up."""
    return any((reason.protocol, reason.cause) == ("SIP", 408) for reason in read_reasons(bye))
