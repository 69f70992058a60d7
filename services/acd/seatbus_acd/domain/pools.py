"""Eligibility classes: who may serve whom, indexed, so that no decision scans agents or contacts.

All queues with the same members share the pool of one requirement and channel. A pool holds its idle agents
by idle time, and its waiting contacts by class and first enqueue.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from seatbus_acd.domain.model import AgentKey, AgentSpec, AgentStatus, ContactKey, ContactSpec, Requirements
from seatbus_acd.domain.sorted_keys import SortedKeys

PoolKey: TypeAlias = "tuple[frozenset[AgentKey], str, Requirements]"
IdleKey: TypeAlias = "tuple[float, AgentKey]"
# Contacts that share it are served strictly by first enqueue.
Class: TypeAlias = "tuple[int, int]"  # ageing_s, priority
FifoKey: TypeAlias = "tuple[int, ContactKey]"

# A class above outweighs any wait where a queue does not age its contacts.
_NEVER_AGES_S: Final = 1e9


def order_time(enqueued_at: float, priority: int, ageing_s: int) -> float:
    """The time by which contacts of different classes compare, in seconds; the smallest is served first.

    A contact of class p counts as enqueued p times `ageing_s` earlier. So a waiting contact rises one class
    every `ageing_s` seconds against later ones, and the order of two contacts never flips while they wait.
    """
    return enqueued_at - priority * (ageing_s or _NEVER_AGES_S)


class Agent:
    """An agent as the engine sees him. `claims` are offers that his record does not show yet."""

    __slots__ = ("claims", "idle", "key", "min_revision", "pools", "spec", "status")

    def __init__(self, key: AgentKey) -> None:
        self.key = key
        self.spec: AgentSpec | None = None
        self.status: AgentStatus | None = None
        self.claims: dict[str, str] = {}
        # Nothing older than this revision is believed.
        self.min_revision = 0
        self.pools: dict[str, list[Pool]] = {}
        self.idle: dict[str, IdleKey] = {}

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
        for rid, used in self.claims.items():
            busy += used == channel and rid not in items
        return busy < spec.capacity(channel)


class Contact:
    """A contact in the engine: it waits, is offered (`rid`), leaves its queue, or rests until its timer."""

    __slots__ = (
        "ageing_s",
        "agent",
        "leaving",
        "offers",
        "order",
        "pool",
        "queue_place",
        "reserved_revision",
        "rid",
        "seen_revision",
        "spec",
        "timer",
        "waiting",
    )

    def __init__(self, spec: ContactSpec) -> None:
        self.spec = spec
        self.pool: Pool | None = None
        self.ageing_s = 0
        self.order = spec.enqueued_at
        self.offers = spec.offers
        self.waiting = False
        self.leaving = False
        self.rid = ""
        self.agent: Agent | None = None
        self.seen_revision = 0
        self.reserved_revision = 0
        self.timer = 0
        self.queue_place: tuple[float, int] | None = None


class Pool:
    __slots__ = ("channel", "eligible", "idle", "key", "waiting", "waiting_count")

    def __init__(self, key: PoolKey) -> None:
        self.key = key
        self.channel = key[1]
        self.eligible = 0
        self.idle: SortedKeys[IdleKey] = SortedKeys()
        self.waiting: dict[Class, SortedKeys[FifoKey]] = {}
        self.waiting_count = 0

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
