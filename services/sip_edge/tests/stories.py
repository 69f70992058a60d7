"""Stories for the call machine alone: inputs by name, as its SIP side and neighbours would feed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from seatbus.call.v1 import service_pb2 as control
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import callback_inputs as cb
from seatbus_sip_edge.domain import device_inputs as dev
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import destination_of
from seatbus_sip_edge.domain.ending import CALLBACK_TAKEN
from seatbus_sip_edge.domain.model import LegPhase, Phase
from seatbus_sip_edge.domain.offer import whisper_id

if TYPE_CHECKING:
    from collections.abc import Callable


from services.sip_edge.tests.driver import OPENINGS, Driver, to

# Steps of ivr.
STEPS = [
    "play", "collect", "enqueue", "voicemail", "step_to_agent", "step_to_number", "callback", "hang_up",
    "hang_up_said",
]  # fmt: skip
_Made = on.Input | None
INPUTS: dict[str, Callable[[Driver], _Made]] = {
    "accepted": lambda d: on.OfferAccepted("v=0", "PCMU"),
    "unacceptable": lambda d: on.OfferUnacceptable("codec"),
    "answer_given": lambda d: on.CallerAnswerGiven("v=0"),
    "answer_missing": lambda d: on.CallerAnswerGiven(""),
    "ready": lambda d: on.CallerReady("PCMU"),
    "played": lambda d: on.PlayFinished(f"step-{d.call.step_seq}", "completed"),
    "collected": lambda d: on.CollectFinished(f"step-{d.call.step_seq}", "7", "max_digits"),
    "timeout": lambda d: on.CollectFinished(f"step-{d.call.step_seq}", "", "timeout"),
    "hash": lambda d: on.CollectFinished(f"step-{d.call.step_seq}", "", "terminator"),
    "full": lambda d: on.VoicemailFull(),
    "no_flow": lambda d: on.FlowUnavailable(None),
    "no_flow_queue": lambda d: on.FlowUnavailable(destination_of(tenancy.Route(queue_id="q"))),
    "no_flow_said": lambda d: on.FlowUnavailable(destination_of(tenancy.Route(announcement_prompt_id="p"))),
    "announced": lambda d: on.PlayFinished("fallback", "completed"),
    # The queue.
    "enqueued": lambda d: on.Enqueued(d.call.contact_id),
    "enqueue_refused": lambda d: on.EnqueueRefused(d.call.contact_id, "full"),
    "taken_before": lambda d: on.EnqueueRefused(d.call.contact_id, "callback_taken"),
    "left": lambda d: on.LeftQueue(d.call.contact_id, "max_wait"),
    "left_for_queue": lambda d: on.LeftQueue(d.call.contact_id, "moved", to(queue_id="q3"), 7, 8),
    "left_for_agent": lambda d: on.LeftQueue(d.call.contact_id, "full", to(agent_id="bert")),
    "left_for_voicemail": lambda d: on.LeftQueue(
        d.call.contact_id, "closed", destination_of(tenancy.Route(voicemail=True))
    ),
    "comfort": lambda d: on.ComfortDue(d.call.contact_id, (ivr.Audio(text="soon"),)),
    "comforted": lambda d: on.PlayFinished("comfort", "completed"),
    "key": lambda d: on.CollectFinished("callback-key", "9", "max_digits"),
    "other_key": lambda d: on.CollectFinished("callback-key", "3", "max_digits"),
    "number": lambda d: on.CollectFinished("callback-number", "0304", "terminator"),
    "no_number": lambda d: on.CollectFinished("callback-number", "", "timeout"),
    "wish_taken": lambda d: cb.CallbackTaken(d.call.callback_contact_id),
    "wish_refused": lambda d: cb.CallbackRefused(d.call.callback_contact_id, "full"),
    "wish_said": lambda d: on.PlayFinished(CALLBACK_TAKEN, "completed"),
    # The agent.
    "late_answer": lambda d: on.AgentAnswered(d.ended, "v=0"),
    "dropped": lambda d: on.OfferDropped(f"rid-{d.rid}"),
    "withdrawn": lambda d: on.OfferWithdrawn(f"rid-{d.rid}"),
    "played_all": lambda d: on.PlayFinished(whisper_id(d.leg), "completed"),
    "agent_hold": lambda d: on.HoldChanged(d.leg, not (d.call.agent_leg and d.call.agent_leg.held)),
    "lost": lambda d: dev.DeviceLost(d.leg),
    "back": lambda d: dev.DeviceBack(d.leg, f"binding-{d.step}"),
    "back_anew": lambda d: dev.DeviceBack(d.leg, "binding-anew", anew=True),
    "retaken": lambda d: dev.LegRetaken(d.leg, "v=0"),
    "forgotten": lambda d: dev.LegForgotten(d.leg),
    "device_gone": lambda d: dev.DeviceGone(),
    "api_hold": lambda d: on.HoldAsked(d.leg, True) if d.call.agent_leg else None,
    "api_resume": lambda d: on.HoldAsked(d.leg, False) if d.call.agent_leg else None,
    "hold_customer": lambda d: on.HoldAsked(d.call.caller_leg_id, True),
    "resume_customer": lambda d: on.HoldAsked(d.call.caller_leg_id, False),
    "mute": lambda d: on.MuteAsked(d.leg, True) if d.call.agent_leg else None,
    "unmute": lambda d: on.MuteAsked(d.leg, False) if d.call.agent_leg else None,
    "digits": lambda d: on.DigitsAsked(d.leg, "1") if d.call.agent_leg else None,
    "replaced_by_own": lambda d: on.LegReplaced(d.leg, d.phone("anna"), "v=0"),
    "replaced_by_colleague": lambda d: on.LegReplaced(d.leg, d.phone("fred"), "v=0"),
    "third_replaced_by_own": lambda d: on.LegReplaced(d.third, d.phone("carl", d.third), "v=0"),
    "third_replaced_by_colleague": lambda d: on.LegReplaced(d.third, d.phone("fred"), "v=0"),
    # The caller, and who ends what.
    "hold": lambda d: on.HoldChanged(d.call.caller_leg_id, not d.call.caller_leg.held),
    "attributes": lambda d: on.AttributesSet({"a": "b"}),
    "bye": lambda d: on.CallerHungUp(),
    "cancel": lambda d: on.CallerCancelled(),
    "no_ack": lambda d: on.CallerNotAcknowledged(),
    "media_lost": lambda d: on.MediaLost("gone"),
    "media_moved": lambda d: on.MediaMoved(),
    "hang_up_asked": lambda d: on.HangUpAsked("", call_types.HANGUP_CAUSE_API),
    "hang_up_third": lambda d: on.HangUpAsked(d.third, call_types.HANGUP_CAUSE_API),
    "hang_up_agent": lambda d: on.HangUpAsked(d.leg, call_types.HANGUP_CAUSE_API),
    "progress": lambda d: on.ProgressDue(),
    "overdue": lambda d: on.AnswerOverdue(),
    "session_ended": lambda d: on.SessionEnded(),
    "abort": lambda d: on.Aborted(call_types.HANGUP_CAUSE_SYSTEM),
    # What is asked of a conversation.
    "to_queue": lambda d: on.TransferAsked(to(queue_id="q2")),
    "to_flow": lambda d: on.TransferAsked(to(flow_id="f2")),
    "to_agent": lambda d: on.TransferAsked(to(agent_id="bert")),
    "to_number": lambda d: on.TransferAsked(to(number="0301")),
    "consult": lambda d: on.ConsultAsked(to(agent_id="carl")),
    "consult_number": lambda d: on.ConsultAsked(to(number="0302")),
    "ask_queue": lambda d: on.ConsultAsked(to(queue_id="experts")),
    "q_refused": lambda d: on.EnqueueRefused(d.call.consult_contact_id, "full"),
    "q_left": lambda d: on.LeftQueue(d.call.consult_contact_id, "max_wait"),
    "q_dropped": lambda d: on.OfferDropped(d.third_rid),
    "q_withdrawn": lambda d: on.OfferWithdrawn(d.third_rid),
    "swap": lambda d: on.SwapAsked(),
    "complete": lambda d: on.CompleteAsked(control.CONSULT_END_TRANSFER),
    "confer": lambda d: on.CompleteAsked(control.CONSULT_END_CONFERENCE),
    "return": lambda d: on.CompleteAsked(control.CONSULT_END_RETURN),
    "join": lambda d: on.PartyJoined(d.guest(), "v=0"),
    "party_left": lambda d: on.PartyLeft(d.leg),
    "customer_left": lambda d: on.PartyLeft(d.call.caller_leg_id),
    "park": lambda d: on.ParkAsked("701"),
    "park_timeout": lambda d: on.ParkedTooLong(),
    "pick_up": lambda d: on.PickUpAsked("dora", "acme"),
    "monitor": lambda d: on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_MONITOR),
    "whisper": lambda d: on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_WHISPER),
    "barge": lambda d: on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_BARGE),
    "take_over": lambda d: on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_TAKE_OVER),
    "supervise_off": lambda d: on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_OFF),
    "record": lambda d: on.RecordingAsked(control.RECORDING_CONTROL_START),
    "record_pause": lambda d: on.RecordingAsked(control.RECORDING_CONTROL_PAUSE),
    "record_stop": lambda d: on.RecordingAsked(control.RECORDING_CONTROL_STOP),
}
# What comes of any leg that we call: the agent's, the consulted (c), a supervisor's (s), the customer's (u).
_OF_A_LEG: dict[str, Callable[[str], on.Input]] = {
    "begun": on.WorkBegun,
    "not_begun": lambda leg: on.WorkNotBegun(leg, "busy"),
    "not_asked": lambda leg: on.WorkNotBegun(leg, "unavailable"),
    "made": lambda leg: on.AgentOfferMade(leg, "v=0"),
    "ringing": on.AgentRinging,
    "early": lambda leg: on.EarlyMedia(leg, "v=0"),
    "rerouted": lambda leg: on.LegRerouted(leg, "second", 503, "v=0"),
    "redirected": lambda leg: on.LegRedirected(leg, 302, "0305", "", "v=0"),
    "answered": lambda leg: on.AgentAnswered(leg, "v=0"),
    "picked_up": lambda leg: on.ExternalAnswered(leg, "v=0"),
    "pressed_one": lambda leg: on.CollectFinished(f"accept-{leg}", "1", "max_digits"),
    "pressed_none": lambda leg: on.CollectFinished(f"accept-{leg}", "", "timeout"),
    "failed": lambda leg: on.AgentFailed(leg, 486),
    "ring_timeout": on.RingTimedOut,
    "work_ok": on.WorkAccepted,
    "work_refused": lambda leg: on.WorkRefused(leg, "no"),
    "connected": lambda leg: on.Connected(leg, "PCMU"),
    "connect_failed": lambda leg: on.ConnectFailed(leg, "no"),
}
_WHO: dict[str, Callable[[Driver], str]] = {
    "": lambda d: d.leg,
    "c_": lambda d: d.third,
    "s_": lambda d: d.watcher,
    "u_": lambda d: d.customer,
}


# What agent_state says: of the answer of an agent whose answer it was told, and of the customer's leg, where
# the customer is an agent, once to each question.
_TO_BEGIN = ("begun", "not_begun", "not_asked")
_TO_REPORT = ("work_ok", "work_refused")
_PICKED_UP = ("answered", "picked_up")


def _of_a_leg(name: str, who: Callable[[Driver], str]) -> Callable[[Driver], _Made]:
    make = _OF_A_LEG[name]

    def made(driver: Driver) -> _Made:
        leg_id = who(driver)
        if name in _TO_REPORT and not driver.reported(leg_id):
            return None
        leg = driver.call.legs.get(leg_id)
        if leg is not None and name in _PICKED_UP and (leg.accepting or leg.was_answered):
            # An INVITE is answered once, in one of the two ways.
            return None
        return make(leg_id) if leg_id != "nobody" or name in ("answered", "failed") else None

    return made


INPUTS |= {f"{prefix}{name}": _of_a_leg(name, who) for prefix, who in _WHO.items() for name in _OF_A_LEG}


def _of_work(name: str) -> Callable[[Driver], _Made]:
    def made(driver: Driver) -> _Made:
        leg_id = driver.bound
        kind = fx.BeginWork if name in _TO_BEGIN else fx.ReportWork
        if driver.answers(kind, leg_id):
            return _OF_A_LEG[name](leg_id)
        return None

    return made


INPUTS |= {f"u_{name}": _of_work(name) for name in (*_TO_BEGIN, *_TO_REPORT)}
INPUTS |= {
    "agent_bye": lambda d: on.AgentHungUp(d.leg),
    "c_bye": lambda d: on.AgentHungUp(d.third),
    "s_bye": lambda d: on.AgentHungUp(d.watcher),
}


def do(driver: Driver, name: str) -> None:
    if name in STEPS:
        driver.given(name)
    elif name == "offer":
        driver.offer(driver.call.contact_id)
    elif name in ("offer_ahead", "offer_coming"):
        driver.offer(driver.call.contact_id, spare=True, sdp="v=0" if name == "offer_ahead" else "")
    elif name == "q_offer":
        driver.offer(driver.call.consult_contact_id, "gina")
    else:
        made = INPUTS[name](driver)
        if made is not None:
            driver.feed(made)


TALK = ["accepted", "enqueue", "offer", "made", "answered", "work_ok", "played_all", "connected"]
ASKS = [*TALK, "consult", "c_begun", "c_made", "c_answered", "c_work_ok", "c_connected"]
WATCHED = [*TALK, "monitor", "s_begun", "s_made", "s_answered", "s_work_ok", "s_connected"]
BEGINNINGS: dict[str, list[list[str]]] = {
    "inbound": [
        ["accepted"],
        TALK,
        ASKS,
        [*ASKS, "confer"],
        WATCHED,
        [*TALK, "lost", "back"],
        [*TALK, "park"],
        [*TALK, "to_agent", "begun"],
        [*TALK, "ask_queue"],
        [*TALK, "ask_queue", "q_offer", "c_made", "c_answered", "c_work_ok"],
        ["accepted", "enqueue", "key"],
        ["accepted", "callback"],
        ["accepted", "enqueue", "offer", "made", "picked_up"],
        ["accepted", "enqueue", "offer_ahead", "answered", "work_ok", "played_all", "connected"],
    ],
    "late_offer": [[], ["accepted"], ["accepted", "answer_given", "ready"]],
    "late_early": [[], ["accepted"], ["accepted", "answer_given", "ready"]],
    "colleague": [
        [],
        ["accepted", "begun", "made"],
        ["accepted", "begun", "made", "answered", "work_ok", "connected"],
    ],
    "bound_colleague": [
        [],
        ["accepted", "u_begun"],
        ["accepted", "u_begun", "begun", "made", "answered", "work_ok", "connected"],
    ],
    "for_queue": [[], ["u_begun", "u_made"], ["u_begun", "u_made", "u_answered", "ready", *TALK[2:]]],
    "for_flow": [[], ["u_begun", "u_made", "u_answered", "ready"]],
    "for_agent": [[], ["u_begun", "u_made", "u_answered", "ready", "begun", "made", "answered", "work_ok"]],
    "called_back": [
        [],
        ["begun", "made", "answered"],
        ["begun", "made", "answered", "u_made", "u_answered", "u_connected"],
    ],
    "called_back_by_key": [["begun", "made", "answered", "u_made", "u_picked_up"]],
    "called_back_first": [
        [],
        ["begun", "u_made", "u_picked_up", "u_pressed_one"],
        ["begun", "u_made", "u_answered", "made", "answered", "work_ok", "connected"],
    ],
    "dialled": [
        [],
        ["accepted", "begun", "u_made", "u_answered"],
        ["accepted", "begun", "u_made", "u_answered", "u_connected"],
    ],
    "dialled_again": [["accepted", "u_made", "u_answered", "u_connected"]],
    "emergency": [["accepted", "u_made"]],
    "originated": [[], ["begun", "made", "answered", "u_made", "u_answered", "u_connected"]],
}
# Inputs that carry a call on are fed more often than others.
_OFTEN = [
    "accepted", "enqueue", "offer", "offer", "offer_ahead", "offer_coming", "made", "answered", "work_ok",
    "work_ok", "connected", "begun", "begun", "consult", "consult", "c_begun", "c_made", "c_answered",
    "c_work_ok", "c_connected",
    "ask_queue", "q_offer", "q_offer", "lost", "u_begun", "u_made", "u_answered", "u_connected",
    "s_begun", "s_made",
]  # fmt: skip
ACTIONS = st.sampled_from([*STEPS, *INPUTS, "offer", "offer_ahead", "offer_coming", "q_offer", *_OFTEN])


@st.composite
def stories(draw: st.DrawFn, *more: str) -> tuple[str, list[str]]:
    """An opening and what follows. `more`: names that the test itself understands."""
    opening = draw(st.sampled_from(["inbound"] * 8 + sorted(OPENINGS)))
    beginning = draw(st.sampled_from(BEGINNINGS[opening]))
    action = st.one_of(ACTIONS, st.sampled_from(more)) if more else ACTIONS
    return opening, [*beginning, *draw(st.lists(action, max_size=50))]


def holds_together(driver: Driver) -> None:
    """What is true between any two inputs."""
    call = driver.call
    live = {item.leg_id for item in call.legs.values() if item.live}
    if call.phase in (Phase.ENDING, Phase.ENDED):
        assert not live
        return
    known = {call.caller_leg_id, call.agent_leg_id, call.consult_leg_id}
    assert live <= known | {item.leg_id for item in call.supervisors}
    with_agent = call.phase in (Phase.BRIDGED, Phase.CONSULTING, Phase.CONFERENCED)
    if with_agent:
        assert call.agent_leg is not None
        assert call.agent_leg.phase is LegPhase.TALKING
    elif call.phase is Phase.DEVICE_LOST:
        assert call.agent_leg is not None
        assert call.agent_leg.lost
        assert not call.recording or call.recording_paused
    else:
        assert not call.supervisors
        assert not call.recording
    if call.consult_waiting:
        assert call.phase is Phase.CONSULTING
        assert call.consult_leg is None or not call.consult_leg.confirmed
    else:
        assert (call.consult_leg is not None) == (call.phase in (Phase.CONSULTING, Phase.CONFERENCED))
    if call.phase in (Phase.QUEUED, Phase.PARKED, Phase.IN_FLOW):
        assert call.agent_leg is None
    if call.phase in (Phase.REACHING, Phase.OFFERED):
        assert call.agent_leg is not None
    # Audio was asked for every leg that is called, and is removed with it while the call goes on.
    made = {c.make_offer.endpoint_id for c in commands(driver) if c.HasField("make_offer")}
    removed = {c.remove_endpoint.endpoint_id for c in commands(driver) if c.HasField("remove_endpoint")}
    gone = {item.leg_id for item in call.legs.values() if not item.live and item.leg_id != call.caller_leg_id}
    assert gone & made <= removed
    assert not live & removed
    # So is what was made for an agent who was not there yet, if no agent came whom it suits.
    waits = call.phase in (Phase.QUEUED, Phase.OFFERED)
    assert not call.spare_leg_id or waits
    spare = {batch.spare for batch in driver.effects if isinstance(batch, fx.Media) and batch.spare}
    assert spare - set(call.legs) - {call.spare_leg_id} <= removed
    assert call.spare_leg_id not in call.legs


def commands(driver: Driver) -> list[media.Command]:
    return [command for batch in driver.effects if isinstance(batch, fx.Media) for command in batch.commands]
