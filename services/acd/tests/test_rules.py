"""Each routing rule on its own: who is chosen, who waits, and what the decision says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentKey,
    AgentReserved,
    AgentSeen,
    AgentSpec,
    AgentStatus,
    Announce,
    Comfort,
    Configured,
    ContactArrived,
    ContactChanged,
    ContactLeft,
    ContactSpec,
    Effect,
    LeaveQueue,
    LeaveReason,
    Offer,
    OfferFailed,
    Pulled,
    QueueSpec,
    Relaxation,
    Rule,
    ShareCap,
    Skip,
    Strategy,
    Tick,
    Waits,
)

T = "acme"
A, B, C, D = ((T, name) for name in "abcd")
TEAM = (T, "red")
Q = (T, "sales")


class Floor:
    """One engine with its clock and revisions."""

    def __init__(
        self,
        *queues: QueueSpec,
        agents: dict[AgentKey, AgentSpec] | None = None,
        caps: dict[AgentKey, tuple[ShareCap, ...]] | None = None,
    ) -> None:
        self.engine = Engine(1)
        self.now = 1000.0
        self.revision = 0
        members = {member for queue in queues for member in queue.members}
        specs = {member: AgentSpec(member) for member in members} | (agents or {})
        self.configuration = Configured({queue.key: queue for queue in queues}, specs, caps or {})
        self.give(self.configuration)

    def give(self, event: Any) -> list[Effect]:
        return self.engine.apply(event, self.now)

    def agent(self, key: AgentKey, *, ready: bool = True, **fields: Any) -> list[Offer]:
        self.revision += 1
        status = AgentStatus(key, self.revision, ready, fields.pop("idle_since", self.now), **fields)
        return offers(self.give(AgentSeen(status)))

    def caller(self, name: str, queue: tuple[str, str] = Q, **fields: Any) -> list[Effect]:
        self.revision += 1
        return self.give(ContactArrived(ContactSpec((T, name), queue, self.revision, self.now, **fields)))

    def wait(self, seconds: float) -> list[Effect]:
        self.now += seconds
        return self.give(Tick())

    def answered(self, offer: Offer) -> list[Offer]:
        """The agent takes it and is free again at once."""
        return offers(self.give(ContactLeft(offer.key, answered=True))) + self.agent(offer.agent)


def offers(effects: list[Effect]) -> list[Offer]:
    return [effect for effect in effects if isinstance(effect, Offer)]


def only(effects: list[Effect]) -> Offer:
    [offer] = offers(effects)
    return offer


def why(effects: list[Effect]) -> Rule:
    [waits] = [effect for effect in effects if isinstance(effect, Waits)]
    return waits.decision.rule


def queue(key: tuple[str, str] = Q, members: tuple[AgentKey, ...] = (A, B, C), **fields: Any) -> QueueSpec:
    return QueueSpec(key, frozenset(members), **fields)


SKILLED = {
    A: AgentSpec(A, {"x": 1, "y": 1}),
    B: AgentSpec(B, {"x": 1, "y": 1, "z": 1}),
    C: AgentSpec(C, {"x": 1}),
}
RECORDS: dict[AgentKey, dict[str, Any]] = {
    A: {"idle_since": 900.0, "contacts": 5, "occupancy": 0.4},
    B: {"idle_since": 910.0, "contacts": 2, "occupancy": 0.5},
    C: {"idle_since": 890.0, "contacts": 9, "occupancy": 0.3},
}


@pytest.mark.parametrize(
    ("strategy", "order"),
    [
        (Strategy.LONGEST_IDLE, [C, A, B]),
        (Strategy.MOST_SKILLS_FIRST, [B, A, C]),
        (Strategy.FEWEST_SKILLS_FIRST, [C, A, B]),
        (Strategy.LEAST_OCCUPIED, [C, A, B]),
        (Strategy.FEWEST_CONTACTS, [B, A, C]),
        (Strategy.FIXED_ORDER, [B, C, A]),
        (Strategy.ROUND_ROBIN, [B, C, A]),
    ],
)
def test_a_strategy_chooses_in_its_order_and_names_itself(strategy: Strategy, order: list[AgentKey]) -> None:
    ranks = {A: (3, 1), B: (1, 1), C: (2, 1)}
    floor = Floor(queue(strategy=strategy, ranks=ranks), agents=SKILLED)
    for key, record in RECORDS.items():
        floor.agent(key, **record)
    made = [only(floor.caller(f"c{number}")) for number in range(3)]
    assert [offer.agent for offer in made] == order
    assert {offer.decision.rule.value for offer in made} == {strategy.value}
    assert made[0].decision.candidates == 3
    assert list(made[0].decision.first_candidates) == order


def test_round_robin_goes_on_where_it_was_whoever_is_idle_longest() -> None:
    floor = Floor(queue(strategy=Strategy.ROUND_ROBIN))
    for key in (A, B, C):
        floor.agent(key)
    chosen = []
    for number in range(7):
        offer = only(floor.caller(f"c{number}"))
        chosen.append(offer.agent)
        floor.answered(offer)
    assert chosen == [A, B, C, A, B, C, A]
    floor.give(floor.configuration)
    assert only(floor.caller("after")).agent == B, "a change of the configuration keeps the turn"


def test_weighted_random_follows_the_weights_and_repeats_itself_exactly() -> None:
    def run() -> list[AgentKey]:
        floor = Floor(queue(strategy=Strategy.WEIGHTED_RANDOM, ranks={A: (0, 1), B: (0, 3), C: (0, 6)}))
        for key in (A, B, C):
            floor.agent(key)
        chosen = []
        for number in range(2000):
            offer = only(floor.caller(f"c{number}"))
            chosen.append(offer.agent)
            floor.answered(offer)
        return chosen

    first = run()
    assert first == run()
    share = Counter(first)
    # Three standard deviations of 2,000 draws are below 0.035.
    assert share[A] / 2000 == pytest.approx(0.1, abs=0.035)
    assert share[B] / 2000 == pytest.approx(0.3, abs=0.035)
    assert share[C] / 2000 == pytest.approx(0.6, abs=0.035)


def test_simultaneous_ring_holds_several_agents_under_rids_of_their_own_and_frees_the_losers() -> None:
    floor = Floor(queue(strategy=Strategy.SIMULTANEOUS_RING))
    for key in (A, B, C):
        floor.agent(key)
    offer = only(floor.caller("c1"))
    assert [made.agent for made in (offer, *offer.also)] == [A, B, C]
    assert len({offer.rid, *(made.rid for made in offer.also)}) == 3
    assert {offer.ring, *(made.ring for made in offer.also)} == {offer.rid}
    assert (offer.decision.chosen, offer.decision.also) == (A, (B, C))
    assert why(floor.caller("c2")) is Rule.NO_AGENT_READY
    # One declines: the others ring on, and he is not asked again before his record is newer.
    for refused in (offer.also[0], offer):
        floor.give(OfferFailed(offer.key, refused.rid, Skip.AGENT))
        assert not floor.engine.agents[refused.agent].free("voice")
    assert floor.engine.contacts[offer.key].rid == offer.also[1].rid
    # The caller leaves: C is free for the next caller at once.
    [won] = offers(floor.give(ContactLeft(offer.key, answered=True)))
    assert (won.key, won.agent, won.also, won.ring) == ((T, "c2"), C, (), "")


def test_a_queue_says_how_many_ring_at_once_and_the_longest_idle_are_among_them() -> None:
    floor = Floor(queue(strategy=Strategy.SIMULTANEOUS_RING, ring_agents=2))
    for key in (C, A, B):
        floor.wait(1)
        floor.agent(key)
    offer = only(floor.caller("c1"))
    assert [made.agent for made in (offer, *offer.also)] == [C, A]
    other = only(floor.caller("c2"))
    assert (other.agent, other.also) == (B, ())


def test_nobody_of_a_simultaneous_ring_left_means_back_to_the_place() -> None:
    floor = Floor(queue(strategy=Strategy.SIMULTANEOUS_RING, members=(A, B)))
    floor.agent(A)
    floor.agent(B)
    offer = only(floor.caller("c1"))
    floor.caller("c2")
    floor.give(OfferFailed(offer.key, offer.rid, Skip.AGENT))
    floor.give(OfferFailed(offer.key, offer.also[0].rid, Skip.AGENT))
    assert floor.engine.position(offer.key) == 1


def test_a_ring_that_is_over_as_a_whole_frees_nobody_for_a_later_caller_first() -> None:
    floor = Floor(queue(strategy=Strategy.SIMULTANEOUS_RING, members=(A, B)))
    floor.agent(A)
    floor.agent(B)
    offer = only(floor.caller("c1"))
    floor.caller("c2")
    again = only(floor.give(OfferFailed(offer.key, offer.rid, Skip.NONE, whole=True)))
    assert (again.key, len(again.also)) == (offer.key, 1)


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


def test_the_place_of_an_earlier_visit_counts_and_the_limits_start_anew() -> None:
    floor = Floor(queue(members=(A,), max_wait_s=60))
    floor.caller("c1")
    floor.give(ContactArrived(ContactSpec((T, "old"), Q, 0, floor.now, first_at=floor.now - 100)))
    assert floor.engine.position((T, "old")) == 1
    assert floor.engine.next_wake == floor.now + 60


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
