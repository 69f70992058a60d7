"""A day to simulate: queues with their callers, groups of agents, how long. Read from JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from seatbus_acd.domain.model import (
    DEFAULT_RING_AGENTS,
    DEFAULT_RING_TIMEOUT_S,
    AgentKey,
    AgentSpec,
    QueueSpec,
    Relaxation,
    Strategy,
)
from seatbus_acd.simulator.distributions import Distribution, Fixed, parse
from seatbus_acd.simulator.errors import ScenarioError

TENANT: Final = "sim"
MOST_AGENTS: Final = 100_000
MOST_RING_AGENTS: Final = 20
NEVER: Final = Fixed(math.inf)
AT_ONCE: Final = Fixed(0.0)


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """A queue and its callers. `calls_per_hour` has one rate for each interval of the day, or one for all."""

    spec: QueueSpec
    calls_per_hour: tuple[float, ...]
    talk: Distribution
    patience: Distribution = NEVER
    wrap_up: Distribution = AT_ONCE
    # From the first ring to the answer. A ring that outlasts the queue's ring time is not answered.
    answer: Distribution = AT_ONCE


@dataclass(frozen=True, slots=True)
class Shift:
    """A group of agents and the times at which they come and go, in seconds of the day."""

    name: str
    count: int
    skills: Mapping[str, int] = field(default_factory=dict)
    from_s: float = 0.0
    to_s: float = math.inf
    names: tuple[str, ...] = ()
    # For the strategies that ask for them.
    order: int = 0
    weight: int = 1

    def members(self) -> list[AgentKey]:
        if self.names:
            return [(TENANT, name) for name in self.names]
        width = len(str(self.count))
        return [(TENANT, f"{self.name}-{number:0{width}}") for number in range(1, self.count + 1)]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Calls that come before `warm_up_s` fill the house and are not counted."""

    queues: tuple[QueuePlan, ...]
    shifts: tuple[Shift, ...]
    duration_s: float
    warm_up_s: float = 0.0
    interval_s: float = 1800.0
    # An agent who let a call ring is away that long.
    away_s: float = 30.0

    def agents(self) -> dict[AgentKey, AgentSpec]:
        return {key: AgentSpec(key, shift.skills) for shift in self.shifts for key in shift.members()}

    @property
    def steady(self) -> bool:
        """Nothing changes with the hour, so that one long run may be cut into batches."""
        same = all(len(set(queue.calls_per_hour)) == 1 for queue in self.queues)
        return same and all(s.from_s <= 0 and s.to_s >= self.duration_s for s in self.shifts)


