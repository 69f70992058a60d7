"""How many seats and agents a load needs: the rule of thumb, the Erlang formulas, shrinkage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from seatbus_acd.sizing.erlang import Outcome, erlang_a_outcome, erlang_c_outcome

HOUR_S: Final = 3600.0
# A search that has not found its answer by then has an unreachable target.
_MOST_AGENTS: Final = 1_000_000


class SizingError(ValueError):
    """No number of agents meets the target."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """The rule of thumb: seats = customers x daily rate x busy-hour share x handling / (3600 x most load)."""

    customers: float
    daily_rate: float
    busy_hour_share: float
    handling_s: float
    most_load: float

    @property
    def busy_hour_calls(self) -> float:
        return self.customers * self.daily_rate * self.busy_hour_share

    @property
    def erlangs(self) -> float:
        return self.busy_hour_calls * self.handling_s / HOUR_S

    @property
    def seats(self) -> float:
        return self.erlangs / self.most_load


@dataclass(frozen=True, slots=True)
class Target:
    """What must hold: `level` of calls answered within `within_s`; with patience also at most `abandonment`
    hang up; nobody is busy for more than `occupancy` of the time.
    """

    level: float
    within_s: float
    abandonment: float = 1.0
    occupancy: float = 1.0
    formula: str = "offered"

    def met(self, outcome: Outcome) -> bool:
        level: float = getattr(outcome, f"service_level_{self.formula}")
        return (
            level >= self.level
            and outcome.abandonment <= self.abandonment
            and outcome.occupancy <= self.occupancy
        )


FORMULAS: Final = ("answered", "offered", "early_abandon_positive", "abandon_ignored")


def agents_for_erlang_c(calls_per_s: float, handling_s: float, target: Target) -> Outcome:
    """The fewest agents that meet the target when nobody hangs up. Raises SizingError."""
    fewest = math.floor(calls_per_s * handling_s) + 1
    return _fewest(fewest, target, lambda n: erlang_c_outcome(calls_per_s, handling_s, n, target.within_s))


def agents_for_erlang_a(calls_per_s: float, handling_s: float, patience_s: float, target: Target) -> Outcome:
    """The fewest agents that meet the target when callers hang up. Raises SizingError."""
    return _fewest(
        1, target, lambda n: erlang_a_outcome(calls_per_s, handling_s, patience_s, n, target.within_s)
    )


def scheduled(agents: int, shrinkage: float) -> int:
    """People on the rota so that `agents` sit at their seats; `shrinkage` is the share of paid time away.

    Raises ValueError unless 0 <= shrinkage < 1.
    """
    if not 0 <= shrinkage < 1:
        raise ValueError(f"shrinkage is a share from 0 to below 1, got {shrinkage}")
    return math.ceil(agents / (1 - shrinkage) - 1e-9)


def _fewest(fewest: int, target: Target, outcome: Callable[[int], Outcome]) -> Outcome:
    """Every measure improves with agents, so the first that meets the target is found by halving."""
    low, high = fewest - 1, fewest
    while not target.met(outcome(high)):
        low, high = high, high + max(1, high - fewest + 1)
        if high > _MOST_AGENTS:
            raise SizingError(f"not even {_MOST_AGENTS:,} agents meet the target")
    while high - low > 1:
        middle = (low + high) // 2
        if target.met(outcome(middle)):
            high = middle
        else:
            low = middle
    return outcome(high)
