"""What may happen to an agent, and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged, AgentWorkChanged
from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
from seatbus.common.v1.types_pb2 import ACTOR_KIND_AGENT, Actor
from seatbus_agent_state.domain.states import IN_TALK, PRESENCE, WORK, Cause, Presence, Work
from seatbus_agent_state.domain.turn import Turn
from seatbus_kit.errors import Refused
from seatbus_testkit.properties import examples

START = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
ME = Actor(kind=ACTOR_KIND_AGENT, id="a1")


class Desk:
    """One agent through the day; time moves ten seconds a turn unless told otherwise."""

    def __init__(self, wrap_up_s: int = 30) -> None:
        self.agent = AgentState(tenant_id="acme", agent_id="a1", presence="PRESENCE_LOGGED_OUT")
        self.now = START
        self.wrap_up_s = wrap_up_s
        self.events: list[AgentPresenceChanged | AgentWorkChanged] = []

    def turn(self, seconds: float = 10) -> Turn:
        self.now += timedelta(seconds=seconds)
        return Turn(self.agent, self.now, ME)

    def login(self, *, ready: bool = True) -> None:
        self.turn().login("l1", "seat-1", "phone-1", take_over=False, ready=ready)

    def reserve(self, rid: str = "r1") -> Turn:
        turn = self.turn()
        item = WorkItem(rid=rid, channel="voice", ring_timeout_s=20, wrap_up_s=self.wrap_up_s)
        turn.reserve(item, 1)
        return turn

    def work(self, *causes: Cause, rid: str = "r1") -> Turn:
        for cause in causes:
            turn = self.turn()
            turn.work(rid, cause)
        return turn

    @property
    def presence(self) -> Presence:
        return Presence(self.agent.presence)

    @property
    def idle_since(self) -> datetime:
        return self.agent.idle_since.ToDatetime(UTC)


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.login()
    return made


def test_a_call_leads_through_wrap_up_back_to_ready(desk: Desk) -> None:
    desk.reserve()
    turn = desk.work(Cause.RINGING, Cause.ANSWERED, Cause.HELD, Cause.RESUMED, Cause.ENDED)
    [item] = desk.agent.work
    assert item.state == Work.WRAP_UP
    assert item.deadline.ToDatetime(UTC) == desk.now + timedelta(seconds=30)
    assert turn.timed == {"r1"}
    turn = desk.work(Cause.WRAP_UP_LIMIT)
    assert not desk.agent.work
    assert desk.presence is Presence.READY
    assert desk.idle_since == desk.now
    assert desk.agent.contacts_handled == 1
    assert desk.agent.handled_us == 40_000_000
    [event] = turn.events
    assert isinstance(event, AgentWorkChanged)
    assert (event.to, event.cause, event.open_items) == (Work.DONE, "wrap_up_limit", 0)


def test_without_wrap_up_the_end_of_talk_is_the_end_of_the_contact() -> None:
    desk = Desk(wrap_up_s=0)
    desk.login()
    desk.reserve()
    desk.work(Cause.ANSWERED, Cause.ENDED)
    assert not desk.agent.work
    assert desk.idle_since == desk.now


@pytest.mark.parametrize("cause", [Cause.CANCELLED, Cause.ANSWERED_ELSEWHERE])
def test_a_caller_who_left_or_was_answered_elsewhere_costs_the_agent_nothing(
    desk: Desk, cause: Cause
) -> None:
    since = desk.idle_since
    desk.reserve()
    desk.work(Cause.RINGING, cause)
    assert desk.presence is Presence.READY
    assert desk.idle_since == since


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.NO_ANSWER, "no_answer"),
        (Cause.BUSY, "device_busy"),
        (Cause.REJECTED, "rejected"),
        (Cause.UNREACHABLE, "device_unreachable"),
    ],
)
def test_an_offer_that_failed_leaves_the_agent_not_ready_with_its_reason(
    desk: Desk, cause: Cause, reason: str
) -> None:
    desk.reserve()
    turn = desk.work(Cause.RINGING, cause)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, reason)
    assert [type(event) for event in turn.events] == [AgentWorkChanged, AgentPresenceChanged]
    assert turn.events[0].presence == Presence.NOT_READY  # type: ignore[attr-defined]


def test_not_ready_asked_for_in_a_talk_takes_effect_after_wrap_up(desk: Desk) -> None:
    desk.reserve()
    desk.work(Cause.ANSWERED)
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    assert desk.presence is Presence.READY
    desk.work(Cause.ENDED)
    assert desk.presence is Presence.READY
    desk.turn().complete_wrap_up("", "sold")
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "lunch")
    assert not desk.agent.deferred_presence


def test_an_agent_who_asked_for_a_break_is_not_reserved(desk: Desk) -> None:
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    with pytest.raises(Refused) as refusal:
        desk.reserve()
    assert refusal.value.reason == "agent_not_ready"


def test_an_agent_is_in_no_second_contact(desk: Desk) -> None:
    desk.reserve()
    with pytest.raises(Refused) as refusal:
        desk.reserve("r2")
    assert refusal.value.reason == "no_capacity"
    assert not desk.reserve("r1").changed, "a repeated reservation changes nothing"


def test_a_logout_in_a_talk_waits_for_its_end(desk: Desk) -> None:
    desk.reserve()
    desk.work(Cause.ANSWERED)
    desk.turn().logout()
    desk.work(Cause.ENDED, Cause.WRAP_UP_COMPLETED)
    assert desk.presence is Presence.LOGGED_OUT
    assert not desk.agent.device_id


def test_a_supervisor_ends_a_wrap_up_but_no_talk(desk: Desk) -> None:
    desk.reserve()
    desk.work(Cause.ANSWERED)
    desk.turn().force(Presence.NOT_READY, "meeting")
    assert desk.agent.work[0].state == Work.TALKING
    desk.work(Cause.ENDED)
    desk.turn().force(Presence.NOT_READY, "meeting")
    assert (desk.presence, len(desk.agent.work)) == (Presence.NOT_READY, 0)


def test_a_second_login_is_refused_unless_it_takes_over(desk: Desk) -> None:
    with pytest.raises(Refused) as refusal:
        desk.turn().login("l2", "seat-2", "phone-2", take_over=False, ready=True)
    assert refusal.value.reason == "logged_in_elsewhere"
    desk.turn().login("l2", "seat-2", "phone-2", take_over=True, ready=True)
    assert (desk.agent.seat_id, desk.agent.login_id) == ("seat-2", "l2")


@pytest.mark.parametrize(("gone_s", "restored"), [(29, True), (31, False)])
def test_a_device_that_is_back_within_30_s_restores_the_agent(
    desk: Desk, gone_s: float, restored: bool
) -> None:
    since = desk.idle_since
    desk.turn().device("phone-1", registered=False)
    assert desk.presence is Presence.NOT_READY
    desk.turn(gone_s).device("phone-1", registered=True)
    assert (desk.presence is Presence.READY) is restored
    if restored:
        assert desk.idle_since == since


@pytest.mark.parametrize("wrap_up_s", [0, 30])
def test_a_device_lost_in_a_talk_leaves_the_agent_not_ready_until_it_is_back(wrap_up_s: int) -> None:
    desk = Desk(wrap_up_s)
    desk.login()
    desk.reserve()
    desk.work(Cause.RINGING, Cause.ANSWERED, Cause.HELD, Cause.DEVICE_LOST)
    if wrap_up_s:
        assert desk.presence is Presence.READY
        desk.work(Cause.WRAP_UP_LIMIT)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "device_lost")
    desk.turn().device("phone-1", registered=True)
    assert desk.presence is Presence.READY


def test_a_break_that_a_colleagues_call_interrupts_is_no_lost_device(desk: Desk) -> None:
    desk.login()
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    turn = desk.turn()
    turn.begin(WorkItem(rid="r1", channel="voice", ring_timeout_s=20, kind="direct"), 1)
    desk.work(Cause.ANSWERED, Cause.DEVICE_LOST)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "lunch")


def test_a_break_is_not_ended_by_a_device_that_registers(desk: Desk) -> None:
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    desk.turn().device("phone-1", registered=False)
    desk.turn().device("phone-1", registered=True)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "lunch")


def test_every_state_of_an_item_has_a_way_out() -> None:
    for state in set(Work) - {Work.DONE}:
        reached, frontier = set(), {state}
        while frontier:
            reached |= frontier
            frontier = {step.to for (at, _), step in WORK.items() if at in frontier} - reached
        assert Work.DONE in reached, state
        if state in IN_TALK:
            assert (state, Cause.DIALOG_LOST) in WORK
    assert {at for at, _ in PRESENCE} == set(Presence)


def begin(desk: Desk, rid: str = "d1", kind: str = "outbound") -> Turn:
    turn = desk.turn()
    turn.begin(WorkItem(rid=rid, kind=kind, channel="voice", ring_timeout_s=20, wrap_up_s=30), 1)
    return turn


@pytest.mark.parametrize("ready", [True, False])
def test_an_agent_dials_whether_ready_or_not(ready: bool) -> None:
    desk = Desk()
    desk.login(ready=ready)
    [event] = begin(desk).events
    assert isinstance(event, AgentWorkChanged)
    assert (event.to, event.kind) == (Work.RESERVED, "outbound")
    desk.work(Cause.DIALING, Cause.ANSWERED, Cause.ENDED, Cause.WRAP_UP_COMPLETED, rid="d1")
    assert desk.presence is (Presence.READY if ready else Presence.NOT_READY)
    assert desk.agent.contacts_handled == 1


def test_who_dials_gets_no_contact_and_who_has_a_contact_does_not_dial(desk: Desk) -> None:
    begin(desk)
    assert not begin(desk).changed, "a repeated beginning changes nothing"
    for refused in (desk.reserve, lambda: begin(desk, "d2")):
        with pytest.raises(Refused) as refusal:
            refused()
        assert refusal.value.reason == "no_capacity"
    desk.work(Cause.CANCELLED, rid="d1")
    desk.reserve()
    with pytest.raises(Refused):
        begin(desk)


def test_in_wrap_up_the_customer_can_be_called_back(desk: Desk) -> None:
    desk.reserve()
    desk.work(Cause.ANSWERED, Cause.ENDED)
    begin(desk)
    with pytest.raises(Refused):
        desk.reserve("r2")


def test_nobody_dials_who_is_logged_out_or_leaving() -> None:
    desk = Desk()
    with pytest.raises(Refused) as refusal:
        begin(desk)
    assert refusal.value.reason == "logged_out"
    desk.login()
    desk.reserve()
    desk.work(Cause.ANSWERED, Cause.ENDED)
    desk.turn().logout()
    with pytest.raises(Refused):
        begin(desk)


@pytest.mark.parametrize("cause", [Cause.NO_ANSWER, Cause.BUSY, Cause.REJECTED, Cause.UNREACHABLE])
def test_a_customer_who_does_not_answer_costs_the_agent_nothing(desk: Desk, cause: Cause) -> None:
    since = desk.idle_since
    begin(desk)
    desk.work(Cause.DIALING, cause, rid="d1")
    assert desk.presence is Presence.READY
    assert desk.idle_since == since


def test_a_break_keeps_its_reason_when_a_colleagues_call_is_missed(desk: Desk) -> None:
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    begin(desk, kind="direct")
    desk.work(Cause.RINGING, Cause.NO_ANSWER, rid="d1")
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "lunch")


causes = st.sampled_from(sorted(Cause))
actions = st.one_of(
    st.tuples(st.just("work"), causes),
    st.tuples(st.just("presence"), st.sampled_from([Presence.READY, Presence.NOT_READY])),
    st.tuples(st.just("force"), st.sampled_from(sorted(Presence))),
    st.tuples(st.just("reserve"), st.just("")),
    st.tuples(st.just("begin"), st.just("")),
    st.tuples(st.just("login"), st.booleans()),
    st.tuples(st.just("logout"), st.just("")),
    st.tuples(st.just("device"), st.booleans()),
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(actions, max_size=40), st.sampled_from([0, 30]))
def test_whatever_happens_the_events_tell_the_whole_story(steps: list[tuple[str, object]], wrap: int) -> None:
    desk = Desk(wrap)
    told_presence, told_items = int(Presence.LOGGED_OUT), dict[str, int]()
    number = 0
    for name, value in steps:
        before = desk.agent.SerializeToString(deterministic=True)
        turn = desk.turn()
        rid = f"r{number}"
        try:
            match name:
                case "work":
                    turn.work(rid, Cause(str(value)))
                case "presence":
                    turn.set_presence(Presence(value), "asked")  # type: ignore[arg-type]
                case "force":
                    turn.force(Presence(value), "forced")  # type: ignore[arg-type]
                case "reserve":
                    number += 1
                    item = WorkItem(rid=f"r{number}", channel="voice", ring_timeout_s=5, wrap_up_s=wrap)
                    turn.reserve(item, 1)
                case "begin":
                    number += 1
                    dialed = WorkItem(rid=f"r{number}", channel="voice", kind="direct", ring_timeout_s=5)
                    dialed.wrap_up_s = wrap
                    turn.begin(dialed, 1)
                case "login":
                    turn.login("l", "s", "d", take_over=True, ready=bool(value))
                case "logout":
                    turn.logout()
                case "device":
                    turn.device("d", registered=bool(value))
        except Refused:
            assert desk.agent.SerializeToString(deterministic=True) == before, "a refusal changes nothing"
            if name in ("reserve", "begin"):
                number -= 1
            continue
        if not turn.changed:
            assert desk.agent.SerializeToString(deterministic=True) == before
            assert not turn.events
        for event in turn.events:
            if isinstance(event, AgentPresenceChanged):
                assert getattr(event, "from") == told_presence
                told_presence = event.to
            else:
                assert isinstance(event, AgentWorkChanged)
                assert getattr(event, "from") == told_items.get(event.rid, 0)
                told_items[event.rid] = event.to
                if event.to == Work.DONE:
                    del told_items[event.rid]
        assert told_presence == desk.agent.presence
        assert told_items == {item.rid: item.state for item in desk.agent.work}
        assert sum(item.state != Work.WRAP_UP for item in desk.agent.work) <= 1
        for item in desk.agent.work:
            assert item.HasField("deadline") == (Work(item.state) not in IN_TALK)
        if desk.presence is Presence.LOGGED_OUT:
            assert not desk.agent.work
