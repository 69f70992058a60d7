"""Which of the free agents each strategy chooses, and who rings beside him."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from seatbus_acd.domain.model import (
    AgentKey,
    AgentSpec,
    ContactLeft,
    OfferFailed,
    Rule,
    Skip,
    Strategy,
)

from .floor import A, B, C, Floor, T, offers, only, queue, why

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
