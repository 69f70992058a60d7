"""Equal inputs give equal decisions, also in another process, which hashes otherwise."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from seatbus_acd.domain.model import Decision, LeaveQueue
from seatbus_acd.simulator.scenario import scenario_of
from seatbus_acd.simulator.world import World

# Every rule that a simulated day knows, and agents who miss calls, come late and go early.
DAY: dict[str, Any] = {
    "duration_s": 28_800,
    "away_s": 20,
    "agents": [
        {"group": "english", "count": 6, "skills": {"english": 4}, "weight": 3, "order": 2},
        {"group": "both", "count": 5, "skills": {"english": 3, "billing": 5}, "to_s": 20_000, "order": 1},
        {"group": "late", "names": ["zoe", "yan"], "skills": {"billing": 4}, "from_s": 9_000},
    ],
    "queues": [
        {
            "id": "sales", "calls_per_hour": [90, 160, 120], "talk": "lognormal:90:1.2",
            "wrap_up": "fixed:15", "patience": "exp:60", "requirements": {"english": 4},
            "strategy": "weighted_random",
            "relaxation": [{"after_s": 10, "levels": {"english": 3}}, {"after_s": 30, "overflow": True}],
            "overflow_queues": ["bills"], "answer": "exp:4",
        },
        {
            "id": "bills", "calls_per_hour": 40, "talk": "exp:150", "wrap_up": "exp:60", "wrap_up_s": 30,
            "patience": "lognormal:80:0.8", "answer": "lognormal:6:0.9", "ring_timeout_s": 15,
            "groups": ["both", "late"], "priority": 2, "max_wait_s": 45, "max_waiting": 3,
            "strategy": "round_robin",
        },
        {
            "id": "urgent", "calls_per_hour": 20, "talk": "exp:60", "priority": 5, "ageing_s": 60,
            "answer": "exp:5", "strategy": "simultaneous_ring", "ring_agents": 3,
        },
    ],
}  # fmt: skip
SEED = "4"


def outputs(arguments: list[str], folder: Path) -> list[bytes]:
    """What two processes that hash differently say and write."""
    found = []
    running = []
    for number in (1, 2):
        there = folder / str(number)
        there.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": str(number)}
        running.append(
            subprocess.Popen([sys.executable, *arguments], cwd=there, env=environment, stdout=subprocess.PIPE)
        )
    for number, process in enumerate(running, 1):
        said, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        written = sorted((folder / str(number)).iterdir())
        found.append(said + b"".join(path.read_bytes() for path in written))
    return found


def test_a_history_under_every_rule_is_the_same_in_every_process(tmp_path: Path) -> None:
    one, other = outputs([str(Path(__file__).with_name("replay.py")), "2500"], tmp_path)
    assert one == other
    for rule in ("ROUND_ROBIN", "WEIGHTED_RANDOM", "SIMULTANEOUS_RING", "OWN_BRANCH", "STICKY", "CAPPED"):
        assert one.count(f"Rule.{rule}:".encode()) > 5, rule


def test_a_recorded_day_gives_the_decisions_of_that_day_in_every_process(tmp_path: Path) -> None:
    scenario = scenario_of(DAY)
    told: list[tuple[float, Decision | LeaveQueue]] = []
    day = World(scenario, f"{SEED}/1", listener=lambda at, what: told.append((at, what))).run()
    file, plan = tmp_path / "day.csv", tmp_path / "plan.json"
    plan.write_text(json.dumps(DAY))
    with file.open("w", newline="") as out:
        write = csv.writer(out)
        write.writerow(["at_s", "event", "queue", "agent", "priority", "patience_s", "talk_s", "wrap_up_s"])
        for shift in scenario.shifts:
            for _, name in shift.members():
                write.writerow([shift.from_s, "ready", "", name, *[""] * 4])
                if shift.to_s < scenario.duration_s:
                    write.writerow([shift.to_s, "not_ready", "", name, *[""] * 4])
        for caller in day.callers:
            patience = caller.patience if math.isfinite(caller.patience) else ""
            times = (patience, caller.talk, caller.wrap_up)
            row = [caller.at, "call", caller.plan.spec.key[1], "", caller.priority, *times]
            write.writerow([repr(value) if isinstance(value, float) else value for value in row])
    command = ["-m", "seatbus_acd.simulator", str(plan), "--recorded", str(file), "--seed", SEED, "--json"]
    one, other = outputs([*command, "--replications", "1", "--decisions", "decisions"], tmp_path)
    assert one == other
    again = [json.loads(line) for line in (tmp_path / "1" / "decisions").read_text().splitlines()]
    assert len(again) == len(told) > 1500
    chosen = [(at, what.chosen[1]) for at, what in told if isinstance(what, Decision) and what.chosen]
    assert [(line["at_s"], line["chosen"]) for line in again if line.get("chosen")] == chosen
