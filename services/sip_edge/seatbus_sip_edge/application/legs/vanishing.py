"""A peer that media hears no more is asked whether it is there: muted phones are, crashed ones are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus_kit.log import get_logger
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Cause

if TYPE_CHECKING:
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.legs")

# Silence is told once. A phone that goes on being silent is asked again.
_AGAIN_S: Final = 60.0


class Vanishing:
    def __init__(self, side: SipSide) -> None:
        self._side = side
        self._asked: set[str] = set()

    def silent(self, leg_id: str) -> None:
        """Nothing was heard of this leg for as long as media waits."""
        side = self._side
        leg, known = side.legs.get(leg_id), side.session.call.legs.get(leg_id)
        if leg is None or known is None or not known.live or known.held or known.lost:
            return
        if leg_id in self._asked:
            return
        if leg.dialog is None or leg.dialog.state is not DialogState.CONFIRMED:
            return
        self._asked.add(leg_id)
        side.send(leg, leg.dialog.request("OPTIONS"))

    def answered(self, leg: SipLeg) -> None:
        if leg.leg_id in self._asked:
            self._asked.discard(leg.leg_id)
            self._side.edge.loop.call_later(_AGAIN_S, self.silent, leg.leg_id)

    def unanswered(self, leg_id: str) -> None:
        """Neither audio nor an answer: an agent's phone is waited for, else the call ends and says why."""
        if leg_id not in self._asked:
            return
        self._asked.discard(leg_id)
        session = self._side.session
        call = session.call
        if session.edge.lost_devices.silent(session, leg_id):
            return
        log.warning("a peer has vanished", tenant=call.tenant_id, call=call.call_id, leg=leg_id)
        cause = Cause.HANGUP_CAUSE_MEDIA_TIMEOUT
        if leg_id in (call.caller_leg_id, call.agent_leg_id):
            session.feed(on.Aborted(cause))
        else:
            session.feed(on.HangUpAsked(leg_id, cause))
