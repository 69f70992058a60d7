"""Where a customer can be sent, and the one function that sends them there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import voicemail
from seatbus_sip_edge.domain.ending import finish
from seatbus_sip_edge.domain.model import AfterFailure, Cause, Phase
from seatbus_sip_edge.domain.reaching import reach
from seatbus_sip_edge.domain.waiting import enqueue

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip_edge.domain.turn import Turn

ANNOUNCEMENT = "fallback"


class Kind(StrEnum):
    QUEUE = "queue_id"
    FLOW = "flow_id"
    AGENT = "agent_id"
    NUMBER = "number"
    ANNOUNCEMENT = "announcement_prompt_id"
    VOICEMAIL = "voicemail"
    HANG_UP = "hang_up"


@dataclass(frozen=True, slots=True)
class Destination:
    """A target with what the configuration says of it. `id` is that of the object, or the number."""

    kind: Kind
    id: str = ""
    # Of an agent of another tenant (the operator's); empty: the call's own.
    tenant_id: str = ""
    queue: tenancy.Queue | None = None
    flow_version: int = 0

    @property
    def is_agent(self) -> bool:
        return self.kind is Kind.AGENT

    @property
    def is_person(self) -> bool:
        return self.kind in (Kind.AGENT, Kind.NUMBER)

    def to_target(self) -> call_types.OutboundTarget:
        """For facts. Only of a queue, flow, agent or number."""
        return call_types.OutboundTarget(**{self.kind.value: self.id})


def destination_of(
    target: call_types.OutboundTarget | tenancy.Route | ivr.TransferAction,
    *,
    queue: tenancy.Queue | None = None,
    flow_version: int = 0,
    agent_tenant_id: str = "",
) -> Destination:
    """What a message of the contracts names; one that names nothing is a hang-up."""
    name = target.WhichOneof("target")
    if name is None:
        return Destination(Kind.HANG_UP)
    value = getattr(target, name)
    return Destination(
        Kind(name), value if isinstance(value, str) else "", agent_tenant_id, queue, flow_version
    )


def send_to(
    turn: Turn,
    to: Destination,
    *,
    after: AfterFailure = AfterFailure.END,
    ring_timeout_s: int = 0,
    priority: int = 0,
    preferred_agent_id: str = "",
    first_fifo: int = 0,
    first_enqueued_at: int = 0,
    cause: call_types.HangupCause = Cause.HANGUP_CAUSE_SYSTEM,
) -> Phase:
    """Sends the customer on. No agent may be with them any more, and no queue may hold them.

    `after`: where they go when an agent or a number does not take them. `first_...`: the place that a visit
    of a queue keeps. `cause`: what an announcement or a hang-up ends the call with.
    """
    call = turn.call
    match to.kind:
        case Kind.QUEUE:
            return enqueue(
                turn,
                to.id,
                to.queue,
                priority=priority,
                preferred_agent_id=preferred_agent_id,
                first_fifo=first_fifo,
                first_enqueued_at=first_enqueued_at,
            )
        case Kind.FLOW:
            return _enter_flow(turn, to)
        case Kind.AGENT | Kind.NUMBER:
            return reach(turn, to, after, ring_timeout_s=ring_timeout_s)
        case Kind.ANNOUNCEMENT:
            call.in_flow = False
            call.action = ANNOUNCEMENT
            call.announced_cause = cause
            turn.play(ANNOUNCEMENT, [ivr.Audio(prompt_id=to.id)])
            return Phase.IN_FLOW
        case Kind.VOICEMAIL:
            return voicemail.ask(turn, [], call.queue_id, 0, route=True)
        case _:
            return finish(turn, cause)


def _enter_flow(turn: Turn, to: Destination) -> Phase:
    """ivr walks it under a new id: a call goes through a flow once."""
    call = turn.call
    if call.step_seq:
        turn.do(fx.EndFlow(call.flow_key))
    call.flow_run = turn.ids()
    call.flow_id, call.flow_version = to.id, to.flow_version
    call.in_flow, call.step_seq, call.node_id, call.action, call.outcome = False, 0, "", "", []
    turn.play_ringback()
    turn.do(fx.BeginFlow(call.flow_id))
    return Phase.IN_FLOW
