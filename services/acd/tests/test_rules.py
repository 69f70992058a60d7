"""Each routing rule on its own: who is chosen, who waits, and what the decision says."""

from __future__ import annotations

from dataclasses import replace

from seatbus_acd.domain.model import (
    AgentReserved,
    AgentSeen,
    AgentSpec,
    AgentStatus,
    Announce,
    CheckOffer,
    Comfort,
    ContactArrived,
    ContactChanged,
    ContactLeft,
    ContactSpec,
    LeaveFailed,
    LeaveQueue,
    LeaveReason,
    OfferFailed,
    Pulled,
    QueueSpec,
    Relaxation,
    Rule,
    ShareCap,
    Skip,
    Strategy,
)

from .floor import TEAM, A, B, C, D, Floor, Q, T, offers, only, queue, why


def test_a_class_without_an_ageing_time_of_its_own_does_not_starve() -> None:
    floor = Floor(queue(members=(A,)))
    floor.caller("low", priority=0)
    served: list[str] = []
    floor.wait(1)
    floor.caller("high0", priority=9)
    [offer] = floor.agent(A)
    for number in range(1, 40):
        floor.now += 120
        floor.caller(f"high{number}", priority=9)
        served.append(offer.key[1])
        if offer.key[1] == "low":
            break
        [offer] = floor.answered(offer)
    # Nine classes of 300 s: at most the callers of 45 minutes go first.
    assert served[-1] == "low"
    assert len(served) in range(20, 25)


def test_a_requirement_is_relaxed_when_its_time_has_come() -> None:
    steps = (Relaxation(20, (("x", 3),)), Relaxation(40, (("x", 0),)))
    floor = Floor(
        queue(members=(A, B), requirements=(("x", 5),), relaxation=steps),
        agents={A: AgentSpec(A, {"x": 3}), B: AgentSpec(B)},
    )
    floor.agent(A)
    floor.agent(B)
    assert why(floor.caller("c1")) is Rule.NOT_ELIGIBLE
    assert floor.engine.next_wake == floor.now + 20
    offer = only(floor.wait(20))
    assert (offer.agent, offer.decision.step) == (A, "step 1")
    floor.caller("c2")
    assert not offers(floor.wait(39))
    offer = only(floor.wait(1))
    assert (offer.agent, offer.decision.step) == (B, "step 2")


def test_callers_of_a_branch_wait_for_its_agents_until_the_step_that_opens_the_others() -> None:
    agents = {A: AgentSpec(A, branch="north"), B: AgentSpec(B, branch="south")}
    floor = Floor(queue(members=(A, B), relaxation=(Relaxation(40, other_branches=True),)), agents=agents)
    floor.agent(B)
    assert why(floor.caller("c1", branch="north")) is Rule.OWN_BRANCH
    offer = only(floor.caller("c2", branch="south"))
    assert (offer.agent, offer.decision.rule) == (B, Rule.OWN_BRANCH)
    floor.answered(offer)
    assert only(floor.wait(40)).key == (T, "c1")


def test_among_free_agents_the_own_branch_is_preferred_but_not_waited_for() -> None:
    agents = {A: AgentSpec(A, branch="north"), B: AgentSpec(B, branch="south")}
    floor = Floor(queue(members=(A, B), own_branch_first=True), agents=agents)
    floor.agent(B, idle_since=1.0)
    floor.agent(A, idle_since=2.0)
    assert only(floor.caller("c1", branch="north")).agent == A
    assert only(floor.caller("c2", branch="north")).agent == B


def test_after_its_time_a_contact_waits_in_the_overflow_queue_too_and_keeps_its_place() -> None:
    other = (T, "backup")
    floor = Floor(
        queue(members=(A,), relaxation=(Relaxation(60, overflow=True),), overflow_queues=(other,)),
        queue(other, (B,)),
    )
    floor.caller("c1")
    floor.now += 30
    floor.caller("c2", other)
    assert not offers(floor.wait(30))
    [offer] = floor.agent(B)
    assert (offer.key, offer.decision.won) == ((T, "c1"), other), "first enqueue counts in both queues"


def test_a_contact_in_several_queues_is_won_once_and_leaves_all() -> None:
    other = (T, "service")
    floor = Floor(queue(members=(A,)), queue(other, (B,)))
    floor.caller("c1", also=(other,))
    [offer] = floor.agent(B)
    assert offer.decision.won == other
    assert not floor.agent(A)
    assert all(not found.places for found in floor.engine.queues.values())
    floor.give(ContactLeft(offer.key, answered=True))
    assert all(not found.contacts for found in floor.engine.queues.values())


