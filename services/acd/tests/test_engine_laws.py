"""The laws of the engine with every rule at work at once, against an oracle that scans everybody."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from seatbus_acd.domain.model import (
    AgentKey,
    AgentReserved,
    AgentSeen,
    AgentStatus,
    Configured,
    ContactArrived,
    ContactChanged,
    ContactKey,
    ContactLeft,
    ContactSpec,
    Effect,
    Event,
    LeaveFailed,
    LeaveQueue,
    Offer,
    OfferFailed,
    Pulled,
    QueueKey,
    Rule,
    Skip,
    Strategy,
    Tick,
    Waits,
)
from seatbus_testkit.properties import examples

from .laws import AGENTS, CAPS, EAST, HELP, POOL, QUEUES, House, X

MOST = {key: spec.ring_agents for key, spec in QUEUES.items() if spec.strategy is Strategy.SIMULTANEOUS_RING}


class Laws(House):
    # What the engine says

    def give(self, event: Event) -> list[Effect]:
        effects = self.engine.apply(event, self.now)
        assert effects == self.twin.apply(event, self.now), "same inputs, same outputs"
        self.next = [effect.key for effect in effects if isinstance(effect, Offer)]
        for effect in effects:
            match effect:
                case Offer():
                    self.next.remove(effect.key)
                    self.offered(effect)
                case LeaveQueue():
                    assert effect.key not in self.offers
                    self.leaving.add(effect.key)
                    self.resting.discard(effect.key)
                case Waits():
                    if effect.decision.rule is Rule.RETRY_LATER:
                        self.resting.add(effect.decision.contact)
                case _:
                    pass
        return effects

    def offered(self, offer: Offer) -> None:
        group = (offer, *offer.also)
        spec = self.contacts[offer.key]
        assert offer.key not in self.offers, "won once, in however many queues"
        assert offer.key not in self.leaving
        self.resting.discard(offer.key)
        won = offer.decision.won or spec.queue
        rings = offer.decision.rule in (Rule.SIMULTANEOUS_RING, Rule.OWN_BRANCH)
        assert len(group) <= (MOST.get(won, 1) if rings else 1), "as many as the queue says"
        assert len({made.agent for made in group}) == len(group)
        assert offer.decision.also == tuple(made.agent for made in offer.also)
        for made in group:
            assert (made.key, made.decision) == (offer.key, offer.decision)
            assert made.ring == (offer.rid if len(group) > 1 else "")
            assert made.rid not in self.rids, "a rid names one offer to one agent"
            self.rids.add(made.rid)
            self.rung(made, spec)
            self.offers.setdefault(offer.key, {})[made.rid] = made

    def rung(self, offer: Offer, spec: ContactSpec) -> None:
        """Those of the same ring who were named before him count already."""
        assert self.free(offer.agent), "no more than the capacity"
        if offer.decision.rule is Rule.PULLED:
            assert self.pulling == (offer.key, offer.agent)
            return
        assert not self.capped(spec, offer.agent), "a share cap is never exceeded"
        assert self.may(spec, offer.agent) or offer.decision.rule is Rule.STICKY
        self.first_of_all(offer, spec)

    def first_of_all(self, offer: Offer, spec: ContactSpec) -> None:
        """First in, first out inside a class; of the first ones of all classes who has aged most."""
        first: dict[tuple[int, int], ContactSpec] = {}
        for key, other in [*self.contacts.items(), (offer.key, spec)]:
            # Who was offered a moment later, by the same event, waited too.
            waiting = self.engine.contacts[key].waiting or (key in self.next and key not in self.resting)
            waits = key == offer.key or (
                waiting and self.may(other, offer.agent) and not self.capped(other, offer.agent)
            )
            of_class = self.queues[other.queue].ageing_s, other.priority
            before = first.get(of_class)
            if waits and (before is None or (other.fifo, other.key) < (before.fifo, before.key)):
                first[of_class] = other
        assert spec in first.values(), "first in, first out inside a class"
        assert self.aged(spec) == min(map(self.aged, first.values())), "nobody passes who has aged more"

    def aged(self, spec: ContactSpec) -> float:
        """No contact that comes later than this much after it, of whatever class, goes before it."""
        return spec.enqueued_at - spec.priority * (self.queues[spec.queue].ageing_s or 300)

    def show(self, agent: AgentKey) -> None:
        self.revision += 1
        status = AgentStatus(
            agent,
            self.revision,
            self.ready[agent],
            self.idle[agent],
            dict.fromkeys(self.items[agent], "voice"),
            self.present[agent],
            self.handled[agent],
            0.0,
            dict(self.items[agent]),
        )
        self.give(AgentSeen(status))

    # What happens

    @initialize()
    def start(self) -> None:
        self.give(Configured(self.queues, AGENTS, CAPS))
        for agent in AGENTS:
            self.ready[agent] = self.present[agent] = agent in POOL
            self.show(agent)

    @rule(seconds=st.sampled_from([0.5, 5.0, 20.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        # What expired at once must not be judged by rules that hold a moment later.
        self.give(Tick())
        self.resting = {key for key in self.resting if not self.engine.contacts[key].waiting}

    @rule(
        queue=st.sampled_from(sorted(QUEUES)),
        priority=st.integers(0, 2),
        both=st.booleans(),
        preferred=st.sampled_from([None, (X, "a"), (X, "c")]),
        branch=st.sampled_from(["", "north", "south"]),
        kept=st.booleans(),
    )
    def caller_comes(
        self,
        queue: QueueKey,
        priority: int,
        both: bool,
        preferred: AgentKey | None,
        branch: str,
        kept: bool,
    ) -> None:
        self.number += 1
        self.revision += 1
        key = (queue[0], f"c{self.number}")
        also = tuple(name for name in QUEUES if both and name[0] == queue[0] and name != queue)
        fifo = 1 + self.revision // 2 if kept else self.revision
        spec = ContactSpec(
            key, queue, fifo, self.now, priority, also=also, preferred=preferred, branch=branch
        )
        if any((spec.fifo, key) == (other.fifo, other.key) for other in self.contacts.values()):
            return
        self.contacts[key] = spec
        self.give(ContactArrived(spec))

    @rule(agent=st.sampled_from(sorted(AGENTS)), state=st.sampled_from(["ready", "break", "out"]))
    def agent_changes(self, agent: AgentKey, state: str) -> None:
        if state == "ready" and not self.ready[agent]:
            self.idle[agent] = self.now
        self.ready[agent], self.present[agent] = state == "ready", state != "out"
        self.show(agent)

    def draw(self, data: st.DataObject) -> Offer:
        made = {rid: offer for ring in self.offers.values() for rid, offer in ring.items()}
        return made[data.draw(st.sampled_from(sorted(made)))]

    def reserve(self, offer: Offer) -> None:
        """The reservation is in the record first."""
        if offer.rid not in self.items[offer.agent]:
            self.items[offer.agent][offer.rid] = self.contacts[offer.key].queue
            self.give(AgentReserved(offer.key, offer.rid, self.revision + 1))
            self.show(offer.agent)

    def release(self, *offers: Offer) -> None:
        for offer in offers:
            if self.items[offer.agent].pop(offer.rid, None) is not None:
                self.show(offer.agent)

    def drop(self, offer: Offer, retry_s: float = 0.0) -> None:
        """The others of its ring go on."""
        ring = self.offers[offer.key]
        del ring[offer.rid]
        if not ring:
            del self.offers[offer.key]
            if retry_s:
                self.resting.add(offer.key)

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def one_is_reserved(self, data: st.DataObject) -> None:
        self.reserve(self.draw(data))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), retry_s=st.sampled_from([0.0, 1.0]), hangs_up=st.booleans())
    def offer_ends_before_the_reservation(self, data: st.DataObject, retry_s: float, hangs_up: bool) -> None:
        offer = self.draw(data)
        if offer.rid in self.items[offer.agent]:
            return
        if hangs_up:
            over = self.end(offer.key)
            self.give(ContactLeft(offer.key))
            self.release(*over)
            return
        self.drop(offer, retry_s)
        self.give(OfferFailed(offer.key, offer.rid, Skip.NONE, retry_s))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), end=st.sampled_from(["answered", "no_answer", "failed", "hang_up"]))
    def offer_ends(self, data: st.DataObject, end: str) -> None:
        offer = self.draw(data)
        key, agent = offer.key, offer.agent
        self.reserve(offer)
        if end == "answered":
            lost = [made for made in self.end(key) if made.rid != offer.rid]
            self.give(ContactLeft(key, answered=True))
            self.release(*lost)
            return
        if end == "hang_up":
            self.release(*self.end(key))
            self.give(ContactLeft(key))
            return
        del self.items[agent][offer.rid]
        self.ready[agent] = end != "no_answer"
        # Until the engine hears of it, the offer still counts against the agent there: it only waits longer.
        if end == "no_answer":
            self.drop(offer)
            self.show(agent)
            self.give(OfferFailed(key, offer.rid, Skip.AGENT))
        else:
            self.drop(offer, 1.0)
            self.give(OfferFailed(key, offer.rid, Skip.NONE, 1.0))
            self.show(agent)

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def all_offers_fail(self, data: st.DataObject) -> None:
        offer = self.draw(data)
        over = list(self.offers.pop(offer.key).values())
        self.resting.add(offer.key)
        self.give(OfferFailed(offer.key, offer.rid, Skip.NONE, 1.0, whole=True))
        self.release(*over)

    @rule(agent=st.sampled_from(sorted(AGENTS)))
    def agent_finishes(self, agent: AgentKey) -> None:
        mine = {rid for _, rid in self.claims(agent)}
        done = [rid for rid in self.items[agent] if rid not in mine]
        if done:
            del self.items[agent][done[0]]
            self.handled[agent] += 1
            self.idle[agent] = self.now
            self.show(agent)

    @precondition(lambda self: self.contacts)
    @rule(data=st.data())
    def caller_hangs_up(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.contacts)))
        if key not in self.offers:
            self.end(key)
            self.give(ContactLeft(key))

    @precondition(lambda self: self.leaving)
    @rule(data=st.data(), told=st.booleans())
    def edge_is_told_to_let_it_leave(self, data: st.DataObject, told: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.leaving)))
        if told:
            self.end(key)
            self.give(ContactLeft(key))
        else:
            self.give(LeaveFailed(key, 2.0))

    @precondition(lambda self: self.contacts)
    @rule(data=st.data(), agent=st.sampled_from(sorted(AGENTS)))
    def agent_pulls(self, data: st.DataObject, agent: AgentKey) -> None:
        key = data.draw(st.sampled_from(sorted(self.contacts)))
        if not self.capped(self.contacts[key], agent):
            self.pulling = (key, agent)
            self.give(Pulled(key, agent))
            self.pulling = None

    @precondition(lambda self: self.contacts)
    @rule(data=st.data(), priority=st.integers(0, 9))
    def contact_is_prioritised(self, data: st.DataObject, priority: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.contacts)))
        self.contacts[key] = replace(self.contacts[key], priority=priority)
        self.give(ContactChanged(self.contacts[key]))

    @rule(closed=st.sampled_from([None, HELP, EAST]))
    def configuration_changes(self, closed: QueueKey | None) -> None:
        self.queues = dict(QUEUES)
        if closed is not None:
            self.queues[closed] = replace(QUEUES[closed], closed=True)
        self.give(Configured(self.queues, AGENTS, CAPS))

    def teardown(self) -> None:
        """Nobody starves: when agents work on and no more callers come, each one's visit has its one end."""
        if not self.engine.queues:
            return
        self.configuration_changes(None)
        enough = 10 + 2 * len(self.contacts)
        for _ in range(enough):
            for agent in AGENTS:
                self.ready[agent] = self.present[agent] = True
                self.show(agent)
            while self.offers:
                offer = next(iter(next(iter(self.offers.values())).values()))
                self.reserve(offer)
                lost = [made for made in self.end(offer.key) if made.rid != offer.rid]
                self.give(ContactLeft(offer.key, answered=True))
                self.release(*lost)
            for key in sorted(self.leaving):
                self.end(key)
                self.give(ContactLeft(key))
            for agent in AGENTS:
                while self.items[agent]:
                    self.agent_finishes(agent)
            self.time_passes(50.0)
            if not self.contacts:
                break
        assert not self.contacts, "somebody waits for ever"
        assert not any(gate.used for gates in self.engine._floor.rosters.gates.values() for gate in gates)

    def end(self, key: ContactKey) -> list[Offer]:
        assert key not in self.ended, "every contact ends once"
        self.ended.add(key)
        del self.contacts[key]
        self.leaving.discard(key)
        self.resting.discard(key)
        return list(self.offers.pop(key, {}).values())

    @invariant()
    def nobody_is_idle_while_somebody_waits_unless_a_rule_says_so(self) -> None:
        for key, contact in self.engine.contacts.items():
            if contact.waiting:
                spec = self.contacts[key]
                for agent in AGENTS:
                    able = self.free(agent) and self.may(spec, agent) and not self.capped(spec, agent)
                    shown = self.engine.agents[agent]
                    believed = shown.status is not None and shown.status.revision >= shown.min_revision
                    assert not (able and believed), f"{agent} is idle while {key} waits"

    @invariant()
    def caps_hold(self) -> None:
        for gates in self.engine._floor.rosters.gates.values():
            for gate in gates:
                assert gate.used == self.used(gate.cap), "counted as the records say"

    @invariant()
    def engine_agrees_with_the_world(self) -> None:
        assert set(self.engine.contacts) == set(self.contacts)
        for key, contact in self.engine.contacts.items():
            assert {held.rid for held in contact.held} == set(self.offers.get(key, ()))
            assert contact.leaving == (key in self.leaving)
            assert contact.waiting + bool(contact.rid) + contact.leaving + (key in self.resting) == 1
        for key, queue in self.engine.queues.items():
            there = [contact for contact in self.engine.contacts.values() if key in contact.spec.queues]
            assert len(queue.places) == sum(contact.waiting for contact in there)
            assert queue.present == sum(self.present[member] for member in queue.spec.members)

    @invariant()
    def each_waiting_contact_has_a_recorded_reason(self) -> None:
        assert all(contact.reach.options for contact in self.engine.contacts.values() if contact.waiting)


Laws.TestCase.settings = settings(max_examples=examples(120), stateful_step_count=50, deadline=None)
TestLaws = Laws.TestCase
