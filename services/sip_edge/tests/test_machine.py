"""The call machine alone: laws that hold whatever happens in whatever order."""

from __future__ import annotations

import itertools

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as control
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import device_inputs as dev
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.call_table import CALLS
from seatbus_sip_edge.domain.causes import failure_of
from seatbus_sip_edge.domain.destinations import destination_of
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.legs import LEGS, LegEvent, leg_step
from seatbus_sip_edge.domain.machine import apply
from seatbus_sip_edge.domain.model import Call, Leg, LegPhase, Phase
from seatbus_sip_edge.domain.offer import whisper_id
from seatbus_testkit.properties import examples


class _Ids:
    def __init__(self, start: int = 1) -> None:
        self._count = itertools.count(start)

    def __call__(self) -> str:
        return f"00000000-0000-7000-8000-{next(self._count):012d}"


def _call(**fields: object) -> Call:
    ids = _Ids()
    return Call(
        tenant_id="acme",
        call_id=ids(),
        owner="edge-0",
        caller="1",
        dialed="2",
        direction=call_types.DIRECTION_INBOUND,
        caller_leg_id=ids(),
        flow_id="main",
        **fields,  # type: ignore[arg-type]
    )


class Driver:
    """Feeds inputs and keeps the books on what came out."""

    def __init__(self, supervision: int = 0, whisper: str = "") -> None:
        self.whisper = whisper
        self.call = _call(supervision=supervision)
        self.ids = _Ids(start=100)
        self.now = 1_000_000
        self.effects: list[fx.Effect] = []
        self.step = 0
        self.rid = 0
        self.feed(on.Arrived("v=0", "udp:1", "x"))

    def feed(self, event: on.Input) -> list[fx.Effect]:
        self.now += 1000
        before = orjson.dumps(self.call)
        try:
            made = apply(self.call, event, self.now, self.ids)
        except IllegalInput:
            assert orjson.dumps(self.call) == before
            return []
        self.effects += made
        return made

    def of(self, kind: type) -> list[fx.Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def offer(self, contact_id: str, agent_id: str = "anna") -> None:
        self.rid += 1
        rid = f"rid-{self.rid}"
        self.feed(on.AgentOffered(contact_id, rid, "g", 1, "acme", agent_id, "d", "q", self.ids(), 5))

    def given(self, action: str) -> None:
        self.step += 1
        step = ivr.Step(step_seq=self.step, node_id=f"n{self.step}")
        if action == "play":
            step.play.audio.add(text="x")
        elif action == "collect":
            step.collect.max_digits = 1
        elif action == "enqueue":
            step.enqueue.queue_id = "q"
        elif action == "voicemail":
            step.voicemail.queue_id = "q"
        elif action == "transfer":
            step.transfer.agent_id = "bert"
        else:
            step.hang_up.SetInParent()
        self.feed(on.StepGiven(step, tenancy.Queue(record=True, whisper_prompt_id=self.whisper)))


_ACTIONS = st.sampled_from(
    [
        "accepted", "unacceptable", "play", "collect", "enqueue", "hang_up", "played", "collected", "timeout",
        "no_flow", "no_flow_queue", "enqueued", "enqueue_refused", "left", "offer", "offer", "made",
        "ringing", "answered", "failed", "ring_timeout", "agent_bye", "work_ok", "work_ok", "work_refused",
        "connected", "connect_failed", "dropped", "withdrawn", "hold", "attributes", "bye", "cancel",
        "no_ack", "media_lost", "media_moved",
        "hang_up_asked", "progress", "overdue", "session_ended", "abort", "late_answer",
        "agent_hold", "api_hold", "api_resume", "mute", "digits", "record", "record_pause", "record_stop",
        "to_queue", "to_flow", "to_agent", "to_number", "step_to_agent", "begun", "begun", "not_begun",
        "played_all",
        "consult", "consult", "consult_number", "c_begun", "c_begun", "c_not_begun", "c_made", "c_made",
        "c_ringing", "c_answered", "c_answered", "c_work_ok", "c_work_ok", "c_connected", "c_connected",
        "c_failed", "c_timeout", "c_refused", "c_bye", "c_connect_failed", "swap", "complete",
        "confer", "return",
        "join", "party_left", "customer_left", "voicemail", "full", "hash",
        "lost", "lost", "back", "back_anew", "retaken", "forgotten", "device_gone",
        "ask_queue", "ask_queue", "q_offer", "q_offer", "q_offer", "q_refused", "q_left", "q_dropped",
        "q_withdrawn", "replaced_by_own", "replaced_by_colleague",
        "hang_up_third", "park", "park_timeout", "pick_up", "monitor", "take_over", "supervise_off",
        "s_begun", "s_made", "s_answered", "s_work_ok", "s_connected", "s_bye", "s_failed", "s_timeout",
    ]
)  # fmt: skip


def _guest(driver: Driver) -> Leg:
    """The other party of another call of the agent."""
    leg_id = driver.ids()
    return Leg(leg_id, call_types.LEG_ROLE_AGENT, LegPhase.TALKING, agent_id="zoe", rid=f"rid-{leg_id}")


def _phone(driver: Driver, agent_id: str) -> Leg:
    """Another phone, which has sent an INVITE with Replaces; a colleague's agent was asked for."""
    old = driver.call.agent_leg
    rid = f"rid-{driver.ids()}"
    if old is not None and old.agent_id == agent_id:
        rid = old.rid
    made = Leg(driver.ids(), call_types.LEG_ROLE_AGENT, agent_id=agent_id, agent_tenant_id="acme", rid=rid)
    made.incoming = True
    return made


def _do(driver: Driver, name: str) -> None:
    call = driver.call
    leg = call.agent_leg_id or "nobody"
    ended = next((item.leg_id for item in call.legs.values() if item.rid and not item.live), "nobody")
    contact = call.contact_id
    inputs: dict[str, on.Input] = {
        "accepted": on.OfferAccepted("v=0", "PCMU"),
        "unacceptable": on.OfferUnacceptable("codec"),
        "played": on.PlayFinished(f"step-{call.step_seq}", "completed"),
        "collected": on.CollectFinished(f"step-{call.step_seq}", "7", "max_digits"),
        "timeout": on.CollectFinished(f"step-{call.step_seq}", "", "timeout"),
        "no_flow": on.FlowUnavailable(None),
        "no_flow_queue": on.FlowUnavailable(destination_of(tenancy.Route(queue_id="q"))),
        "enqueued": on.Enqueued(contact),
        "enqueue_refused": on.EnqueueRefused(contact, "full"),
        "left": on.LeftQueue(contact, "max_wait"),
        "made": on.AgentOfferMade(leg, "v=0"),
        "ringing": on.AgentRinging(leg),
        "answered": on.AgentAnswered(leg, "v=0"),
        "late_answer": on.AgentAnswered(ended, "v=0"),
        "failed": on.AgentFailed(leg, 486),
        "ring_timeout": on.RingTimedOut(leg),
        "agent_bye": on.AgentHungUp(leg),
        "work_ok": on.WorkAccepted(leg),
        "work_refused": on.WorkRefused(leg, "no"),
        "connected": on.Connected(leg, "PCMU"),
        "connect_failed": on.ConnectFailed(leg, "no"),
        "dropped": on.OfferDropped(f"rid-{driver.rid}"),
        "withdrawn": on.OfferWithdrawn(f"rid-{driver.rid}"),
        "hold": on.HoldChanged(call.caller_leg_id, not call.caller_leg.held),
        "attributes": on.AttributesSet({"a": "b"}),
        "bye": on.CallerHungUp(),
        "cancel": on.CallerCancelled(),
        "no_ack": on.CallerNotAcknowledged(),
        "media_lost": on.MediaLost("gone"),
        "media_moved": on.MediaMoved(),
        "hang_up_asked": on.HangUpAsked("", call_types.HANGUP_CAUSE_API),
        "progress": on.ProgressDue(),
        "overdue": on.AnswerOverdue(),
        "session_ended": on.SessionEnded(),
        "abort": on.Aborted(call_types.HANGUP_CAUSE_SYSTEM),
    }
    third = call.consult_leg_id or "nobody"
    watcher = next((item.leg_id for item in call.supervisors), "nobody")
    inputs |= {
        "agent_hold": on.HoldChanged(leg, not (call.agent_leg and call.agent_leg.held)),
        "to_queue": on.TransferAsked(destination_of(call_types.OutboundTarget(queue_id="q2"))),
        "to_flow": on.TransferAsked(destination_of(call_types.OutboundTarget(flow_id="f2"))),
        "to_agent": on.TransferAsked(destination_of(call_types.OutboundTarget(agent_id="bert"))),
        "to_number": on.TransferAsked(destination_of(call_types.OutboundTarget(number="0301"))),
        "begun": on.WorkBegun(leg),
        "not_begun": on.WorkNotBegun(leg, "busy"),
        "played_all": on.PlayFinished(whisper_id(leg), "completed"),
        "consult": on.ConsultAsked(destination_of(call_types.OutboundTarget(agent_id="carl"))),
        "consult_number": on.ConsultAsked(destination_of(call_types.OutboundTarget(number="0302"))),
        "lost": dev.DeviceLost(leg),
        "back": dev.DeviceBack(leg, f"binding-{driver.step}"),
        "back_anew": dev.DeviceBack(leg, "binding-anew", anew=True),
        "retaken": dev.LegRetaken(leg, "v=0"),
        "forgotten": dev.LegForgotten(leg),
        "device_gone": dev.DeviceGone(),
        "join": on.PartyJoined(_guest(driver), "v=0"),
        "party_left": on.PartyLeft(leg),
        "customer_left": on.PartyLeft(call.caller_leg_id),
        "full": on.VoicemailFull(),
        "hash": on.CollectFinished(f"step-{call.step_seq}", "", "terminator"),
        "ask_queue": on.ConsultAsked(destination_of(call_types.OutboundTarget(queue_id="experts"))),
        "q_refused": on.EnqueueRefused(call.consult_contact_id, "full"),
        "q_left": on.LeftQueue(call.consult_contact_id, "max_wait"),
        "q_dropped": on.OfferDropped(call.consult_leg.rid if call.consult_leg else "none"),
        "q_withdrawn": on.OfferWithdrawn(call.consult_leg.rid if call.consult_leg else "none"),
        "replaced_by_own": on.LegReplaced(leg, _phone(driver, "anna"), "v=0"),
        "replaced_by_colleague": on.LegReplaced(leg, _phone(driver, "fred"), "v=0"),
        "swap": on.SwapAsked(),
        "complete": on.CompleteAsked(control.CONSULT_END_TRANSFER),
        "confer": on.CompleteAsked(control.CONSULT_END_CONFERENCE),
        "return": on.CompleteAsked(control.CONSULT_END_RETURN),
        "hang_up_third": on.HangUpAsked(third, call_types.HANGUP_CAUSE_API),
        "park": on.ParkAsked("701"),
        "park_timeout": on.ParkedTooLong(),
        "pick_up": on.PickUpAsked("dora", "acme"),
        "monitor": on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_MONITOR),
        "take_over": on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_TAKE_OVER),
        "supervise_off": on.SuperviseAsked("eva", "acme", control.SUPERVISE_MODE_OFF),
        "record": on.RecordingAsked(control.RECORDING_CONTROL_START),
        "record_pause": on.RecordingAsked(control.RECORDING_CONTROL_PAUSE),
        "record_stop": on.RecordingAsked(control.RECORDING_CONTROL_STOP),
    }
    for prefix, who in (("c", third), ("s", watcher)):
        inputs |= {
            f"{prefix}_begun": on.WorkBegun(who),
            f"{prefix}_not_begun": on.WorkNotBegun(who, "busy"),
            f"{prefix}_made": on.AgentOfferMade(who, "v=0"),
            f"{prefix}_ringing": on.AgentRinging(who),
            f"{prefix}_answered": on.AgentAnswered(who, "v=0"),
            f"{prefix}_work_ok": on.WorkAccepted(who),
            f"{prefix}_refused": on.WorkRefused(who, "no"),
            f"{prefix}_connected": on.Connected(who, "PCMU"),
            f"{prefix}_connect_failed": on.ConnectFailed(who, "no"),
            f"{prefix}_failed": on.AgentFailed(who, 486),
            f"{prefix}_timeout": on.RingTimedOut(who),
            f"{prefix}_bye": on.AgentHungUp(who),
        }
    if call.agent_leg is not None:
        inputs |= {
            "api_hold": on.HoldAsked(leg, True),
            "api_resume": on.HoldAsked(leg, False),
            "mute": on.MuteAsked(leg, True),
            "digits": on.DigitsAsked(leg, "1"),
        }
    if name == "step_to_agent":
        driver.given("transfer")
    elif name in ("api_hold", "api_resume", "mute", "digits") and name not in inputs:
        pass
    elif name in ("play", "collect", "enqueue", "hang_up", "voicemail"):
        driver.given(name)
    elif name == "offer":
        driver.offer(call.contact_id)
    elif name == "q_offer":
        driver.offer(call.consult_contact_id, "gina")
    else:
        driver.feed(inputs[name])


