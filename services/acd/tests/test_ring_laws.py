"""The laws of simultaneous ring on random histories, beside queues that ring one agent at a time."""

from __future__ import annotations

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
    Configured,
    ContactArrived,
    ContactKey,
    ContactLeft,
    ContactSpec,
    Effect,
    Event,
    Offer,
    OfferFailed,
    QueueSpec,
    Rule,
    Skip,
    Strategy,
    Tick,
    Waits,
)
from seatbus_testkit.properties import examples

T = "acme"
AGENTS = [(T, f"a{i}") for i in range(5)]
RINGS, PAIR, SINGLE = (T, "rings"), (T, "pair"), (T, "single")
QUEUES = {
    RINGS: QueueSpec(
        RINGS, frozenset(AGENTS[:4]), strategy=Strategy.SIMULTANEOUS_RING, ring_agents=3, ageing_s=300
    ),
    PAIR: QueueSpec(
        PAIR, frozenset(AGENTS[2:]), strategy=Strategy.SIMULTANEOUS_RING, ring_agents=2, ageing_s=300
    ),
    SINGLE: QueueSpec(SINGLE, frozenset(AGENTS[1:]), ageing_s=300),
}
MOST = {RINGS: 3, PAIR: 2, SINGLE: 1}


def test_the_earlier_one_of_a_class_goes_first_where_clocks_disagree() -> None:
    """`fifo` is the order of the records; their times come from the clocks of several replicas."""
    ring, single = (T, "ring"), (T, "single")
    both, one = (T, "a"), (T, "b")
    queues = {
        ring: QueueSpec(ring, frozenset([both, one]), strategy=Strategy.SIMULTANEOUS_RING),
        single: QueueSpec(single, frozenset([one])),
    }
    engine = Engine(1)
    engine.apply(Configured(queues, {key: AgentSpec(key) for key in (both, one)}), 100)
    for revision, agent in enumerate((both, one), 1):
        engine.apply(AgentSeen(AgentStatus(agent, revision, True, 0.0)), 100)
    [first] = engine.apply(ContactArrived(ContactSpec((T, "first"), ring, 3, 101)), 101)
    assert isinstance(first, Offer)
    assert len(first.also) == 1
    engine.apply(ContactArrived(ContactSpec((T, "later"), ring, 5, 102)), 110)
    engine.apply(ContactArrived(ContactSpec((T, "earlier"), single, 4, 103)), 110)
    made = engine.apply(OfferFailed(first.key, first.rid, Skip.NONE, 1.0, whole=True), 111)
    assert [(offer.key[1], offer.agent, offer.also) for offer in made if isinstance(offer, Offer)] == [
        ("later", both, ()),
        ("earlier", one, ()),
    ]


