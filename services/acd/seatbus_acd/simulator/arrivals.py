"""When callers come: a Poisson stream with a rate for each interval, or a day that was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Arrival:
    """A caller. What is None was not recorded, and is drawn."""

    at: float
    queue: str
    priority: int = 0
    patience_s: float | None = None
    talk_s: float | None = None
    wrap_up_s: float | None = None


def poisson(
    chance: Random, calls_per_hour: Sequence[float], interval_s: float, until_s: float
) -> Iterator[float]:
    """Times of a Poisson stream until `until_s`; interval i has rate i, those after the last have the last.

    Unit-rate exponential steps are laid along the summed rate: no greatest rate needs to be known.
    """
    at, index, last = 0.0, 0, len(calls_per_hour) - 1
    while True:
        need = -math.log(1.0 - chance.random())
        while True:
            rate = calls_per_hour[index] / 3600
            end = until_s if index == last else min((index + 1) * interval_s, until_s)
            if rate * (end - at) > need:
                at += need / rate
                break
            need -= rate * (end - at)
            at = end
            if at >= until_s:
                return
            index += 1
        yield at
