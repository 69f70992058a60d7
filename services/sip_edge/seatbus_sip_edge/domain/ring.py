"""Several agents ring for one customer, or for an agent who asks their queue: each has a leg and a
reservation, one of them gets the call.

`agent_leg` (`consult_leg`) is the one that has answered and awaits agent_state's word; while nobody has, any
of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.ending import take_away
from seatbus_sip_edge.domain.model import Cause, Phase

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.model import Call, Leg
    from seatbus_sip_edge.domain.turn import Turn


def takes_another(call: Call, ring: str, *, consult: bool = False) -> bool:
    """Whether one more agent of this ring may ring: not once somebody is bound."""
    leg, phase = (call.consult_leg, Phase.CONSULTING) if consult else (call.agent_leg, Phase.OFFERED)
    return call.phase is phase and leg is not None and ring == leg.ring != "" and not leg.confirmed


def answers_first(turn: Turn, leg: Leg) -> bool:
    """agent_state is asked for one agent at a time: of who answers later ACK was sent, BYE follows."""
    call = turn.call
    consult = leg in call.consult_rung
    if not consult and leg not in call.rung:
        return True
    first = call.consult_leg if consult else call.agent_leg
    if first is not None and first.was_answered:
        lose(turn, leg)
        return False
    if consult:
        call.consult_leg_id = leg.leg_id
    else:
        call.agent_leg_id = leg.leg_id
    return True


def go_on(turn: Turn, over: Leg) -> Phase:
    """A leg has come to nothing: the others ring on, or the customer waits."""
    call = turn.call
    others = call.rung
    if over.leg_id != call.agent_leg_id:
        return Phase.OFFERED
    call.agent_leg_id = others[0].leg_id if others else ""
    return Phase.OFFERED if others else Phase.QUEUED


def lose(turn: Turn, leg: Leg) -> None:
    """Another agent has the customer. It costs this one nothing, not even a wrap-up."""
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    turn.close_sip(leg)
    turn.end_leg(leg, Cause.HANGUP_CAUSE_ANSWERED_ELSEWHERE)
    turn.media(media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=leg.leg_id)))
    turn.report(leg, agent.WORK_EVENT_ANSWERED_ELSEWHERE)


def win(turn: Turn) -> None:
    """`agent_leg` has the customer."""
    for leg in turn.call.rung:
        lose(turn, leg)


def silence(turn: Turn) -> None:
    """The customer goes elsewhere: nobody rings any more."""
    call = turn.call
    for leg in (*call.rung, call.agent_leg):
        if leg is not None:
            turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
            take_away(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
