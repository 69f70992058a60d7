"""By the API: one of ours is rung first, and is then the caller whom a queue, a flow or a colleague gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.media.v1 import service_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import offer
from seatbus_sip_edge.domain.causes import AWAY, NO_ANSWER, UNREACHABLE, failure_of
from seatbus_sip_edge.domain.destinations import Destination, Kind, send_to
from seatbus_sip_edge.domain.ending import finish
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Cause, Leg, LegPhase, Phase, Role
from seatbus_sip_edge.domain.new_legs import work_begun

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain import requests as asked
    from seatbus_sip_edge.domain.turn import Turn


def kept(to: Destination) -> dict[str, str | int]:
    """What is needed of the destination once the phone has answered."""
    found: dict[str, str | int] = {"kind": to.kind.value, "id": to.id, "flow_version": to.flow_version}
    queue = to.queue if to.queue is not None else tenancy.Queue()
    return found | {
        "record": queue.record,
        "music_prompt_id": queue.music_prompt_id,
        "whisper_prompt_id": queue.whisper_prompt_id,
        "wrap_up_s": queue.wrap_up_s,
    }


def _destination(turn: Turn) -> Destination:
    said = dict(turn.call.calls_for)
    kind, to_id = Kind(str(said.pop("kind"))), str(said.pop("id"))
    version = int(said.pop("flow_version"))
    queue = tenancy.Queue(**said) if kind is Kind.QUEUE else None  # type: ignore[arg-type]
    return Destination(kind, to_id, queue=queue, flow_version=version)


def originated(turn: Turn, event: asked.OriginatedTo) -> Phase:
    call = turn.call
    call.started_at, call.has_session = turn.now, True
    call.calls_for = kept(event.to)
    leg = Leg(
        call.caller_leg_id,
        Role.LEG_ROLE_CALLER,
        agent_id=event.agent_id,
        agent_tenant_id=event.agent_tenant_id,
        rid=event.rid,
        ring_timeout_s=event.ring_timeout_s,
        created_at=turn.now,
    )
    call.legs[leg.leg_id] = leg
    turn.record(
        facts.CallStarted(
            interaction_id=call.interaction_id,
            direction=call.direction,
            caller=call.caller,
            dialed=call.dialed,
            branch_id=call.branch_id,
            owner=call.owner,
        )
    )
    turn.record(
        facts.LegCreated(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            rid=leg.rid,
        )
    )
    if event.attributes:
        call.attributes.update(event.attributes)
        turn.record(facts.CallAttributesSet(attributes=event.attributes))
    turn.do(fx.BeginWork(leg.leg_id, "outbound", call.wrap_up_s))
    return Phase.CALLING


def begun(turn: Turn, event: on.WorkBegun) -> Phase:
    work_begun(turn, event)
    return Phase.CALLING


def not_begun(turn: Turn, event: on.WorkNotBegun) -> Phase:
    """Logged out or in another contact; or nobody can tell, and no phone is rung that may be busy."""
    if event.reason in AWAY:
        return finish(turn, Cause.HANGUP_CAUSE_UNREACHABLE)
    turn.call.caller_leg.rid = ""
    return finish(turn, Cause.HANGUP_CAUSE_FORBIDDEN)


def answered(turn: Turn, event: on.AgentAnswered) -> Phase:
    leg = turn.call.legs[event.leg_id]
    turn.move_leg(leg, LegEvent.ANSWERED)
    leg.answered_at, leg.answer_sdp = turn.now, event.sdp
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    turn.report(leg, agent.WORK_EVENT_ANSWERED)
    _ask_ready(turn, leg)
    return Phase.CALLING


def _ask_ready(turn: Turn, leg: Leg) -> None:
    turn.media(
        media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=leg.answer_sdp)),
        reply=fx.MediaReply.READY,
        leg_id=leg.leg_id,
    )


def ready(turn: Turn, event: on.CallerReady) -> Phase:
    """The phone has its audio: its agent is a caller like any other."""
    call, leg = turn.call, turn.call.caller_leg
    if leg.phase is not LegPhase.ANSWERED:
        return Phase.CALLING
    turn.move_leg(leg, LegEvent.CONNECTED)
    call.answered_at, call.codec, leg.answer_sdp = turn.now, event.codec, ""
    turn.record(facts.CallAnswered())
    turn.record(facts.LegAnswered(leg_id=leg.leg_id, codec=event.codec))
    return send_to(turn, _destination(turn))


def failed(turn: Turn, event: on.AgentFailed) -> Phase:
    turn.call.sip_status = event.status
    return finish(turn, failure_of(event.status).cause)


def ring_timed_out(turn: Turn, event: on.RingTimedOut) -> Phase:
    leg = turn.call.legs[event.leg_id]
    if leg.was_answered:
        return Phase.CALLING
    return finish(turn, (NO_ANSWER if leg.phase is LegPhase.RINGING else UNREACHABLE).cause)


def restored(turn: Turn, _event: on.Restored) -> Phase:
    leg = turn.call.caller_leg
    if leg.phase is LegPhase.TRYING:
        turn.do(fx.BeginWork(leg.leg_id, "outbound", turn.call.wrap_up_s))
    elif leg.phase is LegPhase.ANSWERED:
        turn.do(fx.Probe(leg.leg_id))
        turn.report(leg, agent.WORK_EVENT_ANSWERED)
        _ask_ready(turn, leg)
    else:
        offer.ask_again(turn, leg)
    return Phase.CALLING
