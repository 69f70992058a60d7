"""The laws of the routing engine, on random histories."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentKey,
    AgentReserved,
    AgentSeen,
    AgentSpec,
    AgentStatus,
    CheckOffer,
    Configured,
    ContactArrived,
    ContactKey,
    ContactLeft,
    ContactSpec,
    Effect,
    Event,
    LeaseDoubted,
    LeaveFailed,
    LeaveQueue,
    LeaveReason,
    Offer,
    OfferFailed,
    OfferProgress,
    QueueKey,
    QueuesMove,
    QueueSpec,
    Relaxation,
    Rule,
    Skip,
    Tick,
    Waits,
)
from seatbus_acd.domain.pools import order_time
from seatbus_testkit.properties import examples

T = "acme"
AGENTS = [(T, f"a{i}") for i in range(4)] + [("operator", "o1")]
SKILLS = {
    AGENTS[0]: {"english": 5},
    AGENTS[1]: {"english": 2, "billing": 3},
    AGENTS[2]: {},
    AGENTS[3]: {"billing": 5},
    AGENTS[4]: {"english": 5, "billing": 5},
}
QUEUES = {
    (T, "sales"): QueueSpec((T, "sales"), frozenset(AGENTS[:3]), ageing_s=30, max_wait_s=600),
    (T, "bills"): QueueSpec((T, "bills"), frozenset(AGENTS[1:]), (("billing", 3),), priority=2),
    (T, "all"): QueueSpec((T, "all"), frozenset(AGENTS), ageing_s=30),
}


def configured(queues: dict[tuple[str, str], QueueSpec] | None = None) -> Configured:
    agents = {key: AgentSpec(key, SKILLS[key]) for key in AGENTS}
    return Configured(queues if queues is not None else QUEUES, agents)


class EngineHistories(RuleBasedStateMachine):
    """A world that answers the engine's wishes in any order, and a second engine fed the same."""

    def __init__(self) -> None:
        super().__init__()
        self.engine, self.twin = Engine(7), Engine(7)
        self.now = 1000.0
        self.revision = 0
        self.number = 0
        self.waiting: dict[ContactKey, ContactSpec] = {}
        self.offers: dict[ContactKey, Offer] = {}
        self.leaving: set[ContactKey] = set()
        self.resting: set[ContactKey] = set()
        self.moving: Counter[QueueKey] = Counter()
        self.doubted = False
        self.rids: set[str] = set()
        self.ended: dict[ContactKey, int] = defaultdict(int)
        # The truth about agents, and what the engine has been shown of it.
        self.ready: dict[AgentKey, bool] = dict.fromkeys(AGENTS, False)
        self.idle_since: dict[AgentKey, float] = dict.fromkeys(AGENTS, 0.0)
        self.items: dict[AgentKey, set[str]] = {key: set() for key in AGENTS}
        self.shown: dict[AgentKey, int] = dict.fromkeys(AGENTS, 0)
        self.written: dict[AgentKey, int] = dict.fromkeys(AGENTS, 0)
        self.blocked: dict[AgentKey, int] = dict.fromkeys(AGENTS, 0)

    def give(self, event: Event) -> list[Effect]:
        effects = self.engine.apply(event, self.now)
        assert effects == self.twin.apply(event, self.now), "same inputs, same outputs"
        for effect in effects:
            match effect:
                case Offer():
                    self.offered(effect)
                case LeaveQueue():
                    assert effect.key not in self.offers
                    self.leaving.add(effect.key)
                    self.resting.discard(effect.key)
                case CheckOffer():
                    assert self.offers[effect.key].rid == effect.rid
                case Waits():
                    if effect.decision.rule in (Rule.RETRY_LATER, Rule.QUEUE_MOVES, Rule.LEASE_IN_DOUBT):
                        self.resting.add(effect.decision.contact)
        return effects

    def offered(self, offer: Offer) -> None:
        self.resting.discard(offer.key)
        assert offer.key in self.waiting, "only a waiting contact is offered"
        assert offer.key not in self.offers, "a contact has one offer at a time"
        assert offer.rid not in self.rids, "a rid names one offer"
        assert all(made.agent != offer.agent for made in self.offers.values()), "one contact an agent"
        spec = self.waiting[offer.key]
        queue = self.engine.queues[spec.queue].spec
        assert not self.moving[spec.queue], "nobody of a queue whose contacts are not all here"
        assert not self.doubted, "nobody while the lease is in doubt"
        assert offer.agent in queue.members
        assert all(SKILLS[offer.agent].get(name, 0) >= level for name, level in queue.requirements)
        assert self.shown[offer.agent] >= self.blocked[offer.agent], "not before his record is newer"
        for key, other in self.waiting.items():
            theirs = self.engine.queues[other.queue].spec
            same_class = (theirs.ageing_s, other.priority) == (queue.ageing_s, spec.priority)
            may = offer.agent in theirs.members and self.engine.agents[offer.agent].spec.meets(
                theirs.requirements
            )
            free = key not in self.offers and key not in self.leaving and key not in self.resting
            if same_class and may and free and self.engine.contacts[key].waiting:
                assert spec.fifo <= other.fifo, "first in, first out inside a class"
        self.rids.add(offer.rid)
        self.offers[offer.key] = offer

    def write(self, agent: AgentKey, *, show: bool = True) -> int:
        self.revision += 1
        self.written[agent] = self.revision
        if show:
            self.show(agent)
        return self.revision

    def show(self, agent: AgentKey) -> None:
        self.shown[agent] = self.written[agent]
        items = dict.fromkeys(self.items[agent], "voice")
        status = AgentStatus(agent, self.written[agent], self.ready[agent], self.idle_since[agent], items)
        self.give(AgentSeen(status))

    @initialize()
    def start(self) -> None:
        self.give(configured())

    @rule(seconds=st.floats(0.01, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.rest_ends(Tick())

    @rule(queue=st.sampled_from(sorted(QUEUES)), here=st.booleans())
    def queue_moves(self, queue: QueueKey, here: bool) -> None:
        if here and not self.moving[queue]:
            return
        self.moving[queue] += -1 if here else 1
        self.rest_ends(QueuesMove(frozenset([queue]), here))

    @rule()
    def lease_is_doubted(self) -> None:
        self.doubted = not self.doubted
        self.rest_ends(LeaseDoubted(over=not self.doubted))

    def rest_ends(self, event: Event) -> None:
        before = set(self.resting)
        self.give(event)
        for key in before:
            if self.engine.contacts[key].waiting:
                self.resting.discard(key)

    @rule(queue=st.sampled_from(sorted(QUEUES)), priority=st.integers(0, 3))
    def caller_comes(self, queue: tuple[str, str], priority: int) -> None:
        self.number += 1
        self.revision += 1
        key = (T, f"c{self.number}")
        spec = ContactSpec(key, queue, self.revision, self.now, priority)
        self.waiting[key] = spec
        self.give(ContactArrived(spec))

    @rule(agent=st.sampled_from(AGENTS), ready=st.booleans(), show=st.booleans())
    def agent_changes(self, agent: AgentKey, ready: bool, show: bool) -> None:
        if ready and not self.ready[agent]:
            self.idle_since[agent] = self.now
        self.ready[agent] = ready
        self.write(agent, show=show)

    @rule(agent=st.sampled_from(AGENTS))
    def watcher_catches_up(self, agent: AgentKey) -> None:
        if self.shown[agent] < self.written[agent]:
            self.show(agent)

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), show=st.booleans())
    def reservation_is_tried(self, data: st.DataObject, show: bool) -> None:
        offer = self.offers[data.draw(st.sampled_from(sorted(self.offers)))]
        if offer.rid in self.items[offer.agent]:
            return
        if self.ready[offer.agent] and not self.items[offer.agent]:
            self.items[offer.agent].add(offer.rid)
            revision = self.write(offer.agent, show=show)
            self.give(AgentReserved(offer.key, offer.rid, revision))
            return
        del self.offers[offer.key]
        self.blocked[offer.agent] = max(self.blocked[offer.agent], offer.agent_revision + 1)
        self.give(OfferFailed(offer.key, offer.rid, Skip.AGENT))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def phone_rings(self, data: st.DataObject) -> None:
        offer = self.offers[data.draw(st.sampled_from(sorted(self.offers)))]
        self.give(OfferProgress(offer.key, offer.rid))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), answered=st.booleans(), show=st.booleans())
    def offer_ends(self, data: st.DataObject, answered: bool, show: bool) -> None:
        offer = self.offers[data.draw(st.sampled_from(sorted(self.offers)))]
        agent = offer.agent
        if offer.rid not in self.items[agent]:
            return
        del self.offers[offer.key]
        if answered:
            self.end(offer.key)
            self.blocked[agent] = max(self.blocked[agent], min(self.written[agent], self.revision))
            self.give(ContactLeft(offer.key, answered=True))
            self.items[agent].discard(offer.rid)
            self.idle_since[agent] = self.now
            self.write(agent)
            return
        self.items[agent].discard(offer.rid)
        self.ready[agent] = False
        self.write(agent, show=show)
        self.blocked[agent] = max(self.blocked[agent], self.written[agent])
        self.give(OfferFailed(offer.key, offer.rid, Skip.AGENT))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), retry_s=st.sampled_from([0.0, 1.0]))
    def edge_fails(self, data: st.DataObject, retry_s: float) -> None:
        offer = self.offers[data.draw(st.sampled_from(sorted(self.offers)))]
        agent = offer.agent
        del self.offers[offer.key]
        if offer.rid in self.items[agent]:
            self.items[agent].discard(offer.rid)
            self.write(agent)
        self.give(OfferFailed(offer.key, offer.rid, Skip.NONE, retry_s))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def caller_hangs_up(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.waiting)))
        offer = self.offers.pop(key, None)
        self.end(key)
        if offer is not None and offer.rid in self.items[offer.agent]:
            self.items[offer.agent].discard(offer.rid)
            self.write(offer.agent)
        self.give(ContactLeft(key))

    @precondition(lambda self: self.leaving)
    @rule(data=st.data(), told=st.booleans())
    def edge_lets_it_leave(self, data: st.DataObject, told: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.leaving)))
        if told:
            self.end(key)
            self.give(ContactLeft(key))
        else:
            self.give(LeaveFailed(key, 2.0))

    @rule(closed=st.booleans())
    def configuration_changes(self, closed: bool) -> None:
        queues = dict(QUEUES)
        if closed:
            bills = queues[T, "bills"]
            queues[T, "bills"] = QueueSpec(bills.key, bills.members, bills.requirements, closed=True)
        self.give(configured(queues))

    def end(self, key: ContactKey) -> None:
        self.ended[key] += 1
        assert self.ended[key] == 1, "every contact ends once"
        del self.waiting[key]
        self.leaving.discard(key)
        self.resting.discard(key)

    @invariant()
    def nobody_is_idle_while_somebody_waits(self) -> None:
        for contact in self.engine.contacts.values():
            if not contact.waiting:
                continue
            queue = self.engine.queues[contact.spec.queue].spec
            for key in queue.members:
                agent = self.engine.agents[key]
                spec = agent.spec
                assert spec is not None
                able = spec.meets(queue.requirements) and agent.free("voice")
                assert not able, f"{key} is idle while {contact.spec.key} waits"

    @invariant()
    def engine_agrees_with_the_world(self) -> None:
        assert set(self.engine.contacts) == set(self.waiting)
        for key, contact in self.engine.contacts.items():
            assert (contact.rid != "") == (key in self.offers)
            assert contact.leaving == (key in self.leaving)
            assert contact.waiting + bool(contact.rid) + contact.leaving + (key in self.resting) == 1
        for queue in self.engine.queues.values():
            assert len(queue.places) == sum(contact.waiting for contact in queue.contacts.values())

    @invariant()
    def an_agent_shown_as_busy_is_not_offered(self) -> None:
        for key, agent in self.engine.agents.items():
            if agent.idle:
                assert self.ready[key] or self.shown[key] < self.written[key]


