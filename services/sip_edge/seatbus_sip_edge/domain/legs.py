"""The life of a leg as a table. A missing entry raises and changes nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.model import LegPhase as P

if TYPE_CHECKING:
    from collections.abc import Mapping


class LegEvent(StrEnum):
    OFFER_ASKED = "offer asked"
    DIALLED = "dialled"
    RINGING = "ringing"
    ANSWERED = "answered"
    CONNECTED = "connected"
    ENDED = "ended"


LEGS: Mapping[P, Mapping[LegEvent, P]] = {
    # A caller's leg is connected by our own 200.
    P.TRYING: {
        LegEvent.OFFER_ASKED: P.PREPARED,
        LegEvent.CONNECTED: P.TALKING,
        LegEvent.ENDED: P.ENDED,
    },
    P.PREPARED: {LegEvent.DIALLED: P.DIALLED, LegEvent.ENDED: P.ENDED},
    P.DIALLED: {
        LegEvent.RINGING: P.RINGING,
        # A phone may answer without ringing.
        LegEvent.ANSWERED: P.ANSWERED,
        LegEvent.ENDED: P.ENDED,
    },
    P.RINGING: {LegEvent.RINGING: P.RINGING, LegEvent.ANSWERED: P.ANSWERED, LegEvent.ENDED: P.ENDED},
    P.ANSWERED: {LegEvent.CONNECTED: P.TALKING, LegEvent.ENDED: P.ENDED},
    P.TALKING: {LegEvent.ENDED: P.ENDED},
    P.ENDED: {},
}


def leg_step(phase: P, event: LegEvent) -> P:
    """The next phase. Raises IllegalInput for a missing entry."""
    following = LEGS[phase].get(event)
    if following is None:
        raise IllegalInput(phase.value, event.value)
    return following
