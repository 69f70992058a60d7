"""Simulator: calls a second, of callers who come, wait, talk and go on the routing engine, by processor time.

500 agents of two skills in three queues that share them, 11,000 calls an hour, some hang up. The last line is
the best of three runs.
"""

from __future__ import annotations

import time

from seatbus_acd.simulator.scenario import Scenario, scenario_of
from seatbus_acd.simulator.world import World

RUNS = 3


def scenario() -> Scenario:
    queue = {"talk": "lognormal:130:1.1", "wrap_up": "exp:20", "patience": "exp:120"}
    return scenario_of(
        {
            "duration_s": 7200,
            "agents": [
                {"group": "english", "count": 300, "skills": {"english": 4}},
                {"group": "both", "count": 200, "skills": {"english": 3, "billing": 5}},
            ],
            "queues": [
                queue | {"id": "sales", "calls_per_hour": 5000, "requirements": {"english": 3}},
                queue | {"id": "help", "calls_per_hour": 3000, "ageing_s": 30, "priority": 1},
                queue | {"id": "bills", "calls_per_hour": 3000, "requirements": {"billing": 2}},
            ],
        }
    )


def main() -> None:
    best = 0.0
    for seed in range(RUNS):
        began = time.process_time()
        run = World(scenario(), str(seed)).run()
        took = time.process_time() - began
        rate = len(run.callers) / took
        print(f"{len(run.callers)} calls, {run.decisions} decisions in {took:.2f} s: {rate:,.0f} calls/s")
        best = max(best, rate)
    print(f"simulated_calls_per_s {best:.0f} calls/s")


if __name__ == "__main__":
    main()