_TALK = ["accepted", "enqueue", "offer", "made", "answered", "work_ok", "played_all", "connected"]
_ASKS = [*_TALK, "consult", "c_begun", "c_made", "c_answered", "c_work_ok", "c_connected"]
_WATCHED = [*_TALK, "monitor", "s_begun", "s_made", "s_answered", "s_work_ok", "s_connected"]
_BEGINNINGS = st.sampled_from(
    [
        ["accepted"],
        _TALK,
        _ASKS,
        [*_ASKS, "confer"],
        _WATCHED,
        [*_TALK, "lost", "back"],
        [*_TALK, "park"],
        [*_TALK, "to_agent", "begun"],
        [*_TALK, "ask_queue"],
        [*_TALK, "ask_queue", "q_offer", "c_made", "c_answered", "c_work_ok"],
    ]
)
# Endings are rare among the inputs, so that long calls happen too.
_STORIES = st.tuples(_BEGINNINGS, st.lists(_ACTIONS, max_size=50)).map(lambda parts: [*parts[0], *parts[1]])


@settings(max_examples=examples(150), deadline=None)
@given(_STORIES, st.sampled_from([0, 1, 2, 3]), st.sampled_from(["", "hello"]))
def test_whatever_happens_the_books_are_right(names: list[str], supervision: int, whisper: str) -> None:
    driver = Driver(supervision, whisper)
    for name in names:
        _do(driver, name)
        _holds_together(driver)
    _do(driver, "abort")
    _do(driver, "session_ended")
    call = driver.call
    assert call.phase is Phase.ENDED
    assert not call.consult_waiting

    facts = [effect for effect in driver.of(fx.Record) if isinstance(effect, fx.Record)]
    assert [fact.seq for fact in facts] == list(range(1, call.seq + 1))
    assert [type(fact.message).__name__ for fact in facts].count("CallEnded") == 1
    assert type(facts[-1].message).__name__ == "CallEnded"
    assert facts[-1].message.last_seq == call.seq  # type: ignore[attr-defined]
    # After the end only a phone that answers late is still hung up.
    assert len(driver.of(fx.Finished)) == 1
    after = driver.effects[driver.effects.index(fx.Finished()) + 1 :]
    assert all(isinstance(effect, fx.HangUp) for effect in after)

    created = [f.message.leg_id for f in facts if type(f.message).__name__ == "LegCreated"]  # type: ignore[attr-defined]
    ended = [f.message.leg_id for f in facts if type(f.message).__name__ == "LegEnded"]  # type: ignore[attr-defined]
    assert sorted(created) == sorted(ended)
    queued = sum(type(fact.message).__name__ == "CallQueued" for fact in facts)
    left = sum(type(fact.message).__name__ == "CallDequeued" for fact in facts)
    assert queued == left
    names_of_facts = [type(fact.message).__name__ for fact in facts]
    assert names_of_facts.count("CallRecordingStarted") == names_of_facts.count("CallRecordingStopped")

    finals = {
        agent.WORK_EVENT_ENDED, agent.WORK_EVENT_NO_ANSWER, agent.WORK_EVENT_BUSY, agent.WORK_EVENT_REJECTED,
        agent.WORK_EVENT_UNREACHABLE, agent.WORK_EVENT_CANCELLED, agent.WORK_EVENT_DEVICE_LOST,
    }  # fmt: skip
    reports = [effect for effect in driver.of(fx.ReportWork) if isinstance(effect, fx.ReportWork)]
    refused = {"work_refused", "c_refused"} & set(names)
    for leg in call.legs.values():
        if leg.rid:
            of_leg = [report.event for report in reports if report.leg_id == leg.leg_id]
            count = sum(event in finals for event in of_leg)
            assert count == 1 or (refused and count == 0)
            if count:
                assert of_leg[-1] in finals


