"""Provisional responses of ours that want a PRACK, and the 200 that waits for it (RFC 3262)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.reliable import ReliableSender
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.legs")


class Provisional:
    """Repeats them until they are acknowledged."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def sender(self) -> ReliableSender:
        return ReliableSender(random.randrange(1, 2**30), self._side.stack.layer.timing.t1)

    def make_reliable(self, leg: SipLeg, response: Response) -> None:
        """Numbers the response, if the caller takes it so, and watches for its PRACK."""
        sender = leg.provisional
        if sender is not None:
            sender.send(response, self._side.stack.now)
            self._watch(leg, sender)

    def _watch(self, leg: SipLeg, sender: ReliableSender) -> None:
        if sender.next_at is not None:
            pause = sender.next_at - self._side.stack.now
            self._side.later(leg, "provisional", pause, lambda: self._again(leg))

    def _again(self, leg: SipLeg) -> None:
        sender, tx = leg.provisional, leg.received
        if sender is None or tx is None or sender.next_at is None:
            return
        response = sender.repeat(self._side.stack.now)
        if response is not None:
            self._side.respond(tx, response)
            self._watch(leg, sender)
            return
        log.warning("no PRACK for an early answer: the call is refused", leg=leg.leg_id)
        leg.answer_waits = None
        self._side.session.feed(on.CallerNotAcknowledged())

    def prack(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        """A PRACK came; after an answer of ours it may bring another offer (RFC 3262 section 5)."""
        sender, invite = leg.provisional, leg.request
        try:
            sdp = sdp_of(request)
            fits = (
                sender is not None and invite is not None and sender.acknowledge(request, invite.cseq.number)
            )
        except SipError as error:
            self._side.respond(tx, tx.response(error.status))
            return
        if not fits:
            self._side.respond(tx, tx.response(481))
            return
        alarm = leg.alarms.pop("provisional", None)
        if alarm is not None:
            alarm.cancel()
        offered = leg.late and sender is not None and sender.described
        leg.late = leg.late and not offered
        self._side.session.checkpoint()
        if sdp and not offered and sender is not None and sender.described:
            self._side.session.commands.media.reoffer(
                leg.leg_id, sdp, lambda answer: self._answered(leg, tx, request, answer)
            )
            return
        said = sdp if offered else None
        self._side.edge.journal.then(lambda: self._acknowledged(leg, tx.response(200), tx, said))

    def _answered(self, leg: SipLeg, tx: ServerTransaction, request: Request, answer: str) -> None:
        dialog = leg.dialog
        if dialog is None or dialog.state is DialogState.TERMINATED:
            self._side.respond(tx, tx.response(481))
            return
        if not answer:
            self._acknowledged(leg, tx.response(488), tx, None)
            return
        leg.local_sdp = answer
        response = dialog.response(request, 200, body=answer)
        self._side.session.checkpoint()
        self._side.edge.journal.then(lambda: self._acknowledged(leg, response, tx, None))

    def _acknowledged(
        self, leg: SipLeg, response: Response, tx: ServerTransaction, answer: str | None
    ) -> None:
        """`answer`: the caller's, to an offer of ours in the response; None where it had made the offer."""
        self._side.respond(tx, response)
        if answer is not None:
            self._side.session.feed(on.CallerAnswerGiven(answer))
        sdp, leg.answer_waits = leg.answer_waits, None
        if sdp is not None:
            self._side.incoming.respond(leg, 200, sdp)
