"""A call takes an input: the table says what happens and where it may lead.

A missing entry raises IllegalInput and changes nothing. An action that leads elsewhere than the table says is
a bug: it raises WrongPhase, and the call has been ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain import spare, supervise
from seatbus_sip_edge.domain.call_table import CALLS, ENDS, Rule
from seatbus_sip_edge.domain.errors import IllegalInput, WrongPhase
from seatbus_sip_edge.domain.model import Cause, LegPhase, Phase, Role
from seatbus_sip_edge.domain.turn import Ids, Turn

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.model import Call

_OF_AN_AGENT = (
    on.AgentOfferMade,
    on.AgentRinging,
    on.AgentAnswered,
    on.AgentFailed,
    on.RingTimedOut,
    on.AgentHungUp,
    on.WorkBegun,
    on.WorkNotBegun,
    on.WorkAccepted,
    on.WorkRefused,
    on.Connected,
    on.ConnectFailed,
)
# What is told of a leg's way into the conversation means nothing once it is there.
_ON_THE_WAY = (
    on.AgentOfferMade,
    on.AgentRinging,
    on.AgentAnswered,
    on.AgentFailed,
    on.RingTimedOut,
    on.WorkBegun,
    on.WorkNotBegun,
    on.Connected,
    on.ConnectFailed,
)
_OF_A_SUPERVISOR = (*_OF_AN_AGENT, on.HangUpAsked)


def apply(call: Call, event: on.Input, now: int, ids: Ids) -> list[fx.Effect]:
    """Applies one input; returns the effects in order.

    Raises IllegalInput, changing nothing, or WrongPhase, with the effects of a call that ends.
    """
    turn = Turn(call, now, ids)
    if isinstance(event, _OF_AN_AGENT):
        if _is_over(call, event.leg_id):
            _late(turn, event)
            return turn.effects
        if isinstance(event, _ON_THE_WAY) and call.legs[event.leg_id].phase is LegPhase.TALKING:
            return turn.effects
    if isinstance(event, _OF_A_SUPERVISOR) and _supervises(call, event.leg_id):
        rule: Rule | None = Rule(supervise.SUPERVISORS[type(event)], frozenset({call.phase, Phase.BRIDGED}))
    else:
        rule = CALLS[call.phase].get(type(event))
    if rule is None:
        raise IllegalInput(call.phase.value, type(event).__name__)
    if isinstance(event, on.Restored):
        spare.restored(turn)
    following = rule.action(turn, event)
    if following not in rule.to:
        before = call.phase
        _abort(turn, following)
        raise WrongPhase(before.value, type(event).__name__, following.value, turn.effects)
    call.phase = following
    if call.spare_leg_id:
        spare.settle(turn)
    return turn.effects


def _abort(turn: Turn, phase: Phase) -> None:
    """The action is done and its facts have their numbers: the call ends from where it has led."""
    call = turn.call
    call.phase = phase
    call.phase = CALLS[phase][on.Aborted].action(turn, on.Aborted(Cause.HANGUP_CAUSE_SYSTEM))


def _supervises(call: Call, leg_id: str) -> bool:
    leg = call.legs.get(leg_id)
    return leg is not None and leg.live and leg.role == Role.LEG_ROLE_SUPERVISOR


def _is_over(call: Call, leg_id: str) -> bool:
    leg = call.legs.get(leg_id)
    return leg is None or not leg.live


def _late(turn: Turn, event: on.Input) -> None:
    """About a leg that is over: a phone that answered meanwhile is hung up, audio made is removed."""
    if isinstance(event, on.AgentAnswered):
        turn.do(fx.HangUp(event.leg_id))
    elif isinstance(event, on.AgentOfferMade) and turn.call.phase not in ENDS:
        turn.media(media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=event.leg_id)))