def _holds_together(driver: Driver) -> None:
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
    made = {c.make_offer.endpoint_id for c in _commands(driver) if c.HasField("make_offer")}
    removed = {c.remove_endpoint.endpoint_id for c in _commands(driver) if c.HasField("remove_endpoint")}
    gone = {item.leg_id for item in call.legs.values() if not item.live and item.leg_id != call.caller_leg_id}
    assert gone & made <= removed
    assert not live & removed


def _commands(driver: Driver) -> list[media.Command]:
    return [command for batch in driver.effects if isinstance(batch, fx.Media) for command in batch.commands]


def test_three_parties_and_who_hangs_up_when() -> None:
    """The customer ends the call; the third party gives the agent back; without the agent the two go on."""
    for story, third, phase in (
        (_ASKS, "bye", Phase.ENDING),
        (_ASKS, "c_bye", Phase.BRIDGED),
        (_ASKS, "agent_bye", Phase.BRIDGED),
        ([*_ASKS, "confer"], "bye", Phase.ENDING),
        ([*_ASKS, "confer"], "c_bye", Phase.BRIDGED),
        ([*_ASKS, "confer"], "agent_bye", Phase.BRIDGED),
        ([*_TALK, "consult", "c_begun", "c_made", "c_ringing"], "agent_bye", Phase.REACHING),
        ([*_TALK, "consult", "c_begun", "c_made", "c_ringing"], "c_failed", Phase.BRIDGED),
        ([*_TALK, "consult", "c_begun", "c_made", "c_ringing"], "bye", Phase.ENDING),
    ):
        driver = Driver()
        for name in story:
            _do(driver, name)
        before = driver.call.agent_leg_id
        _do(driver, third)
        assert driver.call.phase is phase, (story, third)
        if third == "agent_bye":
            assert driver.call.agent_leg_id != before
            assert driver.call.legs[before].cause == call_types.HANGUP_CAUSE_TRANSFERRED


