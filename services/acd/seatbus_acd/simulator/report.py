"""A study as text for a person, or as a document."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from seatbus_acd.simulator.charts import bars
from seatbus_acd.simulator.measure import ALL, METRICS, Estimate, Metric, Totals
from seatbus_acd.simulator.study import Study

# Upper ends of the waits that the chart tells apart, in seconds.
_WAIT_STEPS: Final = (0.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, math.inf)


def document(study: Study) -> dict[str, object]:
    """What `--json` prints. Shares are 0 to 1, times seconds; `ci95` is [low, high], null without one."""
    return {
        "seed": study.seed,
        "replications": study.replications,
        "batches": study.batches,
        "duration_s": study.scenario.duration_s,
        "warm_up_s": study.scenario.warm_up_s,
        "agents": sum(shift.count for shift in study.scenario.shifts),
        "decisions": study.decisions,
        "decisions_digest": study.digest,
        "wait_p50_s": study.percentile(0.5),
        "wait_p90_s": study.percentile(0.9),
        "metrics": _estimates(study, ALL),
        "totals": asdict(study.sums[ALL]),
        "queues": {
            key: {"metrics": _estimates(study, key), "totals": asdict(study.sums[key])}
            for key in study.queues
            if key != ALL
        },
        "intervals": [
            {"from_s": begin, "offered": t.offered / study.replications, "service_level_offered": _level(t)}
            for begin, t in study.intervals
        ],
    }


def text(study: Study, *, charts: bool) -> Iterator[str]:
    """Lines for a terminal."""
    sums = study.sums[ALL]
    agents = sum(shift.count for shift in study.scenario.shifts)
    hours = (study.scenario.duration_s - study.scenario.warm_up_s) / 3600
    yield (
        f"{agents:,} agent{'s' if agents > 1 else ''}, {sums.offered:,} calls in {study.replications} "
        f"run{'s' if study.replications > 1 else ''} of {hours:.4g} h, seed {study.seed}"
    )
    yield ""
    for metric in METRICS:
        found = study.queues[ALL].get(metric.name)
        if found is not None:
            yield f"  {metric.name:<37} {_cell(metric, found):<22} {metric.text}"
    p50, p90 = study.percentile(0.5), study.percentile(0.9)
    if p50 is not None and p90 is not None:
        yield f"  {'wait of answered, p50 and p90':<37} {p50:.1f} s, {p90:.1f} s"
    rest = [
        f"{name.replace('_', ' ')} {getattr(sums, name):,}"
        for name in ("short_abandoned", "overflowed", "refused", "waiting")
        if getattr(sums, name)
    ]
    if rest:
        yield f"  {'other ends':<37} {', '.join(rest)}"
    if len(study.queues) > 2:
        yield ""
        yield from _queues(study)
    if charts:
        yield from _charts(study)
    yield ""
    if study.queues[ALL] and all(e.half_width is None for e in study.queues[ALL].values()):
        yield "One run has no confidence interval; --replications gives one."
    else:
        yield "± is the half-width of the 95 % confidence interval."
    yield f"{study.decisions:,} decisions of the routing engine, fingerprint {study.digest}"


def cell(name: str, found: Estimate) -> str:
    """An estimate of the metric `name` as people read it."""
    return _cell(next(metric for metric in METRICS if metric.name == name), found)


def _cell(metric: Metric, found: Estimate) -> str:
    if metric.unit == "%":
        half = "" if found.half_width is None else f" ± {100 * found.half_width:.2f}"
        return f"{100 * found.value:.2f}{half} %"
    half = "" if found.half_width is None else f" ± {found.half_width:.2f}"
    return f"{found.value:.2f}{half} s"


def _queues(study: Study) -> Iterator[str]:
    shown = ("service_level_offered", "asa_s", "abandonment")
    yield f"  {'queue':<20} {'offered':>9}  " + "  ".join(f"{name:<22}" for name in shown).rstrip()
    for key, estimates in study.queues.items():
        if key == ALL:
            continue
        cells = [cell(name, estimates[name]) if name in estimates else "" for name in shown]
        yield f"  {key:<20} {study.sums[key].offered:>9,}  " + "  ".join(f"{c:<22}" for c in cells).rstrip()


def _charts(study: Study) -> Iterator[str]:
    if len(study.intervals) > 1:
        busy = [number for number, (_, t) in enumerate(study.intervals) if t.offered]
        shown = study.intervals[busy[0] : busy[-1] + 1] if busy else ()
        rows = [(clock(begin), t.offered / study.replications, t) for begin, t in shown]
        yield ""
        yield "calls offered in each interval, and the service level (OFFERED) in it"
        yield from bars(
            [(name, calls, f"{calls:,.0f} calls {_percent(_level(t))}") for name, calls, t in rows]
        )
    waits = study.waits
    if waits:
        yield ""
        yield "wait of those who were answered"
        rows_of_waits, low = [], -1.0
        for high in _WAIT_STEPS:
            count = sum(1 for wait in waits if low < wait <= high)
            name = "none" if high == 0 else f"> {low:g} s" if high == math.inf else f"≤ {high:g} s"
            rows_of_waits.append((name, count / len(waits), _percent(count / len(waits))))
            low = high
        yield from bars(rows_of_waits, most=1.0)


def clock(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _level(t: Totals) -> float | None:
    whole = t.answered + t.abandoned
    return t.in_time / whole if whole else None


def _percent(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.1%}"


def _estimates(study: Study, key: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, one in study.queues[key].items():
        half = one.half_width
        ci = None if half is None else [one.value - half, one.value + half]
        found[name] = {"value": one.value, "ci95": ci}
    return found
