"""The state machine of one agent under any sequence of requests, reports and deadlines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seatbus.agent.v1.events_pb2 import AgentBreakOverrun, AgentPresenceChanged, AgentWorkChanged
from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
from seatbus.common.v1.types_pb2 import ACTOR_KIND_AGENT, Actor
from seatbus_agent_state.domain.states import (
    BEFORE_TALK,
    IN_TALK,
    PRESENCE,
    WORK,
    Cause,
    LoginPolicy,
    Presence,
    ShiftEnd,
    Work,
)
from seatbus_agent_state.domain.turn import Turn
from seatbus_kit.errors import Refused
from seatbus_testkit.properties import examples

ME = Actor(kind=ACTOR_KIND_AGENT, id="a1")
CAPACITY = {"voice": 1, "chat": 3}
ENDINGS = (
    Cause.ENDED,
    Cause.NO_ANSWER,
    Cause.BUSY,
    Cause.REJECTED,
    Cause.CANCELLED,
    Cause.ANSWERED_ELSEWHERE,
    Cause.DIALOG_LOST,
    Cause.DEVICE_LOST,
)
# Of a talk, which without wrap-up is over at once.
ENDS_OF_A_TALK = ("ended", "dialog_lost", "device_lost")


class Codes:
    """Words that the tenants of contacts know."""

    def refusal(self, tenant: str, queue_id: str, code: str) -> str:
        return "" if code == "sold" else f"{code} is none"


class OneAgent(RuleBasedStateMachine):
    """What events have told is kept beside the record: the two never differ."""

    def __init__(self) -> None:
        super().__init__()
        self.agent = AgentState(tenant_id="acme", agent_id="a1", presence="PRESENCE_LOGGED_OUT")
        self.now = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
        self.presence = int(Presence.LOGGED_OUT)
        self.items: dict[str, int] = {}
        self.number = 0
        # Time told by intervals: each begins where the one before ended.
        self.until: dict[str, datetime] = {}

    def act(self, what: Any, seconds: float = 1.0) -> bool:
        """Whether it was not refused. A refusal changes nothing and tells nothing."""
        self.now += timedelta(seconds=seconds)
        before = self.agent.SerializeToString(deterministic=True)
        busy = {item.rid for item in self.agent.work if Work(item.state) in IN_TALK}
        turn = Turn(self.agent, self.now, ME)
        try:
            what(turn)
        except Refused:
            assert self.agent.SerializeToString(deterministic=True) == before
            assert not turn.events
            return False
        if not turn.changed:
            assert self.agent.SerializeToString(deterministic=True) == before
        for event in turn.events:
            self.told(event, busy)
        return True

    def told(self, event: object, busy: set[str]) -> None:
        if isinstance(event, AgentPresenceChanged):
            assert getattr(event, "from") == self.presence
            self.interval("presence", event)
            self.presence = event.to
        elif isinstance(event, AgentWorkChanged):
            before = self.items.get(event.rid, 0)
            assert getattr(event, "from") == before
            assert event.cause in set(Cause)
            if before:
                assert (Work(before), Cause(event.cause)) in WORK
                self.interval(event.rid, event)
            self.until[event.rid] = self.now
            self.items[event.rid] = event.to
            if event.to == Work.DONE:
                del self.items[event.rid]
                assert event.rid not in busy or event.cause in ENDS_OF_A_TALK, "a talk was cut"
        else:
            assert isinstance(event, AgentBreakOverrun)

    def interval(self, key: str, event: AgentPresenceChanged | AgentWorkChanged) -> None:
        if event.HasField("from_since"):
            began = event.from_since.ToDatetime(UTC)
            assert began <= self.now
            assert self.until.get(key, began) == began, f"{key}: intervals do not join"
        self.until[key] = self.now

    @initialize(ready=st.booleans())
    def log_in(self, ready: bool) -> None:
        self.act(lambda turn: turn.login("l", "s1", "d1", take_over=False, ready=ready))

    @rule(
        seat=st.sampled_from(["s1", "s2"]),
        take_over=st.booleans(),
        ready=st.booleans(),
        policy=st.sampled_from(sorted(LoginPolicy)),
    )
    def log_in_again(self, seat: str, take_over: bool, ready: bool, policy: LoginPolicy) -> None:
        moves = self.agent.presence != Presence.LOGGED_OUT and self.agent.seat_id != seat
        taken = self.act(
            lambda turn: turn.login(f"l-{seat}", seat, "d1", take_over=take_over, ready=ready, policy=policy)
        )
        if moves:
            asked = take_over and policy is LoginPolicy.ASK
            assert taken is (asked or policy is LoginPolicy.TAKE_OVER)

    @rule()
    def log_out(self) -> None:
        self.act(Turn.logout)

    @rule(login=st.sampled_from(["l", "l-s1", "l-s2"]))
    def lose_the_seat(self, login: str) -> None:
        stays = self.agent.login_id != login
        before = self.agent.SerializeToString(deterministic=True)
        assert self.act(lambda turn: turn.unseat(login))
        assert not stays or self.agent.SerializeToString(deterministic=True) == before

    @rule(on=st.booleans(), policy=st.sampled_from(sorted(ShiftEnd)))
    def shift(self, on: bool, policy: ShiftEnd) -> None:
        assert self.act(lambda turn: turn.shift(on=on, policy=policy))

    @rule(presence=st.sampled_from([Presence.READY, Presence.NOT_READY]), limit=st.sampled_from([0, 30]))
    def set_presence(self, presence: Presence, limit: int) -> None:
        self.act(lambda turn: turn.set_presence(presence, "lunch", limit))

    @rule(presence=st.sampled_from(sorted(Presence)))
    def force(self, presence: Presence) -> None:
        self.act(lambda turn: turn.force(presence, "meeting"))

    @rule(
        device=st.sampled_from(["d1", "d1", "d2"]), registered=st.booleans(), s=st.sampled_from([1, 29, 31])
    )
    def device(self, device: str, registered: bool, s: int) -> None:
        assert self.act(lambda turn: turn.device(device, registered=registered), s)

    @rule(channel=st.sampled_from(sorted(CAPACITY)), wrap_up_s=st.sampled_from([0, 20]), wants=st.booleans())
    def reserve(self, channel: str, wrap_up_s: int, wants: bool) -> None:
        self.number += 1
        ready = self.agent.presence == Presence.READY and not self.agent.deferred_presence
        free = sum(item.channel == channel for item in self.agent.work) < CAPACITY[channel]
        item = WorkItem(
            rid=f"r{self.number}",
            channel=channel,
            ring_timeout_s=20,
            wrap_up_s=wrap_up_s,
            disposition_required=wants,
        )
        assert self.act(lambda turn: turn.reserve(item, CAPACITY[channel])) is (ready and free)

    @rule(kind=st.sampled_from(["outbound", "direct", "consult", "callback"]))
    def begin(self, kind: str) -> None:
        self.number += 1
        item = WorkItem(rid=f"r{self.number}", channel="voice", kind=kind, ring_timeout_s=20, wrap_up_s=20)
        taken = self.act(lambda turn: turn.begin(item, CAPACITY["voice"]))
        assert not (taken and kind == "callback"), "only a queue reserves for a call-back"

    @precondition(lambda self: self.agent.work)
    @rule(which=st.integers(0, 5), reserved=st.booleans())
    def ask_again(self, which: int, reserved: bool) -> None:
        """A repeat, and the question whether the agent of a call-back still is reserved."""
        item = self.one(which)
        before = self.agent.SerializeToString(deterministic=True)
        assert self.act(lambda turn: (turn.reserve if reserved else turn.begin)(item, 1))
        assert self.agent.SerializeToString(deterministic=True) == before

    def one(self, which: int) -> WorkItem:
        item = WorkItem()
        item.CopyFrom(self.agent.work[which % len(self.agent.work)])
        return item

    @precondition(lambda self: self.agent.work)
    @rule(cause=st.sampled_from(sorted(Cause)), which=st.integers(0, 5))
    def report(self, cause: Cause, which: int) -> None:
        item = self.one(which)
        applied = self.act(lambda turn: turn.work(item.rid, cause))
        assert applied is ((Work(item.state), cause) in WORK)

    @rule()
    def report_of_nothing(self) -> None:
        assert not self.act(lambda turn: turn.work("r0", Cause.ENDED))

    @precondition(lambda self: self.agent.work)
    @rule(which=st.integers(0, 5), seconds=st.sampled_from([1, 60]))
    def rings_on(self, which: int, seconds: int) -> None:
        item = self.one(which)
        assert self.act(lambda turn: turn.extend_reservation(item.rid, seconds))

    @precondition(lambda self: self.agent.work)
    @rule(which=st.integers(0, 5), edge=st.sampled_from(["e1", "e2"]))
    def edge_takes_over(self, which: int, edge: str) -> None:
        item = self.one(which)
        assert self.act(lambda turn: turn.owned_by(item.rid, edge))
        assert next(have for have in self.agent.work if have.rid == item.rid).edge_instance == edge

    @rule(which=st.integers(0, 5), disposition=st.sampled_from(["", "sold", "no word"]))
    def complete_wrap_up(self, which: int, disposition: str) -> None:
        rid = self.one(which).rid if which and self.agent.work else ""
        ended = self.act(lambda turn: turn.complete_wrap_up(rid, disposition, Codes()))
        assert not (ended and disposition == "no word")

    @rule(seconds=st.sampled_from([10, 3600]))
    def extend_wrap_up(self, seconds: int) -> None:
        self.act(lambda turn: turn.extend_wrap_up(seconds))

    @rule(seconds=st.sampled_from([1, 60]))
    def overrun(self, seconds: int) -> None:
        self.act(Turn.overrun, seconds)

    @invariant()
    def record_and_events_agree(self) -> None:
        assert self.presence == self.agent.presence
        assert self.items == {item.rid: item.state for item in self.agent.work}

    @invariant()
    def nobody_is_in_more_contacts_than_channels_hold(self) -> None:
        for channel, capacity in CAPACITY.items():
            active = [i for i in self.agent.work if i.channel == channel and i.state != Work.WRAP_UP]
            assert len(active) <= capacity

    @invariant()
    def what_can_end_alone_has_a_deadline(self) -> None:
        for item in self.agent.work:
            assert item.HasField("deadline") is (
                Work(item.state) in BEFORE_TALK or item.state == Work.WRAP_UP
            )

    @invariant()
    def who_is_logged_out_has_nothing(self) -> None:
        if self.agent.presence == Presence.LOGGED_OUT:
            assert not self.agent.work
            assert not self.agent.seat_id
            assert not self.agent.deferred_presence

    @invariant()
    def nothing_is_deferred_without_work(self) -> None:
        assert self.agent.work or not self.agent.deferred_presence

    def teardown(self) -> None:
        """Whatever has happened, when dialogs and wrap-ups have ended nobody is stuck."""
        for cause in (Cause.DEADLINE, Cause.DIALOG_LOST, Cause.WRAP_UP_LIMIT):
            for rid in [item.rid for item in self.agent.work]:
                if (Work(next(i.state for i in self.agent.work if i.rid == rid)), cause) in WORK:
                    self.act(lambda turn, rid=rid, cause=cause: turn.work(rid, cause))
        assert not self.agent.work


OneAgent.TestCase.settings = settings(max_examples=examples(120), stateful_step_count=40, deadline=None)
TestOneAgent = OneAgent.TestCase


def test_every_cause_of_the_tables_is_known_and_used() -> None:
    assert {cause for _, cause in WORK} == set(Cause) - {Cause.RESERVED}
    assert {state for state, _ in PRESENCE} == set(Presence)
    assert {cause for _, cause in WORK if (Work.TALKING, cause) in WORK} >= {Cause.ENDED, Cause.DIALOG_LOST}
    for cause in ENDINGS:
        assert any(used is cause for _, used in WORK)