EngineHistories.TestCase.settings = settings(
    max_examples=examples(100), stateful_step_count=60, deadline=None
)
TestEngineHistories = EngineHistories.TestCase


def ready(agent: AgentKey, revision: int, idle_since: float, **items: str) -> AgentSeen:
    return AgentSeen(AgentStatus(agent, revision, True, idle_since, items))


def offers(effects: list[Effect]) -> list[Offer]:
    return [effect for effect in effects if isinstance(effect, Offer)]


def caller(number: int, at: float, queue: str = "sales", priority: int = 0) -> ContactArrived:
    return ContactArrived(ContactSpec((T, f"c{number}"), (T, queue), number, at, priority))


def started() -> Engine:
    engine = Engine(1)
    engine.apply(configured(), 0)
    return engine


def test_the_longest_idle_agent_is_chosen_and_the_reasons_are_recorded() -> None:
    engine = started()
    engine.apply(ready(AGENTS[1], 1, 50.0), 100)
    engine.apply(ready(AGENTS[0], 2, 60.0), 100)
    [offer] = offers(engine.apply(caller(3, 100), 100))
    assert offer.agent == AGENTS[1]
    assert offer.decision.rule is Rule.LONGEST_IDLE
    assert offer.decision.first_candidates == (AGENTS[1], AGENTS[0])
    assert offer.decision.candidates == 2


