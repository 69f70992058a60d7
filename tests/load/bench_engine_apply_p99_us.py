"""Routing engine: time of one `apply`, in µs, at 1,000, 10,000 and 100,000 agents.

Queues = agents / 10, or as the arguments say (`agents:queues …`, `all` for every pair); each agent serves
five of them by all strategies in turn; waiting contacts = agents / 2. Traffic: calls come, are reserved,
answered and wrapped up, some abandon, some are not answered. Growth is told as µs per tenfold size, fitted to
the logarithm, beside what linear growth would give. The last line is the p99 at 10,000 agents, 1,000 queues.
"""

from __future__ import annotations

import gc
import math
import random
import sys
import time
from collections import deque

from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentKey,
    AgentReserved,
    AgentSeen,
    AgentSpec,
    AgentStatus,
    Configured,
    ContactArrived,
    ContactLeft,
    ContactSpec,
    Effect,
    Event,
    Offer,
    OfferFailed,
    QueueKey,
    QueueSpec,
    Skip,
    Strategy,
)

STEPS = 20_000
QUEUES_AN_AGENT = 5


class Load:
    def __init__(self, agents: int, queue_count: int) -> None:
        self.chance = random.Random(agents)
        self.engine = Engine(1)
        self.now = 1_000_000.0
        self.revision = 0
        self.number = 0
        self.took: list[int] = []
        self.deciding: list[int] = []
        self.agents: list[AgentKey] = [("acme", f"a{i}") for i in range(agents)]
        self.queues: list[QueueKey] = [("acme", f"q{i}") for i in range(queue_count)]
        self.ringing: deque[Offer] = deque()
        self.talking: deque[Offer] = deque()
        self.away: deque[AgentKey] = deque()
        self.waiting: deque[ContactSpec] = deque()
        members: dict[QueueKey, set[AgentKey]] = {queue: set() for queue in self.queues}
        for agent in self.agents:
            for queue in self.chance.sample(self.queues, QUEUES_AN_AGENT):
                members[queue].add(agent)
        specs = {agent: AgentSpec(agent, {"english": self.chance.randint(1, 5)}) for agent in self.agents}
        strategies = [strategy for strategy in Strategy if strategy is not Strategy.SIMULTANEOUS_RING]
        queues = {
            key: QueueSpec(
                key,
                frozenset(of),
                (("english", self.chance.randint(1, 3)),),
                ageing_s=60,
                strategy=strategies[number % len(strategies)],
            )
            for number, (key, of) in enumerate(members.items())
        }
        self.engine.apply(Configured(queues, specs), self.now)

    def give(self, event: Event) -> None:
        began = time.perf_counter_ns()
        effects: list[Effect] = self.engine.apply(event, self.now)
        self.took.append(time.perf_counter_ns() - began)
        if effects:
            self.deciding.append(self.took[-1])
        self.ringing.extend(effect for effect in effects if isinstance(effect, Offer))

    def seen(self, agent: AgentKey, *, ready: bool = True, items: dict[str, str] | None = None) -> int:
        self.revision += 1
        self.give(AgentSeen(AgentStatus(agent, self.revision, ready, self.now, items or {})))
        return self.revision

    def caller(self) -> None:
        self.number += 1
        self.revision += 1
        queue = self.chance.choice(self.queues)
        spec = ContactSpec(
            ("acme", f"c{self.number}"), queue, self.revision, self.now, self.chance.randint(0, 3)
        )
        self.waiting.append(spec)
        self.give(ContactArrived(spec))

    def step(self) -> None:
        self.now += 0.01
        dice = self.chance.random()
        if self.ringing:
            offer = self.ringing.popleft()
            if offer.key not in self.engine.contacts:
                return
            revision = self.seen(offer.agent, items={offer.rid: "voice"})
            self.give(AgentReserved(offer.key, offer.rid, revision))
            if dice < 0.05:
                self.seen(offer.agent, ready=False)
                self.away.append(offer.agent)
                self.give(OfferFailed(offer.key, offer.rid, Skip.AGENT))
            else:
                self.give(ContactLeft(offer.key, answered=True))
                self.talking.append(offer)
        elif dice < 0.45 and self.talking:
            self.seen(self.talking.popleft().agent)
        elif dice < 0.5 and self.away:
            self.seen(self.away.popleft())
        elif dice < 0.55 and self.waiting:
            key = self.waiting.popleft().key
            contact = self.engine.contacts.get(key)
            if contact is not None and not contact.rid:
                self.give(ContactLeft(key))
        else:
            self.caller()

    def fill(self) -> None:
        """Nearly everybody talks, and half as many wait."""
        for agent in self.agents:
            self.seen(agent)
        for _ in range(2 * len(self.agents)):
            self.caller()
            while self.ringing:
                offer = self.ringing.popleft()
                revision = self.seen(offer.agent, items={offer.rid: "voice"})
                self.give(AgentReserved(offer.key, offer.rid, revision))
                self.give(ContactLeft(offer.key, answered=True))
                self.talking.append(offer)
        while len(self.engine.contacts) > len(self.agents) // 2:
            self.give(ContactLeft(self.waiting.popleft().key))
        self.took.clear()
        self.deciding.clear()


def report(what: str, took_ns: list[int]) -> float:
    took = sorted(took_ns)
    p50, p99, top = (took[int(len(took) * share)] / 1000 for share in (0.5, 0.99, 0.999))
    print(f"{what}: {len(took)} applies, p50 {p50:.1f} µs, p99 {p99:.1f} µs, p99.9 {top:.1f} µs")
    return p99


def measure(agents: int, queues: int) -> float:
    load = Load(agents, queues)
    load.fill()
    # As the service does: what lives long is not looked through for garbage again and again.
    gc.collect()
    gc.freeze()
    while len(load.took) < STEPS:
        load.step()
    gc.unfreeze()
    p99 = report(
        f"agents {agents:,}, queues {len(load.queues):,}, waiting {len(load.engine.contacts):,}", load.took
    )
    report("  of these, applies that decided something", load.deciding)
    return p99


def fit(found: dict[int, float]) -> None:
    """Least squares of p99 = a + b log10(agents)."""
    xs, ys = [math.log10(agents) for agents in found], list(found.values())
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
    first, last = min(found), max(found)
    print(
        f"growth: p99 = {y - slope * x:.1f} + {slope:.1f} log10(agents) µs; {first:,} to {last:,} agents: "
        f"x {found[last] / found[first]:.2f} (linear would be x {last // first})"
    )


def main() -> None:
    gc.set_threshold(50_000, 20, 100)
    sizes = [(1_000, 100), (10_000, 1_000), (100_000, 10_000)]
    if sys.argv[1:] == ["all"]:
        sizes = [(agents, queues) for agents, _ in sizes for _, queues in sizes]
    elif sys.argv[1:]:
        sizes = [(int(a), int(q)) for a, _, q in (pair.partition(":") for pair in sys.argv[1:])]
    found = {size: measure(*size) for size in sizes}
    diagonal = {agents: p99 for (agents, queues), p99 in found.items() if queues == agents // 10}
    if len(diagonal) > 1:
        fit(diagonal)
    wanted = found.get((10_000, 1_000), list(found.values())[-1])
    print(f"engine_apply_p99_us {wanted:.1f} us")


if __name__ == "__main__":
    main()