class Rings(RuleBasedStateMachine):
    """Agents and contacts as they are; every change of an agent's record is shown to the engine at once."""

    def __init__(self) -> None:
        super().__init__()
        self.engine, self.twin = Engine(5), Engine(5)
        self.now = 1000.0
        self.revision = 0
        self.contacts: dict[ContactKey, ContactSpec] = {}
        # What stands, by contact and rid.
        self.offers: dict[ContactKey, dict[str, Offer]] = {}
        self.rids: set[str] = set()
        self.resting: set[ContactKey] = set()
        self.ready: dict[AgentKey, bool] = dict.fromkeys(AGENTS, False)
        self.items: dict[AgentKey, set[str]] = {key: set() for key in AGENTS}
        self.idle: dict[AgentKey, float] = dict.fromkeys(AGENTS, 0.0)
        self.talks: dict[AgentKey, str] = {}
        self.won: set[ContactKey] = set()

    def give(self, event: Event) -> list[Effect]:
        effects = self.engine.apply(event, self.now)
        assert effects == self.twin.apply(event, self.now), "same inputs, same outputs"
        for effect in effects:
            if isinstance(effect, Offer):
                self.offered(effect)
            elif isinstance(effect, Waits) and effect.decision.rule is Rule.RETRY_LATER:
                self.resting.add(effect.decision.contact)
        return effects

    def offered(self, offer: Offer) -> None:
        group = (offer, *offer.also)
        spec = self.contacts[offer.key]
        assert offer.key not in self.offers, "one offer, or those of one ring"
        assert len(group) <= MOST[spec.queue]
        assert len({made.agent for made in group}) == len(group)
        self.resting.discard(offer.key)
        for made in group:
            assert made.key == offer.key
            assert made.ring == (offer.rid if len(group) > 1 else "")
            assert made.rid not in self.rids, "a rid names one offer to one agent"
            self.rids.add(made.rid)
            assert made.agent in QUEUES[spec.queue].members
            assert self.ready[made.agent]
            assert not self.items[made.agent]
            assert made.agent not in self.claimed(), "an agent rings for one contact"
            for key, other in self.contacts.items():
                if self.engine.contacts[key].waiting and made.agent in QUEUES[other.queue].members:
                    assert spec.fifo <= other.fifo, f"{made.agent} rings for the one who came first"
        self.offers[offer.key] = {made.rid: made for made in group}

    def claimed(self) -> set[AgentKey]:
        return {made.agent for ring in self.offers.values() for made in ring.values()}

    def show(self, agent: AgentKey) -> None:
        self.revision += 1
        items = dict.fromkeys(self.items[agent], "voice")
        self.give(AgentSeen(AgentStatus(agent, self.revision, self.ready[agent], self.idle[agent], items)))

    def draw(self, data: st.DataObject) -> Offer:
        made = {rid: offer for ring in self.offers.values() for rid, offer in ring.items()}
        return made[data.draw(st.sampled_from(sorted(made)))]

    @initialize()
    def start(self) -> None:
        self.give(Configured(QUEUES, {key: AgentSpec(key) for key in AGENTS}, {}))
        for agent in AGENTS:
            self.ready[agent] = True
            self.show(agent)

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.give(Tick())
        self.resting = {key for key in self.resting if not self.engine.contacts[key].waiting}

    @rule(queue=st.sampled_from(sorted(QUEUES)), fast_s=st.sampled_from([0.0, 0.0, 3.0]))
    def caller_comes(self, queue: tuple[str, str], fast_s: float) -> None:
        """The clock of the replica that wrote it down may be fast."""
        self.revision += 1
        spec = ContactSpec((T, f"c{self.revision:04}"), queue, self.revision, self.now + fast_s)
        self.contacts[spec.key] = spec
        self.give(ContactArrived(spec))

    @rule(agent=st.sampled_from(AGENTS), ready=st.booleans())
    def agent_changes(self, agent: AgentKey, ready: bool) -> None:
        if ready and not self.ready[agent]:
            self.idle[agent] = self.now
        self.ready[agent] = ready
        self.show(agent)

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def one_is_reserved(self, data: st.DataObject) -> None:
        offer = self.draw(data)
        if not self.ready[offer.agent]:
            self.drop(offer)
            self.give(OfferFailed(offer.key, offer.rid, Skip.AGENT, revision=self.revision))
        elif offer.rid not in self.items[offer.agent]:
            self.reserve(offer)

    def reserve(self, offer: Offer) -> None:
        self.items[offer.agent].add(offer.rid)
        self.give(AgentReserved(offer.key, offer.rid, self.revision + 1))
        self.show(offer.agent)

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def one_answers(self, data: st.DataObject) -> None:
        offer = self.draw(data)
        if not self.ready[offer.agent]:
            return
        if offer.rid not in self.items[offer.agent]:
            self.reserve(offer)
        assert offer.key not in self.won, "one agent is connected"
        self.won.add(offer.key)
        assert offer.agent not in self.talks, "an agent talks to one customer"
        self.talks[offer.agent] = offer.rid
        losers = [made for made in self.end(offer.key) if made.rid != offer.rid]
        self.give(ContactLeft(offer.key, answered=True))
        for made in losers:
            self.release(made)

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), how=st.sampled_from(["no_answer", "busy", "edge"]))
    def one_fails(self, data: st.DataObject, how: str) -> None:
        offer = self.draw(data)
        self.drop(offer)
        self.ready[offer.agent] = self.ready[offer.agent] and how != "no_answer"
        if how == "edge":
            retry_s = 0.0 if offer.key in self.offers else 1.0
            if retry_s:
                self.resting.add(offer.key)
            self.give(OfferFailed(offer.key, offer.rid, Skip.NONE, retry_s))
            self.release(offer)
        else:
            self.release(offer)
            self.give(OfferFailed(offer.key, offer.rid, Skip.AGENT, revision=self.revision - 1))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def all_fail(self, data: st.DataObject) -> None:
        offer = self.draw(data)
        ring = self.offers.pop(offer.key)
        self.resting.add(offer.key)
        self.give(OfferFailed(offer.key, offer.rid, Skip.NONE, 1.0, whole=True))
        for made in ring.values():
            self.release(made)

    @precondition(lambda self: self.contacts)
    @rule(data=st.data())
    def caller_hangs_up(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.contacts)))
        ring = self.end(key)
        self.give(ContactLeft(key))
        for made in ring:
            self.release(made)

    @precondition(lambda self: self.talks)
    @rule(data=st.data())
    def talk_ends(self, data: st.DataObject) -> None:
        agent = data.draw(st.sampled_from(sorted(self.talks)))
        self.items[agent].discard(self.talks.pop(agent))
        self.idle[agent] = self.now
        self.show(agent)

    def drop(self, offer: Offer) -> None:
        """The others of its ring go on."""
        ring = self.offers[offer.key]
        del ring[offer.rid]
        if not ring:
            del self.offers[offer.key]

    def release(self, offer: Offer) -> None:
        self.items[offer.agent].discard(offer.rid)
        self.show(offer.agent)

    def end(self, key: ContactKey) -> list[Offer]:
        del self.contacts[key]
        self.resting.discard(key)
        return list(self.offers.pop(key, {}).values())

    @invariant()
    def nobody_is_idle_while_somebody_waits(self) -> None:
        for key, contact in self.engine.contacts.items():
            for agent in QUEUES[self.contacts[key].queue].members if contact.waiting else ():
                shown = self.engine.agents[agent]
                believed = shown.status is not None and shown.status.revision >= shown.min_revision
                free = self.ready[agent] and not self.items[agent] and agent not in self.claimed()
                assert not (free and believed), f"{agent} is idle while {key} waits"

    @invariant()
    def engine_agrees_with_the_world(self) -> None:
        assert set(self.engine.contacts) == set(self.contacts)
        for key, contact in self.engine.contacts.items():
            assert {held.rid for held in contact.held} == set(self.offers.get(key, ()))
            assert contact.waiting + (key in self.offers) + (key in self.resting) == 1


Rings.TestCase.settings = settings(max_examples=examples(100), stateful_step_count=50)
TestRings = Rings.TestCase
