"""Calling somebody whom no queue gave: an agent directly, or a number outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.causes import BUSY, NO_ANSWER, UNREACHABLE, OfferFailure, failure_of
from seatbus_sip_edge.domain.legs import LegEvent
from seatbus_sip_edge.domain.model import Leg, LegPhase, Role
from seatbus_sip_edge.domain.offer import ask_offer, remove_endpoint

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.destinations import Destination
    from seatbus_sip_edge.domain.turn import Turn

RING_S = 30
NUMBER_RING_S = 60


def call_agent(
    turn: Turn,
    role: call_types.LegRole,
    kind: str,
    agent_id: str,
    agent_tenant_id: str,
    *,
    wrap_up_s: int = 0,
    ring_timeout_s: int = RING_S,
) -> Leg:
    """A leg to an agent. agent_state is asked first: nobody is rung who is busy or logged out."""
    leg = _leg(turn, role, ring_timeout_s)
    leg.agent_id, leg.agent_tenant_id, leg.rid = agent_id, agent_tenant_id, turn.ids()
    leg.queue_id = turn.call.queue_id if role == Role.LEG_ROLE_AGENT else ""
    _created(turn, leg)
    turn.do(fx.BeginWork(leg.leg_id, kind, wrap_up_s))
    return leg


def call_number(
    turn: Turn, role: call_types.LegRole, number: str, *, ring_timeout_s: int = NUMBER_RING_S
) -> Leg:
    """A leg to a number outside, by whatever trunk takes it."""
    leg = _leg(turn, role, ring_timeout_s)
    leg.number = number
    _created(turn, leg)
    turn.move_leg(leg, LegEvent.OFFER_ASKED)
    ask_offer(turn, leg)
    return leg


def call_destination(turn: Turn, to: Destination, *, consult: bool = False, ring_timeout_s: int = 0) -> Leg:
    """A leg to an agent or a number, for the customer or, on a consult, for the agent."""
    if to.is_agent:
        return call_agent(
            turn,
            Role.LEG_ROLE_CONSULT if consult else Role.LEG_ROLE_AGENT,
            "consult" if consult else "direct",
            to.id,
            to.tenant_id or turn.call.tenant_id,
            wrap_up_s=turn.call.wrap_up_s,
            ring_timeout_s=ring_timeout_s or RING_S,
        )
    role = Role.LEG_ROLE_CONSULT if consult else Role.LEG_ROLE_OUTSIDE
    return call_number(turn, role, to.id, ring_timeout_s=ring_timeout_s or NUMBER_RING_S)


def _leg(turn: Turn, role: call_types.LegRole, ring_timeout_s: int) -> Leg:
    leg = Leg(turn.ids(), role, ring_timeout_s=ring_timeout_s, created_at=turn.now)
    turn.call.legs[leg.leg_id] = leg
    return leg


def _created(turn: Turn, leg: Leg) -> None:
    turn.record(
        facts.LegCreated(
            leg_id=leg.leg_id,
            role=leg.role,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            rid=leg.rid,
            number=leg.number,
        )
    )


def work_begun(turn: Turn, event: on.WorkBegun) -> Leg:
    """The agent is ours: the phone can be called."""
    leg = turn.call.legs[event.leg_id]
    if leg.phase is LegPhase.TRYING:
        turn.move_leg(leg, LegEvent.OFFER_ASKED)
        ask_offer(turn, leg)
    return leg


def failure_for(turn: Turn, event: object) -> tuple[OfferFailure, int]:
    """How a leg failed that was called, and with which SIP status."""
    status = getattr(event, "status", None)
    if status is not None:
        return failure_of(status), status
    leg = turn.call.legs[event.leg_id]  # type: ignore[attr-defined]
    if leg.phase is LegPhase.TRYING:
        return BUSY, 0
    # A phone that never said 180 was not there to be answered.
    return (NO_ANSWER if leg.phase is LegPhase.RINGING else UNREACHABLE), 0


def fail_leg(turn: Turn, leg: Leg, failure: OfferFailure, status: int, *, gone: bool) -> None:
    """A leg that was called and did not come about. `gone`: its phone knows."""
    turn.do(fx.StopTimer(fx.Timer.RING, leg.leg_id))
    if not gone:
        turn.close_sip(leg)
    begun, answered = leg.phase is not LegPhase.TRYING, leg.was_answered
    turn.end_leg(leg, failure.cause, status)
    if not begun:
        # agent_state may have given the agent and not come to say so.
        turn.report(leg, agent.WORK_EVENT_CANCELLED)
        return
    remove_endpoint(turn, leg)
    turn.report(leg, agent.WORK_EVENT_ENDED if answered else failure.work)
