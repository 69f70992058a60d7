"""A caller in a queue: in, back from a failed offer, and out without an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import callback_wish, ring, spare
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.model import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus.acd.v1 import types_pb2 as acd_types
    from seatbus.common.v1 import types_pb2 as common
    from seatbus_sip_edge.domain.model import Call
    from seatbus_sip_edge.domain.turn import Turn

COMFORT: Final = "comfort"


def take_queue(call: Call, queue: tenancy.Queue | None) -> None:
    """What the call keeps of its queue's configuration."""
    found = queue if queue is not None else tenancy.Queue()
    call.record = found.record
    call.music_prompt_id = found.music_prompt_id
    call.whisper_prompt_id = found.whisper_prompt_id
    call.wrap_up_s = found.wrap_up_s
    callback_wish.take_rules(call, found.callback if found.HasField("callback") else None)
    call.device_lost_s = found.device_lost_s
    call.device_lost_prompt_id = found.device_lost_prompt_id


def enqueue(
    turn: Turn,
    queue_id: str,
    queue: tenancy.Queue | None,
    *,
    requirements: Sequence[common.Skill] = (),
    priority: int = 0,
    preferred_agent_id: str = "",
    first_fifo: int = 0,
    first_enqueued_at: int = 0,
    also_queue_ids: Sequence[str] = (),
) -> Phase:
    """A new visit with a new contact id; the caller hears music. `first_...`: the place of a visit before."""
    call = turn.call
    call.queue_id = queue_id
    call.requirements = {skill.name: skill.level for skill in requirements}
    call.priority, call.preferred_agent_id = priority, preferred_agent_id
    call.first_fifo, call.first_enqueued_at = first_fifo, first_enqueued_at
    call.also_queue_ids = list(also_queue_ids)
    take_queue(call, queue)
    outage = queue is not None and queue.mass_outage
    return visit_again(turn, queue.outage_prompt_id if outage and queue is not None else "")


def visit_again(turn: Turn, ahead_prompt_id: str = "") -> Phase:
    """A new visit of the queue that the call was in last, with the same wishes. A prompt may come ahead."""
    call = turn.call
    call.contact_id = turn.ids()
    call.visit += 1
    call.waiting = True
    if call.supervision == tenancy.ANSWER_SUPERVISION_AT_QUEUE:
        turn.answer_caller()
    turn.record(facts.CallQueued(contact_id=call.contact_id, queue_id=call.queue_id, visit=call.visit))
    turn.enqueue_again()
    if ahead_prompt_id:
        turn.play(COMFORT, [ivr.Audio(prompt_id=ahead_prompt_id)])
    else:
        spare.wait_with_music(turn)
    callback_wish.listen(turn)
    return Phase.QUEUED


def leave(turn: Turn, outcome: str, reported: acd_types.VisitOutcome) -> None:
    """The call goes elsewhere by our own decision: acd is told, a phone that rings for it is silenced."""
    call = turn.call
    if not call.waiting:
        return
    callback_wish.listen_no_more(turn)
    ring.silence(turn)
    call.waiting = False
    turn.record(facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome=outcome))
    turn.do(fx.CancelContact(call.contact_id, reported))
