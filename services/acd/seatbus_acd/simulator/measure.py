"""What runs say about service, each figure with its 95 % confidence interval.

Every metric is a ratio of two totals, by the formulas of the platform's reports. It is estimated from slices
that are as good as independent: replications, or batches of one long run.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from seatbus_acd.simulator.world import Outcome, Run

ALL: Final = ""


@dataclass(slots=True)
class Totals:
    """Of the visits offered in a slice, and of the agents' time in it. Seconds."""

    offered: int = 0
    answered: int = 0
    in_time: int = 0
    abandoned: int = 0
    abandoned_in_time: int = 0
    short_abandoned: int = 0
    overflowed: int = 0
    refused: int = 0
    waiting: int = 0
    wait_s: float = 0.0
    waited: int = 0
    contact_s: float = 0.0
    handling_s: float = 0.0
    ready_s: float = 0.0

    def add(self, other: Totals) -> None:
        for name in Totals.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    text: str
    part: Callable[[Totals], float]
    whole: Callable[[Totals], float]
    unit: str = "%"


METRICS: Final = (
    Metric(
        "service_level_answered", "answered in time / answered", lambda t: t.in_time, lambda t: t.answered
    ),
    Metric(
        "service_level_offered",
        "answered in time / (answered + abandoned)",
        lambda t: t.in_time,
        lambda t: t.answered + t.abandoned,
    ),
    Metric(
        "service_level_early_abandon_positive",
        "(answered + abandoned, both in time) / (answered + abandoned)",
        lambda t: t.in_time + t.abandoned_in_time,
        lambda t: t.answered + t.abandoned,
    ),
    Metric(
        "service_level_abandon_ignored",
        "answered in time / (offered - abandoned - refused)",
        lambda t: t.in_time,
        lambda t: t.offered - t.abandoned - t.short_abandoned - t.refused,
    ),
    Metric("asa_s", "sum of waits of answered / answered", lambda t: t.wait_s, lambda t: t.answered, "s"),
    Metric("abandonment", "abandoned / offered", lambda t: t.abandoned, lambda t: t.offered),
    Metric("waits", "not answered at once / offered", lambda t: t.waited, lambda t: t.offered),
    Metric("aht_s", "talk and wrap-up / answered", lambda t: t.contact_s, lambda t: t.answered, "s"),
    Metric(
        "occupancy",
        "handling / (handling + ready)",
        lambda t: t.handling_s,
        lambda t: t.handling_s + t.ready_s,
    ),
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`half_width` is None where there is nothing to compare with: a single slice."""

    value: float
    half_width: float | None

    def holds(self, value: float) -> bool:
        """Whether the interval contains the value."""
        return self.half_width is not None and abs(self.value - value) <= self.half_width


def estimate(metric: Metric, slices: Sequence[Totals]) -> Estimate | None:
    """The ratio of the sums and the half-width of its 95 % interval (Student's t on the residuals, the
    classical ratio estimator); None where the metric is undefined.
    """
    parts, wholes = [metric.part(t) for t in slices], [metric.whole(t) for t in slices]
    total = math.fsum(wholes)
    if total <= 0:
        return None
    ratio = math.fsum(parts) / total
    count = len(slices)
    if count < 2:
        return Estimate(ratio, None)
    residues = math.fsum((part - ratio * whole) ** 2 for part, whole in zip(parts, wholes, strict=True))
    error = math.sqrt(residues / (count - 1) / count) / (total / count)
    return Estimate(ratio, student_t(count - 1) * error)


_T: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def student_t(freedom: int) -> float:
    """The 97.5 % point: a table, then the series of Cornish and Fisher (error below 0.002)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = 1.959964
    first = (z**3 + z) / (4 * freedom)
    return z + first + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def totals(run: Run, spans: Sequence[tuple[float, float]]) -> list[Mapping[str, Totals]]:
    """For each span its totals of every queue, and of all (key `ALL`). Spans are in order and do not overlap.

    A visit belongs to the span in which it was offered. Agents' time has no queue: it is under `ALL` alone.
    """
    starts = [begin for begin, _ in spans]
    found: list[dict[str, Totals]] = [{ALL: Totals()} for _ in spans]
    for caller in run.callers:
        index = bisect_right(starts, caller.at) - 1
        if index < 0 or caller.at >= spans[index][1]:
            continue
        of = found[index]
        one = Totals(offered=1)
        wait, limit = caller.wait, caller.plan.spec.service_level_s
        match caller.outcome:
            case Outcome.ANSWERED:
                one.answered, one.in_time, one.wait_s = 1, int(wait <= limit), wait
                one.contact_s = caller.talk + caller.wrap_up
            case Outcome.ABANDONED:
                one.abandoned, one.abandoned_in_time = 1, int(wait <= limit)
            case Outcome.SHORT_ABANDONED:
                one.short_abandoned = 1
            case Outcome.OVERFLOWED:
                one.overflowed = 1
            case Outcome.REFUSED:
                one.refused = 1
            case Outcome.WAITING:
                one.waiting = 1
        one.waited = int(wait > 0)
        of[ALL].add(one)
        of.setdefault(caller.plan.spec.key[1], Totals()).add(one)
    for worker in run.workers:
        ends = [*(since for since, _ in worker.changes[1:]), math.inf]
        for (since, doing), until in zip(worker.changes, ends, strict=True):
            if doing not in ("handling", "ready"):
                continue
            index = max(0, bisect_right(starts, since) - 1)
            while index < len(spans) and spans[index][0] < until:
                begin, end = spans[index]
                spent = max(0.0, min(end, until) - max(begin, since))
                if doing == "handling":
                    found[index][ALL].handling_s += spent
                else:
                    found[index][ALL].ready_s += spent
                index += 1
    return list(found)


def cut(begin: float, end: float, pieces: int) -> list[tuple[float, float]]:
    """Equal spans from `begin` to `end`."""
    width = (end - begin) / pieces
    edges = [begin + i * width for i in range(pieces)] + [end]
    return list(pairwise(edges))


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values; the smallest that at least `share` of them do not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]
