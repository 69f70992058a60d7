"""Every strategy in the simulator; several phones that ring at once answer as theory says."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_acd.domain.model import Decision, LeaveQueue, Rule, Strategy
from seatbus_acd.simulator.__main__ import main
from seatbus_acd.simulator.errors import ScenarioError
from seatbus_acd.simulator.measure import ALL
from seatbus_acd.simulator.scenario import scenario_of
from seatbus_acd.simulator.study import study
from seatbus_acd.simulator.world import Outcome, Run, World
from seatbus_acd.sizing.erlang import erlang_a_outcome, erlang_c_outcome
from seatbus_testkit.properties import examples

from .test_simulator import holds, one_queue

RING = {"strategy": "simultaneous_ring"}


def run_of(document: dict[str, Any], seed: str = "1") -> tuple[Run, list[Decision]]:
    told: list[Decision | LeaveQueue] = []
    run = World(scenario_of(document), seed, listener=lambda _, what: told.append(what)).run()
    return run, [what for what in told if isinstance(what, Decision) and what.chosen is not None]


def ends(run: Run) -> list[tuple[Outcome, float]]:
    return [(caller.outcome, caller.ended_at) for caller in run.callers]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_first_of_several_phones_answers_so_many_times_sooner(count: int) -> None:
    """The least of k exponential times is exponential with a k-th of the mean."""
    queue = {"talk": "fixed:20", "answer": "exp:10", "ring_timeout_s": 600, "ring_agents": count, **RING}
    found = study(scenario_of(one_queue(40, 60, 6, **queue)), seed=1, replications=4)
    asa = found.queues[ALL]["asa_s"]
    assert asa.holds(10 / count), asa
    assert found.sums[ALL].answered == found.sums[ALL].offered


def test_where_phones_are_answered_at_once_a_ring_of_several_is_as_erlang_says() -> None:
    queue = {"ring_agents": 3, **RING}
    holds(
        study(scenario_of(one_queue(12, 190, 8, **queue)), seed=2, replications=3),
        erlang_c_outcome(190 / 3600, 180, 12, 20),
    )
    holds(
        study(scenario_of(one_queue(10, 200, 6, patience="exp:90", **queue)), seed=2, replications=3),
        erlang_a_outcome(200 / 3600, 180, 90, 10, 20),
    )


@pytest.mark.parametrize("strategy", list(Strategy))
def test_whoever_is_chosen_callers_wait_the_same_where_agents_are_alike(strategy: Strategy) -> None:
    document = one_queue(6, 100, 3, patience="exp:60", strategy=strategy.value)
    run, told = run_of(document)
    assert ends(run) == ends(run_of(one_queue(6, 100, 3, patience="exp:60"))[0])
    assert {what.rule for what in told} == {Rule(strategy.value)}


def test_order_and_weight_are_those_of_the_group() -> None:
    def served(strategy: str) -> Counter[str]:
        document = one_queue(1, 60, 20, talk="fixed:1", strategy=strategy)
        document["agents"] = [
            {"group": "last", "order": 2, "weight": 1},
            {"group": "first", "order": 1, "weight": 3},
        ]
        _, told = run_of(document)
        return Counter(what.chosen[1][:-2] for what in told if what.chosen is not None)

    by_order, by_weight = served("fixed_order"), served("weighted_random")
    assert by_order["first"] > 0.95 * by_order.total()
    assert 0.65 < by_weight["first"] / by_weight.total() < 0.85


@settings(max_examples=examples(15), deadline=None)
@given(
    seed=st.integers(0, 10_000),
    agents=st.integers(1, 6),
    calls=st.integers(20, 200),
    ring_agents=st.integers(1, 4),
    answer=st.sampled_from(["fixed:0", "fixed:5", "lognormal:12:1"]),
    patience=st.sampled_from(["never", "exp:30"]),
)
def test_laws_of_a_day_of_rings(
    seed: int, agents: int, calls: int, ring_agents: int, answer: str, patience: str
) -> None:
    queue = {"ring_agents": ring_agents, "answer": answer, "patience": patience, "ring_timeout_s": 15, **RING}
    run, told = run_of(one_queue(agents, calls, 1, **queue), str(seed))
    assert all(len({what.chosen, *what.also}) == 1 + len(what.also) <= ring_agents for what in told)
    rung = Counter(rid for caller in run.callers for rid in caller.offers)
    assert all(count == 1 for count in rung.values()), "a rid is one offer"
    talks = []
    for caller in run.callers:
        assert caller.outcome in (Outcome.ANSWERED, Outcome.ABANDONED)
        assert caller.wait <= caller.patience + 1e-9
        if caller.outcome is Outcome.ANSWERED:
            [offer] = caller.offers.values()
            talks.append((offer.agent, caller.ended_at, caller.ended_at + caller.talk + caller.wrap_up))
    talks.sort()
    for (agent, _, until), (other, since, _) in pairwise(talks):
        assert agent != other or until <= since + 1e-9, "an agent talks to one customer"
    for worker in run.workers:
        handling = sum(doing == "handling" for _, doing in worker.changes)
        assert handling == sum(agent == worker.key for agent, _, _ in talks)
        assert worker.changes[-1][1] in ("ready", ""), "nobody rings when the last caller has gone"


def test_the_command_takes_strategy_and_ring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = ["--calls-per-hour", "60", "--agents", "4", "--answer", "exp:10", "--hours", "1"]
    file = tmp_path / "decisions"
    ring = ["--strategy", "simultaneous_ring", "--ring-agents", "2", "--decisions", str(file)]
    assert main([*day, *ring, "--replications", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["answered"] > 0
    chosen = [line for line in map(json.loads, file.read_text().splitlines()) if line["chosen"]]
    assert {len(line["also_chosen"]) for line in chosen} == {0, 1}
    for wrong, said in (
        (["--strategy", "best"], "must be one of longest_idle, "),
        (["--ring-agents", "2"], "--ring-agents: is for the strategy simultaneous_ring alone"),
        (["--ring-agents", "21"], "--ring-agents: must be a whole number from 1 to 20"),
    ):
        with pytest.raises(SystemExit) as raised:
            main([*day, *wrong])
        assert raised.value.code == 2
        assert said in capsys.readouterr().err
    with pytest.raises(ScenarioError, match=r"agents\[0\].weight: must be a number of 1"):
        scenario_of(one_queue(1, 1, 1) | {"agents": [{"group": "a", "weight": 0}]})