class _Table:
    """An object of the file: each key is asked for once, and none may be left."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, dict):
            raise ScenarioError(where or "scenario", "must be an object")
        self._left: dict[str, object] = dict(value)
        self._where = where

    def name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def take(self, key: str, default: object = None) -> object:
        return self._left.pop(key, default)

    def number(self, key: str, default: float, low: float = 0.0, high: float = math.inf) -> float:
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            most = f" to {high:g}" if high < math.inf else " or more"
            raise ScenarioError(self.name(key), f"must be a number of {low:g}{most}")
        return float(value)

    def whole(self, key: str, default: int, low: int = 0, high: float = math.inf) -> int:
        value = self.number(key, default, low, high)
        if value != int(value):
            raise ScenarioError(self.name(key), "must be a whole number")
        return int(value)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise ScenarioError(self.name(key), "must be a text and not empty")
        return value

    def time(self, key: str, default: Distribution | None = None) -> Distribution:
        value = self.take(key)
        if value is None:
            if default is None:
                raise ScenarioError(self.name(key), "is missing")
            return default
        return parse(self.name(key), value)

    def items(self, key: str) -> list[object]:
        value = self.take(key)
        if not isinstance(value, list) or not value:
            raise ScenarioError(self.name(key), "must be a list and not empty")
        return value

    def levels(self, key: str) -> dict[str, int]:
        table = _Table(self.name(key), self.take(key, {}))
        return {name: table.whole(name, 0, 1, 100) for name in list(table._left)}

    def done(self) -> None:
        if self._left:
            raise ScenarioError(self.name(min(self._left)), "is not known here")


def scenario_of(document: object) -> Scenario:
    """The scenario that a JSON document describes (docs/operations/sizing.md). Raises ScenarioError."""
    top = _Table("", document)
    shifts = tuple(_shift(f"agents[{i}]", item) for i, item in enumerate(top.items("agents")))
    if sum(shift.count for shift in shifts) > MOST_AGENTS:
        raise ScenarioError("agents", f"at most {MOST_AGENTS:,} in all")
    _different("agents", [shift.name for shift in shifts], "group")
    _different("agents", [name for shift in shifts for _, name in shift.members()], "agent")
    queues = tuple(_queue(f"queues[{i}]", item, shifts) for i, item in enumerate(top.items("queues")))
    _different("queues", [queue.spec.key[1] for queue in queues], "id")
    known = {queue.spec.key for queue in queues}
    for number, queue in enumerate(queues):
        for other in queue.spec.overflow_queues:
            if other not in known:
                raise ScenarioError(f"queues[{number}].overflow_queues", f"there is no queue {other[1]!r}")
    duration = top.number("duration_s", 28_800, 1, 31 * 86_400)
    warm_up = top.number("warm_up_s", 0)
    if warm_up >= duration:
        raise ScenarioError("warm_up_s", "must be less than duration_s")
    interval = top.number("interval_s", 1800, 1)
    away = top.number("away_s", 30)
    top.done()
    return Scenario(queues, shifts, duration, warm_up, interval, away)


def _shift(where: str, item: object) -> Shift:
    table = _Table(where, item)
    group = table.text("group")
    names = table.take("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ScenarioError(f"{where}.names", "must be a list of texts, none of them empty")
    _different(f"{where}.names", names, "name")
    shift = Shift(
        group,
        table.whole("count", len(names) or 1, 1, MOST_AGENTS),
        table.levels("skills"),
        table.number("from_s", 0),
        table.number("to_s", math.inf),
        tuple(names),
        table.whole("order", 0, 0, 1_000_000),
        table.whole("weight", 1, 1, 1_000_000),
    )
    if names and shift.count != len(names):
        raise ScenarioError(f"{where}.count", "must be the number of names, or be left out")
    if shift.from_s >= shift.to_s:
        raise ScenarioError(f"{where}.to_s", "must be after from_s")
    table.done()
    return shift


def _queue(where: str, item: object, shifts: tuple[Shift, ...]) -> QueuePlan:
    table = _Table(where, item)
    key = (TENANT, table.text("id"))
    known = {shift.name: shift for shift in shifts}
    groups = table.take("groups", sorted(known))
    if not isinstance(groups, list) or not groups or not all(group in known for group in groups):
        raise ScenarioError(
            f"{where}.groups", f"must be a list of groups of agents: {', '.join(sorted(known))}"
        )
    members = {agent: known[group] for group in groups for agent in known[group].members()}
    strategy = _strategy(table)
    spec = QueueSpec(
        key,
        frozenset(members),
        tuple(sorted(table.levels("requirements").items())),
        table.whole("priority", 0, 0, 100),
        table.whole("ageing_s", 0, 0, 86_400),
        table.whole("ring_timeout_s", DEFAULT_RING_TIMEOUT_S, 1, 600),
        table.whole("wrap_up_s", 0, 0, 86_400),
        table.whole("service_level_s", 20, 0, 86_400),
        table.whole("short_abandon_s", 0, 0, 86_400),
        table.whole("max_waiting", 0),
        table.whole("max_wait_s", 0, 0, 86_400),
        strategy=strategy,
        ranks={agent: (shift.order, shift.weight) for agent, shift in members.items()},
        relaxation=_relaxation(table),
        overflow_queues=tuple((TENANT, name) for name in _names(table, "overflow_queues")),
        ring_agents=_ring_agents(table, strategy),
    )
    rates = table.take("calls_per_hour", 0)
    each: list[float] = []
    for rate in rates if isinstance(rates, list) and rates else [rates]:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < math.inf:
            raise ScenarioError(f"{where}.calls_per_hour", "must be a number of 0 or more, or a list of such")
        each.append(float(rate))
    plan = QueuePlan(
        spec,
        tuple(each),
        table.time("talk"),
        table.time("patience", NEVER),
        table.time("wrap_up", AT_ONCE),
        table.time("answer", AT_ONCE),
    )
    if not math.isfinite(plan.talk.mean) or not math.isfinite(plan.wrap_up.mean):
        raise ScenarioError(f"{where}.talk", "talk and wrap_up must end")
    table.done()
    return plan


def _strategy(table: _Table) -> Strategy:
    name = table.take("strategy", Strategy.LONGEST_IDLE.value)
    known = [strategy.value for strategy in Strategy]
    if name not in known:
        raise ScenarioError(table.name("strategy"), f"must be one of {', '.join(known)}")
    return Strategy(str(name))


def _ring_agents(table: _Table, strategy: Strategy) -> int:
    given = table.whole("ring_agents", 0, 0, MOST_RING_AGENTS)
    if given and strategy is not Strategy.SIMULTANEOUS_RING:
        rule = f"is for the strategy {Strategy.SIMULTANEOUS_RING.value} alone"
        raise ScenarioError(table.name("ring_agents"), rule)
    return given or DEFAULT_RING_AGENTS


def _relaxation(table: _Table) -> tuple[Relaxation, ...]:
    """Steps by time: levels replace those that were asked for (0 drops one), overflow adds further queues."""
    steps = []
    items = table.take("relaxation", [])
    if not isinstance(items, list):
        raise ScenarioError(table.name("relaxation"), "must be a list of steps")
    for number, item in enumerate(items):
        step = _Table(f"{table.name('relaxation')}[{number}]", item)
        after = step.number("after_s", 0, 0, 86_400)
        overflow = step.take("overflow", default=False)
        levels = step.take("levels", {})
        if not isinstance(levels, dict) or not all(isinstance(level, int) for level in levels.values()):
            raise ScenarioError(step.name("levels"), "must be an object of whole numbers")
        step.done()
        steps.append(Relaxation(after, tuple(sorted(levels.items())), overflow=bool(overflow)))
    return tuple(sorted(steps, key=lambda step: step.after_s))


def _names(table: _Table, key: str) -> list[str]:
    names = table.take(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ScenarioError(table.name(key), "must be a list of texts, none of them empty")
    return names


def _different(where: str, names: list[str], key: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ScenarioError(where, f"{key} {name!r} is there twice")
        seen.add(name)
