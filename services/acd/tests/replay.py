"""A long history in the house of the laws; printed, so that processes can be compared.

`python replay.py STEPS` says every decision of it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from laws import AGENTS, CAPS, QUEUES
else:
    from .laws import AGENTS, CAPS, QUEUES

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
    Event,
    LeaveQueue,
    Offer,
    OfferFailed,
    QueueKey,
    Skip,
    Tick,
)


class Replay:
    """A world that does with offers what chance says."""

    def __init__(self, seed: int) -> None:
        self.engine, self.chance = Engine(1), Random(seed)
        self.now, self.revision = 1000.0, 0
        self.offers: dict[str, Offer] = {}
        self.queue_of: dict[ContactKey, QueueKey] = {}
        self.items: dict[AgentKey, dict[str, QueueKey]] = {key: {} for key in AGENTS}
        self.ready = dict.fromkeys(AGENTS, True)
        self.told: list[str] = []

    def run(self, steps: int) -> list[str]:
        """Every effect, in order."""
        self.give(Configured(QUEUES, AGENTS, CAPS))
        for agent in AGENTS:
            self.show(agent)
        for _ in range(steps):
            self.now += self.chance.choice((0.0, 0.5, 5.0))
            kind = self.chance.random()
            if kind < 0.3:
                self.arrives()
            elif kind < 0.75 and self.offers:
                self.offer_ends(self.offers[self.chance.choice(sorted(self.offers))])
            elif kind < 0.85:
                agent = self.chance.choice(sorted(AGENTS))
                self.ready[agent] = not self.ready[agent]
                self.show(agent)
            elif kind < 0.95:
                self.talks_end()
            elif kind < 0.98:
                self.give(Tick())
            else:
                closed = self.chance.choice(sorted(QUEUES))
                changed = replace(QUEUES[closed], closed=self.chance.random() < 0.3)
                self.give(Configured({**QUEUES, closed: changed}, AGENTS, CAPS))
        return self.told

    def give(self, event: Event) -> None:
        gone = []
        for effect in self.engine.apply(event, self.now):
            self.told.append(f"{self.now!r} {effect}")
            if isinstance(effect, Offer):
                self.offers |= {offer.rid: offer for offer in (effect, *effect.also)}
            elif isinstance(effect, LeaveQueue):
                gone.append(effect.key)
        for key in gone:
            self.give(ContactLeft(key))

    def show(self, agent: AgentKey) -> None:
        self.revision += 1
        items = self.items[agent]
        self.give(
            AgentSeen(
                AgentStatus(
                    agent, self.revision, self.ready[agent], self.now, dict.fromkeys(items, "voice"),
                    queues=dict(items),
                )
            )
        )  # fmt: skip

    def arrives(self) -> None:
        self.revision += 1
        queue = self.chance.choice(sorted(QUEUES))
        also = tuple(key for key in QUEUES if key[0] == queue[0] != key and self.chance.random() < 0.3)
        key = (queue[0], f"c{self.revision}")
        self.queue_of[key] = queue
        priority, branch = self.chance.randrange(3), self.chance.choice(("", "north", "south"))
        preferred = self.chance.choice((None, *sorted(AGENTS)))
        self.give(
            ContactArrived(
                ContactSpec(
                    key,
                    queue,
                    self.revision,
                    self.now,
                    priority,
                    also=also,
                    branch=branch,
                    preferred=preferred,
                )
            )
        )

    def offer_ends(self, offer: Offer) -> None:
        ring = [made for made in self.offers.values() if made.key == offer.key]
        how = self.chance.random()
        if how < 0.3:
            self.items[offer.agent][offer.rid] = self.queue_of[offer.key]
            self.give(AgentReserved(offer.key, offer.rid, self.revision + 1))
            self.show(offer.agent)
        elif how < 0.8:
            for made in ring:
                del self.offers[made.rid]
                self.items[made.agent].pop(made.rid, None)
            self.items[offer.agent][offer.rid] = self.queue_of[offer.key]
            self.give(ContactLeft(offer.key, answered=True))
            for made in ring:
                self.show(made.agent)
        else:
            del self.offers[offer.rid]
            self.items[offer.agent].pop(offer.rid, None)
            self.ready[offer.agent] = how < 0.9
            self.give(OfferFailed(offer.key, offer.rid, Skip.AGENT))
            self.show(offer.agent)

    def talks_end(self) -> None:
        for agent in sorted(AGENTS):
            talks = [rid for rid in self.items[agent] if rid not in self.offers]
            if talks and self.chance.random() < 0.5:
                del self.items[agent][talks[0]]
                self.show(agent)


if __name__ == "__main__":
    print("\n".join(Replay(7).run(int(sys.argv[1]))))