def test_hanging_up_a_supervisor_leaves_the_conversation_alone() -> None:
    driver = Driver()
    for name in _WATCHED:
        _do(driver, name)
    (watcher,) = driver.call.supervisors
    driver.feed(on.HangUpAsked(watcher.leg_id, call_types.HANGUP_CAUSE_API))
    assert driver.call.phase is Phase.BRIDGED
    assert driver.call.supervisors == []
    assert driver.of(fx.HangUp) == [fx.HangUp(watcher.leg_id)]


@settings(max_examples=examples(50), deadline=None)
@given(_STORIES)
def test_the_journal_gives_the_same_call_back(names: list[str]) -> None:
    driver = Driver()
    for name in names:
        _do(driver, name)
    stored = orjson.loads(orjson.dumps(driver.call))
    assert Call.from_dict(stored) == driver.call


def test_every_entry_of_the_table_leads_to_phases_that_exist() -> None:
    for phase, row in CALLS.items():
        assert row, phase
        for kind, rule in row.items():
            assert rule.to, (phase, kind)
    assert set(CALLS) == set(Phase)


def test_a_missing_entry_raises_and_changes_nothing() -> None:
    call = _call()
    with pytest.raises(IllegalInput):
        apply(call, on.Connected("nobody", "PCMU"), 1, _Ids()) or apply(
            call, on.LeftQueue("x", "y"), 1, _Ids()
        )
    assert call == _call()