def test_a_sticky_contact_waits_for_its_agent_alone_until_the_limit() -> None:
    floor = Floor(queue(members=(A, B), sticky_s=30))
    floor.agent(A, ready=False)
    floor.agent(B)
    assert why(floor.caller("c1", preferred=A)) is Rule.STICKY
    assert only(floor.wait(30)).agent == B
    floor.caller("c2", preferred=A)
    [offer] = floor.agent(A)
    assert (offer.key, offer.decision.rule) == ((T, "c2"), Rule.STICKY)


def test_a_sticky_contact_does_not_wait_for_an_agent_who_is_logged_out() -> None:
    floor = Floor(queue(members=(A, B), sticky_s=30))
    floor.agent(A, ready=False, present=False)
    floor.agent(B)
    assert only(floor.caller("c1", preferred=A)).agent == B


def test_without_a_limit_the_preferred_agent_is_only_preferred() -> None:
    floor = Floor(queue(members=(A, B)))
    floor.agent(B, idle_since=1.0)
    floor.agent(A, idle_since=2.0)
    assert only(floor.caller("c1", preferred=A)).decision.rule is Rule.STICKY
    assert only(floor.caller("c2", preferred=A)).agent == B


def teamed(caps: tuple[ShareCap, ...], *queues: QueueSpec) -> Floor:
    agents = {key: AgentSpec(key, team=TEAM) for key in (A, B, C)} | {D: AgentSpec(D)}
    return Floor(*queues, agents=agents, caps={TEAM: caps})


def test_a_tenant_gets_no_more_of_a_team_than_its_share_and_the_reason_is_told() -> None:
    other = ("zeta", "sales")
    floor = teamed((ShareCap(T, "", 2),), queue(members=(A, B, C, D)), queue(other, (A, B, C)))
    for key in (A, B, C):
        floor.agent(key)
    first, second = only(floor.caller("c1")), only(floor.caller("c2"))
    assert why(floor.caller("c3")) is Rule.CAPPED
    # The rest of the team is there for others, and an agent outside the team is not capped.
    assert only(floor.caller("z1", other)).agent not in (first.agent, second.agent)
    [offer] = floor.agent(D)
    assert offer.key == (T, "c3")
    # The cap counts what the records show, until the wrap-up is over.
    floor.caller("c4")
    floor.give(AgentReserved(first.key, first.rid, floor.revision))
    busy = {"items": {first.rid: "voice"}, "queues": {first.rid: Q}}
    floor.agent(first.agent, ready=True, **busy)
    assert not offers(floor.give(ContactLeft(first.key, answered=True)))
    [offer] = floor.agent(first.agent)
    assert offer.key == (T, "c4")


def test_a_freed_share_lets_the_next_caller_through_to_another_agent_who_was_idle() -> None:
    floor = teamed((ShareCap(T, "", 1),), queue(members=(A, B)))
    floor.agent(A, idle_since=1.0)
    floor.agent(B, idle_since=2.0)
    first = only(floor.caller("c1"))
    assert why(floor.caller("c2")) is Rule.CAPPED
    floor.give(AgentReserved(first.key, first.rid, floor.revision + 1))
    next_one = only(floor.give(ContactLeft(first.key)))
    assert next_one.agent == B, "his own record does not show the release yet"


def test_a_branch_has_a_share_of_its_own() -> None:
    north, south = (T, "north"), (T, "south")
    floor = teamed(
        (ShareCap(T, "n", 1),),
        queue(north, (A, B), branch="n"),
        queue(south, (A, B), branch="s"),
    )
    floor.agent(A)
    floor.agent(B)
    only(floor.caller("c1", north))
    assert why(floor.caller("c2", north)) is Rule.CAPPED
    only(floor.caller("c3", south))


def test_who_waits_for_a_share_goes_on_by_place_whichever_cap_opens_first() -> None:
    """A branch's cap and its tenant's open at one moment; the way goes by the caller's queue, each time."""
    north, south = (T, "north"), (T, "south")
    ranks = {A: (9, 1), B: (1, 1), C: (2, 1)}
    for _ in range(20):
        floor = teamed(
            (ShareCap(T, "n", 1), ShareCap(T, "", 1)),
            queue(south, branch="s"),
            queue(north, branch="n", strategy=Strategy.FIXED_ORDER, ranks=ranks),
        )
        floor.agent(A, items={"r": "voice"}, queues={"r": north})
        floor.agent(C, idle_since=1.0)
        floor.agent(B, idle_since=2.0)
        assert why(floor.caller("n1", north)) is Rule.CAPPED
        assert why(floor.caller("s1", south)) is Rule.CAPPED
        [offer] = floor.agent(A, ready=False)
        assert (offer.key, offer.agent) == ((T, "n1"), B), "by the order of its own queue"


