"""Offers of a called network before it has answered: UPDATE after a reliable 18x with SDP (RFC 3311 5.2)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.legs.leg import ALLOW, SUPPORTED
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip.dialog import Dialog
    from seatbus_sip.message import Request
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.legs")


class Updated(NamedTuple):
    """What the peer with this tag has offered last, and the codec that our answer has chosen.

    Media has taken it in place of the answer to our INVITE, which it would not know what to do with any more.
    """

    tag: str
    sdp: str
    codec: str


class EarlyOffers:
    """Answers them, and sees to it that media has an open offer of ours where somebody else answers."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def came(self, leg: SipLeg, dialog: Dialog, tx: ServerTransaction, request: Request) -> None:
        if dialog.remote_tag not in leg.forks_sdp:
            # Our own offer, that of the INVITE, has no answer yet.
            self._refuse(dialog, tx, 491)
            return
        if leg.trunk is None or leg.forks is None or len(leg.forks.dialogs) > 1 or leg.moved_offer:
            # A phone; several are heard by turns; the leg is about to be offered other audio.
            self._refuse(dialog, tx, 500)
            return
        try:
            sdp = sdp_of(request)
            parse_sdp(sdp)
        except SipError as error:
            self._refuse(dialog, tx, error.status)
            return

        def answered(answer: str, codec: str) -> None:
            if dialog.state is DialogState.TERMINATED or not self._wanted(leg):
                self._refuse(dialog, tx, 481)
            elif not answer:
                self._refuse(dialog, tx, 488)
            else:
                leg.updated, leg.local_sdp = Updated(dialog.remote_tag, sdp, codec), answer
                self._accept(dialog, tx, request, answer)

        self._side.session.commands.media.renegotiate(leg.leg_id, sdp, answered)

    def _accept(self, dialog: Dialog, tx: ServerTransaction, request: Request, answer: str) -> None:
        response = dialog.response(request, 200, body=answer)
        response.set("Allow", ALLOW)
        response.set("Supported", SUPPORTED)
        self._side.session.checkpoint()
        self._side.edge.journal.then(lambda: self._side.respond(tx, response))

    def _refuse(self, dialog: Dialog, tx: ServerTransaction, status: int) -> None:
        dialog.remote_offer_pending = False
        response = tx.response(status)
        if status == 500:
            response.set("Retry-After", str(random.randrange(0, 10)))
        self._side.respond(tx, response)

    def _wanted(self, leg: SipLeg) -> bool:
        side = self._side
        known = side.session.call.legs.get(leg.leg_id)
        return side.legs.get(leg.leg_id) is leg and known is not None and known.live

    # ---- somebody else answers --------------------------------------------------------------------------
    def failed(self, leg: SipLeg, then: Callable[[], None]) -> None:
        """Who has made an offer does not come. Whoever is called next answers ours."""
        if leg.updated is None:
            then()
            return

        def made(sdp: str) -> None:
            if not self._wanted(leg):
                return
            if sdp:
                leg.local_sdp = sdp
                then()
            else:
                self._side.session.feed(on.AgentFailed(leg.leg_id, 503))

        self._side.session.commands.media.own_offer(leg.leg_id, made)

    def another_answered(self, leg: SipLeg, said: Callable[[str], on.Input]) -> None:
        """Another fork than the one that has made an offer: it is offered the audio anew."""

        def made(sdp: str) -> None:
            if not self._wanted(leg):
                return
            if sdp:
                leg.moved_offer = sdp
                self._side.edge.media_move.offers.ring_answered(self._side.session, leg, said)
            else:
                self._side.within.hang_up(leg.leg_id)
                self._side.session.feed(on.AgentFailed(leg.leg_id, 503))

        self._side.session.commands.media.own_offer(leg.leg_id, made)
