"""What callers' edges, supervisors and agents ask of a routing group."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as wire
from seatbus.tenancy.v1.types_pb2 import Route
from seatbus_acd.application.contact_forms import FRONT, FRONT_AT, must_be_alike, spec_of, visit_of
from seatbus_acd.application.offers import offers_ended
from seatbus_acd.application.ports import Departure
from seatbus_acd.domain.model import (
    ContactArrived,
    ContactChanged,
    LeaveReason,
    OfferFailed,
    OfferProgress,
    Pulled,
    QueueKey,
    Skip,
)
from seatbus_acd.domain.visit import calls_back, offers_of
from seatbus_kit.errors import NotFound, Refused, ResourceExhausted, Unavailable

if TYPE_CHECKING:
    from seatbus_acd.application.ports import Visit
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.domain.model import AgentKey, ContactKey, QueueSpec
    from seatbus_acd.domain.pools import Contact, Held

_RETRY_S: Final = 1.0
# Outcomes of offers that are the customer's of a call-back.
CUSTOMER: Final = "customer_"


class Requests:
    """Each raises StaleEpoch once another replica has taken the group over."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        # Contacts on their way into the bucket, with their queue: they count against its limit.
        self._opening: dict[ContactKey, QueueKey] = {}

    # Of the edge

    async def enqueue(self, record: wire.Contact, request_id: str) -> int:
        """The contact's position (0: it is offered at once, or has ended). Who was taken in before is not
        refused, whatever the queue is now. Raises NotFound for the queue, ResourceExhausted(queue_full),
        Refused(queue_closed, no_agents, blocked_caller, another_group, other_contact).
        """
        shard = self._shard
        key = (record.tenant_id, record.contact_id)
        known = shard.visits.get(key)
        if known is not None:
            must_be_alike(known, record)
            if record.HasField("callback"):
                return await shard.callbacks.request(known, record, request_id)
            if known.callback is not None:
                raise Refused("callback_taken", "the caller is called back, and does not hold the line")
            if known.edge_instance != record.edge_instance:
                await self._moved(key, record, request_id)
            return shard.engine.position(key)
        if not record.edge_instance and await shard.contacts.ended_as(key) is not None:
            # Ids that clients choose come again under other request ids.
            return 0
        queue = shard.queue(record.tenant_id, record.queue_id)
        try:
            self._admit(queue, record)
        except (Refused, ResourceExhausted):
            if await shard.contacts.ended_as(key) is not None:
                return 0
            if await shard.contacts.read(key) is None:
                raise
            await self._visit(key)
            return await self.enqueue(record, request_id)
        priority = record.priority or queue.priority
        record.priority = queue.callers.priority(record.caller, record.attributes, priority)
        if queue.last_agent_s and record.caller and not record.preferred_agent_id:
            record.preferred_agent_id = await shard.deps.memory.last_agent(
                record.tenant_id, record.caller, queue.last_agent_s
            )
        held = None
        if record.HasField("callback"):
            record.callback.CopyFrom(await shard.callbacks.admit(queue, record))
            held = shard.callbacks.reserve(record, record.callback.number)
        self._opening[key] = queue.key
        try:
            opened = await shard.contacts.open(record, queue, request_id)
        finally:
            self._opening.pop(key, None)
            if held is not None:
                shard.callbacks.free(held)
        if opened is None:
            return 0
        if not shard.alive:
            raise Unavailable(f"routing group {shard.fence.group} moves to another replica")
        if not shard.adoption.mine(queue.key):
            # Here it would have left: for this group the queue is gone.
            raise Unavailable(f"queue {record.queue_id} moves to another routing group, try again")
        stored, fifo = opened
        if stored.HasField("onward"):
            await self._visit(key)
            return 0
        if calls_back(stored) and held is None:
            raise Refused("callback_taken", "the caller is called back, and does not hold the line")
        if key not in shard.visits:
            shard.visits[key] = visit_of(stored)
            shard.apply(ContactArrived(spec_of(stored, fifo, queue.members)))
            position = shard.engine.position(key)
            if position:
                shard.estimates.enqueued(key, queue.key, position)
        return shard.engine.position(key)

    async def _moved(self, key: ContactKey, record: wire.Contact, request_id: str) -> None:
        """Another edge has taken over the call of a visit that goes on: offers go there from now on."""
        shard = self._shard
        queue = shard.queue(record.tenant_id, record.queue_id)
        moved = await shard.contacts.open(record, queue, request_id)
        if moved is None or key not in shard.visits:
            return
        stored = moved[0]
        shard.visits[key] = visit_of(stored)
        for made in offers_of(stored):
            agent = (made.agent_tenant_id, made.agent_id)
            shard.start(shard.offers.moved(key, made.rid, agent))

    def _admit(self, queue: QueueSpec, record: wire.Contact) -> None:
        shard = self._shard
        name = record.queue_id
        if queue.closed:
            raise Refused("queue_closed", f"queue {name} is closed")
        if record.caller in queue.callers.blocked:
            raise Refused("blocked_caller", f"queue {name} does not take this caller", field="caller")
        found = shard.engine.queues[queue.key]
        if queue.leave_without_agents and not found.present and not record.HasField("callback"):
            raise Refused("no_agents", f"no agent of queue {name} is logged in")
        own = (record.tenant_id, record.contact_id)
        opening = sum(to == queue.key for key, to in self._opening.items() if key != own)
        waiting = len(found.places) + opening
        if queue.max_waiting and waiting >= queue.max_waiting:
            raise ResourceExhausted(
                f"queue {name} is full: {waiting} wait", field="queue_id", rule="queue_full"
            )
        for other in record.also_queue_ids:
            if (record.tenant_id, other) not in shard.engine.queues:
                raise Refused(
                    "another_group",
                    f"queue {other} shares no agents with {name}: "
                    "name both in one queue node of a flow, or it in overflow_queue_ids of one",
                    field="also_queue_ids",
                )

    async def cancel(
        self, key: ContactKey, outcome: wire.VisitOutcome, request_id: str, *, without_call: bool = False
    ) -> wire.VisitOutcome:
        """What the visit ended as. `CALLBACK` cancels a call-back and nothing else.

        Raises NotFound for a visit nobody remembers, Refused(has_a_call).
        """
        shard = self._shard
        if (
            outcome == wire.VISIT_OUTCOME_CALLBACK
            and await shard.contacts.ended_as(key) is None
            and (await self._visit(key)).callback is None
        ):
            raise NotFound(f"contact {key[1]} is no call-back", field="contact_id", rule="call-back")
        digital = await self._without_call(key, only=without_call)
        visit = shard.visits.get(key)
        if visit is not None and visit.callback is not None:
            if outcome != wire.VISIT_OUTCOME_CALLBACK:
                # Who has asked to be called back hangs up.
                return wire.VISIT_OUTCOME_CALLBACK
            return await shard.callbacks.cancel(visit, request_id)
        held = shard.digital.held(digital) if digital is not None else []
        final = await shard.contacts.end(key, outcome, shard.queue_of(key[0]), request_id)
        shard.left(key)
        if digital is not None:
            await shard.digital.free(digital, held, "cancelled")
        return final

    async def report(
        self,
        key: ContactKey,
        rid: str,
        outcome: str,
        request_id: str,
        *,
        customer_waits: bool = False,
        without_call: bool = False,
    ) -> None:
        """How an offer goes: ringing, answered, or the reason why not. Raises Refused(not_current_offer), or
        Refused(has_a_call) if none may belong to it.

        `customer_waits`: of a call-back whose customer holds the line for the next agent.
        """
        shard = self._shard
        digital = await self._without_call(key, only=without_call)
        if digital is not None and not outcome.startswith(CUSTOMER):
            if outcome == "answered":
                await shard.digital.answered(digital, rid, request_id)
                return
            await shard.digital.agent_does(digital, rid, outcome)
        if outcome == "ringing":
            if not shard.is_current(key, rid):
                raise Refused("not_current_offer", f"contact {key[1]} is not offered under {rid}")
            shard.apply(OfferProgress(key, rid))
        elif outcome == "answered":
            await shard.answered(key, rid, request_id)
        elif outcome.startswith(CUSTOMER):
            await shard.callbacks.failed(await self._offered(key), rid, outcome)
        else:
            visit = await self._offered(key)
            if customer_waits and visit.callback is not None:
                visit = await shard.callbacks.customer_waits(visit, rid)
            contact = shard.engine.contacts.get(key)
            held = contact.under(rid) if contact is not None else None
            await shard.take_back(visit, rid, outcome)
            offers_ended.inc(outcome=outcome)
            if outcome == "failed":
                shard.apply(OfferFailed(key, rid, Skip.NONE, _RETRY_S))
                if held is not None:
                    await shard.offers.release(visit, held.agent.key, rid)
            else:
                shard.apply(OfferFailed(key, rid, Skip.AGENT))

    # Of supervisors and agents

    async def requeue(self, key: ContactKey, *, front: bool) -> int:
        """Puts an offered or waiting contact back, in its place or in front of its class."""
        shard = self._shard
        visit = await self._visit(key)
        contact = shard.engine.contacts.get(key)
        rang = list(contact.held) if contact is not None else []
        if front:
            # Before it waits again: a free agent would be offered it at once.
            await shard.contacts.to_front(visit)
            contact = shard.engine.contacts.get(key)
            if contact is not None:
                spec = replace(contact.spec, fifo=FRONT, first_at=FRONT_AT)
                shard.apply(ContactChanged(spec))
        await self._withdraw(visit, rang)
        return shard.engine.position(key)

    async def prioritise(self, key: ContactKey, priority: int, request_id: str) -> int:
        shard = self._shard
        visit = await self._visit(key)
        await shard.contacts.prioritise(visit, priority, request_id)
        contact = shard.engine.contacts.get(key)
        if contact is not None:
            shard.apply(ContactChanged(replace(contact.spec, priority=priority)))
        return shard.engine.position(key)

    async def move(self, key: ContactKey, to_queue: str) -> tuple[str, int]:
        """To another queue, of whatever group, at the place that the first enqueue gives it there.

        A visit has one queue: the edge of a call opens the next one; of a contact without a call its id and
        position are returned. Raises NotFound, Refused(not_waiting), and what that queue refuses.
        """
        shard = self._shard
        try:
            visit = await self._visit(key)
            if visit.without_call:
                return await shard.departures.move(visit, to_queue)
        except NotFound as error:
            # Asked again it is there already.
            done = await shard.departures.before(key, to_queue) if error.field == "contact_id" else ""
            if not done:
                raise
            return done, 0
        if visit.callback is not None:
            raise Refused("callback", "a call-back belongs to its queue: cancel it, and ask for another one")
        contact = self._waiting(key)
        spec = contact.spec
        target = Route(queue_id=to_queue)
        departure = Departure(LeaveReason.MOVED, target, spec.fifo, spec.came_at)
        await shard.depart(visit, departure)
        return "", 0

    async def pull(self, key: ContactKey, agent: AgentKey) -> str:
        """The rid under which the contact is offered to the agent. Raises Refused."""
        shard = self._shard
        await self._visit(key)
        contact = self._waiting(key)
        queues = (shard.engine.queues.get(name) for name in contact.spec.queues)
        allowed = [queue for queue in queues if queue is not None and queue.spec.allow_pull]
        if not any(agent in queue.roster.members for queue in allowed):
            raise Refused("pull_not_allowed", f"agent {agent[1]} may not pull from this contact's queue")
        known = shard.engine.agents.get(agent)
        channel = contact.spec.channel
        if known is not None and known.spec is not None and not known.spec.capacity(channel):
            raise Refused("no_capacity", f"agent {agent[1]} takes no contacts of channel {channel}")
        if known is None or not known.free(channel):
            raise Refused("agent_not_ready", f"agent {agent[1]} is not ready, or is busy")
        shard.apply(Pulled(key, agent))
        if not contact.rid or contact.agent is not known:
            raise Refused("not_waiting", "the contact went to another agent at this moment")
        return contact.rid

    async def knows(self, key: ContactKey) -> bool:
        """It waits, is offered, or has ended of late."""
        contacts = self._shard.contacts
        known = key in self._shard.visits or await contacts.ended_as(key) is not None
        return known or await contacts.read(key) is not None

    # Inside

    def _waiting(self, key: ContactKey) -> Contact:
        contact = self._shard.engine.contacts.get(key)
        if contact is None or not contact.waiting:
            raise Refused("not_waiting", f"contact {key[1]} does not wait: it is offered, or leaves")
        return contact

    async def _withdraw(self, visit: Visit, offers: list[Held]) -> None:
        """The contact does not wait until its agents are free."""
        shard, key = self._shard, (visit.tenant, visit.contact_id)
        for held in offers:
            await shard.take_back(visit, held.rid, "requeued")
            shard.apply(OfferFailed(key, held.rid, Skip.AGENT))
            shard.start(shard.offers.release(visit, held.agent.key, held.rid))

    async def _without_call(self, key: ContactKey, *, only: bool) -> Visit | None:
        """The visit, if no call belongs to it. One that is not known here yet is taken over first.

        With `only` raises Refused(has_a_call) for any other that has not ended.
        """
        shard = self._shard
        if key not in shard.visits and not shard.contacts.is_ended(key):
            record = await shard.contacts.read(key)
            if record is not None and visit_of(record).without_call:
                await shard.adoption.adopt([key])
        visit = shard.visits.get(key)
        if visit is not None and visit.without_call:
            return visit
        if only and await shard.contacts.read(key) is not None:
            raise Refused("has_a_call", f"contact {key[1]} has a call, or waits for one")
        return None

    async def _offered(self, key: ContactKey) -> Visit:
        """Raises Refused(not_current_offer)."""
        try:
            return await self._visit(key)
        except NotFound as error:
            raise Refused("not_current_offer", error.message) from error

    async def _visit(self, key: ContactKey) -> Visit:
        """Raises NotFound, Unavailable for one that another group has for the moment."""
        shard = self._shard
        visit = shard.visits.get(key)
        if visit is not None:
            return visit
        there = await shard.contacts.read(key) is not None
        if there:
            await shard.adoption.adopt([key])
        visit = shard.visits.get(key)
        if visit is None and there:
            raise Unavailable(f"contact {key[1]} moves between routing groups, try again")
        if visit is None:
            raise NotFound(f"no contact {key[1]} waits or is offered", field="contact_id", rule="known")
        return visit


def must_have(queue: QueueSpec | None, tenant: str, queue_id: str) -> QueueSpec:
    if queue is None:
        raise NotFound(f"tenant {tenant} has no queue {queue_id}", field="queue_id", rule="configured queue")
    return queue
