"""Callers, agents and phones under a clock that jumps from event to event, around the real routing engine.

The engine is told what it would be told by the bus, in the same order: a reservation, the agent's record that
shows it, what became of the ring, the record after wrap-up. Equal inputs give equal decisions.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from hashlib import blake2b
from random import Random
from typing import Final, TypeAlias

from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentKey,
    AgentReserved,
    AgentSeen,
    AgentStatus,
    Configured,
    ContactArrived,
    ContactKey,
    ContactLeft,
    ContactSpec,
    Decision,
    Event,
    LeaveQueue,
    Offer,
    OfferFailed,
    Skip,
    Tick,
    Waits,
)
from seatbus_acd.simulator.arrivals import Arrival, poisson
from seatbus_acd.simulator.recorded import Day
from seatbus_acd.simulator.scenario import TENANT, QueuePlan, Scenario

_PROGRESS_EVERY: Final = 2048


class Outcome(Enum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SHORT_ABANDONED = "short_abandoned"
    OVERFLOWED = "overflowed"
    REFUSED = "refused"
    # Nobody was left to answer when the day ended, and the caller would wait for ever.
    WAITING = "waiting"


@dataclass(slots=True)
class Caller:
    """A queue visit. `ended_at` of an answered one is the answer.

    `offers`, by rid, ring now or rang when the visit ended; of an answered one only the winner's is left.
    """

    key: ContactKey
    plan: QueuePlan
    at: float
    priority: int
    patience: float
    talk: float
    wrap_up: float
    outcome: Outcome = Outcome.WAITING
    ended_at: float = math.inf
    offers: dict[str, Offer] = field(default_factory=dict)

    @property
    def wait(self) -> float:
        return self.ended_at - self.at


@dataclass(slots=True)
class Worker:
    """The truth about an agent. Ringing is neither handling nor ready."""

    key: AgentKey
    present: bool = False
    away: bool = False
    rid: str = ""
    idle_since: float = 0.0
    doing: str = ""
    came_at: float = 0.0
    contacts: int = 0
    handled_s: float = 0.0
    # (since, doing): "ready", "ringing", "handling" or "" for anything else.
    changes: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run gave. `digest` is a fingerprint of every decision in its order."""

    scenario: Scenario
    callers: tuple[Caller, ...]
    workers: tuple[Worker, ...]
    digest: str
    decisions: int


Listener: TypeAlias = "Callable[[float, Decision | LeaveQueue], None]"
Progress: TypeAlias = "Callable[[float], None]"
_Action: TypeAlias = "Callable[[], None]"


