"""The house in which the laws of the engine must hold: two tenants, a shared team, every rule of a queue."""

from __future__ import annotations

from hypothesis.stateful import RuleBasedStateMachine

from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentKey,
    AgentSpec,
    ContactKey,
    ContactSpec,
    Offer,
    QueueKey,
    QueueSpec,
    Relaxation,
    ShareCap,
    Strategy,
)

X, Y = "xena", "yoko"
TEAM = ("operator", "pool")
AGENTS = {
    (X, "a"): AgentSpec((X, "a"), {"en": 5}, branch="north"),
    (X, "b"): AgentSpec((X, "b"), {"en": 2}, branch="south"),
    (X, "c"): AgentSpec((X, "c"), {}, capacities={"voice": 2}, branch="south"),
    ("operator", "o"): AgentSpec(("operator", "o"), {"en": 3}, branch="north", team=TEAM),
    ("operator", "p"): AgentSpec(("operator", "p"), {"en": 1}, team=TEAM),
    ("operator", "q"): AgentSpec(("operator", "q"), {"en": 4}, team=TEAM),
}
EVERYBODY = frozenset(AGENTS)
POOL = frozenset(key for key, spec in AGENTS.items() if spec.team)
CAPS = {TEAM: (ShareCap(X, "", 1), ShareCap(Y, "east", 1), ShareCap(Y, "", 2))}
SALES, HELP, EAST, WEST = (X, "sales"), (X, "help"), (Y, "east"), (Y, "west")
ALL, PAIR = (X, "all"), (Y, "pair")
STEPS = (Relaxation(20, (("en", 2),)), Relaxation(40, (("en", 0),), other_branches=True, overflow=True))
QUEUES = {
    SALES: QueueSpec(
        SALES,
        EVERYBODY,
        (("en", 4),),
        relaxation=STEPS,
        branch="north",
        overflow_queues=(HELP, ALL),
        ageing_s=30,
        max_wait_s=200,
    ),
    HELP: QueueSpec(
        HELP, frozenset(list(AGENTS)[:4]), strategy=Strategy.ROUND_ROBIN, sticky_s=25, allow_pull=True
    ),
    EAST: QueueSpec(EAST, POOL, branch="east", strategy=Strategy.WEIGHTED_RANDOM),
    WEST: QueueSpec(WEST, POOL, branch="west", strategy=Strategy.FEWEST_CONTACTS, leave_without_agents=True),
    ALL: QueueSpec(
        ALL,
        EVERYBODY,
        strategy=Strategy.SIMULTANEOUS_RING,
        ring_agents=3,
        ageing_s=30,
        branch="north",
        own_branch_first=True,
        allow_pull=True,
        sticky_s=10,
    ),
    PAIR: QueueSpec(
        PAIR, POOL, strategy=Strategy.SIMULTANEOUS_RING, ring_agents=2, leave_without_agents=True
    ),
}


class House(RuleBasedStateMachine):
    """What is true, and an oracle that scans everybody."""

    def __init__(self) -> None:
        super().__init__()
        self.engine, self.twin = Engine(3), Engine(3)
        self.now = 1000.0
        self.revision = 0
        self.number = 0
        self.queues = dict(QUEUES)
        self.contacts: dict[ContactKey, ContactSpec] = {}
        # By contact and rid: those of one ring.
        self.offers: dict[ContactKey, dict[str, Offer]] = {}
        self.rids: set[str] = set()
        self.leaving: set[ContactKey] = set()
        self.resting: set[ContactKey] = set()
        self.ended: set[ContactKey] = set()
        self.ready: dict[AgentKey, bool] = dict.fromkeys(AGENTS, False)
        self.present: dict[AgentKey, bool] = dict.fromkeys(AGENTS, False)
        self.idle: dict[AgentKey, float] = dict.fromkeys(AGENTS, 0.0)
        # rid -> queue: what the record shows, and what is offered.
        self.items: dict[AgentKey, dict[str, QueueKey]] = {key: {} for key in AGENTS}
        self.handled: dict[AgentKey, int] = dict.fromkeys(AGENTS, 0)
        self.pulling: tuple[ContactKey, AgentKey] | None = None
        # Contacts that the present event has offered, later than the one that is looked at.
        self.next: list[ContactKey] = []

    # The oracle

    def load(self, agent: AgentKey) -> dict[str, QueueKey]:
        return self.items[agent] | {rid: self.contacts[key].queue for key, rid in self.claims(agent)}

    def claims(self, agent: AgentKey) -> list[tuple[ContactKey, str]]:
        made = (offer for ring in self.offers.values() for offer in ring.values())
        return [(offer.key, offer.rid) for offer in made if offer.agent == agent]

    def free(self, agent: AgentKey) -> bool:
        return self.ready[agent] and len(self.load(agent)) < AGENTS[agent].capacity("voice")

    def used(self, cap: ShareCap) -> int:
        """Agents of the team who work for the cap's tenant."""
        return sum(
            any(cap.binds(self.queues[queue]) for queue in self.load(agent).values()) for agent in POOL
        )

    def capped(self, spec: ContactSpec, agent: AgentKey) -> bool:
        if AGENTS[agent].team is None:
            return False
        bound = [cap for cap in CAPS[TEAM] if cap.binds(self.queues[spec.queue])]
        return any(self.used(cap) >= cap.most for cap in bound)

    def may(self, spec: ContactSpec, agent: AgentKey) -> bool:
        """By the rules in words, not by the engine's indexes."""
        age = self.now - spec.enqueued_at
        own = self.queues[spec.queue]
        sticky = spec.preferred in own.members and age < own.sticky_s
        if sticky and self.engine.contacts[spec.key].reach.step == "sticky":
            return agent == spec.preferred
        for key in spec.queues:
            queue = self.queues[key]
            if queue.closed:
                continue
            passed = [step for step in queue.relaxation if step.after_s <= age]
            levels = dict(queue.requirements)
            for step in passed:
                levels |= step.levels
            branch = spec.branch or queue.branch
            bounded = any(step.other_branches for step in queue.relaxation)
            opened = any(step.other_branches for step in passed)
            able = all(AGENTS[agent].skills.get(name, 0) >= level for name, level in levels.items())
            near = not bounded or opened or not branch or AGENTS[agent].branch == branch
            if agent in queue.members and able and near:
                return True
            if any(step.overflow for step in passed):
                for other in (self.queues[name] for name in queue.overflow_queues):
                    if not other.closed and agent in other.members and not other.requirements:
                        return True
        return False
