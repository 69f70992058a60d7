"""Carrying out the steps that ivr gives, and what happens when nobody gives any."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import callback_wish, voicemail
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import ANNOUNCEMENT, Destination, Kind, send_to
from seatbus_sip_edge.domain.ending import CALLBACK_TAKEN, finish
from seatbus_sip_edge.domain.model import AfterFailure, Cause, Phase
from seatbus_sip_edge.domain.waiting import enqueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatbus_sip_edge.domain.turn import Turn

_DEFAULT_COLLECT_MS = 5000


def step_play_id(step_seq: int) -> str:
    return f"step-{step_seq}"


def step_given(turn: Turn, event: on.StepGiven) -> Phase:
    call, step = turn.call, event.step
    if call.in_flow and step.step_seq <= call.step_seq:
        if not call.resuming or step.step_seq < call.step_seq:
            return call.phase
        call.resuming = False
        return _again(turn, event)
    call.resuming = False
    if not call.in_flow:
        call.in_flow = True
        turn.record(facts.CallFlowEntered(flow_id=call.flow_id, flow_version=call.flow_version))
    call.step_seq, call.node_id, call.outcome = step.step_seq, step.node_id, []
    if step.attributes:
        call.attributes.update(step.attributes)
        turn.record(facts.CallAttributesSet(attributes=step.attributes))
    turn.record(facts.CallNodeEntered(node_id=step.node_id, step_seq=step.step_seq))
    return _perform(turn, event)


def _again(turn: Turn, event: on.StepGiven) -> Phase:
    """After a restart ivr has not moved on: it is told the outcome, or the caller gets the step again."""
    call = turn.call
    if call.outcome:
        kind, digits, reason = call.outcome
        return turn.advance(cast("ivr.OutcomeKind", kind), digits=str(digits), reason=str(reason))
    return _perform(turn, event)


def _perform(turn: Turn, event: on.StepGiven) -> Phase:
    action = event.step.WhichOneof("action") or ""
    turn.call.action = action
    perform = _ACTIONS.get(action)
    if perform is None:
        return turn.advance(ivr.OUTCOME_KIND_FAILED, reason=f"{action or 'no action'} is not served")
    return perform(turn, event)


def _play(turn: Turn, event: on.StepGiven) -> Phase:
    play = event.step.play
    if not play.audio:
        return turn.advance(ivr.OUTCOME_KIND_DONE)
    turn.play(step_play_id(event.step.step_seq), play.audio, barge_in=play.barge_in)
    return Phase.IN_FLOW


def _collect(turn: Turn, event: on.StepGiven) -> Phase:
    collect = event.step.collect
    call = turn.call
    call.secret = collect.secret
    command = media.Collect(
        endpoint_id=turn.call.caller_leg_id,
        collect_id=step_play_id(event.step.step_seq),
        min_digits=collect.min_digits,
        max_digits=collect.max_digits or 1,
        terminators=collect.terminators,
        timeout_ms=collect.timeout_ms or _DEFAULT_COLLECT_MS,
        inter_digit_ms=collect.inter_digit_ms,
        secret=collect.secret,
    )
    if collect.audio:
        command.playlist.items.extend(collect.audio)
        command.playlist.barge_in = True
    turn.media(media.Command(collect=command))
    return Phase.IN_FLOW


def _enqueue(turn: Turn, event: on.StepGiven) -> Phase:
    step = event.step.enqueue
    return enqueue(
        turn,
        step.queue_id,
        event.queue,
        requirements=step.requirements,
        priority=step.priority,
        preferred_agent_id=step.preferred_agent_id,
        also_queue_ids=step.also_queue_ids,
    )


def _hang_up(turn: Turn, event: on.StepGiven) -> Phase:
    audio = event.step.hang_up.audio
    if not audio:
        return finish(turn, Cause.HANGUP_CAUSE_FLOW_ENDED)
    turn.play(step_play_id(event.step.step_seq), audio)
    return Phase.IN_FLOW


def _transfer(turn: Turn, event: on.StepGiven) -> Phase:
    """To a number or an agent; whom nobody takes goes on in the flow."""
    step = event.step.transfer
    name = step.WhichOneof("target")
    if name is None:
        return turn.advance(ivr.OUTCOME_KIND_FAILED, reason="the transfer names nobody")
    turn.stop_play()
    return send_to(turn, Destination(Kind(name), getattr(step, name)), after=AfterFailure.FLOW)


def _voicemail(turn: Turn, event: on.StepGiven) -> Phase:
    step = event.step.voicemail
    return voicemail.ask(turn, step.audio, step.queue_id, step.max_s)


def _callback(turn: Turn, event: on.StepGiven) -> Phase:
    step = event.step.callback
    return callback_wish.ask(turn, step.queue_id, step.number)


def message_left(turn: Turn, _event: object) -> Phase:
    """The caller pressed #, or has said as much as is kept."""
    call = turn.call
    if call.action not in voicemail.ACTIONS:
        return call.phase
    by_route, recording_id = call.action == voicemail.ROUTE_ACTION, call.voicemail_id
    voicemail.stop(turn)
    if by_route:
        return finish(turn, Cause.HANGUP_CAUSE_FLOW_ENDED)
    return turn.advance(ivr.OUTCOME_KIND_DONE, reason=f"recording {recording_id}")


