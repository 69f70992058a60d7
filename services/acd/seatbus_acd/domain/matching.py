"""Matching: a contact finds its agent, an agent his contact, or the contact waits and it is told why."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final

from seatbus_acd.domain.decisions import rid_of, rule_of, told, why_waiting
from seatbus_acd.domain.floor import Floor
from seatbus_acd.domain.model import LeaveQueue, LeaveReason, Offer, Rule, Strategy, Waits
from seatbus_acd.domain.pools import Held, Option
from seatbus_acd.domain.reach import reach
from seatbus_acd.domain.timers import Kind, Timers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_acd.domain.model import (
        AgentKey,
        ContactKey,
        ContactSpec,
        Effect,
        QueueKey,
        QueueSpec,
    )
    from seatbus_acd.domain.pools import Agent, Class, Contact, Pool, Queue

# An offer of which nothing is heard is looked into this long after its phone must have stopped ringing.
OFFER_GRACE_S: Final = 15.0
# A call-back rests while its queue is closed.
CLOSED_LOOK_S: Final = 30.0
_MOVING_LOOK_S: Final = 10.0


def longest_wait(spec: ContactSpec, queue: QueueSpec) -> float:
    """When its visit is over without an agent; 0: never."""
    if spec.callback or spec.reached:
        return spec.expires_at if spec.callback else 0.0
    return spec.enqueued_at + queue.max_wait_s if queue.max_wait_s else 0.0


def over_by(spec: ContactSpec) -> LeaveReason:
    return LeaveReason.EXPIRED if spec.callback else LeaveReason.MAX_WAIT


def customer_rings(spec: ContactSpec, queue: QueueSpec) -> int:
    """For how long an offer's customer is called beside its agent."""
    return queue.callback.ring_timeout_s if spec.callback and queue.callback is not None else 0


