"""Erlang's formulas: agents in a group, calls that come at random, talks of exponential length.

`load` is in erlangs (calls a second times mean handling time in seconds); rates are per second, times in
seconds. All run in time proportional to the agents and hold for thousands of them: no factorials, no powers.
Sources: A. K. Erlang 1917 (B, C); C. Palm 1946 and F. Baccelli, G. Hebuterne 1981 (A: with patience).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# The integrals of Erlang A: where the integrand has fallen below exp(-_TAIL) of its top it is nothing.
_TAIL: Final = 40.0
_PANELS: Final = 1200
_LARGEST_EXPONENT: Final = 700.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What callers and agents see in the long run. Waits in seconds, the rest shares of 0 to 1.

    The four service levels are those of the metrics: ANSWERED, OFFERED, EARLY-ABANDON-POSITIVE,
    ABANDON-IGNORED. They differ in what they do with those who hang up.
    """

    agents: int
    waits: float
    asa_s: float
    abandonment: float
    occupancy: float
    service_level_answered: float
    service_level_offered: float
    service_level_early_abandon_positive: float
    service_level_abandon_ignored: float


def erlang_b(load: float, agents: int) -> float:
    """Share of calls that find everybody busy where nobody waits.

    Uses 1/B(n) = 1 + (n / load) / B(n - 1), whose terms only grow: nothing cancels.
    """
    _check(load, agents)
    if load == 0:
        return 1.0 if agents == 0 else 0.0
    return math.exp(-_log_inverse_b(load, agents))


def erlang_c(load: float, agents: int) -> float:
    """Share of calls that wait where everybody has endless patience; 1 when agents do not exceed the load."""
    _check(load, agents)
    if load >= agents:
        return 1.0
    blocked = erlang_b(load, agents)
    return blocked / (1 - load / agents * (1 - blocked))


def erlang_c_outcome(calls_per_s: float, handling_s: float, agents: int, within_s: float) -> Outcome:
    """M/M/n. Raises ValueError unless agents exceed the load: the queue would grow for ever."""
    load = calls_per_s * handling_s
    if load >= agents:
        raise ValueError(f"{agents} agents cannot carry {load:g} erlangs of callers who never hang up")
    waits = erlang_c(load, agents)
    drain = (agents - load) / handling_s
    level = 1 - waits * math.exp(-drain * within_s)
    return Outcome(agents, waits, waits / drain, 0.0, load / agents, level, level, level, level)


def erlang_a_outcome(
    calls_per_s: float, handling_s: float, patience_s: float, agents: int, within_s: float
) -> Outcome:
    """M/M/n+M: callers hang up after an exponential time of mean `patience_s`. Any number of agents holds.

    The wait that a caller with endless patience would see has the density
    c * exp(calls * H(t) - agents * t / handling), H(t) = mean patience until t; all else are integrals of it.
    """
    load = calls_per_s * handling_s
    _check(load, agents)
    if agents < 1 or load <= 0 or patience_s <= 0:
        raise ValueError("agents, load and patience must be above 0")
    service = agents / handling_s

    def exponent(t: float) -> float:
        return calls_per_s * patience_s * -math.expm1(-t / patience_s) - service * t

    top = patience_s * math.log(calls_per_s / service) if calls_per_s > service else 0.0
    peak = exponent(top)
    low, high = _support(exponent, top, peak)

    def density(t: float) -> float:
        return math.exp(exponent(t) - peak)

    def stays(t: float) -> float:
        return math.exp(-t / patience_s)

    split = min(max(within_s, low), high)
    whole = _integral(density, low, split) + _integral(density, split, high)
    served_in_time = _integral(lambda t: density(t) * stays(t), low, split)
    if load > agents / 2:
        # The density's slope is density * (calls * stays - service); summed over all t it is -density(0).
        served = (service * whole - math.exp(-peak)) / calls_per_s
    else:
        served = served_in_time + _integral(lambda t: density(t) * stays(t), split, high)
    waited = _integral(lambda t: t * density(t) * stays(t), low, split) + _integral(
        lambda t: t * density(t) * stays(t), split, high
    )
    left_in_time = (whole - served) - _integral(
        lambda t: density(t) * (stays(within_s) - stays(t)), split, high
    )
    if within_s < low:
        left_in_time = whole * (1 - stays(within_s))
    # Weight of the states with somebody free, against the same constant.
    log_odds = math.log(calls_per_s * whole) + peak - _log_inverse_b(load, agents - 1)
    busy = _share(log_odds)
    waits = busy
    scale = busy / whole
    in_time = (1 - busy) + scale * served_in_time
    answered = (1 - busy) + scale * served
    early = in_time + scale * max(0.0, left_in_time)
    of_answered = min(1.0, in_time / answered) if answered > 0 else 0.0
    return Outcome(
        agents,
        waits,
        scale * waited / answered if answered > 0 else math.inf,
        max(0.0, 1 - answered),
        # A share that rounding has put above 1 would miss every target.
        min(1.0, load * answered / agents),
        of_answered,
        min(1.0, in_time),
        min(1.0, early),
        of_answered,
    )


def _check(load: float, agents: int) -> None:
    if not (load >= 0 and math.isfinite(load)) or agents < 0:
        raise ValueError(f"load and agents must be 0 or more, got {load} and {agents}")


def _log_inverse_b(load: float, agents: int) -> float:
    """ln(1 / B). Far above the load 1/B leaves the range of floats, its logarithm does not."""
    inverse, log_scale = 1.0, 0.0
    for n in range(1, agents + 1):
        inverse = math.exp(-log_scale) + inverse * n / load if log_scale else 1.0 + inverse * n / load
        if inverse > 1e250:
            log_scale += math.log(inverse)
            inverse = 1.0
    return math.log(inverse) + log_scale


def _share(log_odds: float) -> float:
    if log_odds > _LARGEST_EXPONENT:
        return 1.0
    if log_odds < -_LARGEST_EXPONENT:
        return 0.0
    odds = math.exp(log_odds)
    return odds / (1 + odds)


def _support(exponent: Callable[[float], float], top: float, peak: float) -> tuple[float, float]:
    """Where the integrand counts. The exponent is concave, so this is one interval around its top."""

    def falls(t: float) -> bool:
        return exponent(t) < peak - _TAIL

    step = 1e-9
    while not falls(top + step):
        step *= 2
    high = _edge(falls, top, top + step)
    low = _edge(falls, top, 0.0) if top > 0 and falls(0.0) else 0.0
    return low, high


def _edge(falls: Callable[[float], bool], inside: float, outside: float) -> float:
    for _ in range(60):
        middle = (inside + outside) / 2
        if falls(middle):
            outside = middle
        else:
            inside = middle
    return outside


def _integral(f: Callable[[float], float], low: float, high: float) -> float:
    """Simpson's rule."""
    if high <= low:
        return 0.0
    width = (high - low) / _PANELS
    odd = math.fsum(f(low + i * width) for i in range(1, _PANELS, 2))
    even = math.fsum(f(low + i * width) for i in range(2, _PANELS, 2))
    return (f(low) + 4 * odd + 2 * even + f(high)) * width / 3
