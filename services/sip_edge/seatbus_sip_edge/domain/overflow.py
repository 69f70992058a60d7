"""A caller leaves a queue without an agent: by the queue's own route, else the flow goes on, else the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_sip_edge.domain import callback_wish, ring, spare
from seatbus_sip_edge.domain.destinations import send_to
from seatbus_sip_edge.domain.ending import finish
from seatbus_sip_edge.domain.model import Cause, Phase
from seatbus_sip_edge.domain.waiting import COMFORT

if TYPE_CHECKING:
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.destinations import Destination
    from seatbus_sip_edge.domain.turn import Turn

# Queues that overflow into each other would hand a caller round for ever.
MOST_VISITS: Final = 32


def _leave(
    turn: Turn,
    outcome: str,
    reason: str,
    to: Destination | None,
    first_fifo: int = 0,
    first_enqueued_at: int = 0,
) -> Phase:
    call = turn.call
    call.waiting = False
    callback_wish.listen_no_more(turn)
    turn.record(facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome=outcome))
    call.contact_id = ""
    if to is not None and call.visit < MOST_VISITS:
        turn.stop_play()
        return send_to(
            turn,
            to,
            priority=call.priority,
            first_fifo=first_fifo,
            first_enqueued_at=first_enqueued_at,
            cause=Cause.HANGUP_CAUSE_QUEUE_OVERFLOW,
        )
    if not call.in_flow:
        return finish(turn, Cause.HANGUP_CAUSE_QUEUE_OVERFLOW)
    turn.stop_play()
    return turn.advance(ivr.OUTCOME_KIND_OVERFLOWED, reason=reason)


def enqueue_refused(turn: Turn, event: on.EnqueueRefused) -> Phase:
    if event.contact_id != turn.call.contact_id:
        return turn.call.phase
    if callback_wish.taken_before(turn, event):
        return callback_wish.taken(turn)
    return _leave(turn, "refused", event.reason, event.to)


def left_queue(turn: Turn, event: on.LeftQueue) -> Phase:
    call = turn.call
    # Whom an agent has taken has left already.
    if event.contact_id != call.contact_id or not call.waiting:
        return call.phase
    ring.silence(turn)
    outcome = "transferred_out" if event.reason == "moved" else "overflowed"
    return _leave(turn, outcome, event.reason, event.to, event.first_fifo, event.first_enqueued_at)


def announced(turn: Turn, event: on.ComfortDue) -> Phase:
    call = turn.call
    if event.contact_id == call.contact_id and call.waiting and event.audio:
        turn.play(COMFORT, event.audio)
    return call.phase


def comforted(turn: Turn, event: on.PlayFinished) -> Phase:
    """The music goes on; what else had been playing ended when something replaced it."""
    if event.play_id == COMFORT and turn.call.waiting:
        spare.wait_with_music(turn)
    return turn.call.phase
