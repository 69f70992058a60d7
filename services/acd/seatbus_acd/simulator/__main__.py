"""`python -m seatbus_acd.simulator`, which `seatbus simulate` runs."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from seatbus_acd.domain.model import Decision, LeaveQueue, Strategy
from seatbus_acd.simulator.distributions import FORMS
from seatbus_acd.simulator.errors import ScenarioError
from seatbus_acd.simulator.options import Parser, Progress, number, run, whole
from seatbus_acd.simulator.recorded import Day, day_of
from seatbus_acd.simulator.report import document, text
from seatbus_acd.simulator.scenario import MOST_AGENTS, MOST_RING_AGENTS, Scenario, scenario_of
from seatbus_acd.simulator.study import study
from seatbus_acd.simulator.world import Listener

_DAY: Final = (
    "calls_per_hour",
    "agents",
    "talk",
    "wrap_up",
    "patience",
    "answer",
    "strategy",
    "ring_agents",
    "within",
    "hours",
    "warm_up",
)
_DEFAULT_RUNS: Final = 10
_DEFAULT_HOURS: Final = 8.0
_DEFAULT_WARM_UP_MIN: Final = 60.0


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 for a wrong option or file."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        day = day_of(given.recorded.name, _read("--recorded", given.recorded)) if given.recorded else None
        scenario = _scenario(given, day)
        runs = given.replications or (1 if day is not None and day.whole else _DEFAULT_RUNS)
        if given.batches and (day is not None or not scenario.steady):
            raise ScenarioError(
                "--batches", "needs the same rates and agents all day long; use --replications"
            )
        progress = Progress("simulating")
        with ExitStack() as stack:
            listener = _listener(given.decisions, stack) if given.decisions else None
            if given.batches:
                runs = given.replications or 1
            result = study(scenario, given.seed, runs, given.batches, day, listener, progress)
        progress.done()
    except ScenarioError as error:
        parser.wrong(error)
    if given.json:
        print(json.dumps(document(result), indent=2))
    else:
        print("\n".join(text(result, charts=not given.no_charts)))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="seatbus simulate",
        description="Simulate a day on the real routing engine and print service level, waits, abandonment "
        "and occupancy with their 95 % confidence intervals. The same seed gives the same answer.",
        epilog=f"Times are seconds as {FORMS}. Files: docs/operations/sizing.md.",
    )
    add = parser.add_argument
    add("scenario", nargs="?", type=Path, help="a JSON file of queues and agents; without it, one queue of:")
    add("--calls-per-hour", type=number(0, 1e7, open_low=True), metavar="N")
    add("--agents", type=whole(1, MOST_AGENTS), metavar="N")
    add("--talk", metavar="TIME", help="talk time (exp:180)")
    add("--wrap-up", metavar="TIME", help="work after the call (none)")
    add("--patience", metavar="TIME", help="after which a caller hangs up (never)")
    add("--answer", metavar="TIME", help="from the ring to the answer (at once)")
    add("--strategy", metavar="NAME", help=f"{', '.join(Strategy)} (longest_idle)")
    add("--ring-agents", type=whole(1, MOST_RING_AGENTS), metavar="N", help="of simultaneous_ring (5)")
    add("--within", type=whole(0, 86_400), metavar="S", help="seconds that count as in time (20)")
    add("--hours", type=number(0, 744, open_low=True), metavar="H", help="length of the day (8)")
    add("--warm-up", type=number(0), metavar="MIN", help="first minutes that are not counted (60)")
    add(
        "--recorded",
        type=Path,
        metavar="FILE",
        help="a recorded day, CSV or JSON, in place of random callers",
    )
    add("--replications", type=whole(1, 10_000), metavar="N", help="runs, each with callers of its own (10)")
    add("--batches", type=whole(2, 1000), default=0, metavar="N", help="one long run in N batches instead")
    add("--seed", type=whole(0, 2**63), default=1, metavar="N", help="(1)")
    add("--decisions", type=Path, metavar="FILE", help="write every decision here, one JSON object a line")
    add("--no-charts", action="store_true")
    add("--json", action="store_true", help="machine-readable output")
    return parser


def _scenario(given: argparse.Namespace, day: Day | None) -> Scenario:
    if given.scenario is not None:
        for name in _DAY:
            if getattr(given, name) is not None:
                raise ScenarioError(_option(name), f"is said in the scenario file {given.scenario}")
        try:
            scenario = scenario_of(json.loads(_read("scenario", given.scenario)))
        except json.JSONDecodeError as error:
            raise ScenarioError(str(given.scenario), f"is not JSON: {error}") from None
    else:
        try:
            scenario = scenario_of(_document(given, day))
        except ScenarioError as error:
            # Here the place in the file is the option of that name.
            place = error.field.rpartition(".")[2]
            raise ScenarioError(_option(place) if place in _DAY else error.field, error.rule) from None
    if day is None:
        if not any(rate for queue in scenario.queues for rate in queue.calls_per_hour):
            raise ScenarioError("queues", "calls_per_hour must be above 0 in one of them, or give --recorded")
        return scenario
    known = {queue.spec.key[1] for queue in scenario.queues}
    for name in sorted({call.queue for call in day.calls} - known):
        raise ScenarioError(str(given.recorded), f"queue {name!r} is not in the scenario")
    present = {name for _, name in scenario.agents()}
    for name in sorted({change.agent for change in day.presence} - present):
        raise ScenarioError(str(given.recorded), f"agent {name!r} is not in the scenario")
    last = max(call.at for call in day.calls)
    begin = min(call.at for call in day.calls)
    # The chart begins and ends with the calls; nothing of a recorded day is left out.
    length = (last // scenario.interval_s + 1) * scenario.interval_s
    warm_up = min(begin // scenario.interval_s * scenario.interval_s, length - 1)
    return replace(scenario, duration_s=length, warm_up_s=warm_up)


def _document(given: argparse.Namespace, day: Day | None) -> dict[str, object]:
    """The options as a scenario, so that one set of rules holds for both."""
    recorded = sorted({change.agent for change in day.presence}) if day is not None else []
    needed = ["agents"] if day is not None else ["calls_per_hour", "agents"]
    if recorded:
        needed = []
        if given.agents is not None:
            raise ScenarioError("--agents", "the recorded day brings its own agents")
    for name in needed:
        if getattr(given, name) is None:
            raise ScenarioError(_option(name), "is missing (or name a scenario file)")
    if day is not None and given.calls_per_hour is not None:
        raise ScenarioError("--calls-per-hour", "a recorded day brings its own callers")
    hours = _DEFAULT_HOURS if given.hours is None else given.hours
    warm_up = min(_DEFAULT_WARM_UP_MIN, hours * 15) if given.warm_up is None else given.warm_up
    if warm_up >= hours * 60:
        raise ScenarioError("--warm-up", "must be shorter than --hours")
    queue: dict[str, object] = {"talk": given.talk or "exp:180", "service_level_s": given.within}
    queue |= {"wrap_up": given.wrap_up, "patience": given.patience, "answer": given.answer}
    queue |= {"strategy": given.strategy, "ring_agents": given.ring_agents}
    queue = {name: value for name, value in queue.items() if value is not None}
    names = sorted({call.queue for call in day.calls}) if day is not None else ["queue"]
    rate = given.calls_per_hour or 0
    return {
        "duration_s": hours * 3600,
        "warm_up_s": warm_up * 60,
        "queues": [queue | {"id": name, "calls_per_hour": rate} for name in names],
        "agents": [{"group": "agents"} | ({"names": recorded} if recorded else {"count": given.agents})],
    }


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _read(field: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ScenarioError(field, f"{path}: {reason}") from None


def _listener(path: Path, stack: ExitStack) -> Listener:
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise ScenarioError("--decisions", f"{path}: {error.strerror}") from None

    def write(at: float, what: Decision | LeaveQueue) -> None:
        line: dict[str, object]
        if isinstance(what, Decision):
            line = {
                "contact": what.contact[1],
                "queue": what.queue[1],
                "rule": what.rule,
                "chosen": what.chosen[1] if what.chosen is not None else None,
                "also_chosen": [key[1] for key in what.also],
                "candidates": what.candidates,
                "first_candidates": [key[1] for key in what.first_candidates],
                "position": what.position,
            }
        else:
            line = {"contact": what.key[1], "rule": "leaves", "reason": what.reason.value}
        file.write(json.dumps({"at_s": at} | line) + "\n")

    return write


if __name__ == "__main__":
    run(main)