def test_a_contact_that_nobody_answered_keeps_its_place() -> None:
    engine = started()
    engine.apply(ready(AGENTS[0], 1, 1.0), 10)
    [first] = offers(engine.apply(caller(2, 10), 10))
    engine.apply(caller(3, 11), 11)
    engine.apply(AgentReserved(first.key, first.rid, 4), 11)
    engine.apply(AgentSeen(AgentStatus(AGENTS[0], 5, False, 1.0)), 30)
    assert not offers(engine.apply(OfferFailed(first.key, first.rid, Skip.AGENT), 30))
    assert engine.position(first.key) == 1
    [again] = offers(engine.apply(ready(AGENTS[1], 6, 40.0), 40))
    assert again.key == first.key


def test_an_agent_who_did_not_answer_is_skipped_until_his_record_is_newer() -> None:
    engine = started()
    engine.apply(ready(AGENTS[0], 1, 1.0), 10)
    [first] = offers(engine.apply(caller(2, 10), 10))
    engine.apply(AgentReserved(first.key, first.rid, 4), 11)
    # The record that says not ready is still on its way.
    assert not offers(engine.apply(OfferFailed(first.key, first.rid, Skip.AGENT), 30))
    assert not offers(engine.apply(AgentSeen(AgentStatus(AGENTS[0], 5, False, 1.0)), 30))
    [again] = offers(engine.apply(ready(AGENTS[0], 6, 35.0), 35))
    assert again.agent == AGENTS[0]


