"""The judge of routing runs notices each kind of wrong, and nothing else."""

from __future__ import annotations

from seatbus_testkit.routing_checker import ContactLog, Talk, lost, overtaken, two_agents, two_at_once

INF = float("inf")


def log(contact: str, queue: str, enqueued: float) -> ContactLog:
    made = ContactLog(contact)
    made.enqueued(enqueued, queue)
    return made


def test_an_agent_with_two_callers_at_one_moment_is_found_and_one_after_the_other_is_not() -> None:
    one, after = Talk("c1", "a", 1.0, 2.0), Talk("c2", "a", 2.0, 3.0)
    assert two_at_once([after, one]) == []
    [complaint] = two_at_once([one, Talk("c3", "a", 1.9, 2.5)])
    assert "c1" in complaint
    assert "c3" in complaint
    assert len(two_at_once([Talk("c1", "a", 1.0, INF), after])) == 1


def test_a_contact_that_two_agents_took_is_found_whenever_that_was() -> None:
    assert two_agents([Talk("c", "a", 1, 2), Talk("d", "b", 1, 2)]) == []
    assert len(two_agents([Talk("c", "a", 1, 2), Talk("c", "b", 8, 9)])) == 1


def test_every_contact_leaves_its_queue_exactly_once() -> None:
    fine, twice, stays = log("fine", "q", 1), log("twice", "q", 1), log("stays", "q", 1)
    fine.ended(2)
    twice.ended(2)
    twice.ended(3)
    found = lost(["fine", "twice", "stays", "gone"], {c.contact: c.waiting() for c in (fine, twice, stays)})
    assert [complaint.split()[1] for complaint in found] == ["twice", "stays", "gone"]


def test_who_is_served_before_an_earlier_one_that_waits_is_found() -> None:
    early, late = log("early", "q", 10), log("late", "q", 12)
    late.offered(15, "a")
    assert len(overtaken([early.waiting(), late.waiting()])) == 1
    assert len(overtaken([early.waiting(), late.waiting()], outages=[(1, 14)])) == 1
    assert overtaken([early.waiting(), late.waiting()], outages=[(14, 16)]) == []
    elsewhere = log("elsewhere", "other", 10)
    assert overtaken([elsewhere.waiting(), late.waiting()]) == []


def test_an_earlier_one_that_was_being_offered_or_had_this_agent_before_is_not_overtaken() -> None:
    busy, late = log("busy", "q", 10), log("late", "q", 12)
    busy.offered(14, "b")
    late.offered(15, "a")
    assert overtaken([busy.waiting(), late.waiting()]) == []
    tried = log("tried", "q", 10)
    tried.offered(11, "a")
    tried.returned(13)
    assert overtaken([tried.waiting(), late.waiting()]) == []


def test_a_moment_of_two_clocks_is_not_held_against_anybody() -> None:
    early, late = log("early", "q", 10), log("late", "q", 10.2)
    late.offered(15, "a")
    assert overtaken([early.waiting(), late.waiting()]) == []


def test_who_came_first_is_certain_only_once_the_queue_has_confirmed_it() -> None:
    slow, late = ContactLog("slow"), log("late", "q", 12)
    slow.confirmed(11.8)
    slow.enqueued(10, "q")
    late.offered(15, "a")
    assert overtaken([slow.waiting(), late.waiting()]) == []


def test_a_contact_whose_offer_failed_may_be_passed_by_for_the_pause_that_the_rule_gives_it() -> None:
    failed, late = log("failed", "q", 10), log("late", "q", 12)
    failed.offered(13, "b")
    failed.returned(14.2, pause=1.0)
    late.offered(15, "a")
    assert overtaken([failed.waiting(), late.waiting()]) == []
    late.offered(16, "c")
    assert len(overtaken([failed.waiting(), late.waiting()])) == 1


def test_a_contact_of_which_one_agent_of_several_has_let_go_does_not_wait() -> None:
    rung, late = log("rung", "q", 10), log("late", "q", 12)
    rung.offered(11, "a", "r1")
    rung.offered(11, "b", "r2")
    rung.returned(13, rid="r1")
    late.offered(15, "c", "r3")
    assert overtaken([rung.waiting(), late.waiting()]) == []
    rung.returned(16, rid="r2")
    late.returned(17, rid="r3")
    late.offered(18, "c", "r4")
    assert len(overtaken([rung.waiting(), late.waiting()])) == 1