class Matching:
    """Its events are those of `Engine`."""

    def __init__(self, epoch: int = 0) -> None:
        self._epoch = epoch
        self._floor = Floor()
        self.contacts: dict[ContactKey, Contact] = {}
        # Queues whose contacts are not all here yet: how often that was said. Who waits for it, in order.
        self._moving: dict[QueueKey, int] = {}
        self._awaiting: dict[ContactKey, Contact] = {}
        self._doubted = False
        self._timers = Timers()
        self._now = 0.0
        self._effects: list[Effect] = []

    @property
    def queues(self) -> dict[QueueKey, Queue]:
        return self._floor.queues

    @property
    def agents(self) -> dict[AgentKey, Agent]:
        return self._floor.agents

    def position(self, key: ContactKey) -> int:
        """1 is next; 0 for a contact that does not wait."""
        contact = self.contacts.get(key)
        if contact is None or not contact.waiting:
            return 0
        return self.queues[contact.spec.queue].places.rank(contact.place) + 1

    # Waiting

    def _wait(self, contact: Contact, *, tell: bool) -> None:
        """Offers the contact, or lets it wait; `tell` records why it waits."""
        if not contact.waiting:
            self._join(contact)
            if not contact.waiting:
                return
        for option in contact.reach.options:
            agents = self._candidates(contact, option)
            if agents:
                self._offer(contact, agents, option, rule_of(option, self.queues[option.queue]))
                return
        if tell:
            self._tell(contact, why_waiting(contact, self.queues[contact.spec.queue]))

    def _candidates(self, contact: Contact, option: Option) -> list[Agent]:
        """The agent to be offered, or those of a simultaneous ring."""
        heads = [
            (head, pool) for pool in option.pools if (head := pool.idle.first()) is not None and not pool.shut
        ]
        if not heads:
            return []
        head, pool = min(heads, key=lambda found: found[0])
        return self._ring_group(contact, self.agents[head[2]], pool, self.queues[option.queue].spec)

    def _ring_group(self, contact: Contact, first: Agent, pool: Pool, queue: QueueSpec) -> list[Agent]:
        """`first` with the agents who ring beside him: those to whom nobody is due before."""
        if pool.roster.strategy is not Strategy.SIMULTANEOUS_RING:
            return [first]
        room = min((gate.cap.most - gate.used for gate in pool.roster.gates), default=queue.ring_agents)
        group = [first]
        for _, _, key in pool.idle:
            if len(group) >= min(room, queue.ring_agents):
                break
            if key == first.key:
                continue
            agent = self.agents[key]
            due = self._next_for(agent, contact.spec.channel)
            if due is not None and due[0] is contact:
                group.append(agent)
        return group

    def _join(self, contact: Contact) -> None:
        """Takes its place among those who wait; a contact whose queue is closed or gone leaves instead."""
        spec = contact.spec
        queue = self.queues.get(spec.queue)
        if queue is not None and queue.spec.closed and spec.callback:
            self._arm(contact, CLOSED_LOOK_S)
            return
        if queue is None or queue.spec.closed:
            self._leave_queue(contact, LeaveReason.QUEUE_CLOSED)
            return
        ends = longest_wait(spec, queue.spec)
        if ends and self._now >= ends:
            self._leave_queue(contact, over_by(spec))
            return
        if queue.spec.leave_without_agents and not queue.present and not spec.callback:
            self._leave_queue(contact, LeaveReason.NO_AGENTS)
            return
        if self._doubted or any(key in self._moving for key in spec.queues):
            if spec.key not in self._awaiting:
                self._awaiting[spec.key] = contact
                self._tell(contact, Rule.LEASE_IN_DOUBT if self._doubted else Rule.QUEUE_MOVES)
            self._arm(contact, _MOVING_LOOK_S)
            return
        if self._floor.has_spare_pools:
            used = (pool for c in self.contacts.values() for o in c.reach.options for pool in o.pools)
            self._floor.drop_spare_pools(used)
        contact.reach = reach(self._floor, spec, self._now)
        if contact.reach.until < inf:
            self._timers.arm(contact, Kind.STEP, contact.reach.until)
        contact.waiting = True
        pools = (pool for option in contact.reach.options if option.waits for pool in option.pools)
        contact.joined = tuple(dict.fromkeys(pools))
        for pool in contact.joined:
            pool.join(contact)
        for key in spec.queues:
            found = self.queues.get(key)
            if found is not None:
                found.places.add(contact.place)

    def _stop_waiting(self, contact: Contact) -> None:
        contact.armed.pop(Kind.OWN, None)
        contact.armed.pop(Kind.STEP, None)
        if not contact.waiting:
            return
        contact.waiting = False
        for pool in contact.joined:
            pool.leave(contact)
        contact.joined = ()
        for key in contact.spec.queues:
            found = self.queues.get(key)
            if found is not None:
                found.places.discard(contact.place)

    def _leave_queue(self, contact: Contact, reason: LeaveReason) -> None:
        self._stop_waiting(contact)
        contact.leaving, contact.leave_reason = True, reason
        self._effects.append(LeaveQueue(contact.spec.key, reason))

    def _serve_all(self, over: list[Held]) -> None:
        for held in over:
            self._serve(held.agent)

    def _serve(self, agent: Agent) -> None:
        """Gives a free agent the contacts that are due to him."""
        for channel in list(agent.idle):
            while channel in agent.idle:
                found = self._next_for(agent, channel)
                if found is None:
                    break
                contact, pool = found
                option = next(o for o in contact.reach.options if o.waits and pool in o.pools)
                queue = self.queues[option.queue]
                group = self._ring_group(contact, agent, pool, queue.spec)
                self._offer(contact, group, option, rule_of(option, queue))

    def _next_for(self, agent: Agent, channel: str) -> tuple[Contact, Pool] | None:
        return self._first_in(agent.pools.get(channel, ()))

    def _first_in(self, pools: Iterable[Pool]) -> tuple[Contact, Pool] | None:
        """The first of each class among pools that are not shut; between classes the order time decides."""
        first: dict[Class, tuple[tuple[int, ContactKey], Pool]] = {}
        for pool in pools:
            if not pool.waiting_count or pool.shut:
                continue
            for of_class, keys in pool.waiting.items():
                head = keys.first()
                best = first.get(of_class)
                if head is not None and (best is None or head < best[0]):
                    first[of_class] = (head, pool)
        if not first:
            return None
        found = [(self.contacts[head[1]], pool) for head, pool in first.values()]
        return min(found, key=lambda f: f[0].place)

    def _pass_gates(self) -> None:
        """Share caps that were reached are not any more: who waited for that goes on, by place, whichever of
        them has opened first.
        """
        opened = self._floor.opened
        while opened:
            pools = list(dict.fromkeys(pool for gate in opened for pool in gate.pools))
            opened.clear()
            while found := self._first_in(pool for pool in pools if pool.idle):
                self._wait(found[0], tell=False)

    # Offers

    def _offer(self, contact: Contact, agents: list[Agent], option: Option, rule: Rule) -> None:
        if contact.spec.callback:
            # One customer is called with one agent.
            agents = agents[:1]
        decision = told(contact, rule, agents, option, self._now, self.position(contact.spec.key))
        self._stop_waiting(contact)
        contact.offers += 1
        contact.held = [
            Held(
                agent,
                rid_of(contact, self._epoch, self._now, number),
                agent.status.revision if agent.status is not None else 0,
            )
            for number, agent in enumerate(agents)
        ]
        for held in contact.held:
            agent = held.agent
            for pool in option.pools:
                if agent.key in pool.keys:
                    pool.roster.chosen(agent.key, pool)
            self._floor.claim(agent, contact, held.rid)
        queue = self.queues[option.queue].spec
        self._arm(contact, queue.ring_timeout_s + customer_rings(contact.spec, queue) + OFFER_GRACE_S)
        ring = contact.rid if len(agents) > 1 else ""
        first, *also = (
            Offer(
                contact.spec.key,
                held.rid,
                held.agent.key,
                held.seen_revision,
                queue.ring_timeout_s,
                queue.wrap_up_s,
                decision,
                ring=ring,
            )
            for held in contact.held
        )
        self._effects.append(replace(first, also=tuple(also)) if also else first)

    def _arm(self, contact: Contact, delay_s: float) -> None:
        self._timers.arm(contact, Kind.OWN, self._now + delay_s)

    def _tell(self, contact: Contact, rule: Rule) -> None:
        option = Option(contact.spec.queue, contact.joined)
        position = self.position(contact.spec.key)
        self._effects.append(Waits(told(contact, rule, (), option, self._now, position)))
