"""What callers are told of their wait, and how wrong it was."""

from __future__ import annotations

from statistics import fmean

import pytest

from seatbus_acd.application.memory import WaitEstimates
from seatbus_acd.domain.callers import CallerRules, Numbers
from seatbus_acd.domain.model import ContactKey
from seatbus_acd.simulator.scenario import scenario_of
from seatbus_acd.simulator.world import Outcome, World

Q = ("acme", "sales")


def key(number: int) -> tuple[str, str]:
    return ("acme", f"c{number}")


def test_the_estimate_follows_the_rate_of_answers_while_callers_wait() -> None:
    estimates = WaitEstimates()
    assert estimates.estimate(Q, 5) == (0, 0), "nothing is known yet"
    for number in range(20):
        estimates.answered(Q, 100.0 + 30 * number, key(number), 50.0)
    assert estimates.estimate(Q, 1)[0] == 30
    assert estimates.estimate(Q, 4)[0] == 120


def test_a_quiet_hour_does_not_count_as_a_slow_answer() -> None:
    estimates = WaitEstimates()
    for number in range(10):
        estimates.answered(Q, 100.0 + 30 * number, key(number), 50.0)
    estimates.answered(Q, 9_000.0, key(99), 8_999.0)
    assert estimates.estimate(Q, 1)[0] == 30


def test_the_error_is_that_of_the_estimates_that_were_given() -> None:
    estimates = WaitEstimates()
    for number in range(10):
        estimates.answered(Q, 100.0 + 30 * number, key(number), 50.0)
    now = 400.0
    estimates.enqueued(key(50), Q, 2)  # told: 60 s
    estimates.enqueued(key(51), Q, 3)
    estimates.left(key(51))
    estimates.answered(Q, now + 100, key(50), now)  # waited: 100 s
    assert estimates.estimate(Q, 1)[1] == 40


@pytest.mark.parametrize(("agents", "calls_per_hour"), [(4, 84), (15, 300)])
def test_over_a_day_the_estimates_are_right_in_the_mean_and_their_error_is_what_it_was(
    agents: int, calls_per_hour: int
) -> None:
    """Callers of a busy simulated day, each told at his arrival what the queue knows then."""
    queue = {"id": "sales", "calls_per_hour": calls_per_hour, "talk": "exp:150", "patience": "exp:600"}
    plan = {"duration_s": 86_400, "queues": [queue], "agents": [{"group": "all", "count": agents}]}
    day = World(scenario_of(plan), "3").run()
    moments = [(caller.at, 1, caller) for caller in day.callers]
    moments += [(caller.ended_at, 0, caller) for caller in day.callers]
    estimates, waiting = WaitEstimates(), 0
    told: dict[ContactKey, int] = {}
    off: list[float] = []
    measured: list[int] = []
    for at, comes, caller in sorted(moments, key=lambda moment: (*moment[:2], moment[2].key)):
        if comes:
            if caller.wait > 0:
                waiting += 1
                told[caller.key] = estimates.estimate(Q, waiting)[0]
                estimates.enqueued(caller.key, Q, waiting)
            else:
                estimates.answered(Q, at, caller.key, at)
            continue
        if caller.wait == 0:
            continue
        waiting -= 1
        if caller.outcome is not Outcome.ANSWERED:
            estimates.left(caller.key)
            continue
        estimates.answered(Q, at, caller.key, caller.at)
        if told[caller.key]:
            off.append(caller.wait - told[caller.key])
            measured.append(estimates.estimate(Q, 1)[1])
    waits = [caller.wait for caller in day.callers if caller.key in told]
    mean_wait, mean_error = fmean(waits), fmean(map(abs, off))
    print(f"{len(off)} estimates: mean wait {mean_wait:.0f}, off {fmean(off):+.0f}, error {mean_error:.0f}")
    assert len(off) > 500
    assert abs(fmean(off)) < 0.25 * mean_wait
    assert mean_error < fmean(abs(wait - mean_wait) for wait in waits), "better than the day's mean"
    assert fmean(measured) == pytest.approx(mean_error, rel=0.1)


def test_numbers_are_compared_without_plus_and_by_prefix() -> None:
    numbers = Numbers.of(["+8613900000001", "8610*"])
    assert "8613900000001" in numbers
    assert "+86105551234" in numbers
    assert "+8613900000002" not in numbers
    assert "" not in Numbers.of(["*"])
    rules = CallerRules(numbers, "vip")
    assert rules.priority("+861012", {}, 2) == 9
    assert rules.priority("+44", {"vip": "TRUE"}, 2) == 9
    assert rules.priority("+44", {"vip": "no"}, 2) == 2
