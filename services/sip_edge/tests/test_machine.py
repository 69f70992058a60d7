"""The call machine alone: laws that hold whatever happens in whatever order."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.call_table import CALLS
from seatbus_sip_edge.domain.causes import failure_of
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.legs import LEGS, LegEvent, leg_step
from seatbus_sip_edge.domain.machine import apply
from seatbus_sip_edge.domain.model import Call, LegPhase, Phase
from seatbus_testkit.properties import examples
from services.sip_edge.tests.driver import Driver, Ids, made_call
from services.sip_edge.tests.stories import ASKS, TALK, WATCHED, do, holds_together, stories


@settings(max_examples=examples(150), deadline=None)
@given(
    stories(),
    st.sampled_from([0, 1, 2, 3]),
    st.sampled_from(["", "hello"]),
    st.sampled_from(["", "key", "number"]),
)
def test_whatever_happens_the_books_are_right(
    story: tuple[str, list[str]], supervision: int, whisper: str, wish: str
) -> None:
    opening, names = story
    driver = Driver(supervision, whisper, opening=opening, wish=wish)
    for name in names:
        do(driver, name)
        holds_together(driver)
    do(driver, "abort")
    do(driver, "session_ended")
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
    # The visit of an agent who calls a customer back began in the call that left the wish.
    assert queued + (call.calls_back and not call.customer_first) >= left >= queued
    names_of_facts = [type(fact.message).__name__ for fact in facts]
    assert names_of_facts.count("CallRecordingStarted") == names_of_facts.count("CallRecordingStopped")

    finals = {
        agent.WORK_EVENT_ENDED, agent.WORK_EVENT_NO_ANSWER, agent.WORK_EVENT_BUSY, agent.WORK_EVENT_REJECTED,
        agent.WORK_EVENT_UNREACHABLE, agent.WORK_EVENT_CANCELLED, agent.WORK_EVENT_DEVICE_LOST,
    }  # fmt: skip
    reports = [effect for effect in driver.of(fx.ReportWork) if isinstance(effect, fx.ReportWork)]
    refused = any(name.endswith("work_refused") for name in names)
    for leg in call.legs.values():
        if leg.rid:
            of_leg = [report.event for report in reports if report.leg_id == leg.leg_id]
            count = sum(event in finals for event in of_leg)
            assert count == 1 or (refused and count == 0)
            if count:
                assert of_leg[-1] in finals


def test_three_parties_and_who_hangs_up_when() -> None:
    """The customer ends the call; the third party gives the agent back; without the agent the two go on."""
    for story, third, phase in (
        (ASKS, "bye", Phase.ENDING),
        (ASKS, "c_bye", Phase.BRIDGED),
        (ASKS, "agent_bye", Phase.BRIDGED),
        ([*ASKS, "confer"], "bye", Phase.ENDING),
        ([*ASKS, "confer"], "c_bye", Phase.BRIDGED),
        ([*ASKS, "confer"], "agent_bye", Phase.BRIDGED),
        ([*TALK, "consult", "c_begun", "c_made", "c_ringing"], "agent_bye", Phase.REACHING),
        ([*TALK, "consult", "c_begun", "c_made", "c_ringing"], "c_failed", Phase.BRIDGED),
        ([*TALK, "consult", "c_begun", "c_made", "c_ringing"], "bye", Phase.ENDING),
    ):
        driver = Driver()
        for name in story:
            do(driver, name)
        before = driver.call.agent_leg_id
        do(driver, third)
        assert driver.call.phase is phase, (story, third)
        if third == "agent_bye":
            assert driver.call.agent_leg_id != before
            assert driver.call.legs[before].cause == call_types.HANGUP_CAUSE_TRANSFERRED


def test_a_late_refusal_of_who_asks_a_colleague_cuts_nobody_off() -> None:
    """agent_state was away when they dialled, and hears of their call once they are asking somebody."""
    driver = Driver(opening="dialled")
    for name in ("accepted", "not_asked", "u_made", "u_answered", "u_connected", "consult", "work_refused"):
        do(driver, name)
    assert driver.call.phase is Phase.CONSULTING
    assert driver.call.agent_leg is not None


def test_hanging_up_a_supervisor_leaves_the_conversation_alone() -> None:
    driver = Driver()
    for name in WATCHED:
        do(driver, name)
    (watcher,) = driver.call.supervisors
    driver.feed(on.HangUpAsked(watcher.leg_id, call_types.HANGUP_CAUSE_API))
    assert driver.call.phase is Phase.BRIDGED
    assert driver.call.supervisors == []
    assert driver.of(fx.HangUp) == [fx.HangUp(watcher.leg_id)]


@settings(max_examples=examples(50), deadline=None)
@given(stories())
def test_the_journal_gives_the_same_call_back(story: tuple[str, list[str]]) -> None:
    opening, names = story
    driver = Driver(opening=opening)
    for name in names:
        do(driver, name)
    stored = orjson.loads(orjson.dumps(driver.call))
    assert Call.from_dict(stored) == driver.call


def test_every_entry_of_the_table_leads_to_phases_that_exist() -> None:
    for phase, row in CALLS.items():
        assert row, phase
        for kind, rule in row.items():
            assert rule.to, (phase, kind)
    assert set(CALLS) == set(Phase)


def test_a_missing_entry_raises_and_changes_nothing() -> None:
    call = made_call()
    with pytest.raises(IllegalInput):
        apply(call, on.Connected("nobody", "PCMU"), 1, Ids()) or apply(call, on.LeftQueue("x", "y"), 1, Ids())
    assert call == made_call()


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
    do(driver, "accepted")
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


RINGS = [*TALK, "consult", "c_begun", "c_made", "c_ringing"]


def test_another_phone_takes_a_place_among_three() -> None:
    """Of the agent who asks, or of who is asked, ringing or not: who talks with whom stays as it was."""
    for story, replaced, phase, last in (
        (ASKS, "replaced_by_own", Phase.CONSULTING, "connect"),
        (ASKS, "replaced_by_colleague", Phase.CONSULTING, "connect"),
        (RINGS, "replaced_by_own", Phase.CONSULTING, "play"),
        (ASKS, "third_replaced_by_own", Phase.CONSULTING, "connect"),
        ([*ASKS, "swap"], "third_replaced_by_colleague", Phase.CONSULTING, "connect"),
        ([*ASKS, "confer"], "replaced_by_colleague", Phase.CONFERENCED, "conference"),
        ([*ASKS, "confer"], "third_replaced_by_own", Phase.CONFERENCED, "conference"),
        (RINGS, "third_replaced_by_colleague", Phase.CONSULTING, "connect"),
        ([*TALK, "ask_queue"], "replaced_by_own", Phase.CONSULTING, "play"),
    ):
        driver = Driver()
        for name in story:
            do(driver, name)
        asks, third = driver.call.agent_leg_id, driver.call.consult_leg_id
        before = len(driver.effects)
        do(driver, replaced)
        call = driver.call
        assert call.phase is phase, (story, replaced)
        of_third = replaced.startswith("third")
        assert (call.agent_leg_id == asks, call.consult_leg_id == third) == (of_third, not of_third)
        gone = call.legs[third if of_third else asks]
        assert not gone.live
        said = [
            command.WhichOneof("command")
            for effect in driver.effects[before:]
            if isinstance(effect, fx.Media)
            for command in effect.commands
        ]
        assert last in said, (story, replaced, said)
        assert any(isinstance(effect, fx.AnswerLeg) for effect in driver.effects[before:])
        do(driver, "bye")
        assert call.phase is Phase.ENDING


def test_who_is_asked_and_has_just_answered_hears_the_phone_that_is_there_now() -> None:
    """The audio of both was being joined when another phone took the place of who asks."""
    driver = Driver()
    for name in [*RINGS, "c_answered", "c_work_ok"]:
        do(driver, name)
    do(driver, "replaced_by_own")
    call = driver.call
    joined = [effect for effect in driver.effects if isinstance(effect, fx.Media)][-1]
    # Media answers a repeated question about a leg with what it did the first time.
    assert joined.reply is fx.MediaReply.NOTHING
    last = joined.commands[-1].connect
    assert (last.endpoint_a, last.endpoint_b) == (call.agent_leg_id, call.consult_leg_id)
    do(driver, "c_connected")
    assert call.consult_leg is not None
    assert call.consult_leg.phase is LegPhase.TALKING


def test_who_asks_a_queue_is_replaced_by_another_phone_as_the_agent_never_as_who_is_asked() -> None:
    driver = Driver(opening="bound_colleague")
    for name in ("accepted", "u_begun", "connected", "ask_queue", "replaced_by_own"):
        do(driver, name)
        holds_together(driver)
    assert driver.call.phase is Phase.CONSULTING
    assert driver.call.consult_leg is None