def test_callers_leave_when_the_last_agent_logs_out_and_do_not_wait_for_nobody() -> None:
    floor = Floor(queue(members=(A, B), leave_without_agents=True))
    assert floor.caller("c0") == [LeaveQueue((T, "c0"), LeaveReason.NO_AGENTS)]
    floor.agent(A, ready=False)
    floor.agent(B, ready=False)
    assert why(floor.caller("c1")) is Rule.NO_AGENT_READY
    floor.agent(A, ready=False, present=False)
    assert floor.engine.position((T, "c1")) == 1
    floor.revision += 1
    gone = floor.give(AgentSeen(AgentStatus(B, floor.revision, False, 0.0, present=False)))
    assert gone == [LeaveQueue((T, "c1"), LeaveReason.NO_AGENTS)]


def test_an_agent_who_is_not_ready_or_is_offered_another_pulls_nothing() -> None:
    floor = Floor(queue(members=(A,), allow_pull=True))
    floor.agent(A, ready=False)
    floor.caller("c1")
    floor.caller("c2")
    assert not floor.give(Pulled((T, "c2"), A))
    floor.agent(A)
    assert not floor.give(Pulled((T, "c2"), A))


def test_a_pull_needs_a_member_of_a_queue_that_allows_it() -> None:
    floor = Floor(queue(members=(A,), allow_pull=True, requirements=(("x", 1),)), queue((T, "b"), (B,)))
    floor.agent(A)
    floor.agent(B)
    floor.caller("c1")
    assert not floor.give(Pulled((T, "c1"), B))
    offer = only(floor.give(Pulled((T, "c1"), A)))
    assert offer.decision.rule is Rule.PULLED


def test_a_contact_that_is_prioritised_goes_before_those_of_its_old_class() -> None:
    floor = Floor(queue(members=(A,)))
    floor.caller("c1")
    floor.caller("c2")
    spec = floor.engine.contacts[T, "c2"].spec
    floor.give(ContactChanged(replace(spec, priority=5)))
    assert floor.engine.position((T, "c2")) == 1
    [offer] = floor.agent(A)
    assert offer.key == (T, "c2")


def test_a_contact_that_is_prioritised_while_it_rests_is_offered_and_leaving_goes_on_with_that() -> None:
    floor = Floor(queue(members=(A,), max_wait_s=100))
    floor.agent(A)
    offer = only(floor.caller("c1"))
    key = offer.key

    def prioritised(priority: int) -> None:
        spec = floor.engine.contacts[key].spec
        assert not floor.give(ContactChanged(replace(spec, priority=priority)))

    prioritised(1)
    assert floor.wait(35) == [CheckOffer(key, offer.rid)], "an offer of which nothing is heard is looked into"
    floor.give(OfferFailed(key, offer.rid, Skip.NONE, 1.0))
    prioritised(2)
    again = only(floor.wait(1))
    assert again.key == key, "its rest has an end"
    floor.give(OfferFailed(key, again.rid, Skip.NONE, 60.0))
    [left] = floor.wait(64)
    assert left == LeaveQueue(key, LeaveReason.MAX_WAIT)
    floor.give(LeaveFailed(key, 2.0))
    prioritised(3)
    assert floor.wait(2) == [left], "its edge is told once more"


def test_the_place_of_an_earlier_visit_counts_and_the_limits_start_anew() -> None:
    floor = Floor(queue(members=(A,), max_wait_s=60))
    floor.caller("c1")
    floor.give(ContactArrived(ContactSpec((T, "old"), Q, 0, floor.now, first_at=floor.now - 100)))
    assert floor.engine.position((T, "old")) == 1
    assert floor.engine.next_wake == floor.now + 60


def test_nobody_wakes_for_a_deadline_of_who_has_left() -> None:
    floor = Floor(queue(members=(A,), max_wait_s=60))
    floor.caller("c1")
    left, later = floor.now + 60, floor.now + 65
    floor.wait(5)
    floor.caller("c2")
    assert floor.engine.next_wake == left
    floor.give(ContactLeft((T, "c1")))
    floor.wait(1)
    assert floor.engine.next_wake == later
    floor.give(ContactLeft((T, "c2")))
    floor.wait(1)
    assert floor.engine.next_wake is None


def test_comfort_messages_come_on_schedule_while_the_caller_waits_and_name_the_place() -> None:
    floor = Floor(queue(members=(A,), comfort=Comfort(10, 20)))
    floor.caller("c1")
    floor.caller("c2")
    assert floor.wait(10) == [Announce((T, "c1"), 0, 1), Announce((T, "c2"), 0, 2)]
    assert floor.wait(19) == []
    floor.agent(A)
    assert floor.wait(1) == [Announce((T, "c2"), 1, 1)], "not to one whose agent's phone rings"
    # A new holder goes on with the schedule instead of beginning it again.
    later = Floor(queue(members=(A,), comfort=Comfort(10, 20)))
    later.now += 45
    later.give(ContactArrived(ContactSpec((T, "c2"), Q, 1, later.now - 45)))
    assert later.wait(5) == [Announce((T, "c2"), 2, 1)]
