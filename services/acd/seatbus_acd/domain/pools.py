"""Eligibility classes: who may serve whom, indexed, so that no decision scans agents or contacts.

All queues with the same members and strategy share the pool of one requirement and channel. A pool holds its
idle agents in the order of the strategy, and its waiting contacts by class and first enqueue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import merge
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from seatbus_acd.domain.model import (
    DEFAULT_AGEING_S,
    AgentKey,
    AgentSpec,
    AgentStatus,
    ContactKey,
    ContactSpec,
    LeaveReason,
    QueueKey,
    QueueSpec,
    Requirements,
    Rule,
)
from seatbus_acd.domain.sorted_keys import SortedKeys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seatbus_acd.domain.rosters import Gate, IdleKey, Roster
    from seatbus_acd.domain.timers import Kind

# Contacts that share it are served strictly by first enqueue.
Class: TypeAlias = "tuple[int, int]"  # ageing_s, priority
FifoKey: TypeAlias = "tuple[int, ContactKey]"
Place: TypeAlias = "tuple[float, int, ContactKey]"


def order_time(enqueued_at: float, priority: int, ageing_s: int) -> float:
    """The time by which contacts of different classes compare, in seconds; the smallest is served first.

    A contact of class p counts as enqueued p times `ageing_s` earlier. So a waiting contact rises one class
    every `ageing_s` seconds against later ones, none starves, and the order of two contacts never flips while
    they wait.
    """
    return enqueued_at - priority * (ageing_s or DEFAULT_AGEING_S)


class Agent:
    """An agent as the engine sees him. `claims` are offers that his record does not show yet."""

    __slots__ = (
        "chosen",
        "claims",
        "gated",
        "idle",
        "key",
        "min_revision",
        "pools",
        "rosters",
        "spec",
        "status",
        "team_gates",
    )

    def __init__(self, key: AgentKey) -> None:
        self.key = key
        self.spec: AgentSpec | None = None
        self.status: AgentStatus | None = None
        self.claims: dict[str, tuple[str, QueueKey]] = {}
        # Nothing older than this revision is believed.
        self.min_revision = 0
        self.pools: dict[str, list[Pool]] = {}
        # Channel -> what his places among the idle ones were taken from.
        self.idle: dict[str, tuple[object, ...]] = {}
        self.rosters: list[Roster] = []
        # Share caps of his team, and those that his contacts count for.
        self.team_gates: tuple[Gate, ...] = ()
        self.gated: dict[str, tuple[Gate, ...]] = {}
        self.chosen = 0

    @property
    def present(self) -> bool:
        spec, status = self.spec, self.status
        return spec is not None and not spec.disabled and status is not None and status.present

    def free(self, channel: str) -> bool:
        spec, status = self.spec, self.status
        if spec is None or status is None or spec.disabled or not status.ready:
            return False
        if status.revision < self.min_revision:
            return False
        items = status.items
        busy = 0
        for used in items.values():
            busy += used == channel
        for rid, (used, _) in self.claims.items():
            busy += used == channel and rid not in items
        return busy < spec.capacity(channel)


@dataclass(frozen=True, slots=True)
class Option:
    """Pools of one queue that a contact may be served from. Without `waits` they are a preference only."""

    queue: QueueKey
    pools: tuple[Pool, ...]
    rule: Rule | None = None
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a contact may be offered to now, the first option first, and until when that holds."""

    options: tuple[Option, ...]
    step: str = ""
    until: float = inf


@dataclass(slots=True)
class Held:
    """An agent to whom a contact is offered."""

    agent: Agent
    rid: str
    seen_revision: int = 0
    reserved_revision: int = 0


@dataclass(slots=True)
class Queue:
    spec: QueueSpec
    roster: Roster
    contacts: dict[ContactKey, Contact] = field(default_factory=dict)
    # Where a caller stands.
    places: SortedKeys[Place] = field(default_factory=SortedKeys)
    answered: int = 0
    # Members who are logged in.
    present: int = 0


class Contact:
    """A contact in the engine: it waits, is offered (`held`), leaves its queue, or rests until its timer."""

    __slots__ = (
        "ageing_s",
        "armed",
        "held",
        "joined",
        "leave_reason",
        "leaving",
        "offers",
        "order",
        "place",
        "reach",
        "spec",
        "waiting",
    )

    def __init__(self, spec: ContactSpec) -> None:
        self.spec = spec
        self.reach = Reach(())
        # The pools it waits in, while it waits.
        self.joined: tuple[Pool, ...] = ()
        self.place: Place = (spec.came_at, spec.fifo, spec.key)
        self.ageing_s = 0
        self.order = spec.came_at
        self.offers = spec.offers
        self.waiting = False
        self.leaving = False
        self.leave_reason = LeaveReason.QUEUE_CLOSED
        self.held: list[Held] = []
        self.armed: dict[Kind, int] = {}

    @property
    def agent(self) -> Agent | None:
        """Of several who ring the first."""
        return self.held[0].agent if self.held else None

    @property
    def rid(self) -> str:
        """Of several offers the first; empty while it is not offered."""
        return self.held[0].rid if self.held else ""

    def under(self, rid: str) -> Held | None:
        for held in self.held:
            if held.rid == rid:
                return held
        return None


class Pool:
    __slots__ = (
        "channel",
        "draws",
        "eligible",
        "idle",
        "keys",
        "requirements",
        "roster",
        "virtual",
        "waiting",
        "waiting_count",
    )

    def __init__(self, roster: Roster, channel: str, requirements: Requirements) -> None:
        self.roster = roster
        self.channel = channel
        self.requirements = requirements
        self.eligible = 0
        self.idle: SortedKeys[IdleKey] = SortedKeys()
        self.keys: dict[AgentKey, IdleKey] = {}
        self.waiting: dict[Class, SortedKeys[FifoKey]] = {}
        self.waiting_count = 0
        # The clock of weighted random choices.
        self.virtual = 0.0
        self.draws = 0

    @property
    def shut(self) -> bool:
        gates = self.roster.gates
        return bool(gates) and any(gate.shut for gate in gates)

    def add(self, agent: Agent) -> None:
        key = self.keys[agent.key] = self.roster.key_of(agent, self)
        self.idle.add(key)

    def remove(self, agent: Agent) -> None:
        key = self.keys.pop(agent.key, None)
        if key is not None:
            self.idle.discard(key)

    def join(self, contact: Contact) -> None:
        spec = contact.spec
        of_class = self.waiting.get((contact.ageing_s, spec.priority))
        if of_class is None:
            of_class = self.waiting[contact.ageing_s, spec.priority] = SortedKeys()
        of_class.add((spec.fifo, spec.key))
        self.waiting_count += 1

    def leave(self, contact: Contact) -> None:
        spec = contact.spec
        of_class = self.waiting[contact.ageing_s, spec.priority]
        of_class.discard((spec.fifo, spec.key))
        if not of_class:
            del self.waiting[contact.ageing_s, spec.priority]
        self.waiting_count -= 1


def in_turn(contacts: Iterable[Contact]) -> Iterator[Contact]:
    """As agents choose: those of a class by first enqueue, the classes by the first of each."""
    classes: dict[Class, list[Contact]] = {}
    found = sorted(contacts, key=lambda c: (c.spec.fifo, c.spec.key))
    if len(found) < 2:
        return iter(found)
    for contact in found:
        classes.setdefault((contact.ageing_s, contact.spec.priority), []).append(contact)
    return merge(*classes.values(), key=lambda c: c.place)
