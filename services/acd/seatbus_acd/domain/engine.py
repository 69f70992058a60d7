"""The routing engine: `apply(event, now) -> effects`. No clock, no randomness, no I/O.

Laws: a contact has at most one offer; an agent is offered no more than his capacity; while an agent whom a
contact may be offered is free, the contact does not wait; among the contacts that an agent may serve, one of
the same class that came earlier goes first, whatever happened to it meanwhile; every decision has a record.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final
from uuid import UUID

from seatbus_acd.domain.model import (
    AgentGone,
    AgentKey,
    AgentReserved,
    AgentSeen,
    AgentSpec,
    CheckOffer,
    Configured,
    ContactArrived,
    ContactKey,
    ContactLeft,
    ContactSpec,
    Decision,
    Effect,
    Event,
    LeaveFailed,
    LeaveQueue,
    LeaveReason,
    Offer,
    OfferFailed,
    OfferProgress,
    QueueKey,
    QueueSpec,
    Requirements,
    Rule,
    Skip,
    Tick,
    Waits,
)
from seatbus_acd.domain.pools import Agent, Class, Contact, Pool, PoolKey, order_time
from seatbus_acd.domain.sorted_keys import SortedKeys

# An offer of which nothing is heard is looked into this long after its phone must have stopped ringing.
OFFER_GRACE_S: Final = 15.0
CHECK_AGAIN_S: Final = 10.0
_FIRST_CANDIDATES: Final = 10
_MAX_SPARE_POOLS: Final = 4096


@dataclass(slots=True)
class Queue:
    spec: QueueSpec
    contacts: dict[ContactKey, Contact] = field(default_factory=dict)
    # (order time, fifo): where a caller stands.
    places: SortedKeys[tuple[float, int]] = field(default_factory=SortedKeys)
    answered: int = 0


class Engine:
    """`epoch` makes reservation ids of successive lease holders differ."""

    def __init__(self, epoch: int = 0) -> None:
        self._epoch = epoch
        self.queues: dict[QueueKey, Queue] = {}
        self.agents: dict[AgentKey, Agent] = {}
        self.contacts: dict[ContactKey, Contact] = {}
        self._pools: dict[PoolKey, Pool] = {}
        self._timers: list[tuple[float, int, ContactKey, int]] = []
        self._timer_count = 0
        self._now = 0.0
        self._effects: list[Effect] = []

    def apply(self, event: Event, now: float) -> list[Effect]:
        """What follows from `event`. `now` in seconds never goes back. Stale events change nothing."""
        effects: list[Effect] = []
        self._effects = effects
        self._now = max(now, self._now)
        self._expire()
        match event:
            case AgentSeen():
                self._agent_seen(event)
            case ContactArrived():
                self._arrived(event.contact)
            case ContactLeft():
                self._left(event)
            case AgentReserved():
                self._reserved(event)
            case OfferFailed():
                self._failed(event)
            case OfferProgress():
                contact = self.contacts.get(event.key)
                if contact is not None and contact.rid == event.rid:
                    self._arm(contact, self._ring_timeout(contact) + OFFER_GRACE_S)
            case LeaveFailed():
                contact = self.contacts.get(event.key)
                if contact is not None and contact.leaving:
                    self._arm(contact, event.retry_s)
            case AgentGone():
                self._agent_gone(event.key)
            case Configured():
                self._configured(event)
            case Tick():
                pass
        return effects

    @property
    def next_wake(self) -> float | None:
        """When a `Tick` is due."""
        return self._timers[0][0] if self._timers else None

    def position(self, key: ContactKey) -> int:
        """1 is next; 0 for a contact that does not wait."""
        contact = self.contacts.get(key)
        if contact is None or contact.queue_place is None:
            return 0
        return self.queues[contact.spec.queue].places.rank(contact.queue_place) + 1

    def ready_agents(self, key: QueueKey) -> int:
        """Free agents whom the queue's own requirement admits."""
        queue = self.queues.get(key)
        if queue is None:
            return 0
        pool = self._pools.get((queue.spec.members, "voice", queue.spec.requirements))
        return len(pool.idle) if pool is not None else 0

    # Events

    def _arrived(self, spec: ContactSpec) -> None:
        if spec.key in self.contacts:
            return
        contact = self.contacts[spec.key] = Contact(spec)
        queue = self.queues.get(spec.queue)
        if queue is not None:
            queue.contacts[spec.key] = contact
            contact.ageing_s = queue.spec.ageing_s
            contact.order = order_time(spec.enqueued_at, spec.priority, contact.ageing_s)
            if queue.spec.max_wait_s:
                # Beside its own timer a contact has this one for its whole life.
                self._push_timer(spec.enqueued_at + queue.spec.max_wait_s, spec.key, 0)
        if spec.offered is not None:
            agent = self._agent(spec.offered.agent)
            contact.rid, contact.agent = spec.offered.rid, agent
            contact.reserved_revision = agent.status.revision if agent.status is not None else 0
            self._claim(agent, contact)
            self._arm(contact, self._ring_timeout(contact) + OFFER_GRACE_S)
            return
        self._wait(contact, tell=True)

    def _left(self, event: ContactLeft) -> None:
        contact = self.contacts.pop(event.key, None)
        if contact is None:
            return
        self._stop_waiting(contact)
        queue = self.queues.get(contact.spec.queue)
        if queue is not None:
            queue.contacts.pop(event.key, None)
            queue.answered += event.answered
        agent = contact.agent
        if agent is not None:
            # His record says what became of the reservation, once it is as new as the reservation itself.
            agent.min_revision = max(agent.min_revision, contact.reserved_revision)
            self._release(agent, contact)
            self._serve(agent)

    def _reserved(self, event: AgentReserved) -> None:
        contact = self.contacts.get(event.key)
        if contact is not None and contact.rid == event.rid:
            contact.reserved_revision = event.revision

    def _failed(self, event: OfferFailed) -> None:
        contact = self.contacts.get(event.key)
        if contact is None or contact.rid != event.rid or contact.agent is None:
            return
        agent = contact.agent
        seen = max(contact.seen_revision, contact.reserved_revision, event.revision)
        if event.skip is not Skip.NONE:
            agent.min_revision = max(agent.min_revision, seen + 1)
        elif contact.reserved_revision:
            # He is reserved by his record until the release of it is seen.
            agent.min_revision = max(agent.min_revision, contact.reserved_revision + 1)
        self._release(agent, contact)
        contact.rid, contact.agent = "", None
        contact.seen_revision = contact.reserved_revision = 0
        if event.retry_s > 0:
            contact.timer += 1
            self._arm(contact, event.retry_s)
            self._tell(contact, Rule.RETRY_LATER)
            self._serve(agent)
            return
        # The freed agent chooses first: an older contact may have waited for him alone.
        self._join(contact)
        self._serve(agent)
        if contact.waiting:
            self._wait(contact, tell=True)

    def _agent_seen(self, event: AgentSeen) -> None:
        status = event.status
        agent = self._agent(status.key)
        if agent.status is not None and agent.status.revision >= status.revision:
            return
        agent.status = status
        for rid in status.items:
            agent.claims.pop(rid, None)
        self._index(agent)
        self._serve(agent)

    def _agent_gone(self, key: AgentKey) -> None:
        agent = self.agents.get(key)
        if agent is not None:
            agent.status = None
            self._index(agent)

    def _configured(self, event: Configured) -> None:
        """Indexes are built anew: configuration changes are rare, decisions are not."""
        old = self.queues
        self.queues = {key: Queue(spec) for key, spec in event.queues.items()}
        self._pools = {}
        for agent in self.agents.values():
            agent.spec = None
            agent.pools = {}
            agent.idle = {}
        for agent_key, agent_spec in event.agents.items():
            self._agent(agent_key).spec = agent_spec
        for key, queue in self.queues.items():
            queue.answered = old[key].answered if key in old else 0
            self._pool(queue.spec.members, "voice", queue.spec.requirements)
        resting = []
        for contact in sorted(self.contacts.values(), key=lambda c: (c.spec.fifo, c.spec.key)):
            was_waiting, contact.waiting = contact.waiting, False
            contact.pool = contact.queue_place = None
            found = self.queues.get(contact.spec.queue)
            if found is not None:
                spec = contact.spec
                found.contacts[spec.key] = contact
                contact.ageing_s = found.spec.ageing_s
                contact.order = order_time(spec.enqueued_at, spec.priority, contact.ageing_s)
                before = old.get(spec.queue)
                if found.spec.max_wait_s and (
                    before is None or before.spec.max_wait_s != found.spec.max_wait_s
                ):
                    self._push_timer(spec.enqueued_at + found.spec.max_wait_s, spec.key, 0)
            if was_waiting:
                resting.append(contact)
        for contact in resting:
            self._join(contact)
        for contact in sorted(resting, key=lambda c: (c.order, c.spec.fifo, c.spec.key)):
            if contact.waiting:
                self._wait(contact, tell=False)

    # Contacts

    def _wait(self, contact: Contact, *, tell: bool) -> None:
        """Offers the contact, or lets it wait; `tell` records why it waits."""
        if not contact.waiting:
            self._join(contact)
            if not contact.waiting:
                return
        pool = contact.pool
        if pool is None:
            return
        longest = pool.idle.first()
        if longest is not None:
            self._offer(contact, self.agents[longest[1]])
        elif tell:
            self._tell(contact, self._why_waiting(contact, pool))

    def _join(self, contact: Contact) -> None:
        """Takes its place among those who wait; a contact whose queue is closed or gone leaves instead."""
        queue = self.queues.get(contact.spec.queue)
        if queue is None or queue.spec.closed:
            self._leave_queue(contact, LeaveReason.QUEUE_CLOSED)
            return
        limit = queue.spec.max_wait_s
        if limit and self._now >= contact.spec.enqueued_at + limit:
            self._leave_queue(contact, LeaveReason.MAX_WAIT)
            return
        pool = contact.pool
        if pool is None:
            spec = contact.spec
            wanted = spec.requirements or queue.spec.requirements
            pool = contact.pool = self._pool(queue.spec.members, spec.channel, wanted)
        contact.waiting = True
        pool.join(contact)
        contact.queue_place = (contact.order, contact.spec.fifo)
        queue.places.add(contact.queue_place)

    def _stop_waiting(self, contact: Contact) -> None:
        contact.timer += 1
        if not contact.waiting:
            return
        contact.waiting = False
        if contact.pool is not None:
            contact.pool.leave(contact)
        if contact.queue_place is not None:
            self.queues[contact.spec.queue].places.discard(contact.queue_place)
            contact.queue_place = None

    def _leave_queue(self, contact: Contact, reason: LeaveReason) -> None:
        self._stop_waiting(contact)
        contact.leaving = True
        self._effects.append(LeaveQueue(contact.spec.key, reason))

    def _offer(self, contact: Contact, agent: Agent) -> None:
        pool = contact.pool
        queue = self.queues[contact.spec.queue]
        decision = self._decision(contact, Rule.LONGEST_IDLE, agent.key, pool)
        self._stop_waiting(contact)
        contact.offers += 1
        contact.rid = self._new_rid(contact)
        contact.agent = agent
        contact.seen_revision = agent.status.revision if agent.status is not None else 0
        contact.reserved_revision = 0
        self._claim(agent, contact)
        self._arm(contact, queue.spec.ring_timeout_s + OFFER_GRACE_S)
        self._effects.append(
            Offer(
                contact.spec.key,
                contact.rid,
                agent.key,
                contact.seen_revision,
                queue.spec.ring_timeout_s,
                queue.spec.wrap_up_s,
                decision,
            )
        )

    def _new_rid(self, contact: Contact) -> str:
        """A UUIDv7 whose random part comes from what makes the offer unique."""
        seed = f"{contact.spec.key}/{self._epoch}/{contact.offers}".encode()
        random = int.from_bytes(blake2b(seed, digest_size=10).digest(), "big")
        time_ms = int(self._now * 1000) & 0xFFFF_FFFF_FFFF
        value = time_ms << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
        return str(UUID(int=value))

    # Agents

    def _serve(self, agent: Agent) -> None:
        """Gives a free agent the contacts that are due to him."""
        for channel in list(agent.idle):
            while channel in agent.idle:
                contact = self._next_for(agent, channel)
                if contact is None:
                    break
                self._offer(contact, agent)

    def _next_for(self, agent: Agent, channel: str) -> Contact | None:
        """The first of each class among all pools of the agent; between classes the order time decides."""
        first: dict[Class, Contact] = {}
        for pool in agent.pools.get(channel, ()):
            if not pool.waiting_count:
                continue
            for of_class, keys in pool.waiting.items():
                head = keys.first()
                best = first.get(of_class)
                if head is not None and (best is None or head[0] < best.spec.fifo):
                    first[of_class] = self.contacts[head[1]]
        if not first:
            return None
        return min(first.values(), key=lambda c: (c.order, c.spec.fifo, c.spec.key))

    def _agent(self, key: AgentKey) -> Agent:
        agent = self.agents.get(key)
        if agent is None:
            agent = self.agents[key] = Agent(key)
        return agent

    def _claim(self, agent: Agent, contact: Contact) -> None:
        if agent.status is None or contact.rid not in agent.status.items:
            agent.claims[contact.rid] = contact.spec.channel
        self._index(agent)

    def _release(self, agent: Agent, contact: Contact) -> None:
        agent.claims.pop(contact.rid, None)
        self._index(agent)

    def _index(self, agent: Agent) -> None:
        """Brings the agent's entries in the idle lists of his pools in line with his state."""
        for channel, pools in agent.pools.items():
            have = agent.idle.get(channel)
            want = None
            if agent.status is not None and agent.free(channel):
                want = (agent.status.idle_since, agent.key)
            if want == have:
                continue
            if have is not None:
                del agent.idle[channel]
                for pool in pools:
                    pool.idle.discard(have)
            if want is not None:
                agent.idle[channel] = want
                for pool in pools:
                    pool.idle.add(want)

    def _pool(self, members: frozenset[AgentKey], channel: str, requirements: Requirements) -> Pool:
        key = (members, channel, requirements)
        pool = self._pools.get(key)
        if pool is not None:
            return pool
        if len(self._pools) > len(self.queues) + _MAX_SPARE_POOLS:
            self._drop_spare_pools()
        pool = self._pools[key] = Pool(key)
        for member in sorted(members):
            agent = self._agent(member)
            spec: AgentSpec | None = agent.spec
            if spec is None or spec.disabled or not spec.meets(requirements):
                continue
            pool.eligible += 1
            agent.pools.setdefault(channel, []).append(pool)
            idle = agent.idle.get(channel)
            if idle is not None:
                pool.idle.add(idle)
            elif agent.status is not None and agent.free(channel):
                self._index(agent)
        return pool

    def _drop_spare_pools(self) -> None:
        """Requirements that callers brought along are forgotten once nobody waits with them."""
        own = {(queue.spec.members, "voice", queue.spec.requirements) for queue in self.queues.values()}
        used = {contact.pool.key for contact in self.contacts.values() if contact.pool is not None}
        for key in [key for key in self._pools if key not in own and key not in used]:
            pool = self._pools.pop(key)
            for member in key[0]:
                pools = self.agents[member].pools.get(pool.channel, [])
                if pool in pools:
                    pools.remove(pool)

    # Time

    def _ring_timeout(self, contact: Contact) -> float:
        queue = self.queues.get(contact.spec.queue)
        return float(queue.spec.ring_timeout_s) if queue is not None else 20.0

    def _arm(self, contact: Contact, delay_s: float) -> None:
        """One timer a contact: a new one replaces the last."""
        contact.timer += 1
        self._push_timer(self._now + delay_s, contact.spec.key, contact.timer)

    def _push_timer(self, at: float, key: ContactKey, generation: int) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (at, self._timer_count, key, generation))

    def _expire(self) -> None:
        while self._timers and self._timers[0][0] <= self._now:
            _, _, key, generation = heapq.heappop(self._timers)
            contact = self.contacts.get(key)
            if contact is None:
                continue
            if generation == 0:
                queue = self.queues.get(contact.spec.queue)
                limit = queue.spec.max_wait_s if queue is not None else 0
                # An offered contact leaves when it comes back.
                over = limit and self._now >= contact.spec.enqueued_at + limit
                if over and not contact.rid and not contact.leaving:
                    self._leave_queue(contact, LeaveReason.MAX_WAIT)
            elif generation == contact.timer:
                self._fired(contact)

    def _fired(self, contact: Contact) -> None:
        if contact.leaving:
            queue = self.queues.get(contact.spec.queue)
            closed = queue is None or queue.spec.closed
            reason = LeaveReason.QUEUE_CLOSED if closed else LeaveReason.MAX_WAIT
            self._effects.append(LeaveQueue(contact.spec.key, reason))
        elif contact.rid:
            self._arm(contact, CHECK_AGAIN_S)
            self._effects.append(CheckOffer(contact.spec.key, contact.rid))
        elif not contact.waiting:
            self._wait(contact, tell=False)

    # Reasons

    def _why_waiting(self, contact: Contact, pool: Pool) -> Rule:
        if not self.queues[contact.spec.queue].spec.members:
            return Rule.NO_MEMBERS
        return Rule.NO_AGENT_READY if pool.eligible else Rule.NOT_ELIGIBLE

    def _tell(self, contact: Contact, rule: Rule) -> None:
        self._effects.append(Waits(self._decision(contact, rule, None, contact.pool)))

    def _decision(self, contact: Contact, rule: Rule, chosen: AgentKey | None, pool: Pool | None) -> Decision:
        candidates: tuple[AgentKey, ...] = ()
        count = 0
        if pool is not None:
            count = len(pool.idle)
            candidates = tuple(key for _, key in _take(pool.idle, _FIRST_CANDIDATES))
        return Decision(
            contact.spec.key,
            contact.spec.queue,
            self._now,
            rule,
            chosen,
            candidates,
            count,
            self.position(contact.spec.key),
        )


def _take(keys: SortedKeys[tuple[float, AgentKey]], count: int) -> Iterator[tuple[float, AgentKey]]:
    for number, key in enumerate(keys):
        if number == count:
            return
        yield key
