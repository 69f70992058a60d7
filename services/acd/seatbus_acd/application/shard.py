"""One routing group under one lease: the engine, and what it wants done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contacts import FRONT, Contacts, spec_of, visit_of
from seatbus_acd.application.memory import Decisions, WaitEstimates
from seatbus_acd.application.offers import Offers, offers_ended
from seatbus_acd.application.snapshot import queue_snapshot
from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentSeen,
    AgentStatus,
    CheckOffer,
    Configured,
    ContactArrived,
    ContactKey,
    ContactLeft,
    Event,
    LeaveFailed,
    LeaveQueue,
    Offer,
    OfferFailed,
    OfferProgress,
    QueueKey,
    QueueSpec,
    Skip,
    Tick,
    Waits,
)
from seatbus_acd.domain.visit import Fence
from seatbus_kit.errors import NotFound, Refused, ResourceExhausted, SeatbusError, StaleEpoch, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_acd.application.ports import Agents, Edges, Visit
    from seatbus_kit.clock import Clock
    from seatbus_kit.records import RecordStore

log = get_logger("acd.shard")

_RETRY_S = 1.0
_LEAVE_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Deps:
    """What every shard is given. `timeline` is seconds since the epoch on a clock that never goes back."""

    store: RecordStore[wire.Contact]
    agents: Agents
    edges: Edges
    clock: Clock
    timeline: Callable[[], float]


class Shard:
    """Alive from the acquisition of its lease to the loss. Requests are served once it is rebuilt."""

    def __init__(self, deps: Deps, fence: Fence, may_decide: Callable[[], bool]) -> None:
        self.fence = fence
        self.tenants: frozenset[str] = frozenset()
        self.engine = Engine(fence.epoch)
        self.decisions = Decisions()
        self.estimates = WaitEstimates()
        self.visits: dict[ContactKey, Visit] = {}
        self.contacts = Contacts(deps.store, fence, deps.clock)
        self._deps = deps
        self._may_decide = may_decide
        self._offers = Offers(self, deps.agents, deps.edges)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at: float | None = None
        self._stopped = False
        # Contacts on their way into the bucket: they count against a queue's limit.
        self._opening: Counter[QueueKey] = Counter()

    @property
    def alive(self) -> bool:
        return not self._stopped

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    # What comes in

    def configure(self, configured: Configured, tenants: frozenset[str]) -> None:
        self.tenants = tenants
        self.apply(configured)

    def agent_seen(self, status: AgentStatus) -> None:
        self.apply(AgentSeen(status))

    async def enqueue(self, record: wire.Contact, request_id: str) -> int:
        """The contact's position (0: it is offered at once, or has ended). Raises NotFound for the queue,
        Refused(queue_closed), ResourceExhausted(queue_full).
        """
        key = (record.tenant_id, record.contact_id)
        known = self.visits.get(key)
        if known is not None:
            if known.edge_instance != record.edge_instance:
                queue = self._queue(record.tenant_id, record.queue_id)
                moved = await self.contacts.open(record, queue, request_id)
                if moved is not None and key in self.visits:
                    self.visits[key] = visit_of(moved[0])
            return self.engine.position(key)
        queue = self._queue(record.tenant_id, record.queue_id)
        if queue.closed:
            raise Refused("queue_closed", f"queue {record.queue_id} is closed")
        waiting = len(self.engine.queues[queue.key].places) + self._opening[queue.key]
        if queue.max_waiting and waiting >= queue.max_waiting:
            raise ResourceExhausted(
                f"queue {record.queue_id} is full: {waiting} wait", field="queue_id", rule="queue_full"
            )
        record.priority = record.priority or queue.priority
        self._opening[queue.key] += 1
        try:
            opened = await self.contacts.open(record, queue, request_id)
        finally:
            self._opening[queue.key] -= 1
        if opened is None:
            return 0
        self._must_live()
        stored, fifo = opened
        if key not in self.visits:
            self.visits[key] = visit_of(stored)
            self.apply(ContactArrived(spec_of(stored, fifo)))
        return self.engine.position(key)

    async def cancel(self, key: ContactKey, outcome: wire.VisitOutcome, request_id: str) -> wire.VisitOutcome:
        """What the visit ended as. Raises NotFound for a visit nobody remembers."""
        final = await self.contacts.end(key, outcome, self._queue_of(key[0]), request_id)
        self.left(key)
        return final

    async def report(self, key: ContactKey, rid: str, outcome: str, request_id: str) -> None:
        """How an offer goes: ringing, answered, or the reason why not. Raises Refused(not_current_offer)."""
        if outcome == "ringing":
            contact = self.engine.contacts.get(key)
            if contact is None or contact.rid != rid:
                raise Refused("not_current_offer", f"contact {key[1]} is not offered under {rid}")
            self.apply(OfferProgress(key, rid))
        elif outcome == "answered":
            await self._answered(key, rid, request_id)
        else:
            visit = await self._visit(key)
            agent = self._agent_of(key, rid)
            await self._give_back(visit, rid, outcome)
            offers_ended.inc(outcome=outcome)
            if outcome == "failed":
                if agent is not None:
                    await self._offers.release(visit, agent, rid)
                self.apply(OfferFailed(key, rid, Skip.NONE, _RETRY_S))
            else:
                self.apply(OfferFailed(key, rid, Skip.AGENT))

    async def requeue(self, key: ContactKey, *, front: bool) -> int:
        """Puts an offered or waiting contact back, in its place or in front of all. Raises NotFound."""
        visit = await self._visit(key)
        contact = self.engine.contacts.get(key)
        if contact is not None and contact.rid:
            rid, agent = contact.rid, contact.agent
            await self._give_back(visit, rid, "requeued")
            if agent is not None:
                await self._offers.release(visit, agent.key, rid)
            self.apply(OfferFailed(key, rid, Skip.AGENT))
        if front and contact is not None:
            await self.contacts.to_front(visit)
            self.apply(ContactLeft(key))
            self.apply(ContactArrived(replace(contact.spec, fifo=FRONT, offers=contact.offers)))
        return self.engine.position(key)

    # Takeover

    async def adopt(self, keys: list[ContactKey]) -> None:
        """CAS-rewrites each contact with this epoch, which fences the last holder, then lets it route."""
        adopted = await asyncio.gather(*(self._adopt_record(key) for key in keys))
        for found in sorted((a for a in adopted if a is not None), key=lambda a: a[0].fifo):
            record, revision = found
            key = (record.tenant_id, record.contact_id)
            if key in self.visits:
                continue
            visit = self.visits[key] = visit_of(record)
            self.apply(ContactArrived(spec_of(record, revision)))
            if record.state == wire.CONTACT_STATE_OFFERED:
                # The last holder may have died before it told the edge.
                self._start(self._offers.resume(visit, record))

    async def _adopt_record(self, key: ContactKey) -> tuple[wire.Contact, int] | None:
        present = await self.contacts.read(key)
        if present is None:
            return None
        held = 0
        if present.state == wire.CONTACT_STATE_OFFERED:
            agent = (present.offer.agent_tenant_id, present.offer.agent_id)
            held = await self._deps.agents.holds(agent, present.offer.rid)
        rid = present.offer.rid

        def reserved(record: wire.Contact) -> bool:
            return bool(held) and record.offer.rid == rid

        request_id = f"adopt/{self.fence.group}/{self.fence.epoch}/{uuid7()}"
        return await self.contacts.adopt(key, reserved, request_id)

    def forget(self, tenants: frozenset[str]) -> None:
        """These tenants belong to another group now; their contacts are adopted there."""
        for key in [key for key in self.visits if key[0] in tenants]:
            self.left(key)

    async def reconcile(self) -> None:
        """Finds contacts that a stale holder wrote after our takeover, and those that ended elsewhere."""
        for tenant in sorted(self.tenants):
            known = [key for key in self.visits if key[0] == tenant]
            there = set(await self.contacts.keys(tenant))
            await self.adopt(
                [key for key in there if key not in self.visits and not self.contacts.is_ended(key)]
            )
            for key in known:
                if key not in there and key in self.visits:
                    self.left(key)

    def stop(self) -> None:
        """The lease is gone: nothing more is decided or written."""
        self._stopped = True
        if self._wake is not None:
            self._wake.cancel()
        for task in self._tasks:
            task.cancel()

    # What the engine wants

    def apply(self, event: Event) -> None:
        if self._stopped:
            return
        for effect in self.engine.apply(event, self._deps.timeline()):
            match effect:
                case Offer():
                    self.decisions.add(effect.decision)
                    if self._may_decide():
                        self._start(self._offers.make(effect))
                    else:
                        self._soon(OfferFailed(effect.key, effect.rid, Skip.NONE, 0.5))
                case Waits():
                    self.decisions.add(effect.decision)
                case LeaveQueue():
                    self._start(self._leave(effect))
                case CheckOffer():
                    self._start(self._offers.check(effect))
        self._set_wake()

    def is_current(self, key: ContactKey, rid: str) -> bool:
        contact = self.engine.contacts.get(key)
        return not self._stopped and contact is not None and contact.rid == rid

    def fifo(self, key: ContactKey) -> int:
        return self.engine.contacts[key].spec.fifo

    def left(self, key: ContactKey, *, answered: bool = False) -> None:
        self.visits.pop(key, None)
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

    async def answered(self, key: ContactKey, rid: str) -> None:
        """The edge says the agent talks, though its report has not come."""
        await self._answered(key, rid, f"{rid}/answered")

    async def give_back(self, visit: Visit, rid: str, reason: str) -> None:
        """As `report` does, on our own account; the visit may have ended meanwhile."""
        try:
            await self._give_back(visit, rid, reason)
        except Refused as error:
            log.debug("offer had been taken back", contact=visit.contact_id, reason=error.reason)

    async def _answered(self, key: ContactKey, rid: str, request_id: str) -> None:
        visit = self.visits.get(key)
        await self.contacts.end(key, wire.VISIT_OUTCOME_ANSWERED, self._queue_of(key[0]), request_id, rid=rid)
        offers_ended.inc(outcome="answered")
        if visit is not None:
            self.estimates.answered((visit.tenant, visit.queue_id), self._deps.timeline())
        self.left(key, answered=True)

    async def _give_back(self, visit: Visit, rid: str, reason: str) -> None:
        key = (visit.tenant, visit.contact_id)
        try:
            await self.contacts.give_back(visit, rid, reason)
        except NotFound:
            self.left(key)
            raise Refused("not_current_offer", "the visit has ended") from None

    async def _leave(self, effect: LeaveQueue) -> None:
        visit = self.visits.get(effect.key)
        if visit is None:
            return
        try:
            await self._deps.edges.leave(visit, effect.reason, self.fence.epoch)
        except NotFound:
            await self.end_gone(visit)
            return
        except SeatbusError as error:
            log.info(
                "edge not told to leave the queue, tried again",
                tenant=visit.tenant,
                call=visit.call_id,
                reason=str(error),
            )
            self.apply(LeaveFailed(effect.key, _LEAVE_RETRY_S))
            return
        await self._end_quietly(effect.key, wire.VISIT_OUTCOME_OVERFLOWED)

    async def _end_quietly(self, key: ContactKey, outcome: wire.VisitOutcome) -> None:
        try:
            await self.contacts.end(key, outcome, self._queue_of(key[0]), f"{key[1]}/{outcome}")
        except NotFound:
            log.debug("visit had ended", contact=key[1])
        self.left(key)

    # Inside

    def _agent_of(self, key: ContactKey, rid: str) -> tuple[str, str] | None:
        contact = self.engine.contacts.get(key)
        if contact is None or contact.rid != rid or contact.agent is None:
            return None
        return contact.agent.key

    async def _visit(self, key: ContactKey) -> Visit:
        visit = self.visits.get(key)
        if visit is None:
            if await self.contacts.read(key) is not None:
                await self.adopt([key])
            visit = self.visits.get(key)
        if visit is None:
            raise Refused("not_current_offer", f"no visit {key[1]} is waiting or offered")
        return visit

    def _queue(self, tenant: str, queue_id: str) -> QueueSpec:
        queue = self.engine.queues.get((tenant, queue_id))
        if queue is None:
            raise NotFound(
                f"tenant {tenant} has no queue {queue_id}", field="queue_id", rule="configured queue"
            )
        return queue.spec

    def _queue_of(self, tenant: str) -> Callable[[str], QueueSpec | None]:
        def find(queue_id: str) -> QueueSpec | None:
            queue = self.engine.queues.get((tenant, queue_id))
            return queue.spec if queue is not None else None

        return find

    def _must_live(self) -> None:
        if self._stopped:
            raise Unavailable(f"routing group {self.fence.group} moves to another replica")

    def _soon(self, event: Event) -> None:
        asyncio.get_running_loop().call_soon(self.apply, event)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
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
        except SeatbusError as error:
            log.warning("routing step failed", group=self.fence.group, error=str(error))

    def _set_wake(self) -> None:
        at = self.engine.next_wake
        if at == self._wake_at and self._wake is not None:
            return
        self._wake_at = at
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if at is not None and not self._stopped:
            delay = max(0.0, at - self._deps.timeline())
            self._wake = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._wake = None
        self.apply(Tick())

    # What it shows

    def snapshot(self, tenant: str) -> list[wire.QueueSnapshot]:
        shown = []
        for key in sorted(self.engine.queues):
            if key[0] == tenant:
                shown.append(queue_snapshot(self.engine, self.estimates, key))
        return shown

    def estimate(self, tenant: str, queue_id: str) -> tuple[int, int]:
        """Seconds that a caller who came now would wait, and the mean error. Raises NotFound."""
        queue = self._queue(tenant, queue_id)
        return self.estimates.estimate(queue.key, len(self.engine.queues[queue.key].places) + 1)
