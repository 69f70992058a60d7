"""A caller who does not want to hold the line: a key while waiting, or a step of the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.call.v1 import events_pb2 as facts
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import spare
from seatbus_sip_edge.domain.ending import CALLBACK_TAKEN, finish
from seatbus_sip_edge.domain.model import Cause, Phase

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip_edge.domain import inputs as on
    from seatbus_sip_edge.domain.callback_inputs import CallbackRefused, CallbackTaken
    from seatbus_sip_edge.domain.model import Call
    from seatbus_sip_edge.domain.turn import Turn

# Step action and collections by these names.
ACTION: Final = "callback"
_KEY: Final = "callback-key"
_NUMBER: Final = "callback-number"
_LISTEN_MS: Final = 60_000
_TYPE_MS: Final = 8_000
_MOST_DIGITS: Final = 20
# Of acd's refusals: the wish had been taken before.
_TAKEN_BEFORE: Final = "callback_taken"


def take_rules(call: Call, policy: tenancy.CallbackPolicy | None) -> None:
    """What the call keeps of its queue's way to call back."""
    call.callback_key = policy.key if policy is not None else ""
    call.callback_asks = policy.ask_number if policy is not None else False
    call.callback_prompts = (
        [policy.ask_prompt_id, policy.taken_prompt_id, policy.greeting_prompt_id]
        if policy is not None
        else []
    )


def _prompt(call: Call, number: int, text: str) -> ivr.Audio:
    known = call.callback_prompts[number] if call.callback_prompts else ""
    return ivr.Audio(prompt_id=known) if known else ivr.Audio(text=text)


def greeting(call: Call, text: str) -> ivr.Audio:
    """What a customer hears who has been called."""
    return _prompt(call, 2, text)


# While waiting


def listen(turn: Turn) -> None:
    """Waits for the key, behind the music. Nothing can be pressed before the call is answered."""
    call = turn.call
    if not call.callback_key or not call.answered_at:
        return
    _collect(turn, media.Collect(collect_id=_KEY, min_digits=1, max_digits=1, timeout_ms=_LISTEN_MS))


def listen_no_more(turn: Turn) -> None:
    """What is pressed from now on is somebody else's."""
    if turn.call.callback_key and turn.call.answered_at:
        turn.media(media.Command(stop_collect=media.StopCollect(endpoint_id=turn.call.caller_leg_id)))


def _collect(turn: Turn, command: media.Collect) -> None:
    command.endpoint_id = turn.call.caller_leg_id
    turn.media(media.Command(collect=command))


def collected(turn: Turn, event: on.CollectFinished) -> Phase:
    """Of a waiting caller."""
    call = turn.call
    if not call.waiting or event.reason == "failed":
        return call.phase
    if event.collect_id == _KEY:
        if event.digits != call.callback_key or call.phase is not Phase.QUEUED:
            listen(turn)
        elif call.callback_asks:
            _ask_number(turn)
        else:
            _request(turn, "")
    elif event.collect_id == _NUMBER:
        if event.digits or event.reason == "terminator":
            _request(turn, event.digits)
        else:
            _wait_on(turn)
    return call.phase


def _ask_number(turn: Turn) -> None:
    command = media.Collect(
        collect_id=_NUMBER,
        max_digits=_MOST_DIGITS,
        terminators="#",
        timeout_ms=_TYPE_MS,
        inter_digit_ms=_TYPE_MS // 2,
    )
    text = "Please type the number to be called, and press hash. Press hash alone for this number."
    command.playlist.items.append(_prompt(turn.call, 0, text))
    command.playlist.barge_in = True
    _collect(turn, command)


def _request(turn: Turn, number: str) -> None:
    call = turn.call
    call.callback_contact_id = call.contact_id
    turn.do(fx.RequestCallback(call.contact_id, call.queue_id, number or call.caller))


def _wait_on(turn: Turn) -> None:
    spare.wait_with_music(turn)
    listen(turn)


def taken_in_queue(turn: Turn, event: CallbackTaken) -> Phase:
    """The place is kept by acd; the line is free."""
    call = turn.call
    if event.contact_id != call.contact_id or not call.waiting:
        return call.phase
    return _taken(turn)


def taken_before(turn: Turn, event: on.EnqueueRefused) -> bool:
    """acd knows the contact as a call-back: the answer to the wish was lost."""
    return event.reason == _TAKEN_BEFORE


def _taken(turn: Turn) -> Phase:
    call = turn.call
    call.waiting, call.callback_contact_id = False, ""
    turn.record(facts.CallDequeued(contact_id=call.contact_id, queue_id=call.queue_id, outcome="callback"))
    listen_no_more(turn)
    return say_taken(turn)


taken = _taken


def say_taken(turn: Turn) -> Phase:
    turn.call.action = CALLBACK_TAKEN
    turn.play(CALLBACK_TAKEN, [_prompt(turn.call, 1, "You keep your place. We call you back. Good bye.")])
    return Phase.IN_FLOW


def said(turn: Turn) -> Phase:
    return finish(turn, Cause.HANGUP_CAUSE_CALLBACK)


def refused_in_queue(turn: Turn, event: CallbackRefused) -> Phase:
    """The caller goes on waiting."""
    call = turn.call
    if event.contact_id == call.contact_id and call.waiting and call.phase is Phase.QUEUED:
        call.callback_contact_id = ""
        _wait_on(turn)
    return call.phase


# In the flow


def ask(turn: Turn, queue_id: str, number: str) -> Phase:
    """A step of the flow: a contact that begins as a call-back."""
    call = turn.call
    if not call.callback_contact_id:
        call.callback_contact_id = turn.ids()
        call.visit += 1
    turn.do(fx.RequestCallback(call.callback_contact_id, queue_id, number or call.caller))
    return Phase.IN_FLOW


def taken_in_flow(turn: Turn, event: CallbackTaken) -> Phase:
    call = turn.call
    if event.contact_id != call.callback_contact_id or call.action != ACTION:
        return call.phase
    call.callback_contact_id = ""
    return turn.advance(ivr.OUTCOME_KIND_DONE, reason=event.contact_id)


def refused_in_flow(turn: Turn, event: CallbackRefused) -> Phase:
    call = turn.call
    if event.contact_id != call.callback_contact_id or call.action != ACTION:
        return call.phase
    call.callback_contact_id = ""
    return turn.advance(ivr.OUTCOME_KIND_FAILED, reason=event.reason)
