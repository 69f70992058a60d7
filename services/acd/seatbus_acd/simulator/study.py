"""Runs a scenario as often as its confidence intervals need, and gathers what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from seatbus_acd.simulator.measure import ALL, METRICS, Estimate, Totals, cut, estimate, percentile, totals
from seatbus_acd.simulator.recorded import Day
from seatbus_acd.simulator.scenario import Scenario
from seatbus_acd.simulator.world import Listener, Outcome, World

# Replication (from 1), of how many, how far it is (0 to 1).
Progress: TypeAlias = "Callable[[int, int, float], None]"


@dataclass(frozen=True, slots=True)
class Study:
    """`queues` has the estimates and totals of every queue and of all (`ALL`); `intervals` the totals of each
    interval of the day over all replications; `waits` the sorted waits of those who were answered.
    """

    scenario: Scenario
    seed: int
    replications: int
    batches: int
    queues: Mapping[str, Mapping[str, Estimate]]
    sums: Mapping[str, Totals]
    intervals: tuple[tuple[float, Totals], ...]
    waits: tuple[float, ...]
    digest: str
    decisions: int

    def percentile(self, share: float) -> float | None:
        return percentile(self.waits, share) if self.waits else None


def study(
    scenario: Scenario,
    seed: int,
    replications: int,
    batches: int = 0,
    day: Day | None = None,
    listener: Listener | None = None,
    progress: Progress | None = None,
) -> Study:
    """`batches` (2 or more) cuts each run into so many slices; else each replication is one."""
    duration, pieces = scenario.duration_s, max(1, batches)
    spans = cut(scenario.warm_up_s, duration, pieces)
    count = max(1, round(duration / scenario.interval_s))
    edges = cut(0.0, duration, count)
    slices: list[Mapping[str, Totals]] = []
    by_interval = [Totals() for _ in edges]
    waits: list[float] = []
    digests: list[str] = []
    decisions = 0
    for number in range(1, replications + 1):

        def tell(share: float, number: int = number) -> None:
            if progress is not None:
                progress(number, replications, share)

        run = World(scenario, f"{seed}/{number}", day, listener=listener, progress=tell).run()
        slices += totals(run, spans)
        for sums, interval in zip(by_interval, totals(run, edges), strict=True):
            sums.add(interval[ALL])
        waits += [
            caller.wait
            for caller in run.callers
            if caller.outcome is Outcome.ANSWERED and scenario.warm_up_s <= caller.at < duration
        ]
        digests.append(run.digest)
        decisions += run.decisions
    waits.sort()
    keys = [ALL, *(plan.spec.key[1] for plan in scenario.queues)]
    estimates: dict[str, dict[str, Estimate]] = {}
    all_sums: dict[str, Totals] = {}
    for key in keys:
        own = [piece.get(key) or Totals() for piece in slices]
        estimates[key] = {
            metric.name: found
            for metric in METRICS
            if (found := estimate(metric, own)) is not None and (key == ALL or metric.name != "occupancy")
        }
        sums = all_sums[key] = Totals()
        for piece in own:
            sums.add(piece)
    return Study(
        scenario,
        seed,
        replications,
        batches,
        estimates,
        all_sums,
        tuple((begin, sums) for (begin, _), sums in zip(edges, by_interval, strict=True)),
        tuple(waits),
        digests[0] if len(digests) == 1 else _fold(digests),
        decisions,
    )


def _fold(digests: list[str]) -> str:
    folded = 0
    for digest in digests:
        folded = (folded * 31 + int(digest, 16)) % (1 << 128)
    return f"{folded:032x}"
