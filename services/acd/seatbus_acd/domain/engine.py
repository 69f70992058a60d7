"""The routing engine: `apply(event, now) -> effects`. No clock, no randomness, no I/O.

Laws: a contact has at most one offer, or those of one simultaneous ring, and is won once whatever the number
of its queues; an agent is offered no more than his capacity; while an agent whom a contact may be offered is
free, the contact does not wait, unless its decision names the rule (a share cap, its sticky agent, its own
branch); among the contacts that an agent may serve, one of the same class that came earlier goes first,
whatever happened to it meanwhile; every decision has a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus_acd.domain.matching import OFFER_GRACE_S, Matching, customer_rings, longest_wait, over_by
from seatbus_acd.domain.model import (
    DEFAULT_RING_TIMEOUT_S,
    AgentGone,
    AgentKey,
    AgentReserved,
    AgentSeen,
    Announce,
    CheckOffer,
    Configured,
    ContactArrived,
    ContactChanged,
    ContactLeft,
    ContactSpec,
    Effect,
    Event,
    LeaseDoubted,
    LeaveFailed,
    LeaveQueue,
    LeaveReason,
    OfferFailed,
    OfferProgress,
    Pulled,
    QueueKey,
    QueuesMove,
    Rule,
    Skip,
    Tick,
)
from seatbus_acd.domain.pools import Contact, Held, Option, in_turn, order_time
from seatbus_acd.domain.timers import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_acd.domain.model import ContactKey, QueueSpec
    from seatbus_acd.domain.pools import Queue

CHECK_AGAIN_S: Final = 10.0


def _place(contact: Contact, queue: QueueSpec) -> None:
    spec = contact.spec
    contact.ageing_s = queue.ageing_s
    contact.order = order_time(spec.came_at, spec.priority, queue.ageing_s)
    contact.place = (contact.order, spec.fifo, spec.key)


class Engine(Matching):
    """`epoch` makes reservation ids of successive lease holders differ."""

    def apply(self, event: Event, now: float) -> list[Effect]:
        """What follows from `event`. `now` in seconds never goes back. Stale events change nothing."""
        effects: list[Effect] = []
        self._effects = effects
        self._now = max(now, self._now)
        self._pass_time()
        match event:
            case AgentSeen():
                self._agent_seen(event)
            case ContactArrived():
                self._arrived(event.contact)
            case ContactChanged():
                self._changed(event.contact)
            case ContactLeft():
                self._left(event)
            case Pulled():
                self._pulled(event)
            case AgentReserved():
                self._reserved(event)
            case OfferFailed():
                self._failed(event)
            case OfferProgress():
                contact = self.contacts.get(event.key)
                if contact is not None and contact.under(event.rid) is not None:
                    self._arm(contact, self._ring_timeout(contact) + OFFER_GRACE_S)
            case LeaveFailed():
                contact = self.contacts.get(event.key)
                if contact is not None and contact.leaving:
                    self._arm(contact, event.retry_s)
            case AgentGone():
                self._agent_gone(event.key)
            case Configured():
                self._configured(event)
            case QueuesMove():
                self._queues_move(event)
            case LeaseDoubted():
                self._lease_doubted(event)
            case Tick():
                pass
        self._pass_gates()
        return effects

    @property
    def next_wake(self) -> float | None:
        """When a `Tick` is due."""
        return self._timers.next_at

    def ready_agents(self, key: QueueKey) -> int:
        """Free agents whom the queue's own requirement admits."""
        queue = self.queues.get(key)
        if queue is None:
            return 0
        pools = self._floor.pools(queue.roster, "voice", queue.spec.requirements, queue.spec)
        return sum(len(pool.idle) for pool in pools)

    def in_turn(self, specs: Iterable[ContactSpec]) -> list[ContactSpec]:
        """In the order in which an agent who may serve them all chooses them."""
        contacts = [Contact(spec) for spec in specs]
        for contact in contacts:
            queue = self.queues.get(contact.spec.queue)
            if queue is not None:
                _place(contact, queue.spec)
        return [contact.spec for contact in in_turn(contacts)]

    # Contacts come, change and go

    def _arrived(self, spec: ContactSpec) -> None:
        if spec.key in self.contacts:
            return
        contact = self.contacts[spec.key] = Contact(spec)
        self._settle(contact)
        if spec.offered:
            for made in spec.offered:
                agent = self._floor.agent(made.agent)
                revision = agent.status.revision if agent.status is not None else 0
                contact.held.append(Held(agent, made.rid, 0, revision))
                self._floor.claim(agent, contact, made.rid)
            self._arm(contact, self._ring_timeout(contact) + OFFER_GRACE_S)
        elif spec.not_before > self._now:
            self._arm(contact, spec.not_before - self._now)
            self._tell(contact, Rule.RETRY_LATER)
        else:
            self._wait(contact, tell=True)

    def _settle(self, contact: Contact) -> None:
        """Takes its queues' order and limits, and enters itself in them."""
        spec = contact.spec
        for key in spec.queues:
            found = self.queues.get(key)
            if found is not None:
                found.contacts[spec.key] = contact
        queue = self.queues.get(spec.queue)
        if queue is None:
            return
        config = queue.spec
        _place(contact, config)
        ends = longest_wait(spec, config)
        if ends:
            self._timers.arm(contact, Kind.LIFE, ends)
        if config.comfort is not None and not spec.callback:
            self._arm_comfort(contact, queue)

    def _changed(self, spec: ContactSpec) -> None:
        contact = self.contacts.get(spec.key)
        if contact is None:
            return
        rested = not contact.waiting
        if not rested:
            # Who rests, is offered or leaves goes on with that, and with the timer that ends it.
            self._stop_waiting(contact)
        for key in contact.spec.queues:
            queue = self.queues.get(key)
            if queue is not None:
                queue.contacts.pop(spec.key, None)
        contact.spec = spec
        contact.armed.pop(Kind.LIFE, None)
        contact.armed.pop(Kind.COMFORT, None)
        self._settle(contact)
        if not rested:
            self._wait(contact, tell=True)

    def _left(self, event: ContactLeft) -> None:
        contact = self.contacts.pop(event.key, None)
        if contact is None:
            return
        self._awaiting.pop(event.key, None)
        self._stop_waiting(contact)
        for key in contact.spec.queues:
            queue = self.queues.get(key)
            if queue is not None:
                queue.contacts.pop(event.key, None)
        own = self.queues.get(contact.spec.queue)
        if own is not None:
            own.answered += event.answered
        for held in contact.held:
            # His record says what became of the reservation, once it is as new as the reservation itself.
            agent = held.agent
            agent.min_revision = max(agent.min_revision, held.reserved_revision)
            self._floor.release(agent, held.rid)
            self._serve(agent)

    def _pulled(self, event: Pulled) -> None:
        contact, agent = self.contacts.get(event.key), self.agents.get(event.agent)
        if contact is None or agent is None or not contact.waiting or not agent.free(contact.spec.channel):
            return
        for key in contact.spec.queues:
            queue = self.queues.get(key)
            if queue is not None and queue.spec.allow_pull and event.agent in queue.roster.members:
                self._offer(contact, [agent], Option(key, contact.joined), Rule.PULLED)
                return

    # Offers

    def _reserved(self, event: AgentReserved) -> None:
        contact = self.contacts.get(event.key)
        held = contact.under(event.rid) if contact is not None else None
        if held is not None:
            held.reserved_revision = event.revision

    def _failed(self, event: OfferFailed) -> None:
        contact = self.contacts.get(event.key)
        if contact is None or contact.under(event.rid) is None:
            return
        over = [held for held in contact.held if event.whole or held.rid == event.rid]
        contact.held = [held for held in contact.held if held not in over]
        for held in over:
            agent = held.agent
            if event.skip is not Skip.NONE:
                seen = max(held.seen_revision, held.reserved_revision, event.revision)
                agent.min_revision = max(agent.min_revision, seen + 1)
            elif held.reserved_revision:
                # He is reserved by his record until the release of it is seen.
                agent.min_revision = max(agent.min_revision, held.reserved_revision + 1)
            self._floor.release(agent, held.rid)
        if contact.held:
            # Other phones still ring.
            self._serve_all(over)
            return
        contact.armed.pop(Kind.OWN, None)
        if event.retry_s > 0:
            self._arm(contact, event.retry_s)
            self._tell(contact, Rule.RETRY_LATER)
            self._serve_all(over)
            return
        # The freed agent chooses first: an older contact may have waited for him alone.
        self._join(contact)
        self._serve_all(over)
        if contact.waiting:
            self._wait(contact, tell=True)

    # Agents and configuration

    def _agent_seen(self, event: AgentSeen) -> None:
        status = event.status
        agent = self._floor.agent(status.key)
        if agent.status is not None and agent.status.revision >= status.revision:
            return
        for queue in self._floor.see(agent, status):
            self._deserted(queue)
        self._serve(agent)

    def _agent_gone(self, key: AgentKey) -> None:
        agent = self.agents.get(key)
        if agent is not None:
            for queue in self._floor.see(agent, None):
                self._deserted(queue)

    def _deserted(self, queue: Queue) -> None:
        if not queue.spec.leave_without_agents:
            return
        for contact in list(queue.contacts.values()):
            if contact.waiting and contact.spec.queue == queue.spec.key and not contact.spec.callback:
                self._leave_queue(contact, LeaveReason.NO_AGENTS)

    def _configured(self, event: Configured) -> None:
        resting = [contact for contact in self.contacts.values() if contact.waiting]
        for contact in resting:
            contact.waiting = False
            contact.joined = ()
        self._floor.configure(event)
        for agent in self.agents.values():
            self._floor.index(agent)
        for contact in sorted(self.contacts.values(), key=lambda c: (c.spec.fifo, c.spec.key)):
            contact.armed.pop(Kind.LIFE, None)
            contact.armed.pop(Kind.COMFORT, None)
            self._settle(contact)
        for contact in resting:
            self._join(contact)
        for contact in in_turn(resting):
            if contact.waiting:
                self._wait(contact, tell=False)

    def _queues_move(self, event: QueuesMove) -> None:
        """Who waits goes on when all are here."""
        for key in event.queues:
            times = self._moving.pop(key, 0) + (-1 if event.here else 1)
            if times > 0:
                self._moving[key] = times
        if event.here:
            self._go_on()
        else:
            moving = [self.queues[key] for key in event.queues if key in self.queues]
            self._set_aside(contact for queue in moving for contact in queue.contacts.values())

    def _lease_doubted(self, event: LeaseDoubted) -> None:
        self._doubted = not event.over
        if event.over:
            self._go_on()
        else:
            self._set_aside(self.contacts.values())

    def _set_aside(self, contacts: Iterable[Contact]) -> None:
        for contact in in_turn(contact for contact in contacts if contact.waiting):
            self._stop_waiting(contact)
            self._join(contact)

    def _go_on(self) -> None:
        """Who was set aside and may be offered again, each in his place."""
        awaiting, self._awaiting = self._awaiting, {}
        here = [
            contact
            for key, contact in awaiting.items()
            if self.contacts.get(key) is contact and not contact.held and not contact.leaving
        ]
        for contact in here:
            contact.armed.pop(Kind.OWN, None)
            self._join(contact)
        for contact in in_turn(here):
            if contact.waiting:
                self._wait(contact, tell=True)

    # Time

    def _ring_timeout(self, contact: Contact) -> float:
        queue = self.queues.get(contact.spec.queue)
        if queue is None:
            return float(DEFAULT_RING_TIMEOUT_S)
        return float(queue.spec.ring_timeout_s + customer_rings(contact.spec, queue.spec))

    def _arm_comfort(self, contact: Contact, queue: Queue) -> None:
        comfort = queue.spec.comfort
        if comfort is None:
            return
        due = contact.spec.enqueued_at + comfort.first_s
        if due <= self._now:
            if not comfort.every_s:
                return
            due += (int((self._now - due) / comfort.every_s) + 1) * comfort.every_s
        self._timers.arm(contact, Kind.COMFORT, due)

    def _pass_time(self) -> None:
        """Whose moment has come, late or at once with others', is served by place."""
        served: dict[ContactKey, bool] = {}
        for kind, contact in self._timers.due(self._now, self.contacts):
            self._expired(kind, contact, served)
        for contact in in_turn(self.contacts[key] for key in served):
            if contact.waiting:
                self._wait(contact, tell=served[contact.spec.key])

    def _expired(self, kind: Kind, contact: Contact, served: dict[ContactKey, bool]) -> None:
        """`served`: who has joined those who wait, and whether it is to be told why."""
        queue = self.queues.get(contact.spec.queue)
        if kind is Kind.LIFE:
            # An offered contact leaves when it comes back.
            if not contact.held and not contact.leaving:
                self._leave_queue(contact, over_by(contact.spec))
        elif kind is Kind.STEP:
            if contact.waiting:
                self._stop_waiting(contact)
                self._join(contact)
                served[contact.spec.key] = True
        elif kind is Kind.COMFORT and queue is not None and queue.spec.comfort is not None:
            comfort = queue.spec.comfort
            if contact.waiting:
                since = self._now - contact.spec.enqueued_at - comfort.first_s
                number = round(since / comfort.every_s) if comfort.every_s else 0
                key = contact.spec.key
                self._effects.append(Announce(key, number, self.position(key)))
            self._arm_comfort(contact, queue)
        elif contact.leaving:
            self._effects.append(LeaveQueue(contact.spec.key, contact.leave_reason))
        elif contact.held:
            self._arm(contact, CHECK_AGAIN_S)
            self._effects += [CheckOffer(contact.spec.key, held.rid) for held in contact.held]
        elif not contact.waiting:
            self._join(contact)
            served[contact.spec.key] = False