class World:
    """One run. `seed` is any text; the same seed gives the same callers whatever the agents are."""

    def __init__(
        self,
        scenario: Scenario,
        seed: str,
        day: Day | None = None,
        *,
        listener: Listener | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.now = 0.0
        self._scenario = scenario
        self._seed = seed
        self._day = day
        self._listener = listener
        self._progress = progress
        self._engine = Engine(1)
        self._heap: list[tuple[float, int, _Action]] = []
        self._count = 0
        self._revision = 0
        self._callers: dict[ContactKey, Caller] = {}
        self._told: list[Caller] = []
        self._workers = {key: Worker(key) for key in scenario.agents()}
        self._plans = {plan.spec.key: plan for plan in scenario.queues}
        self._answers = {key: self._chance(plan, "answer") for key, plan in self._plans.items()}
        self._digest = blake2b(digest_size=16)
        self._decisions = 0

    def run(self) -> Run:
        """Runs until every caller's visit has ended, or can no longer end."""
        engine = self._engine
        self._give(Configured({k: p.spec for k, p in self._plans.items()}, self._scenario.agents()))
        self._plan_presence()
        for number, source in enumerate(self._sources()):
            self._next_arrival(number, source)
        heap, steps = self._heap, 0
        while heap or self._callers:
            wake = engine.next_wake
            if wake is not None and (not heap or wake < heap[0][0]):
                self.now = max(self.now, wake)
                self._give(Tick())
            elif heap:
                at, _, action = heapq.heappop(heap)
                self.now = max(self.now, at)
                action()
            else:
                break
            steps += 1
            if self._progress is not None and steps % _PROGRESS_EVERY == 0:
                self._progress(min(1.0, self.now / self._scenario.duration_s))
        return Run(
            self._scenario,
            tuple(self._told),
            tuple(self._workers.values()),
            self._digest.hexdigest(),
            self._decisions,
        )

    # Events to come

    def _at(self, at: float, action: _Action) -> None:
        if at < math.inf:
            self._count += 1
            heapq.heappush(self._heap, (at, self._count, action))

    def _plan_presence(self) -> None:
        recorded = set()
        for change in self._day.presence if self._day is not None else ():
            key = (TENANT, change.agent)
            recorded.add(key)
            self._at(change.at, partial(self._present, self._workers[key], change.ready))
        for shift in self._scenario.shifts:
            for key in shift.members():
                if key in recorded:
                    continue
                worker = self._workers[key]
                self._at(shift.from_s, partial(self._present, worker, True))
                self._at(shift.to_s, partial(self._present, worker, False))

    def _sources(self) -> list[Iterator[tuple[float, Caller]]]:
        if self._day is not None:
            return [self._recorded(self._day)]
        return [self._drawn(plan) for plan in self._scenario.queues]

    def _drawn(self, plan: QueuePlan) -> Iterator[tuple[float, Caller]]:
        times = poisson(
            self._chance(plan, "arrivals"),
            plan.calls_per_hour,
            self._scenario.interval_s,
            self._scenario.duration_s,
        )
        draw = self._draws(plan)
        for number, at in enumerate(times, 1):
            yield at, draw(Arrival(at, plan.spec.key[1]), number)

    def _recorded(self, day: Day) -> Iterator[tuple[float, Caller]]:
        draws = {key: self._draws(plan) for key, plan in self._plans.items()}
        for number, arrival in enumerate(day.calls, 1):
            yield arrival.at, draws[TENANT, arrival.queue](arrival, number)

    def _draws(self, plan: QueuePlan) -> Callable[[Arrival, int], Caller]:
        # Each kind of time has its own stream: a change of one leaves the others as they were.
        patience, talk, wrap_up = (self._chance(plan, what) for what in ("patience", "talk", "wrap_up"))
        queue = plan.spec.key[1]

        def draw(arrival: Arrival, number: int) -> Caller:
            drawn = (
                plan.patience.sample(patience),
                plan.talk.sample(talk),
                plan.wrap_up.sample(wrap_up),
            )
            limit = plan.spec.wrap_up_s or math.inf
            return Caller(
                (TENANT, f"{queue}-{number}"),
                plan,
                arrival.at,
                arrival.priority or plan.spec.priority,
                drawn[0] if arrival.patience_s is None else arrival.patience_s,
                drawn[1] if arrival.talk_s is None else arrival.talk_s,
                min(drawn[2] if arrival.wrap_up_s is None else arrival.wrap_up_s, limit),
            )

        return draw

    def _chance(self, plan: QueuePlan, what: str) -> Random:
        return Random(f"{self._seed}/{plan.spec.key[1]}/{what}")

    def _next_arrival(self, number: int, source: Iterator[tuple[float, Caller]]) -> None:
        found = next(source, None)
        if found is not None:
            at, caller = found
            self._at(at, partial(self._arrives, number, source, caller))

    # Callers

    def _arrives(self, number: int, source: Iterator[tuple[float, Caller]], caller: Caller) -> None:
        self._next_arrival(number, source)
        self._told.append(caller)
        spec = caller.plan.spec
        full = spec.max_waiting and len(self._engine.queues[spec.key].places) >= spec.max_waiting
        if spec.closed or full:
            caller.outcome, caller.ended_at = Outcome.REFUSED, self.now
            return
        self._callers[caller.key] = caller
        self._revision += 1
        contact = ContactSpec(caller.key, spec.key, self._revision, self.now, caller.priority)
        self._give(ContactArrived(contact))
        self._at(caller.at + caller.patience, partial(self._hangs_up, caller))

    def _hangs_up(self, caller: Caller) -> None:
        if caller.outcome is not Outcome.WAITING:
            return
        short = self.now - caller.at < caller.plan.spec.short_abandon_s
        self._ends(caller, Outcome.SHORT_ABANDONED if short else Outcome.ABANDONED)

    def _ends(self, caller: Caller, outcome: Outcome) -> None:
        caller.outcome, caller.ended_at = outcome, self.now
        del self._callers[caller.key]
        if outcome is not Outcome.ANSWERED:
            self._silence(caller.offers.values())
        self._give(ContactLeft(caller.key, answered=outcome is Outcome.ANSWERED))

    def _silence(self, offers: Iterable[Offer]) -> None:
        """It costs those who rang nothing: they are idle since before."""
        for offer in offers:
            worker = self._workers[offer.agent]
            worker.rid = ""
            self._show(worker)

    # Agents

    def _present(self, worker: Worker, present: bool) -> None:
        if worker.present == present:
            return
        worker.present = present
        worker.away = False
        if present and not worker.rid:
            worker.idle_since = self.now
        if present:
            worker.came_at, worker.handled_s = self.now, 0.0
        self._show(worker)

    def _rings(self, offer: Offer) -> None:
        caller = self._callers.get(offer.key)
        if caller is None:
            return
        worker = self._workers[offer.agent]
        if worker.rid or worker.away or not worker.present:
            # His record changed at this very instant: the reservation is refused.
            self._give(OfferFailed(offer.key, offer.rid, Skip.AGENT))
            return
        caller.offers[offer.rid] = offer
        worker.rid = offer.rid
        self._revision += 1
        self._give(AgentReserved(offer.key, offer.rid, self._revision))
        self._give(AgentSeen(self._status(worker, self._revision)))
        self._does(worker, "ringing")
        rings = caller.plan.answer.sample(self._answers[caller.plan.spec.key])
        if rings <= 0:
            self._answered(caller, offer)
        elif rings < offer.ring_timeout_s:
            self._at(self.now + rings, partial(self._picks_up, caller, offer))
        else:
            self._at(self.now + offer.ring_timeout_s, partial(self._not_answered, caller, offer))

    def _picks_up(self, caller: Caller, offer: Offer) -> None:
        if caller.outcome is Outcome.WAITING and offer.rid in caller.offers:
            self._answered(caller, offer)

    def _answered(self, caller: Caller, offer: Offer) -> None:
        worker = self._workers[offer.agent]
        self._does(worker, "handling")
        worker.contacts += 1
        worker.handled_s += caller.talk + caller.wrap_up
        self._at(self.now + caller.talk + caller.wrap_up, partial(self._free, worker))
        lost = [other for other in caller.offers.values() if other is not offer]
        caller.offers = {offer.rid: offer}
        self._ends(caller, Outcome.ANSWERED)
        self._silence(lost)

    def _not_answered(self, caller: Caller, offer: Offer) -> None:
        if caller.outcome is not Outcome.WAITING or offer.rid not in caller.offers:
            return
        worker = self._workers[offer.agent]
        worker.rid, worker.away = "", True
        del caller.offers[offer.rid]
        self._at(self.now + self._scenario.away_s, partial(self._returns, worker))
        self._show(worker)
        self._give(OfferFailed(offer.key, offer.rid, Skip.AGENT))

    def _returns(self, worker: Worker) -> None:
        if worker.away:
            worker.away = False
            worker.idle_since = self.now
            self._show(worker)

    def _free(self, worker: Worker) -> None:
        worker.rid = ""
        worker.idle_since = self.now
        self._show(worker)

    def _status(self, worker: Worker, revision: int) -> AgentStatus:
        items = {worker.rid: "voice"} if worker.rid else {}
        ready = worker.present and not worker.away
        shift = worker.idle_since - worker.came_at
        used = worker.handled_s / shift if shift > 0 else 0.0
        return AgentStatus(
            worker.key, revision, ready, worker.idle_since, items, worker.present, worker.contacts, used
        )

    def _show(self, worker: Worker) -> None:
        """Writes the agent's record and lets the engine see it."""
        self._revision += 1
        if not worker.rid:
            self._does(worker, "ready" if worker.present and not worker.away else "")
        self._give(AgentSeen(self._status(worker, self._revision)))

    def _does(self, worker: Worker, doing: str) -> None:
        if doing == worker.doing:
            return
        worker.doing = doing
        if worker.changes and worker.changes[-1][0] == self.now:
            worker.changes[-1] = (self.now, doing)
        else:
            worker.changes.append((self.now, doing))

    # The engine

    def _give(self, event: Event) -> None:
        for effect in self._engine.apply(event, self.now):
            match effect:
                case Offer():
                    self._note(effect.decision)
                    for offer in (effect, *effect.also):
                        self._at(self.now, partial(self._rings, offer))
                case Waits():
                    self._note(effect.decision)
                case LeaveQueue():
                    self._note(effect)
                    caller = self._callers.get(effect.key)
                    if caller is not None:
                        self._ends(caller, Outcome.OVERFLOWED)
                case _:
                    # A phone that rings longer than its offer may: the ring's end is already planned.
                    pass

    def _note(self, what: Decision | LeaveQueue) -> None:
        self._decisions += 1
        if isinstance(what, Decision):
            chosen = ",".join(key[1] for key in (what.chosen, *what.also) if key is not None)
            line = f"{self.now!r} {what.contact[1]} {what.rule} {chosen} {what.candidates} {what.position}\n"
        else:
            line = f"{self.now!r} {what.key[1]} leaves {what.reason.value}\n"
        self._digest.update(line.encode())
        if self._listener is not None:
            self._listener(self.now, what)
