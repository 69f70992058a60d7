"""A supervisor takes part: hears, whispers, speaks to all, takes over. The leg lives as long as the agent's.

Its inputs have a table of their own: whatever a supervisor's phone does, the conversation stays as it is,
until the supervisor takes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import service_pb2 as control
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain import offer
from seatbus_sip_edge.domain.ending import take_away
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, LegPhase, Phase, Role
from seatbus_sip_edge.domain.new_legs import call_agent, fail_leg, failure_for, work_begun
from seatbus_sip_edge.domain.transfer import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from seatbus_sip_edge.domain.model import Leg
    from seatbus_sip_edge.domain.turn import Turn

TAKE_OVER = "take_over"
OFF = "off"
_MODES = {
    control.SUPERVISE_MODE_MONITOR: "monitor",
    control.SUPERVISE_MODE_WHISPER: "whisper",
    control.SUPERVISE_MODE_BARGE: "barge",
    control.SUPERVISE_MODE_TAKE_OVER: TAKE_OVER,
    control.SUPERVISE_MODE_OFF: OFF,
}


def asked(turn: Turn, event: on.SuperviseAsked) -> Phase:
    """Begins, changes or ends a supervision."""
    call, mode = turn.call, _MODES[event.mode]
    leg = next((item for item in call.supervisors if item.agent_id == event.agent_id), None)
    if leg is None:
        if mode != OFF:
            made = call_agent(
                turn, Role.LEG_ROLE_SUPERVISOR, "supervise", event.agent_id, event.agent_tenant_id
            )
            made.mode = mode
        return call.phase
    if mode == OFF:
        return _over(turn, leg, Cause.HANGUP_CAUSE_API)
    leg.mode = mode
    if leg.phase is not LegPhase.TALKING:
        return call.phase
    if mode == TAKE_OVER:
        return _take_over(turn, leg)
    turn.media(_command(turn, leg))
    _tell(turn, leg, mode)
    return call.phase


def _command(turn: Turn, leg: Leg) -> media.Command:
    return media.Command(
        supervise=media.Supervise(
            supervisor_endpoint_id=leg.leg_id,
            agent_endpoint_id=turn.call.agent_leg_id,
            mode="monitor" if leg.mode == TAKE_OVER else leg.mode,
        )
    )


def _tell(turn: Turn, leg: Leg, mode: str) -> None:
    turn.record(facts.CallSupervised(leg_id=leg.leg_id, supervisor_agent_id=leg.agent_id, mode=mode))


def _take_over(turn: Turn, leg: Leg) -> Phase:
    """The agent goes, the supervisor talks with the customer. Only out of a conversation of the two."""
    if turn.call.phase is not Phase.BRIDGED:
        leg.mode = "monitor"
        turn.media(_command(turn, leg))
        return turn.call.phase
    _tell(turn, leg, TAKE_OVER)
    turn.media(
        media.Command(
            supervise=media.Supervise(
                supervisor_endpoint_id=leg.leg_id, agent_endpoint_id=turn.call.agent_leg_id, mode=OFF
            )
        )
    )
    return hand_over(turn, leg, TAKE_OVER)


def _over(turn: Turn, leg: Leg, cause: int, *, gone: bool = False) -> Phase:
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    if leg.phase is LegPhase.TALKING:
        _tell(turn, leg, OFF)
    take_away(turn, leg, cause, gone=gone)  # type: ignore[arg-type]
    return turn.call.phase


# ---- the supervisor's phone -------------------------------------------------------------------------------
def _begun(turn: Turn, event: on.WorkBegun) -> Phase:
    work_begun(turn, event)
    return turn.call.phase


def _accepted(turn: Turn, event: on.WorkAccepted) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.phase is LegPhase.ANSWERED and not leg.confirmed:
        leg.confirmed = True
        join(turn, leg)
    return turn.call.phase


def join(turn: Turn, leg: Leg) -> None:
    turn.media(
        media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=leg.answer_sdp)),
        _command(turn, leg),
        reply=fx.MediaReply.CONNECTED,
        leg_id=leg.leg_id,
    )


def _connected(turn: Turn, event: on.Connected) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.phase is not LegPhase.ANSWERED:
        return turn.call.phase
    turn.move_leg(leg, LegEvent.CONNECTED)
    leg.answer_sdp = ""
    turn.record(facts.LegAnswered(leg_id=leg.leg_id, codec=event.codec))
    if leg.mode == TAKE_OVER:
        return _take_over(turn, leg)
    # It may have been changed while the phone rang.
    turn.media(_command(turn, leg))
    _tell(turn, leg, leg.mode)
    return turn.call.phase


def _failed(turn: Turn, event: on.AgentFailed | on.WorkNotBegun) -> Phase:
    failure, status = failure_for(turn, event)
    fail_leg(turn, turn.call.legs[event.leg_id], failure, status, gone=True)
    return turn.call.phase


def _timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if not leg.was_answered:
        failure, status = failure_for(turn, event)
        fail_leg(turn, leg, failure, status, gone=False)
    return turn.call.phase


def _refused(turn: Turn, event: on.WorkRefused) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if not leg.confirmed:
        leg.rid = ""
        _over(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
    return turn.call.phase


def _hung_up(turn: Turn, event: on.AgentHungUp) -> Phase:
    return _over(turn, turn.call.legs[event.leg_id], Cause.HANGUP_CAUSE_AGENT_HUNG_UP, gone=True)


def _connect_failed(turn: Turn, event: on.ConnectFailed) -> Phase:
    return _over(turn, turn.call.legs[event.leg_id], Cause.HANGUP_CAUSE_MEDIA_FAILED)


def _hang_up_asked(turn: Turn, event: on.HangUpAsked) -> Phase:
    return _over(turn, turn.call.legs[event.leg_id], event.cause or Cause.HANGUP_CAUSE_API)


SUPERVISORS: Mapping[type, Callable[[Turn, Any], Phase]] = {
    on.WorkBegun: _begun,
    on.WorkNotBegun: _failed,
    on.AgentOfferMade: offer.offer_made,
    on.AgentRinging: offer.ringing,
    on.AgentAnswered: offer.answered,
    on.AgentFailed: _failed,
    on.RingTimedOut: _timed_out,
    on.WorkAccepted: _accepted,
    on.WorkRefused: _refused,
    on.Connected: _connected,
    on.ConnectFailed: _connect_failed,
    on.AgentHungUp: _hung_up,
    on.HangUpAsked: _hang_up_asked,
}


def again(turn: Turn) -> None:
    """On audio that was set up anew: who hears the agent goes on to."""
    for leg in turn.call.supervisors:
        if leg.phase is LegPhase.TALKING:
            turn.media(_command(turn, leg))


def restored(turn: Turn) -> None:
    """After a restart: what was asked last for each supervisor is asked again."""
    for leg in turn.call.supervisors:
        if leg.phase is LegPhase.TRYING:
            turn.do(fx.BeginWork(leg.leg_id, "supervise"))
        offer.ask_again(turn, leg)
        if leg.phase is LegPhase.ANSWERED and leg.confirmed:
            join(turn, leg)
        elif leg.phase is LegPhase.TALKING:
            turn.do(fx.Probe(leg.leg_id))
