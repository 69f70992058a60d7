"""`python -m seatbus_acd.sizing`, which `seatbus size` runs."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from seatbus_acd.simulator.errors import ScenarioError
from seatbus_acd.simulator.measure import ALL, Estimate
from seatbus_acd.simulator.options import Parser, Progress, number, run, share, whole
from seatbus_acd.simulator.report import cell
from seatbus_acd.simulator.scenario import MOST_AGENTS, scenario_of
from seatbus_acd.simulator.study import Study, study
from seatbus_acd.sizing.erlang import Outcome, erlang_a_outcome, erlang_c_outcome
from seatbus_acd.sizing.staffing import (
    FORMULAS,
    HOUR_S,
    SizingError,
    Target,
    Thumb,
    agents_for_erlang_a,
    agents_for_erlang_c,
    scheduled,
)

_RUNS: Final = 10
_COUNTED_CALLS: Final = 40_000
_MOST_CALLS_PER_HOUR: Final = 1e8
# The formulas take time in proportion to them.
_MOST_SEATS: Final = 10_000_000
_SHARES: Final = ("daily_rate", "busy_hour")


@dataclass(frozen=True, slots=True)
class Row:
    """An answer: so many agents, and what callers see with them (None where the method does not say)."""

    method: str
    agents: int
    on_rota: int
    outcome: Outcome | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    calls_per_hour: float
    handling_s: float
    thumb: Thumb | None

    @property
    def erlangs(self) -> float:
        return self.calls_per_hour * self.handling_s / HOUR_S


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 for a wrong option or an unreachable target."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        load = _load(given)
        seats = load.erlangs / given.max_load
        if seats > _MOST_SEATS:
            option = "--calls-per-hour" if load.thumb is None else "--customers"
            rule = f"needs {seats:,.0f} seats at this --aht and --max-load, more than {_MOST_SEATS:,}"
            raise ScenarioError(option, rule)
        rows = _rows(given, load)
        simulated = None if given.no_simulation else _simulate(given, load, rows[-1].agents)
    except ScenarioError as error:
        parser.wrong(error)
    except SizingError as error:
        parser.wrong(ScenarioError("--service-level", str(error)))
    if given.json:
        print(json.dumps(_document(given, load, rows, simulated), indent=2))
    else:
        print("\n".join(_text(given, load, rows, simulated)))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="seatbus size",
        description="How many seats and agents a load needs: by the rule of thumb, by Erlang C and Erlang A, "
        "and simulated on the real routing engine.",
        epilog="Example: seatbus size --customers 20000000",
    )
    add = parser.add_argument
    of_all = share(0, 1, open_low=True)
    add("--customers", type=number(0, 1e11, open_low=True), metavar="N")
    add("--daily-rate", type=of_all, metavar="SHARE", help="calls a customer and day (0.3%%)")
    add("--busy-hour", type=of_all, metavar="SHARE", help="of the day's calls in its busiest hour (20%%)")
    add("--calls-per-hour", type=number(0, _MOST_CALLS_PER_HOUR, open_low=True), metavar="N",
        help="in place of customers and shares")  # fmt: skip
    add("--aht", type=number(0, 86_400, open_low=True), default=150.0, metavar="S",
        help="talk, hold and wrap-up of a call (150)")  # fmt: skip
    add("--max-load", type=of_all, default=0.75, metavar="SHARE",
        help="most load of a seat, for the rule of thumb (75%%)")  # fmt: skip
    add("--service-level", type=share(0, 1, open_low=True, open_high=True), default=0.8, metavar="SHARE",
        help="(80%%)")  # fmt: skip
    add("--within", type=whole(0, 86_400), default=20, metavar="S", help="answered within (20)")
    add("--formula", choices=FORMULAS, default="offered", help="which service level is meant (offered)")
    add("--patience", type=number(0, 1e6, open_low=True), default=120.0, metavar="S",
        help="mean time after which a caller hangs up, for Erlang A (120)")  # fmt: skip
    add("--max-abandonment", type=of_all, default=1.0, metavar="SHARE", help="(no limit)")
    add("--max-occupancy", type=of_all, default=1.0, metavar="SHARE", help="(no limit)")
    add("--shrinkage", type=share(0, 1, open_high=True), default=0.0, metavar="SHARE",
        help="of paid time away from the seat: breaks, training, leave (0%%)")  # fmt: skip
    add("--agents", type=whole(1, MOST_AGENTS), metavar="N", help="say what so many agents give, instead")
    add("--no-simulation", action="store_true")
    add("--seed", type=whole(0, 2**63), default=1, metavar="N", help="of the simulation (1)")
    add("--json", action="store_true", help="machine-readable output")
    return parser


def _load(given: argparse.Namespace) -> Load:
    if given.calls_per_hour is not None:
        for name in ("customers", *_SHARES):
            if getattr(given, name) is not None:
                option = "--" + name.replace("_", "-")
                raise ScenarioError(option, "must not be given together with --calls-per-hour")
        return Load(given.calls_per_hour, given.aht, None)
    if given.customers is None:
        raise ScenarioError("--customers", "is missing (or give --calls-per-hour)")
    daily = 0.003 if given.daily_rate is None else given.daily_rate
    busy = 0.2 if given.busy_hour is None else given.busy_hour
    thumb = Thumb(given.customers, daily, busy, given.aht, given.max_load)
    if thumb.busy_hour_calls > _MOST_CALLS_PER_HOUR:
        raise ScenarioError("--customers", f"at most {_MOST_CALLS_PER_HOUR:,.0f} calls in the busiest hour")
    return Load(thumb.busy_hour_calls, given.aht, thumb)


def _rows(given: argparse.Namespace, load: Load) -> list[Row]:
    """Rule of thumb, Erlang C, Erlang A; the last one is what gets simulated."""
    rate, within = load.calls_per_hour / HOUR_S, float(given.within)

    def row(method: str, agents: int, outcome: Outcome | None, note: str = "") -> Row:
        return Row(method, agents, scheduled(agents, given.shrinkage), outcome, note)

    def with_patience(agents: int) -> Outcome:
        return erlang_a_outcome(rate, given.aht, given.patience, agents, within)

    seats = max(1, math.ceil(load.erlangs / given.max_load - 1e-9))
    rows = [row("rule of thumb", seats, with_patience(seats), "as Erlang A sees it")]
    target = Target(given.service_level, within, given.max_abandonment, given.max_occupancy, given.formula)
    if given.agents is not None:
        endless = None
        if given.agents > load.erlangs:
            endless = erlang_c_outcome(rate, given.aht, given.agents, within)
        note = "" if endless is not None else "the queue grows for ever"
        rows.append(row("Erlang C", given.agents, endless, note))
        rows.append(row("Erlang A", given.agents, with_patience(given.agents)))
        return rows
    c = agents_for_erlang_c(rate, given.aht, target)
    a = agents_for_erlang_a(rate, given.aht, given.patience, target)
    return [*rows, row("Erlang C", c.agents, c, "nobody hangs up"), row("Erlang A", a.agents, a)]


def _simulate(given: argparse.Namespace, load: Load, agents: int) -> Study:
    if agents > MOST_AGENTS:
        raise ScenarioError(
            "--no-simulation", f"must be given for more than {MOST_AGENTS:,} agents, not {agents:,}"
        )
    warm_up = 5 * load.handling_s
    counted = max(4 * load.handling_s, _COUNTED_CALLS / _RUNS / load.calls_per_hour * HOUR_S)
    # A small group: fewer calls rather than months.
    counted = min(counted, 14 * 86_400 - warm_up)
    scenario = scenario_of(
        {
            "duration_s": max(1.0, warm_up + counted),
            "warm_up_s": warm_up,
            "queues": [
                {
                    "id": "queue",
                    "calls_per_hour": load.calls_per_hour,
                    "talk": f"exp:{load.handling_s}",
                    "patience": f"exp:{given.patience}",
                    "service_level_s": given.within,
                }
            ],
            "agents": [{"group": "agents", "count": agents}],
        }
    )
    progress = Progress(f"simulating {agents:,} agents")
    try:
        return study(scenario, given.seed, _RUNS, progress=progress)
    finally:
        progress.done()


def _text(given: argparse.Namespace, load: Load, rows: list[Row], simulated: Study | None) -> Iterator[str]:
    thumb = load.thumb
    if thumb is not None:
        yield (
            f"{thumb.customers:,.10g} customers x {_percent(thumb.daily_rate)} x "
            f"{_percent(thumb.busy_hour_share)} x {thumb.handling_s:g} s "
            f"/ (3600 x {_percent(thumb.most_load)}) = {thumb.seats:,.2f} seats"
        )
    yield f"{load.calls_per_hour:,.10g} busy-hour calls, {load.erlangs:,.10g} erlangs"
    meant = f"service level ({given.formula.replace('_', ' ')})"
    if given.agents is None:
        yield f"target: {meant} of {_percent(given.service_level)} within {given.within} s"
    yield f"patience {given.patience:g} s, shrinkage {_percent(given.shrinkage)}"
    yield ""
    heads = f"{'service level':<16}{'ASA':<18}{'abandonment':<16}occupancy"
    yield f"{'':<15}{'agents':>9}{'on the rota':>13}  {heads}"
    for one in rows:
        cells = ("", "", "", "")
        if one.outcome is not None:
            o = one.outcome
            level = float(getattr(o, f"service_level_{given.formula}"))
            cells = (f"{level:.2%}", f"{o.asa_s:.2f} s", f"{o.abandonment:.2%}", f"{o.occupancy:.2%}")
        yield _line(one.method, one.agents, one.on_rota, cells, one.note)
    if simulated is not None:
        found = simulated.queues[ALL]
        names = (f"service_level_{given.formula}", "asa_s", "abandonment", "occupancy")
        cells_of = [cell(name, found[name]) if name in found else "" for name in names]
        last = rows[-1]
        yield _line(
            "simulation", last.agents, last.on_rota, (cells_of[0], cells_of[1], cells_of[2], cells_of[3]), ""
        )
        yield ""
        yield (
            f"simulation: {simulated.sums[ALL].offered:,} calls on the routing engine, "
            f"seed {simulated.seed}; ± is the half-width of the 95 % confidence interval"
        )


def _line(method: str, agents: int, on_rota: int, cells: tuple[str, str, str, str], note: str) -> str:
    level, asa, abandonment, occupancy = cells
    head = f"{method:<15}{agents:>9,}{on_rota:>13,}  "
    return f"{head}{level:<16}{asa:<18}{abandonment:<16}{occupancy:<16}{note}".rstrip()


def _document(
    given: argparse.Namespace, load: Load, rows: list[Row], simulated: Study | None
) -> dict[str, object]:
    """What `--json` prints. Shares are 0 to 1, times seconds; `ci95` is [low, high]."""
    thumb = load.thumb
    document: dict[str, object] = {
        "calls_per_hour": load.calls_per_hour,
        "erlangs": load.erlangs,
        "seats": load.erlangs / given.max_load,
        "inputs": None if thumb is None else asdict(thumb),
        "target": {
            "service_level": given.service_level,
            "within_s": given.within,
            "formula": given.formula,
            "patience_s": given.patience,
            "shrinkage": given.shrinkage,
        },
    }
    for one in rows:
        document[one.method.lower().replace(" ", "_")] = {
            "agents": one.agents,
            "on_rota": one.on_rota,
            "outcome": None if one.outcome is None else _finite(asdict(one.outcome)),
        }
    if simulated is not None:
        document["simulation"] = {
            "agents": rows[-1].agents,
            "seed": simulated.seed,
            "calls": simulated.sums[ALL].offered,
            "decisions_digest": simulated.digest,
            "metrics": {name: _interval(found) for name, found in simulated.queues[ALL].items()},
        }
    return document


def _interval(found: Estimate) -> dict[str, object]:
    half = found.half_width or 0.0
    return {"value": found.value, "ci95": [found.value - half, found.value + half]}


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    """JSON has no infinity: nobody is answered, so nobody's wait is known."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _percent(value: float) -> str:
    return f"{100 * value:.6g} %"


if __name__ == "__main__":
    run(main)
