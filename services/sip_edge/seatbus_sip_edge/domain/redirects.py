"""Redirections (3xx) of called sides: which are followed, and what then happens to the leg."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from seatbus.call.v1 import events_pb2 as facts
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.model import LegPhase
from seatbus_sip_edge.domain.numbering import digits_of, longest_prefix

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip_edge.domain import requests as asked
    from seatbus_sip_edge.domain.model import Leg, Phase
    from seatbus_sip_edge.domain.turn import Turn

# RFC 3261 section 21.3: those that name another address of who was called.
STATUSES: Final = frozenset({300, 301, 302})


class Rule(StrEnum):
    """Why a redirection is not followed, besides the rules of the toll guard and the limits."""

    NOT_FOLLOWED = "redirects_not_followed"
    EMERGENCY = "emergency"
    NO_NUMBER = "no_number"
    LOOP = "redirect_loop"
    OWN_NUMBER = "own_number"
    HOPS = "too_many_redirects"
    PREFIX = "redirect_prefix"
    ENCRYPTED = "encrypted_phone"


def refusal(policy: tenancy.RedirectPolicy, leg: Leg, number: str, *, own: bool) -> Rule | None:
    """Why this number is not called in place of the leg's; None when the policy lets it.

    `own`: it is an access number of the platform, which would call itself.
    """
    if not policy.follow:
        return Rule.NOT_FOLLOWED
    digits = digits_of(number)
    if not (2 <= len(digits) <= 20 and digits.isascii() and digits.isdigit()):
        return Rule.NO_NUMBER
    if own:
        return Rule.OWN_NUMBER
    if digits in [digits_of(known) for known in (*leg.redirected_from, leg.number)]:
        return Rule.LOOP
    if len(leg.redirected_from) >= (policy.max_hops or 1):
        return Rule.HOPS
    if policy.prefixes and longest_prefix(number, policy.prefixes) < 0:
        return Rule.PREFIX
    return None


def redirected(turn: Turn, event: asked.LegRedirected) -> Phase:
    """The leg is called anew at its new number; what is not followed is a fact alone."""
    call, leg = turn.call, turn.call.legs.get(event.leg_id)
    if leg is None or leg.phase not in (LegPhase.DIALLED, LegPhase.RINGING):
        return call.phase
    turn.record(
        facts.LegRedirected(
            leg_id=leg.leg_id,
            sip_status=event.status,
            from_number=leg.number,
            to_number=event.number,
            trunk_id=leg.trunk_id,
            refused_by=event.refused_by,
        )
    )
    if not event.refused_by:
        leg.redirected_from.append(leg.number)
        leg.number, leg.ways = event.number, [list(way) for way in event.ways]
        turn.do(fx.Dial(leg.leg_id, event.sdp))
    return call.phase
