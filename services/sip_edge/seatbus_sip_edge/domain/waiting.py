"""A caller in a queue: in, back from a failed offer, and out without an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.ending import end_agent, finish
from seatbus_sip_edge.domain.model import Cause, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus.common.v1 import types_pb2 as common
    from seatbus_sip_edge.domain.turn import Turn


def enqueue(
    turn: Turn,
    queue_id: str,
    queue: tenancy.Queue | None,
    *,
    requirements: Sequence[common.Skill] = (),
    priority: int = 0,
    preferred_agent_id: str = "",
) -> Phase:
    """A new visit with a new contact id; the caller hears music."""
    call = turn.call
    call.contact_id = turn.ids()
    call.queue_id = queue_id
    call.visit += 1
    call.waiting = True
    call.requirements = {skill.name: skill.level for skill in requirements}
    call.priority, call.preferred_agent_id = priority, preferred_agent_id
    call.record = queue is not None and queue.record
    call.music_prompt_id = queue.music_prompt_id if queue is not None else ""
    if call.supervision == tenancy.ANSWER_SUPERVISION_AT_QUEUE:
        turn.answer_caller()
    turn.record(facts.CallQueued(contact_id=call.contact_id, queue_id=queue_id, visit=call.visit))
    turn.do(fx.Enqueue(call.contact_id, queue_id, tuple(requirements), priority, preferred_agent_id))
    turn.play_music()
    return Phase.QUEUED


def _leave(turn: Turn, outcome: str, reason: str) -> Phase:
    call = turn.call
    call.waiting = False
    turn.record(facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome=outcome))
    call.contact_id = ""
    if not call.in_flow:
        return finish(turn, Cause.HANGUP_CAUSE_QUEUE_OVERFLOW)
    turn.stop_play()
    return turn.advance(ivr.OUTCOME_KIND_OVERFLOWED, reason=reason)


def enqueue_refused(turn: Turn, event: on.EnqueueRefused) -> Phase:
    if event.contact_id != turn.call.contact_id:
        return turn.call.phase
    return _leave(turn, "refused", event.reason)


def left_queue(turn: Turn, event: on.LeftQueue) -> Phase:
    call = turn.call
    if event.contact_id != call.contact_id:
        return call.phase
    leg = call.agent_leg
    if leg is not None:
        turn.do(fx.StopTimer(fx.Timer.RING))
        end_agent(turn, leg, Cause.HANGUP_CAUSE_CANCELLED)
        call.agent_leg_id = ""
    return _leave(turn, "overflowed", event.reason)