_ACTIONS: Mapping[str, Callable[[Turn, on.StepGiven], Phase]] = {
    "play": _play,
    "collect": _collect,
    "enqueue": _enqueue,
    "hang_up": _hang_up,
    "transfer": _transfer,
    "voicemail": _voicemail,
    callback_wish.ACTION: _callback,
}


def play_finished(turn: Turn, event: on.PlayFinished) -> Phase:
    call = turn.call
    if event.play_id == CALLBACK_TAKEN and call.action == CALLBACK_TAKEN:
        return callback_wish.said(turn)
    if event.play_id == ANNOUNCEMENT and call.action == ANNOUNCEMENT:
        return finish(turn, call.announced_cause or Cause.HANGUP_CAUSE_SYSTEM)
    if (
        call.action in voicemail.ACTIONS
        and event.play_id == voicemail.play_id(turn)
        and not call.voicemail_id
    ):
        return voicemail.record(turn)
    if event.play_id != step_play_id(call.step_seq):
        return call.phase
    if call.action == "hang_up":
        return finish(turn, Cause.HANGUP_CAUSE_FLOW_ENDED)
    if call.action == "play":
        return turn.advance(ivr.OUTCOME_KIND_DONE, reason=event.reason)
    return call.phase


def collect_finished(turn: Turn, event: on.CollectFinished) -> Phase:
    call = turn.call
    if event.collect_id == voicemail.play_id(turn) and event.reason == "terminator" and call.voicemail_id:
        return message_left(turn, event)
    if call.action != "collect" or event.collect_id != step_play_id(call.step_seq):
        return call.phase
    if not event.digits:
        return turn.advance(ivr.OUTCOME_KIND_TIMEOUT, reason=event.reason)
    return _collected(turn, event.digits, event.reason)


def _collected(turn: Turn, digits: str, reason: str) -> Phase:
    call = turn.call
    shown = "*" * len(digits) if call.secret else digits
    call.digits.append(shown)
    turn.record(facts.CallDigitsCollected(node_id=call.node_id, digits=shown, secret=call.secret))
    return turn.advance(ivr.OUTCOME_KIND_DIGITS, digits=digits, reason=reason)


def flow_unavailable(turn: Turn, event: on.FlowUnavailable) -> Phase:
    """The number's fallback route. A call is never left ringing into the void."""
    call = turn.call
    call.in_flow = False
    if event.to is None:
        return finish(turn, Cause.HANGUP_CAUSE_SYSTEM)
    return send_to(turn, event.to)
