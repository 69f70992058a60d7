"""One routing group under one lease: the engine, and what it wants done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.adoption import Adoption
from seatbus_acd.application.callbacks import Callbacks
from seatbus_acd.application.contacts import Contacts
from seatbus_acd.application.departures import Departures
from seatbus_acd.application.digital import Digital
from seatbus_acd.application.memory import Decisions, WaitEstimates
from seatbus_acd.application.offers import Offers, offers_ended
from seatbus_acd.application.ports import Departure
from seatbus_acd.application.requests import Requests, must_have
from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentSeen,
    AgentStatus,
    Announce,
    CheckOffer,
    Configured,
    ContactKey,
    ContactLeft,
    Event,
    LeaseDoubted,
    LeaveFailed,
    LeaveQueue,
    LeaveReason,
    Offer,
    OfferFailed,
    QueueKey,
    QueueSpec,
    Skip,
    Tick,
    Waits,
)
from seatbus_acd.domain.visit import Fence
from seatbus_kit.errors import NotFound, Refused, SeatbusError, StaleEpoch
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Collection

    from seatbus.tenancy.v1.types_pb2 import Route
    from seatbus_acd.application.ports import Agents, Edges, Memory, NextVisits, Visit
    from seatbus_acd.domain.model import AgentKey
    from seatbus_kit.clock import Clock
    from seatbus_kit.records import RecordStore

log = get_logger("acd.shard")

_LEAVE_RETRY_S: Final = 2.0
# A killed holder loses no more of what estimates rest on.
_NOTE_S: Final = 10.0
# A lease in doubt is renewed within moments, or lost.
_DOUBT_S: Final = 0.25
# Replicas that know of different configurations agree within moments.
_REGAIN_S: Final = 0.1
_OUTCOMES: Final = {LeaveReason.MOVED: wire.VISIT_OUTCOME_TRANSFERRED_OUT}


@dataclass(frozen=True, slots=True)
class Deps:
    """What every shard is given. `timeline` is seconds since the epoch on a clock that never goes back;
    `overflow_of(queue)` is the configured route of callers who leave it without an agent.
    """

    store: RecordStore[wire.Contact]
    agents: Agents
    edges: Edges
    clock: Clock
    timeline: Callable[[], float]
    overflow_of: Callable[[QueueKey], Route | None]
    # Whether a tenant's schedule is open.
    open_now: Callable[[str, str], bool]
    memory: Memory
    next_visits: NextVisits


class Shard:
    """Alive from the acquisition of its lease to the loss. Requests are served once it is rebuilt."""

    def __init__(
        self,
        deps: Deps,
        fence: Fence,
        may_decide: Callable[[], bool],
        mine: Callable[[QueueKey], bool],
    ) -> None:
        self.deps = deps
        self.fence = fence
        self.tenants: frozenset[str] = frozenset()
        self.engine = Engine(fence.epoch)
        self.decisions = Decisions()
        self.estimates = WaitEstimates()
        self.visits: dict[ContactKey, Visit] = {}
        self.contacts = Contacts(deps.store, fence, deps.clock)
        self.offers = Offers(self, deps.agents, deps.edges)
        self.adoption = Adoption(self, mine)
        self.requests = Requests(self)
        self.callbacks = Callbacks(self)
        self.digital = Digital(self)
        self.departures = Departures(self)
        self._may_decide = may_decide
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake: asyncio.TimerHandle | None = None
        self._noting: asyncio.TimerHandle | None = None
        self._regaining: asyncio.TimerHandle | None = None
        self._doubting: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._stopped = False

    @property
    def alive(self) -> bool:
        return not self._stopped

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    # What comes in

    def configure(self, configured: Configured) -> None:
        self.tenants = frozenset(tenant for tenant, _ in configured.queues)
        self.adoption.let_go()
        self.adoption.configured()
        self.apply(configured)

    def agent_seen(self, status: AgentStatus) -> None:
        self.apply(AgentSeen(status))

    def stop(self) -> None:
        """The lease is gone: nothing more is decided or written."""
        self._stopped = True
        for timer in (self._wake, self._noting, self._regaining, self._doubting):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()

    # What the engine wants

    def apply(self, event: Event) -> None:
        if self._stopped:
            return
        doubted: list[Offer] = []
        for effect in self.engine.apply(event, self.deps.timeline()):
            match effect:
                case Offer():
                    if self._may_decide():
                        self.decisions.add(effect.decision)
                        self.start(self.offers.make(effect))
                    else:
                        doubted.append(effect)
                case Waits():
                    self.decisions.add(effect.decision)
                case LeaveQueue():
                    self.start(self._leave(effect))
                case CheckOffer():
                    self.start(self.offers.check(effect))
                case Announce():
                    self.start(self._announce(effect))
        if doubted:
            self._doubt_lease(doubted)
        self._set_wake()

    def _doubt_lease(self, doubted: list[Offer]) -> None:
        """These offers are not made. Who comes next must not be offered before them."""
        self.apply(LeaseDoubted(over=False))
        for offer in doubted:
            self.apply(OfferFailed(offer.key, offer.rid, Skip.NONE, whole=True))
        self._look_at_lease()

    def _look_at_lease(self) -> None:
        if self._may_decide():
            self._doubting = None
            self.apply(LeaseDoubted(over=True))
        else:
            self._doubting = asyncio.get_running_loop().call_later(_DOUBT_S, self._look_at_lease)

    def doubt(self) -> None:
        """Somebody else has written a contact of ours: whose are they all?"""
        if self._regaining is None and not self._stopped:
            self._regaining = asyncio.get_running_loop().call_later(_REGAIN_S, self._regain)

    def _regain(self) -> None:
        self._regaining = None
        if self._may_decide():
            self.start(self.adoption.regain())

    def is_current(self, key: ContactKey, rid: str) -> bool:
        contact = self.engine.contacts.get(key)
        return not self._stopped and contact is not None and contact.under(rid) is not None

    def fifo(self, key: ContactKey) -> int:
        return self.engine.contacts[key].spec.fifo

    def left(self, key: ContactKey, *, answered: bool = False) -> None:
        self.visits.pop(key, None)
        self.estimates.left(key)
        self.apply(ContactLeft(key, answered))

    async def end_gone(self, visit: Visit) -> None:
        """The edge does not know the call: the caller is gone."""
        key = (visit.tenant, visit.contact_id)
        log.info(
            "call is gone, visit ends as abandoned",
            tenant=visit.tenant,
            call=visit.call_id,
            contact=visit.contact_id,
        )
        await self._end_quietly(key, wire.VISIT_OUTCOME_ABANDONED)

    async def give_back(self, visit: Visit, rid: str, reason: str) -> None:
        """As `take_back`, on our own account; the visit may have ended meanwhile."""
        try:
            await self.take_back(visit, rid, reason)
        except Refused as error:
            log.debug("offer had been taken back", contact=visit.contact_id, reason=error.reason)

    async def take_back(self, visit: Visit, rid: str, reason: str) -> None:
        """Raises Refused(not_current_offer)."""
        try:
            await self.contacts.give_back(visit, rid, reason)
        except NotFound:
            self.left((visit.tenant, visit.contact_id))
            raise Refused("not_current_offer", "the visit has ended") from None

    async def answered(self, key: ContactKey, rid: str, request_id: str = "") -> None:
        """The agent talks. Raises Refused(not_current_offer)."""
        visit, contact = self.visits.get(key), self.engine.contacts.get(key)
        await self.contacts.end(
            key,
            wire.VISIT_OUTCOME_ANSWERED,
            self.queue_of(key[0]),
            request_id or f"{rid}/answered",
            rid=rid,
        )
        offers_ended.inc(outcome="answered")
        if visit is not None:
            now = self.deps.timeline()
            self.estimates.answered((visit.tenant, visit.queue_id), now, key, visit.enqueued_at)
            self._note()
            held = contact.under(rid) if contact is not None else None
            if held is not None:
                self._served(visit, held.agent.key)
        self.left(key, answered=True)

    def _served(self, visit: Visit, agent: AgentKey) -> None:
        queue = self.queue_of(visit.tenant)(visit.queue_id)
        customer = visit.callback.number if visit.callback is not None else visit.caller
        if queue is not None and queue.last_agent_s and customer:
            self.start(self.deps.memory.served(queue.key, customer, agent, queue.last_agent_s))

    def _note(self) -> None:
        if self._noting is None:
            self._noting = asyncio.get_running_loop().call_later(_NOTE_S, self._note_down)

    def _note_down(self) -> None:
        self._noting = None
        self.start(self.write_down())

    async def write_down(self) -> None:
        """What wait estimates rest on, for the next holder."""
        for queue, statistics in self.estimates.take_fresh().items():
            await self.deps.memory.keep_wait(queue, statistics)

    async def recall(self) -> None:
        """What the last holder has written down."""
        for queue, statistics in (await self.deps.memory.waits(sorted(self.tenants))).items():
            if queue in self.engine.queues:
                self.estimates.restore(queue, statistics)

    async def depart(self, visit: Visit, departure: Departure) -> None:
        """The edge takes the caller out of the queue, then the visit ends. Raises as `Edges.leave`."""
        try:
            await self.deps.edges.leave(visit, departure, self.fence.epoch)
        except NotFound:
            await self.end_gone(visit)
            return
        outcome = _OUTCOMES.get(departure.reason, wire.VISIT_OUTCOME_OVERFLOWED)
        await self._end_quietly((visit.tenant, visit.contact_id), outcome)

    async def _leave(self, effect: LeaveQueue) -> None:
        visit, contact = self.visits.get(effect.key), self.engine.contacts.get(effect.key)
        if visit is None or contact is None:
            return
        spec = contact.spec
        target = self.deps.overflow_of(spec.queue)
        try:
            if visit.callback is not None:
                await self.callbacks.over(visit, effect.reason)
            elif visit.without_call:
                await self.departures.overflow(visit, spec, effect.reason)
            else:
                await self.depart(visit, Departure(effect.reason, target, spec.fifo, spec.came_at))
        except StaleEpoch:
            raise
        except SeatbusError as error:
            log.info(
                "edge not told to leave the queue, tried again",
                tenant=visit.tenant,
                call=visit.call_id,
                reason=str(error),
            )
            self.apply(LeaveFailed(effect.key, _LEAVE_RETRY_S))

    async def _announce(self, effect: Announce) -> None:
        visit = self.visits.get(effect.key)
        if visit is None or visit.without_call:
            return
        queue = (visit.tenant, visit.queue_id)
        seconds, _ = self.estimates.estimate(queue, effect.position)
        try:
            await self.deps.edges.announce(visit, effect.number, effect.position, seconds)
        except SeatbusError as error:
            log.info("comfort message not played", tenant=visit.tenant, call=visit.call_id, reason=str(error))

    async def _end_quietly(self, key: ContactKey, outcome: wire.VisitOutcome) -> None:
        try:
            await self.contacts.end(key, outcome, self.queue_of(key[0]), f"{key[1]}/{outcome}")
        except NotFound:
            log.debug("visit had ended", contact=key[1])
        self.left(key)

    # Inside

    def queue(self, tenant: str, queue_id: str) -> QueueSpec:
        """Raises NotFound."""
        queue = self.engine.queues.get((tenant, queue_id))
        return must_have(queue.spec if queue is not None else None, tenant, queue_id)

    def queue_of(self, tenant: str) -> Callable[[str], QueueSpec | None]:
        def find(queue_id: str) -> QueueSpec | None:
            queue = self.engine.queues.get((tenant, queue_id))
            return queue.spec if queue is not None else None

        return find

    def members(self, key: QueueKey) -> Collection[AgentKey]:
        queue = self.engine.queues.get(key)
        return queue.roster.members if queue is not None else ()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StaleEpoch as error:
            log.warning(
                "another replica holds this routing group, left to it",
                group=self.fence.group,
                epoch=self.fence.epoch,
                current=error.current,
            )
            self.doubt()
        except SeatbusError as error:
            log.warning("routing step failed", group=self.fence.group, error=str(error))

    def _set_wake(self) -> None:
        """A timer that is too early stays: it looks again, and most deadlines are gone before their time."""
        at = self.engine.next_wake
        if at is None or (self._wake is not None and self._wake_at <= at) or self._stopped:
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake_at = at
        # The loop counts milliseconds: rather late than twice.
        delay = max(0.0, at - self.deps.timeline() + 0.001)
        self._wake = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._wake = None
        at = self.engine.next_wake
        if at is not None and at <= self.deps.timeline():
            self.apply(Tick())
        else:
            self._set_wake()
