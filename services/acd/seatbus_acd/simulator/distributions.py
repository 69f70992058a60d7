"""Random times in seconds, named by short texts: `180`, `exp:180`, `lognormal:180:1.2`, `empirical:12,40`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from seatbus_acd.simulator.errors import ScenarioError

FORMS: Final = "fixed:S, exp:MEAN, lognormal:MEAN:CV, empirical:S,S,... or never (a number alone is exp:MEAN)"


class Distribution(Protocol):
    @property
    def mean(self) -> float: ...

    def sample(self, chance: Random) -> float: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    mean: float

    def sample(self, chance: Random) -> float:
        return self.mean


@dataclass(frozen=True, slots=True)
class Exponential:
    mean: float

    def sample(self, chance: Random) -> float:
        return -self.mean * math.log(1.0 - chance.random())


@dataclass(frozen=True, slots=True)
class LogNormal:
    """`variation`: standard deviation / mean, which is what a report of talk times gives."""

    mean: float
    variation: float

    def sample(self, chance: Random) -> float:
        variance = math.log(1 + self.variation**2)
        return chance.lognormvariate(math.log(self.mean) - variance / 2, math.sqrt(variance))


@dataclass(frozen=True, slots=True)
class Empirical:
    """Values that were measured, each as likely as any other."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    def sample(self, chance: Random) -> float:
        return self.values[int(chance.random() * len(self.values))]


def parse(field: str, value: object) -> Distribution:
    """Raises ScenarioError naming `field`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _exponential(field, float(value))
    if isinstance(value, list):
        return Empirical(_numbers(field, value))
    if not isinstance(value, str):
        raise ScenarioError(field, f"a time in seconds: {FORMS}")
    name, _, rest = value.strip().partition(":")
    parts = rest.split(":") if rest else []
    match name, len(parts):
        case "never", 0:
            return Fixed(math.inf)
        case "fixed", 1:
            return Fixed(_numbers(field, parts)[0])
        case "exp", 1:
            return _exponential(field, _numbers(field, parts)[0])
        case "lognormal", 2:
            mean, variation = _numbers(field, parts)
            return LogNormal(mean, variation) if mean > 0 and variation > 0 else Fixed(mean)
        case "empirical", 1:
            return Empirical(_numbers(field, rest.split(",")))
        case _, 0:
            return _exponential(field, _numbers(field, [name])[0])
    raise ScenarioError(field, f"{value!r} is none of {FORMS}")


def _exponential(field: str, mean: float) -> Distribution:
    [checked] = _numbers(field, [mean])
    return Exponential(checked) if checked > 0 else Fixed(0.0)


def _numbers(field: str, texts: list[str] | list[object] | list[float]) -> tuple[float, ...]:
    try:
        numbers = tuple(float(str(text)) for text in texts)
    except ValueError:
        wrong = ", ".join(str(text) for text in texts)
        raise ScenarioError(field, f"{wrong!r} is not a time in seconds; give {FORMS}") from None
    if not numbers or not all(0 <= number < math.inf for number in numbers):
        raise ScenarioError(field, "seconds must be 0 or more and finite")
    return numbers
