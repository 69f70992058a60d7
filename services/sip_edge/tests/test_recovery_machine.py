"""Taking calls up again, the machine alone: at any moment of any story, with the state of the journal."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.common.v1 import types_pb2 as common
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import destination_of
from seatbus_sip_edge.domain.model import Call, Phase
from seatbus_testkit.properties import examples
from services.sip_edge.tests.driver import Driver
from services.sip_edge.tests.stories import do, holds_together, stories

RESTORED = on.Restored("v=0", ("PCMU",), "lan")


def restart(driver: Driver) -> list[fx.Effect]:
    """The process dies; its successor has what the journal has."""
    driver.call = Call.from_dict(orjson.loads(orjson.dumps(driver.call)))
    return driver.feed(RESTORED)


def at(*names: str) -> Driver:
    driver = Driver()
    for name in names:
        do(driver, name)
    return driver


def media(effects: list[fx.Effect]) -> list[str]:
    found = []
    for effect in effects:
        if isinstance(effect, fx.Media):
            found += [command.WhichOneof("command") or "" for command in effect.commands]
    return found


def kinds(effects: list[fx.Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects if not isinstance(effect, fx.Media)]


def step(driver: Driver) -> list[fx.Effect]:
    """ivr says that the call is where it was."""
    given_again = ivr.Step(step_seq=driver.call.step_seq, node_id=driver.call.node_id)
    given_again.collect.max_digits = 1
    return driver.feed(on.StepGiven(given_again))


def test_without_audio_yet_media_is_asked_again() -> None:
    driver = at()
    effects = restart(driver)
    assert driver.call.phase is Phase.ARRIVED
    assert media(effects) == ["accept_offer"]
    (asked,) = effects
    assert isinstance(asked, fx.Media)
    assert asked.commands[0].accept_offer.zone == "lan"


def test_in_the_flow_the_present_step_is_carried_out_again_without_a_fact() -> None:
    driver = at("accepted", "play", "collect")
    assert "BeginFlow" in kinds(restart(driver))
    again = step(driver)
    assert media(again) == ["collect"]
    assert "Record" not in kinds(again)
    # Once: a step that comes twice is still not walked twice.
    assert step(driver) == []


def test_in_the_flow_digits_that_ivr_has_not_heard_are_told_again() -> None:
    driver = at("accepted", "collect", "collected")
    restart(driver)
    (told,) = step(driver)
    assert isinstance(told, fx.AdvanceFlow)
    assert (told.step_seq, told.outcome.digits) == (1, "7")


def test_secret_digits_are_not_kept_the_caller_is_asked_again() -> None:
    driver = at("accepted")
    secret = ivr.Step(step_seq=1, node_id="pin")
    secret.collect.max_digits, secret.collect.secret = 4, True
    driver.feed(on.StepGiven(secret))
    driver.feed(on.CollectFinished("step-1", "1234", "max_digits"))
    assert b"1234" not in orjson.dumps(driver.call)
    restart(driver)
    assert media(driver.feed(on.StepGiven(secret))) == ["collect"]


def test_in_the_flow_a_step_that_ivr_gave_meanwhile_is_the_next_one() -> None:
    driver = at("accepted", "collect", "collected")
    restart(driver)
    driver.given("enqueue")
    assert driver.call.phase is Phase.QUEUED


def test_the_fallback_route_is_taken_again() -> None:
    driver = at("accepted")
    driver.feed(on.FlowUnavailable(destination_of(tenancy.Route(announcement_prompt_id="sorry"))))
    assert "TakeFallback" in kinds(restart(driver))


def test_in_the_queue_the_same_contact_asks_for_the_same() -> None:
    driver = at("accepted")
    given_step = ivr.Step(step_seq=1, node_id="q")
    given_step.enqueue.queue_id, given_step.enqueue.priority = "q", 3
    given_step.enqueue.requirements.append(common.Skill(name="english", level=7))
    driver.feed(on.StepGiven(given_step, tenancy.Queue()))
    (first,) = driver.of(fx.Enqueue)
    spare = driver.call.spare_leg_id
    effects = restart(driver)
    (again,) = [effect for effect in effects if isinstance(effect, fx.Enqueue)]
    assert again == first
    # Of the next agent's endpoint nobody knows any more whether it was made: another one takes its place.
    assert media(effects) == ["remove_endpoint", "play", "make_offer"]
    assert [effect.spare for effect in effects if isinstance(effect, fx.Media)] == [
        spare,
        driver.call.spare_leg_id,
    ]
    assert driver.call.spare_leg_id != spare
    assert driver.call.visit == 1


def test_back_in_the_queue_the_failed_offer_is_told_again() -> None:
    effects = restart(at("accepted", "enqueue", "offer", "made", "ringing", "failed"))
    work = [(e.event) for e in effects if isinstance(e, fx.ReportWork)]
    offers = [(e.outcome, e.repeated) for e in effects if isinstance(e, fx.ReportOffer)]
    assert work == [agent.WORK_EVENT_BUSY]
    assert offers == [(acd.OFFER_OUTCOME_BUSY, True)]
    assert "CancelDial" in kinds(effects)


@pytest.mark.parametrize("names", [("made",), ("made", "ringing")])
def test_a_dialled_phone_gets_its_invite_again_and_the_rest_of_its_time(names: tuple[str, ...]) -> None:
    driver = at("accepted", "enqueue", "offer", *names)
    driver.now += 1_000_000
    effects = restart(driver)
    assert "ResumeDial" in kinds(effects)
    (ring,) = [e for e in effects if isinstance(e, fx.SetTimer) and e.timer is fx.Timer.RING]
    assert 3.0 <= ring.seconds < 4.1
    assert driver.call.phase is Phase.OFFERED


def test_an_offer_in_preparation_is_prepared_again() -> None:
    assert media(restart(at("accepted", "enqueue", "offer"))) == ["make_offer"]


def test_an_answer_is_told_again() -> None:
    driver = at("accepted", "enqueue", "offer", "made", "answered")
    effects = restart(driver)
    assert [e.event for e in effects if isinstance(e, fx.ReportWork)] == [agent.WORK_EVENT_ANSWERED]
    do(driver, "work_ok")
    do(driver, "connected")
    assert driver.call.phase is Phase.BRIDGED


def test_audio_that_was_being_joined_is_joined_under_the_same_recording() -> None:
    driver = at("accepted", "enqueue", "offer", "made", "answered", "work_ok")
    recording = driver.call.recording_id
    effects = restart(driver)
    assert media(effects) == ["accept_answer", "connect", "start_recording"]
    assert driver.call.recording_id == recording
    joined = next(e for e in effects if isinstance(e, fx.Media))
    assert joined.commands[0].accept_answer.sdp == "v=0"


def test_a_conversation_goes_on_and_nothing_is_done_to_its_audio() -> None:
    driver = at("accepted", "enqueue", "offer", "made", "answered", "work_ok", "connected")
    effects = restart(driver)
    assert media(effects) == []
    assert driver.call.phase is Phase.BRIDGED
    assert [e.repeated for e in effects if isinstance(e, fx.ReportOffer)] == [True]
    do(driver, "bye")
    assert driver.call.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


def test_an_ending_call_ends() -> None:
    driver = at("accepted", "enqueue", "offer", "made", "answered", "work_ok", "connected", "bye")
    effects = restart(driver)
    assert media(effects) == ["end_session"]
    assert {"RepeatReports", "HangUp"} <= set(kinds(effects))
    do(driver, "session_ended")
    assert driver.call.phase is Phase.ENDED


@settings(max_examples=examples(150), deadline=None)
@given(stories("restart", "same_step"), st.sampled_from([0, 1, 2, 3]), st.sampled_from(["", "key", "number"]))
def test_whatever_happens_and_whenever_it_dies_the_books_are_right(
    story: tuple[str, list[str]], supervision: int, wish: str
) -> None:
    opening, names = story
    driver = Driver(supervision, opening=opening, wish=wish)
    for name in [*names, "restart"]:
        if name == "restart":
            restart(driver)
        elif name == "same_step":
            step(driver)
        else:
            do(driver, name)
        holds_together(driver)
    do(driver, "abort")
    do(driver, "session_ended")
    call = driver.call
    assert call.phase is Phase.ENDED
    facts = [effect for effect in driver.of(fx.Record) if isinstance(effect, fx.Record)]
    assert [fact.seq for fact in facts] == list(range(1, call.seq + 1))
    names_of_facts = [type(fact.message).__name__ for fact in facts]
    assert names_of_facts.count("CallEnded") == 1
    assert names_of_facts[-1] == "CallEnded"
    assert names_of_facts.count("LegCreated") == names_of_facts.count("LegEnded")
    queued, left = (names_of_facts.count(name) for name in ("CallQueued", "CallDequeued"))
    assert queued + (call.calls_back and not call.customer_first) >= left >= queued
    assert names_of_facts.count("CallStarted") == 1
    assert names_of_facts.count("CallAnswered") <= 1
