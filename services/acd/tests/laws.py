"""The house in which the laws of the engine must hold: two tenants, a shared team, every rule of a queue."""

from __future__ import annotations

from seatbus_acd.domain.model import AgentSpec, QueueSpec, Relaxation, ShareCap, Strategy

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
