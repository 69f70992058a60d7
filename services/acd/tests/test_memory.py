"""What callers are told of their wait, and how wrong it was."""

from __future__ import annotations

from seatbus_acd.application.memory import WaitEstimates
from seatbus_acd.domain.callers import CallerRules, Numbers

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