def test_every_leg_phase_can_end() -> None:
    for phase in LegPhase:
        if phase is not LegPhase.ENDED:
            assert leg_step(phase, LegEvent.ENDED) is LegPhase.ENDED
    assert LEGS[LegPhase.ENDED] == {}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (0, "unreachable"), (404, "unreachable"), (408, "unreachable"), (480, "no_answer"), (486, "busy"),
        (487, "no_answer"), (500, "unreachable"), (600, "busy"), (603, "rejected"), (606, "rejected"),
    ],
)  # fmt: skip
def test_status_codes_of_phones_have_a_meaning(status: int, word: str) -> None:
    assert failure_of(status).word == word


def test_secret_digits_are_never_recorded() -> None:
    driver = Driver()
    _do(driver, "accepted")
    step = ivr.Step(step_seq=1, node_id="pin")
    step.collect.max_digits, step.collect.secret = 4, True
    driver.feed(on.StepGiven(step))
    driver.feed(on.CollectFinished("step-1", "1234", "max_digits"))
    shown = [
        effect.message.digits  # type: ignore[attr-defined]
        for effect in driver.of(fx.Record)
        if isinstance(effect, fx.Record) and type(effect.message).__name__ == "CallDigitsCollected"
    ]
    assert shown == ["****"]
    assert driver.call.all_digits == "****"
    (advance,) = driver.of(fx.AdvanceFlow)
    assert isinstance(advance, fx.AdvanceFlow)
    assert advance.outcome.digits == "1234"