def test_a_waiting_contact_rises_one_class_each_ageing_period() -> None:
    engine = started()
    engine.apply(caller(1, 0, priority=0), 0)
    engine.apply(caller(2, 29, priority=1), 29)
    engine.apply(caller(3, 31, priority=1), 31)
    order = []
    made = offers(engine.apply(ready(AGENTS[0], 10, 10.0), 40))
    while made:
        order.append(made[0].key[1])
        made = offers(engine.apply(ContactLeft(made[0].key), 40))
    assert order == ["c2", "c1", "c3"]
    assert order_time(0, 0, 30) > order_time(29, 1, 30)


def test_wishes_that_are_relaxed_in_one_look_are_served_by_place() -> None:
    """Whose turn it is depends neither on whose timer was set first nor on when the clock is looked at."""
    relaxed = (Relaxation(20, (("english", 2),)),)
    queue = QueueSpec((T, "sales"), frozenset(AGENTS), (("english", 4),), relaxation=relaxed)
    # Inside a class the first enqueue decides, also where another process' clock is ahead.
    for behind, looked, first_at in ((10.0, 30.0, 5.0), (10.5, 31.0, 5.0), (10.5, 31.0, None)):
        engine = Engine(1)
        engine.apply(configured({(T, "sales"): queue}), 0)
        engine.apply(ready(AGENTS[1], 1, 1.0), 10)
        engine.apply(caller(7, 10), 10)
        kept = ContactSpec((T, "kept"), (T, "sales"), 5, behind, first_at=first_at)
        engine.apply(ContactArrived(kept), behind)
        [offer] = offers(engine.apply(Tick(), looked))
        assert offer.key == kept.key


