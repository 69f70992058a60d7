"""An agent's phone is lost in a talk: the customer is held, and the talk goes on when the phone is back.

In a consultation the question is over then, and the customer, who heard music, goes on hearing it. In a
conference the two others go on talking: the third party has the customer.

The dialog is taken up again if the phone still knows it, else the phone is called anew: another leg under the
same reservation. When it stays away, or its agent refuses, the customer goes to the front of the last queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import consult, offer
from seatbus_sip_edge.domain import device_inputs as dev
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.controls import hold_again, pause_recording, release_hold
from seatbus_sip_edge.domain.ending import finish, take_away
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, Leg, LegPhase, Phase
from seatbus_sip_edge.domain.new_legs import RING_S
from seatbus_sip_edge.domain.transfer import connect, hand_over
from seatbus_sip_edge.domain.waiting import visit_again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatbus_sip_edge.domain.turn import Turn

HOLD_S: Final = 15
# How long the phone may take to say whether it knows the dialog.
TAKE_UP_S: Final = 8.0
SHORTEST_S: Final = 3.0
# The place before everybody else's, in acd's order.
FRONT: Final = 1
_PROMPT: Final = "device-lost"


def lost(turn: Turn, event: dev.DeviceLost) -> Phase:
    """The customer hears what there is to say, then music; nobody records it."""
    call, leg = turn.call, turn.call.agent_leg
    if leg is None or leg.leg_id != event.leg_id or leg.phase is not LegPhase.TALKING:
        return call.phase
    release_hold(turn)
    held, leg.held = leg.held, False
    leg.lost, leg.retaking = True, False
    call.lost_at = turn.now
    turn.record(
        facts.CallDeviceLost(leg_id=leg.leg_id, agent_id=leg.agent_id, agent_tenant_id=leg.agent_tenant_id)
    )
    if not held:
        turn.record(facts.LegHeld(leg_id=leg.leg_id))
    turn.report(leg, agent.WORK_EVENT_HELD)
    pause_recording(turn, on=True)
    turn.media(media.Command(disconnect=media.Disconnect(endpoint_id=call.caller_leg_id)))
    if call.device_lost_prompt_id:
        turn.play(_PROMPT, [ivr.Audio(prompt_id=call.device_lost_prompt_id)])
    else:
        turn.play_music()
    turn.do(fx.SetTimer(fx.Timer.DEVICE, call.device_lost_s or HOLD_S), fx.AwaitDevice(leg.leg_id))
    return Phase.DEVICE_LOST


def lost_while_asking(turn: Turn, event: dev.DeviceLost) -> Phase:
    """Whoever was asked is let go: there is nobody left to talk with."""
    call, leg = turn.call, turn.call.agent_leg
    if leg is None or leg.leg_id != event.leg_id or leg.phase is not LegPhase.TALKING:
        return call.phase
    third = call.consult_leg_id
    consult.let_go(turn, Cause.HANGUP_CAUSE_DEVICE_LOST)
    consult.is_over(turn, third, "failed")
    turn.report(leg, agent.WORK_EVENT_CONSULT_ENDED)
    return lost(turn, event)


def lost_in_conference(turn: Turn, event: dev.DeviceLost) -> Phase:
    call, leg, third = turn.call, turn.call.agent_leg, turn.call.consult_leg
    if leg is None or third is None or leg.leg_id != event.leg_id:
        return call.phase
    leg.lost = True
    turn.record(
        facts.CallDeviceLost(leg_id=leg.leg_id, agent_id=leg.agent_id, agent_tenant_id=leg.agent_tenant_id)
    )
    return hand_over(turn, third, "device_lost", cause=Cause.HANGUP_CAUSE_DEVICE_LOST)


def _music(turn: Turn, event: on.PlayFinished) -> Phase:
    if event.play_id == _PROMPT:
        turn.play_music()
    return Phase.DEVICE_LOST


# ---- it is back -------------------------------------------------------------------------------------------
def back(turn: Turn, event: dev.DeviceBack) -> Phase:
    leg = turn.call.agent_leg
    if leg is None or leg.leg_id != event.leg_id or leg.phase is not LegPhase.TALKING:
        return Phase.DEVICE_LOST
    again = leg.retaking
    if again and leg.binding == event.binding:
        return Phase.DEVICE_LOST
    leg.binding = event.binding
    if again or event.anew:
        return _call_anew(turn, leg)
    _take_up(turn, leg)
    return Phase.DEVICE_LOST


def _take_up(turn: Turn, leg: Leg) -> None:
    leg.retaking = True
    turn.do(fx.SetTimer(fx.Timer.DEVICE, TAKE_UP_S), fx.Retake(leg.leg_id))


def retaken(turn: Turn, event: dev.LegRetaken) -> Phase:
    """In the dialog that it had: the two hear each other again, the recording goes on."""
    call, leg = turn.call, turn.call.agent_leg
    if leg is None or leg.leg_id != event.leg_id or leg.phase is not LegPhase.TALKING:
        return Phase.DEVICE_LOST
    turn.media(media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=event.sdp)))
    connect(turn, call.caller_leg_id, leg.leg_id)
    pause_recording(turn, on=False)
    _talks_again(turn, leg)
    call.phase = Phase.BRIDGED
    hold_again(turn)
    return Phase.BRIDGED


def _talks_again(turn: Turn, leg: Leg, before_leg_id: str = "") -> None:
    turn.do(fx.StopTimer(fx.Timer.DEVICE))
    leg.lost = leg.retaking = False
    turn.call.lost_at, turn.call.lost_leg_id = 0, ""
    turn.record(
        facts.CallDeviceBack(
            leg_id=leg.leg_id,
            before_leg_id=before_leg_id,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
        )
    )
    if not before_leg_id:
        turn.record(facts.LegResumed(leg_id=leg.leg_id))
    turn.report(leg, agent.WORK_EVENT_RESUMED)


def forgotten(turn: Turn, event: dev.LegForgotten) -> Phase:
    leg = turn.call.agent_leg
    if leg is None or leg.leg_id != event.leg_id or leg.phase is not LegPhase.TALKING:
        return Phase.DEVICE_LOST
    return _call_anew(turn, leg)


def _call_anew(turn: Turn, leg: Leg) -> Phase:
    """Another leg goes on with the reservation; should the old phone be there after all, it is hung up."""
    call = turn.call
    turn.do(fx.StopTimer(fx.Timer.DEVICE))
    rid, leg.rid = leg.rid, ""
    take_away(turn, leg, Cause.HANGUP_CAUSE_DEVICE_LOST)
    made = Leg(
        turn.ids(),
        leg.role,
        agent_id=leg.agent_id,
        agent_tenant_id=leg.agent_tenant_id,
        device_id=leg.device_id,
        rid=rid,
        queue_id=leg.queue_id,
        ring_timeout_s=leg.ring_timeout_s or RING_S,
        created_at=turn.now,
        confirmed=True,
        lost=True,
        retaking=True,
        binding=leg.binding,
    )
    turn.move_leg(made, LegEvent.OFFER_ASKED)
    call.legs[made.leg_id] = made
    call.agent_leg_id, call.lost_leg_id = made.leg_id, leg.leg_id
    turn.record(
        facts.LegCreated(
            leg_id=made.leg_id,
            role=made.role,
            agent_id=made.agent_id,
            agent_tenant_id=made.agent_tenant_id,
            device_id=made.device_id,
            rid=rid,
        )
    )
    offer.ask_offer(turn, made)
    return Phase.DEVICE_LOST


def _ringing(turn: Turn, event: on.AgentRinging) -> Phase:
    """agent_state is not told: for it the talk goes on."""
    leg = turn.call.legs[event.leg_id]
    if leg.phase is LegPhase.DIALLED:
        turn.move_leg(leg, LegEvent.RINGING)
        leg.ringing_at = turn.now
        turn.record(facts.LegRinging(leg_id=leg.leg_id))
    return Phase.DEVICE_LOST


def _answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    leg = turn.call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.ANSWERED)
    leg.answered_at, leg.answer_sdp = turn.now, event.sdp
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    offer.begin_talk(turn, leg)
    return Phase.DEVICE_LOST


def _connected(turn: Turn, event: on.Connected) -> Phase:
    leg, before = turn.call.legs[event.leg_id], turn.call.lost_leg_id
    following = offer.connected(turn, event)
    _talks_again(turn, leg, before)
    return following


# ---- it is not --------------------------------------------------------------------------------------------
def _gone(turn: Turn, _event: dev.DeviceGone) -> Phase:
    leg = turn.call.agent_leg
    if leg is None or leg.phase is not LegPhase.TALKING:
        return Phase.DEVICE_LOST
    return _give_up(turn, leg, gone=False)


def _failed(turn: Turn, event: on.AgentFailed) -> Phase:
    turn.call.legs[event.leg_id].sip_status = event.status
    return _give_up(turn, turn.call.legs[event.leg_id], gone=True)


def _timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    leg = turn.call.legs[event.leg_id]
    return Phase.DEVICE_LOST if leg.was_answered else _give_up(turn, leg, gone=False)


def _hung_up(turn: Turn, event: on.AgentHungUp) -> Phase:
    return _give_up(turn, turn.call.legs[event.leg_id], gone=True)


def _give_up(turn: Turn, leg: Leg, *, gone: bool) -> Phase:
    """The agent is not ready until the phone is back, so that the queue prefers others."""
    call = turn.call
    leg.retaking = False
    turn.do(fx.StopTimer(fx.Timer.DEVICE), fx.StopTimer(fx.Timer.RING, leg.leg_id))
    take_away(turn, leg, Cause.HANGUP_CAUSE_DEVICE_LOST, gone=gone)
    call.lost_at, call.lost_leg_id = 0, ""
    if not call.queue_id:
        return finish(turn, Cause.HANGUP_CAUSE_DEVICE_LOST)
    call.preferred_agent_id = ""
    call.first_fifo, call.first_enqueued_at = FRONT, 0
    return visit_again(turn)


def restored(turn: Turn, leg: Leg) -> None:
    """After a restart: the wait goes on with what is left of it, or the new call of the phone does."""
    call = turn.call
    turn.play_music()
    if leg.phase is not LegPhase.TALKING:
        offer.ask_again(turn, leg)
        if leg.phase is LegPhase.ANSWERED:
            offer.join(turn, leg)
        return
    if leg.retaking:
        _take_up(turn, leg)
        return
    left = (call.device_lost_s or HOLD_S) - max(0.0, (turn.now - call.lost_at) / 1e6)
    turn.do(fx.SetTimer(fx.Timer.DEVICE, max(SHORTEST_S, left)), fx.AwaitDevice(leg.leg_id))


_HERE: Final = (Phase.DEVICE_LOST,)
_WITHOUT: Final = (Phase.DEVICE_LOST, Phase.QUEUED, Phase.ENDING, Phase.ENDED)

# What this phase knows beside what any phase does: input -> action, phases.
ROWS: Mapping[type, tuple[Callable[[Turn, Any], Phase], tuple[Phase, ...]]] = {
    dev.DeviceBack: (back, _HERE),
    dev.LegRetaken: (retaken, (Phase.DEVICE_LOST, Phase.BRIDGED)),
    dev.LegForgotten: (forgotten, _HERE),
    dev.DeviceGone: (_gone, _WITHOUT),
    on.PlayFinished: (_music, _HERE),
    on.AgentOfferMade: (offer.offer_made, _HERE),
    on.AgentRinging: (_ringing, _HERE),
    on.AgentAnswered: (_answered, _HERE),
    on.AgentFailed: (_failed, _WITHOUT),
    on.RingTimedOut: (_timed_out, _WITHOUT),
    on.AgentHungUp: (_hung_up, _WITHOUT),
    on.Connected: (_connected, (Phase.BRIDGED,)),
    on.ConnectFailed: (offer.connect_failed, (Phase.ENDING, Phase.ENDED)),
}
