"""Erlang's formulas against published tables, chains solved by hand, and each other."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_acd.sizing.__main__ import main
from seatbus_acd.sizing.erlang import erlang_a_outcome, erlang_b, erlang_c, erlang_c_outcome
from seatbus_acd.sizing.staffing import (
    FORMULAS,
    SizingError,
    Target,
    Thumb,
    agents_for_erlang_a,
    agents_for_erlang_c,
    scheduled,
)
from seatbus_testkit.properties import examples


def test_the_rule_of_thumb_of_twenty_million_customers() -> None:
    thumb = Thumb(20_000_000, 0.003, 0.2, 150, 0.75)
    assert thumb.busy_hour_calls == pytest.approx(12_000)
    assert thumb.erlangs == pytest.approx(500)
    assert thumb.seats == pytest.approx(666.6666, abs=1e-3)


# The load that so many lines carry at this loss: the published tables of Erlang B.
@pytest.mark.parametrize(
    ("agents", "blocked", "load"),
    [
        (1, 0.01, 0.0101),
        (5, 0.01, 1.361),
        (10, 0.01, 4.461),
        (20, 0.01, 12.03),
        (30, 0.01, 20.34),
        (10, 0.02, 5.084),
        (20, 0.05, 15.25),
        (50, 0.02, 40.26),
        (100, 0.01, 84.06),
        (100, 0.05, 95.24),
    ],
)
def test_erlang_b_gives_the_published_tables(agents: int, blocked: float, load: float) -> None:
    assert erlang_b(load, agents) == pytest.approx(blocked, rel=2e-3)


@pytest.mark.parametrize(
    ("agents", "load", "waits"),
    # One line: the load itself. Two: a^2 / (2 + a). Ten lines and eight erlangs: 0.409.
    [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (2, 1.5, 2.25 / 3.5), (10, 8.0, 0.40918)],
)
def test_erlang_c_gives_what_is_known(agents: int, load: float, waits: float) -> None:
    assert erlang_c(load, agents) == pytest.approx(waits, rel=1e-5)


def test_erlang_c_of_a_textbook_group() -> None:
    """100 calls in half an hour of three minutes: 10 erlangs; 14 answer 88.8 % in 20 s, after 7.8 s."""
    outcome = erlang_c_outcome(200 / 3600, 180, 14, 20)
    assert outcome.waits == pytest.approx(0.1741, abs=5e-4)
    assert outcome.service_level_offered == pytest.approx(0.888, abs=1e-3)
    assert outcome.asa_s == pytest.approx(7.8, abs=0.1)
    assert outcome.occupancy == pytest.approx(10 / 14)


def test_formulas_hold_for_thousands_of_agents() -> None:
    # B(n, n) tends to sqrt(2 / (pi n)).
    assert erlang_b(10_000, 10_000) == pytest.approx(math.sqrt(2 / (math.pi * 10_000)), rel=0.01)
    assert erlang_b(1, 5000) == 0.0
    assert 0 < erlang_c(9_900, 10_000) < 1
    light = erlang_a_outcome(0.01, 10, 60, 5000, 20)
    assert light.service_level_answered == 1
    heavy = erlang_a_outcome(100, 180, 60, 5000, 20)
    # An overloaded group answers what it can: agents / load.
    assert heavy.abandonment == pytest.approx(1 - 5000 / 18_000, rel=1e-4)


def chain(calls_per_s: float, handling_s: float, patience_s: float, agents: int) -> tuple[float, float]:
    """Share that waits and share that hangs up, from the birth-and-death chain itself."""
    weights = [1.0]
    for number in range(1, agents + 2000):
        leave = min(number, agents) / handling_s + max(0, number - agents) / patience_s
        weights.append(weights[-1] * calls_per_s / leave)
    whole = math.fsum(weights)
    queue = math.fsum((n - agents) * w for n, w in enumerate(weights) if n > agents) / whole
    return math.fsum(weights[agents:]) / whole, queue / patience_s / calls_per_s


@pytest.mark.parametrize(
    ("calls_per_s", "handling_s", "patience_s", "agents"),
    [
        (10 / 180, 180, 90, 10),
        (10 / 180, 180, 90, 7),
        (5, 20, 60, 110),
        (1 / 18, 180, 90, 3),
        (0.1, 10, 1, 1),
    ],
)
def test_erlang_a_is_what_its_chain_gives(
    calls_per_s: float, handling_s: float, patience_s: float, agents: int
) -> None:
    waits, abandoned = chain(calls_per_s, handling_s, patience_s, agents)
    outcome = erlang_a_outcome(calls_per_s, handling_s, patience_s, agents, 20)
    assert outcome.waits == pytest.approx(waits, rel=1e-6)
    assert outcome.abandonment == pytest.approx(abandoned, rel=1e-6)
    assert outcome.occupancy == pytest.approx(calls_per_s * handling_s * (1 - abandoned) / agents)


def test_erlang_a_without_impatience_is_erlang_c() -> None:
    endless = erlang_a_outcome(10 / 180, 180, 1e8, 12, 20)
    c = erlang_c_outcome(10 / 180, 180, 12, 20)
    for name in ("waits", "asa_s", "occupancy", *(f"service_level_{name}" for name in FORMULAS)):
        assert getattr(endless, name) == pytest.approx(getattr(c, name), rel=1e-4)


@settings(max_examples=examples(40), deadline=None)
@given(
    load=st.floats(0.05, 300),
    handling_s=st.floats(5, 1000),
    patience_s=st.floats(2, 3000),
    agents=st.integers(1, 350),
    within_s=st.floats(0, 200),
)
def test_laws_of_erlang_a(
    load: float, handling_s: float, patience_s: float, agents: int, within_s: float
) -> None:
    rate = load / handling_s
    now = erlang_a_outcome(rate, handling_s, patience_s, agents, within_s)
    more = erlang_a_outcome(rate, handling_s, patience_s, agents + 1, within_s)
    shares = [
        now.waits, now.abandonment, now.occupancy, *(getattr(now, f"service_level_{n}") for n in FORMULAS)
    ]  # fmt: skip
    assert all(0 <= share <= 1 for share in shares)
    tiny = 1e-6
    assert now.service_level_offered <= now.service_level_early_abandon_positive + tiny
    assert now.service_level_offered <= now.service_level_answered + tiny
    assert more.service_level_offered >= now.service_level_offered - tiny
    assert more.abandonment <= now.abandonment + tiny
    assert more.occupancy <= now.occupancy + tiny
    # Little's law: those who hang up leave the queue at rate 1 / patience each.
    assert now.asa_s >= 0
    assert now.waits <= erlang_c(load, agents) + tiny


@settings(max_examples=examples(40), deadline=None)
@given(load=st.floats(0.01, 500), agents=st.integers(1, 600))
def test_laws_of_erlang_b_and_c(load: float, agents: int) -> None:
    blocked = erlang_b(load, agents)
    assert 0 <= blocked <= 1
    assert erlang_b(load, agents + 1) <= blocked
    assert blocked == pytest.approx(
        load * erlang_b(load, agents - 1) / (agents + load * erlang_b(load, agents - 1)), rel=1e-9, abs=1e-300
    )
    assert blocked <= erlang_c(load, agents) <= 1


@settings(max_examples=examples(15), deadline=None)
@given(load=st.floats(0.5, 100), level=st.floats(0.3, 0.98), formula=st.sampled_from(FORMULAS))
def test_one_agent_fewer_would_not_do(load: float, level: float, formula: str) -> None:
    target = Target(level, 20, 0.2, 0.95, formula)
    rate = load / 150
    found = agents_for_erlang_a(rate, 150, 100, target)
    assert target.met(found)
    if found.agents > 1:
        assert not target.met(erlang_a_outcome(rate, 150, 100, found.agents - 1, 20))
    c = agents_for_erlang_c(rate, 150, target)
    assert target.met(c)
    if c.agents - 1 > load:
        assert not target.met(erlang_c_outcome(rate, 150, c.agents - 1, 20))


def test_the_fewest_agents_of_a_very_large_group_are_found() -> None:
    """Where chance averages out everybody waits alike: 20 s when exp(-20 / 120) of the load is carried."""
    found = agents_for_erlang_a(1e6 / 3600, 150, 120, Target(0.8, 20))
    carried = 1e6 / 3600 * 150 * math.exp(-20 / 120)
    assert carried < found.agents < carried * 1.012


def test_shrinkage_is_a_share_of_the_people_on_the_rota() -> None:
    assert scheduled(70, 0.3) == 100
    assert scheduled(71, 0.3) == 102
    assert scheduled(5, 0) == 5
    with pytest.raises(ValueError, match="below 1"):
        scheduled(5, 1.0)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        erlang_c_outcome(1, 10, 10, 20)
    with pytest.raises(ValueError, match="0 or more"):
        erlang_b(-1, 3)
    with pytest.raises(SizingError, match="meet the target"):
        agents_for_erlang_c(1, 100, Target(0.8, 20, occupancy=1e-9))


def test_the_command_prints_the_worked_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--customers", "20,000,000", "--no-simulation"]) == 0
    shown = capsys.readouterr().out
    assert "= 666.67 seats" in shown
    assert "12,000 busy-hour calls, 500 erlangs" in shown


def test_the_command_sets_the_simulation_beside_the_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--calls-per-hour", "120", "--aht", "180", "--patience", "60", "--agents", "7", "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    simulated, formula = found["simulation"]["metrics"], found["erlang_a"]["outcome"]
    for name in ("service_level_offered", "asa_s", "abandonment", "occupancy"):
        low, high = simulated[name]["ci95"]
        assert low <= formula[name] <= high, name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--customers: is missing"),
        (["--customers", "many"], "--customers: must be a number, above 0"),
        (["--customers", "10", "--aht", "0"], "--aht: must be above 0"),
        (["--customers", "10", "--shrinkage", "100%"], "--shrinkage: must be a share"),
        (["--calls-per-hour", "9", "--customers", "10"], "--customers: must not be given together"),
        (["--customers", "1e11", "--daily-rate", "1"], "--customers: at most 100,000,000 calls"),
        (["--calls-per-hour", "1e8", "--aht", "86400"], "--calls-per-hour: needs 3,200,000,000 seats"),
        (["--customers", "1e6", "--max-load", "1e-6"], "--customers: needs 25,000,000 seats"),
    ],
)
def test_errors_name_the_option_and_the_rule(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert said in capsys.readouterr().err