def test_a_contact_that_waited_too_long_leaves_its_queue_once() -> None:
    engine = started()
    engine.apply(caller(1, 0), 0)
    assert engine.next_wake == 600
    assert engine.apply(Tick(), 600) == [LeaveQueue((T, "c1"), LeaveReason.MAX_WAIT)]
    assert engine.apply(Tick(), 601) == []
    engine.apply(LeaveFailed((T, "c1"), 2.0), 602)
    assert engine.apply(Tick(), 604) == [LeaveQueue((T, "c1"), LeaveReason.MAX_WAIT)]


def test_waiting_contacts_of_a_closed_queue_leave() -> None:
    engine = started()
    engine.apply(caller(1, 0), 0)
    sales = QUEUES[T, "sales"]
    closed = QUEUES | {(T, "sales"): QueueSpec(sales.key, sales.members, closed=True)}
    assert engine.apply(configured(closed), 1) == [LeaveQueue((T, "c1"), LeaveReason.QUEUE_CLOSED)]


def test_an_offer_of_which_nothing_is_heard_is_checked() -> None:
    engine = started()
    engine.apply(ready(AGENTS[0], 1, 1.0), 0)
    [offer] = offers(engine.apply(caller(2, 0), 0))
    assert engine.apply(Tick(), 34.9) == []
    assert engine.apply(Tick(), 35.0) == [CheckOffer(offer.key, offer.rid)]
    assert engine.apply(Tick(), 45.0) == [CheckOffer(offer.key, offer.rid)]


def test_who_comes_while_a_queue_moves_here_goes_after_those_who_waited_elsewhere() -> None:
    engine = Engine(1)
    moves = frozenset([(T, "sales")])
    engine.apply(QueuesMove(moves, here=False), 0)
    engine.apply(configured(), 0)
    engine.apply(ready(AGENTS[0], 1, 1.0), 10)
    [waits] = engine.apply(caller(9, 10), 10)
    assert isinstance(waits, Waits)
    assert waits.decision.rule is Rule.QUEUE_MOVES
    assert not offers(engine.apply(caller(5, 2), 11))
    assert not offers(engine.apply(Tick(), 60))
    [offer] = offers(engine.apply(QueuesMove(moves, here=True), 60))
    assert offer.key == (T, "c5")
    [offer] = offers(engine.apply(ready(AGENTS[1], 20, 60.0), 61))
    assert offer.key == (T, "c9")


def test_who_waits_keeps_his_turn_while_the_lease_is_in_doubt() -> None:
    engine = started()
    engine.apply(caller(1, 0), 0)
    [first] = offers(engine.apply(ready(AGENTS[0], 10, 1.0), 1))
    engine.apply(caller(2, 1), 1)
    [waits] = engine.apply(LeaseDoubted(over=False), 2)
    assert isinstance(waits, Waits)
    assert waits.decision.rule is Rule.LEASE_IN_DOUBT
    assert not offers(engine.apply(caller(3, 2), 2))
    assert not offers(engine.apply(OfferFailed(first.key, first.rid, Skip.NONE, whole=True), 2))
    assert not offers(engine.apply(ready(AGENTS[1], 11, 2.0), 3))
    assert not offers(engine.apply(configured(), 4))
    assert not offers(engine.apply(Tick(), 60))
    made = offers(engine.apply(LeaseDoubted(over=True), 60))
    assert [offer.key for offer in made] == [(T, "c1"), (T, "c2")]


def test_why_a_call_waits_is_told() -> None:
    engine = started()
    [waits] = engine.apply(caller(1, 0, "bills"), 0)
    assert isinstance(waits, Waits)
    assert waits.decision.rule is Rule.NO_AGENT_READY
    hard = ContactSpec((T, "c2"), (T, "sales"), 2, 0.0, requirements=(("chinese", 1),))
    [waits] = engine.apply(ContactArrived(hard), 0)
    assert isinstance(waits, Waits)
    assert waits.decision.rule is Rule.NOT_ELIGIBLE


def test_an_agent_of_two_queues_serves_who_came_first() -> None:
    for queues in (("sales", "all"), ("all", "sales")):
        engine = started()
        engine.apply(caller(1, 0, queues[0]), 0)
        engine.apply(caller(2, 1, queues[1]), 1)
        [offer] = offers(engine.apply(ready(AGENTS[0], 10, 2.0), 2))
        assert offer.key == (T, "c1")
