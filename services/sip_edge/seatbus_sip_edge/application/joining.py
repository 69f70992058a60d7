"""An attended transfer between two calls of one phone: a leg of the second call moves over to the first.

Audio first: the first call's media makes an offer, the peer answers it in the dialog that it has. Only then
do the calls change, one right after the other. Whatever fails before leaves both as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip_edge.application.media_links import placed_as
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import LegPhase, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.joining")

# Media, and a peer that may have to be asked twice.
_LIMIT_S = 8.0
_LOOK_AGAIN_S = 0.05


def other_party(session: Session, leg_id: str) -> Leg | None:
    """With whom this leg talks, if it is one of the two of a conversation."""
    call = session.call
    if call.phase is not Phase.BRIDGED or leg_id not in (call.caller_leg_id, call.agent_leg_id):
        return None
    found = call.legs.get(call.agent_leg_id if leg_id == call.caller_leg_id else call.caller_leg_id)
    return found if found is not None and found.phase is LegPhase.TALKING else None


def give_back(session: Session, leg_id: str) -> None:
    """A leg that was offered other audio and did not go over is offered its own again."""

    def offered(sdp: str) -> None:
        if sdp:
            session.sip.within.reoffer(leg_id, sdp, answered)

    def answered(status: int, sdp: str) -> None:
        if status < 300 and sdp:
            session.commands.media.answered(leg_id, sdp)
            return
        call = session.call
        log.error(
            "a party does not take its own audio back",
            tenant=call.tenant_id,
            call=call.call_id,
            leg=leg_id,
            status=status,
        )

    leg = session.call.legs.get(leg_id)
    if leg is not None and leg.phase is LegPhase.TALKING:
        session.commands.media.own_offer(leg_id, offered)


class Joining:
    """One attempt. `told` gets the final status once: 200, or what kept the two apart."""

    def __init__(
        self, first: Session, second: Session, second_leg_id: str, told: Callable[[int], None]
    ) -> None:
        self._first, self._second = first, second
        self._second_leg_id = second_leg_id
        self._told: Callable[[int], None] | None = told
        self._leg_id = ""
        self._guest: Leg | None = None
        self._offer = ""

    def begin(self) -> bool:
        """False when there is nobody to move."""
        if other_party(self._second, self._second_leg_id) is None and not self._picked_up():
            return False
        self._first.edge.loop.call_later(_LIMIT_S, self._over, 504)
        self._ask()
        return True

    def _picked_up(self) -> bool:
        """Whether the second call's party has answered and is about to be heard: its phone has told ours."""
        call = self._second.call
        leg = call.agent_leg
        return call.phase is Phase.REACHING and leg is not None and leg.live and leg.was_answered

    def _ask(self) -> None:
        first = self._first
        if self._told is None:
            return
        leg = other_party(self._second, self._second_leg_id)
        if leg is not None:
            self._leg_id = leg.leg_id
            media = first.commands.media
            self._guest = media.links.invite(leg)
            sip = self._second.sip.legs.get(leg.leg_id)
            said = sip.local_sdp if sip is not None else ""
            media.offer(leg.leg_id, first.call.caller_leg_id, self._offered, leg.media_zone or "", said)
        elif self._picked_up():
            first.edge.loop.call_later(_LOOK_AGAIN_S, self._ask)
        else:
            self._over(481)

    def _offered(self, sdp: str) -> None:
        if self._told is None:
            return
        self._offer = sdp
        if not sdp:
            self._over(488)
            return
        self._second.sip.within.reoffer(self._leg_id, sdp, self._answered)

    def _answered(self, status: int, sdp: str) -> None:
        first, second = self._first, self._second
        if self._told is None or status >= 300 or not sdp:
            self._over(status if status >= 300 else 488)
            return
        leg = other_party(second, self._second_leg_id)
        if leg is None or leg.leg_id != self._leg_id or first.call.phase is not Phase.BRIDGED:
            give_back(second, self._leg_id)
            self._over(481)
            return
        moved = replace(leg, held=False, on_hold=False, muted=False, incoming=False, queue_id="")
        if self._guest is not None:
            placed_as(moved, self._guest)
        # The second call must not say that the leg has ended while agent_state looks for its reservation.
        second.feed(on.PartyLeft(leg.leg_id))
        sip = second.sip.release(leg.leg_id)
        if sip is not None:
            sip.local_sdp = self._offer
            first.sip.take(sip)
        first.feed(on.PartyJoined(moved, sdp))
        self._over(200)

    def _over(self, status: int) -> None:
        told, self._told = self._told, None
        if told is None:
            return
        if status != 200:
            call = self._first.call
            log.warning("two calls are not joined", tenant=call.tenant_id, call=call.call_id, status=status)
            if self._leg_id not in call.legs:
                self._first.commands.media.drop(self._leg_id)
        told(status)
