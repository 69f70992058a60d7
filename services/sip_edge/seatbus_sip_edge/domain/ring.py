"""Several agents ring for one customer: each has a leg and a reservation, one of them gets the call.

`agent_leg` is the one that has answered and awaits agent_state's word; while nobody has, any of them.
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


def takes_another(call: Call, ring: str) -> bool:
    """Whether one more agent of this ring may ring: not once somebody is bound to the customer."""
    leg = call.agent_leg
    return call.phase is Phase.OFFERED and leg is not None and ring == leg.ring != "" and not leg.confirmed


def is_answered(call: Call) -> bool:
    """agent_state is asked for one agent at a time."""
    return call.agent_leg is not None and call.agent_leg.was_answered


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
