"""The judge of agents in work without a leg: it measures, and objects to who stays longer than allowed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable

import pytest

from seatbus_testkit import stuck_agents
from seatbus_testkit.stuck_agents import Leftover, StuckAgents

LIMIT_S = 5.0


class Floor:
    """An agent whose leg ended at 10 and whose work ends at `free_at`; a look takes a quarter of a second."""

    def __init__(self, free_at: float, now: float = 0.0) -> None:
        self.free_at = free_at
        self.now = now

    def clock(self) -> float:
        return self.now

    async def look(self, agent: str) -> Iterable[Leftover]:
        await asyncio.sleep(0)
        self.now += 0.25
        return [Leftover("r1", f"{agent}: talking", 10.0)] if 10.0 <= self.now < self.free_at else []


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck_agents, "_ROUND_S", 0.0)
    monkeypatch.setattr(stuck_agents, "_FOLLOW_S", 0.0)


async def judged(
    floor: Floor, faults_over: float = 0.0, over: Callable[[], bool] | None = None
) -> StuckAgents:
    judge = StuckAgents(floor.look, faults_over, LIMIT_S, floor.clock)
    await judge.watch(["a1"], over or (lambda: floor.now >= 30))
    return judge


async def test_an_agent_who_stays_is_found_and_the_judge_comes_to_an_end() -> None:
    judge = await judged(Floor(free_at=float("inf")))
    [complaint] = judge.complaints
    assert "a1: talking" in complaint
    assert judge.longest_s > LIMIT_S


async def test_an_agent_who_is_free_within_the_limit_is_not_and_the_time_is_told() -> None:
    judge = await judged(Floor(free_at=14.9))
    assert judge.complaints == []
    assert 4 < judge.longest_s < LIMIT_S


async def test_who_became_free_after_the_limit_is_found_all_the_same() -> None:
    judge = await judged(Floor(free_at=15.9))
    assert len(judge.complaints) == 1


async def test_while_faults_last_nothing_is_counted() -> None:
    judge = await judged(Floor(free_at=20), faults_over=17.0)
    assert judge.complaints == []
    assert 2 < judge.longest_s < 3
    assert len((await judged(Floor(free_at=23), faults_over=17.0)).complaints) == 1


async def test_the_last_round_begins_when_it_is_over_and_waits_for_who_is_not_free_yet() -> None:
    rounds = itertools.count()
    judge = await judged(Floor(free_at=float("inf"), now=10.0), over=lambda: next(rounds) > 0)
    assert len(judge.complaints) == 1
    judge = await judged(Floor(free_at=12.0, now=10.0), over=lambda: True)
    assert judge.complaints == []
    assert judge.longest_s > 1


async def test_an_agent_who_cannot_be_looked_at_is_an_error_not_a_free_one() -> None:
    async def broken(agent: str) -> Iterable[Leftover]:
        raise ConnectionError(agent)

    with pytest.raises(ExceptionGroup):
        await StuckAgents(broken, 0.0, LIMIT_S).watch(["a1"], lambda: True)
