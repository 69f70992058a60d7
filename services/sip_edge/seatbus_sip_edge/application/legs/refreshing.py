"""Session timers of a call's legs (RFC 4028): a peer that is gone is noticed, its call ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.session_timer import SessionPolicy, agreed, answer, ask
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Cause

if TYPE_CHECKING:
    from seatbus_sip.message import Request, Response
    from seatbus_sip.session_timer import SessionTimer
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.legs")

# A refresh that was refused, but not for good, is tried again so many times within an interval.
_TRIES = 8
_LOST_S = 20.0


class Refreshing:
    """Agrees on a timer, refreshes, and ends what nobody refreshes."""

    def __init__(self, side: SipSide) -> None:
        self._side = side
        settings = side.edge.settings
        self.policy = SessionPolicy(settings.sip_session_expires_s, settings.sip_min_se_s)

    def answer(self, leg: SipLeg, request: Request, response: Response) -> None:
        """Our 2xx to an INVITE or UPDATE."""
        self.arm(leg, answer(request, response, self.policy, time.time()))

    def ask(self, request: Request) -> None:
        """The first INVITE to a peer."""
        ask(request, self.policy)

    def agreed(self, leg: SipLeg, response: Response) -> None:
        """The peer's 2xx to an INVITE or UPDATE of ours."""
        try:
            timer = agreed(response, self.policy, time.time())
        except SipError as error:
            log.warning("Session-Expires of a peer cannot be read", leg=leg.leg_id, error=str(error))
            return
        self.arm(leg, timer)

    def arm(self, leg: SipLeg, timer: SessionTimer | None) -> None:
        """From now on, or after a restart."""
        leg.timer = timer
        if timer is not None:
            self._side.later(leg, "session", max(0.0, timer.due_at - time.time()), lambda: self._due(leg))

    def _due(self, leg: SipLeg) -> None:
        timer, dialog = leg.timer, leg.dialog
        if timer is None or dialog is None or dialog.state is not DialogState.CONFIRMED:
            return
        if not timer.ours:
            self._expired(leg, "the peer did not refresh")
        elif time.time() >= timer.expires_at:
            self._expired(leg, "the peer took no refresh")
        elif not leg.acked:
            self._side.later(leg, "session", timer.interval_s / _TRIES, lambda: self._due(leg))
        else:
            self._refresh(leg, timer)

    def _refresh(self, leg: SipLeg, timer: SessionTimer) -> None:
        wish: dict[str, object] = {
            "Supported": "timer",
            "Session-Expires": f"{timer.interval_s};refresher=uac",
        }
        if self.policy.min_se_s != 90:
            wish["Min-SE"] = self.policy.min_se_s

        def done(response: Response | None) -> None:
            if response is None:
                self._expired(leg, "no answer to a refresh")
            elif response.status < 300:
                self.agreed(leg, response)
                self._side.session.checkpoint()
            elif leg.dialog is None or leg.dialog.state is DialogState.TERMINATED:
                self._expired(leg, "the peer knows no such call")
            else:
                self._refused(leg, timer, response)

        if "update" in leg.allows:
            self._side.asking.ask(leg, "UPDATE", done, headers=wish)
        else:
            self._side.asking.ask(leg, "INVITE", done, body=leg.local_sdp, headers=wish)

    def _refused(self, leg: SipLeg, timer: SessionTimer, response: Response) -> None:
        smallest = response.integer("Min-SE") if response.status == 422 else None
        if smallest is not None and smallest > timer.interval_s:
            longer = type(timer)(smallest, True, timer.expires_at)
            leg.timer = longer
            self._refresh(leg, longer)
            return
        log.info("a session refresh was refused", leg=leg.leg_id, status=response.status)
        self._side.later(leg, "session", timer.interval_s / _TRIES, lambda: self._due(leg))

    def _expired(self, leg: SipLeg, why: str) -> None:
        call = self._side.session.call
        known = call.legs.get(leg.leg_id)
        if known is not None and known.lost:
            # The hold for its phone has a limit of its own; a phone that is back is asked once more.
            self._side.later(leg, "session", _LOST_S, lambda: self._due(leg))
            return
        log.warning("session expired", tenant=call.tenant_id, call=call.call_id, leg=leg.leg_id, why=why)
        leg.timer = None
        self._side.session.feed(on.Aborted(Cause.HANGUP_CAUSE_SESSION_EXPIRED))
