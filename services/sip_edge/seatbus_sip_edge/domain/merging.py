"""Two calls of one agent become one: the other party of the second goes over to the customer of the first.

Its leg, dialog and reservation go with it. The first call gets it as one that was consulted; for the second
it is the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain.ending import finish
from seatbus_sip_edge.domain.model import Cause, LegPhase, Phase
from seatbus_sip_edge.domain.transfer import hand_over

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.turn import Turn


def joined(turn: Turn, event: on.PartyJoined) -> Phase:
    """The first call: audio of the new leg is agreed with this call's media already."""
    leg = event.leg
    leg.phase, leg.created_at, leg.answered_at = LegPhase.ANSWERED, turn.now, turn.now
    leg.confirmed, leg.answer_sdp = True, event.sdp
    turn.call.legs[leg.leg_id] = leg
    turn.record(
        facts.LegCreated(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            device_id=leg.device_id,
            rid=leg.rid,
            remote_address=leg.remote_address,
            number=leg.number,
        )
    )
    turn.media(media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=event.sdp)))
    return hand_over(turn, leg, "attended")


def left(turn: Turn, event: on.PartyLeft) -> Phase:
    """The second call: who went has not hung up, and works on."""
    call = turn.call
    leg = call.legs[event.leg_id]
    leg.rid = ""
    if leg.leg_id == call.agent_leg_id:
        turn.record(facts.CallUnbridged(caller_leg_id=call.caller_leg_id, agent_leg_id=leg.leg_id))
        if call.recording:
            call.recording = call.recording_paused = False
            turn.record(facts.CallRecordingStopped(recording_id=call.recording_id))
    turn.end_leg(leg, Cause.HANGUP_CAUSE_TRANSFERRED)
    return finish(turn, Cause.HANGUP_CAUSE_TRANSFERRED)
