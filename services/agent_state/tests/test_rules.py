"""Rules of tenants and queues: logins, reasons and limits of breaks, dispositions, wrap-up, channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from seatbus.agent.v1.events_pb2 import AgentBreakOverrun, AgentPresenceChanged, AgentWorkChanged
from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
from seatbus.common.v1.types_pb2 import ACTOR_KIND_SUPERVISOR, Actor
from seatbus_agent_state.domain.states import Cause, LoginPolicy, Presence, Work
from seatbus_agent_state.domain.turn import Turn
from seatbus_agent_state.domain.wanted import ALL, Wanted
from seatbus_kit.errors import Refused

START = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
BOSS = Actor(kind=ACTOR_KIND_SUPERVISOR, id="eva")


class Codes:
    def refusal(self, tenant: str, queue_id: str, code: str) -> str:
        return "" if code in ("sold", "lost") else f"{code} is none of sold, lost"


class Desk:
    def __init__(self) -> None:
        self.agent = AgentState(tenant_id="acme", agent_id="a1", presence="PRESENCE_LOGGED_OUT")
        self.now = START

    def turn(self, seconds: float = 10) -> Turn:
        self.now += timedelta(seconds=seconds)
        return Turn(self.agent, self.now, BOSS)

    def login(self, seat: str = "s1", device: str = "d1", **more: object) -> Turn:
        turn = self.turn()
        asked: dict[str, object] = {"take_over": False, "ready": True, **more}
        turn.login(f"login-{seat}", seat, device, **asked)  # type: ignore[arg-type]
        return turn

    def wrap_up(self, rid: str = "r1", **rules: object) -> None:
        item = WorkItem(rid=rid, channel="voice", ring_timeout_s=20, wrap_up_s=30, queue_id="sales", **rules)  # type: ignore[arg-type]
        self.turn().reserve(item, 1)
        for cause in (Cause.ANSWERED, Cause.ENDED):
            self.turn().work(rid, cause)

    @property
    def presence(self) -> Presence:
        return Presence(self.agent.presence)


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.login()
    return made


def reason_of(action: object) -> str:
    with pytest.raises(Refused) as refusal:
        action()  # type: ignore[operator]
    return refusal.value.reason


@pytest.mark.parametrize(
    ("policy", "asked", "moves"),
    [
        (LoginPolicy.ASK, False, False),
        (LoginPolicy.ASK, True, True),
        (LoginPolicy.TAKE_OVER, False, True),
        (LoginPolicy.REFUSE, True, False),
    ],
)
def test_a_login_elsewhere_goes_by_the_tenants_policy(
    desk: Desk, policy: LoginPolicy, asked: bool, moves: bool
) -> None:
    idle = desk.agent.idle_since.ToDatetime(UTC)
    if not moves:
        assert reason_of(lambda: desk.login("s2", take_over=asked, policy=policy)) == "logged_in_elsewhere"
        assert desk.agent.seat_id == "s1"
        return
    [event] = desk.login("s2", take_over=asked, policy=policy).events
    assert isinstance(event, AgentPresenceChanged)
    assert (event.seat_id, desk.agent.seat_id, desk.presence) == ("s2", "s2", Presence.READY)
    assert desk.agent.idle_since.ToDatetime(UTC) == idle, "who moves keeps the place in the idle order"


def test_the_same_login_again_is_no_second_one(desk: Desk) -> None:
    assert not desk.login(policy=LoginPolicy.REFUSE).changed


def test_who_lost_the_seat_meanwhile_is_logged_out_and_a_later_login_is_not(desk: Desk) -> None:
    desk.turn().unseat("another login")
    assert desk.presence is Presence.READY
    desk.turn().unseat("login-s1")
    assert desk.presence is Presence.LOGGED_OUT


def test_a_break_that_lasts_too_long_is_told_once(desk: Desk) -> None:
    desk.turn().set_presence(Presence.NOT_READY, "lunch", limit_s=60)
    since = desk.now
    assert desk.agent.break_until.ToDatetime(UTC) == since + timedelta(seconds=60)
    early = desk.turn(59)
    early.overrun()
    assert not early.changed
    turn = desk.turn(1)
    turn.overrun()
    [event] = turn.events
    assert isinstance(event, AgentBreakOverrun)
    assert (event.reason, event.limit_s, event.since.ToDatetime(UTC)) == ("lunch", 60, since)
    again = desk.turn()
    again.overrun()
    assert not again.changed
    assert desk.agent.break_overrun
    desk.turn().set_presence(Presence.READY, "")
    assert not desk.agent.break_overrun
    assert not desk.agent.HasField("break_until")


def test_the_limit_of_a_break_asked_for_in_a_call_runs_from_the_breaks_begin(desk: Desk) -> None:
    desk.wrap_up()
    desk.turn().set_presence(Presence.NOT_READY, "lunch", limit_s=60)
    assert not desk.agent.HasField("break_until")
    turn = desk.turn(500)
    turn.work("r1", Cause.WRAP_UP_LIMIT)
    assert turn.break_timed
    assert desk.agent.break_until.ToDatetime(UTC) == desk.now + timedelta(seconds=60)


def test_a_required_disposition_holds_the_agent_in_wrap_up(desk: Desk) -> None:
    desk.wrap_up(disposition_required=True)
    codes = Codes()
    assert reason_of(lambda: desk.turn().complete_wrap_up("", "", codes)) == "disposition_required"
    assert reason_of(lambda: desk.turn().complete_wrap_up("", "bought", codes)) == "unknown_disposition"
    assert reason_of(lambda: desk.turn().set_presence(Presence.READY, "")) == "disposition_required"
    assert desk.agent.work[0].state == Work.WRAP_UP
    turn = desk.turn()
    turn.complete_wrap_up("r1", "sold", codes)
    [event] = turn.events
    assert isinstance(event, AgentWorkChanged)
    assert (event.disposition, event.disposition_missing) == ("sold", False)


@pytest.mark.parametrize(("required", "missing"), [(True, True), (False, False)])
def test_at_the_limit_the_state_goes_on_and_a_missing_disposition_is_flagged(
    desk: Desk, required: bool, missing: bool
) -> None:
    desk.wrap_up(disposition_required=required)
    turn = desk.turn()
    turn.work("r1", Cause.WRAP_UP_LIMIT)
    [event] = turn.events
    assert isinstance(event, AgentWorkChanged)
    assert event.disposition_missing is missing
    assert (desk.presence, len(desk.agent.work)) == (Presence.READY, 0)


def test_a_call_that_was_never_answered_misses_no_disposition(desk: Desk) -> None:
    item = WorkItem(rid="r1", channel="voice", ring_timeout_s=20, wrap_up_s=30, disposition_required=True)
    desk.turn().reserve(item, 1)
    turn = desk.turn()
    turn.work("r1", Cause.CANCELLED)
    [event] = turn.events
    assert isinstance(event, AgentWorkChanged)
    assert not event.disposition_missing


def test_a_wrap_up_is_extended_up_to_the_queues_limit(desk: Desk) -> None:
    desk.wrap_up(max_wrap_up_s=60)
    desk.turn(1).extend_wrap_up(20)
    before = desk.agent.SerializeToString(deterministic=True)
    assert reason_of(lambda: desk.turn(1).extend_wrap_up(20)) == "wrap_up_limit"
    assert desk.agent.SerializeToString(deterministic=True) == before
    turn = desk.turn(1)
    turn.extend_wrap_up(10)
    assert turn.timed == {"r1"}


def test_a_supervisors_word_is_recorded_with_the_supervisor(desk: Desk) -> None:
    turn = desk.turn()
    turn.force(Presence.LOGGED_OUT, "end of shift")
    [event] = turn.events
    assert isinstance(event, AgentPresenceChanged)
    assert (event.actor.id, event.actor.kind, event.reason) == ("eva", ACTOR_KIND_SUPERVISOR, "end of shift")


def test_channels_have_capacities_of_their_own(desk: Desk) -> None:
    def take(rid: str, channel: str, capacity: int) -> None:
        item = WorkItem(rid=rid, channel=channel, ring_timeout_s=20, wrap_up_s=0)
        desk.turn().reserve(item, capacity)

    take("v1", "voice", 1)
    for number in range(3):
        take(f"c{number}", "chat", 3)
    assert reason_of(lambda: take("v2", "voice", 1)) == "no_capacity"
    assert reason_of(lambda: take("c9", "chat", 3)) == "no_capacity"
    assert reason_of(lambda: take("e1", "email", 0)) == "no_capacity"
    for rid in ("v1", "c0", "c1", "c2"):
        desk.turn().work(rid, Cause.ANSWERED)
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    for rid in ("v1", "c0", "c1"):
        turn = desk.turn()
        turn.work(rid, Cause.ENDED)
        [event] = turn.events
        assert isinstance(event, AgentWorkChanged)
        assert desk.presence is Presence.READY, "a break takes effect after the last contact"
    desk.turn().work("c2", Cause.ENDED)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "lunch")


def test_filters_let_pass_what_they_name(desk: Desk) -> None:
    desk.wrap_up()
    for wanted, passes in (
        (ALL, True),
        (Wanted(presences=frozenset({Presence.READY})), True),
        (Wanted(presences=frozenset({Presence.NOT_READY})), False),
        (Wanted(work_states=frozenset({Work.WRAP_UP, Work.TALKING})), True),
        (Wanted(work_states=frozenset({Work.TALKING})), False),
        (Wanted(team_id="red"), True),
        (Wanted(team_id="blue"), False),
        (Wanted(branch_id="main", queue_id="sales", seat_id="s1"), True),
        (Wanted(queue_id="support"), False),
        (Wanted(seat_id="s2"), False),
        (Wanted(overrun=True), False),
    ):
        assert wanted.passes(desk.agent, "red", "main") is passes, wanted
