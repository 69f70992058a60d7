"""Contacts without a call that leave their queue: to another one, with their place, or for good.

No edge opens their next visit. The record says where they go before it is opened, so whoever holds the group
by then completes it: first the next visit, then the end of this one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contact_forms import spec_of
from seatbus_acd.domain.model import ContactArrived, ContactKey, ContactLeft, LeaveReason
from seatbus_kit.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    Refused,
    ResourceExhausted,
    SeatbusError,
    StaleEpoch,
    Unavailable,
)
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_acd.application.ports import Visit
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.domain.model import ContactSpec, QueueKey

log = get_logger("acd.departures")

_PAUSE_S: Final = 0.5
_MOVED: Final = LeaveReason.MOVED.value
# What the queue's own route would need.
_NEEDS_A_CALL: Final = "needs_a_call"


class Departures:
    """Each raises StaleEpoch once another replica has taken the group over."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        # Out of the engine, and not there yet.
        self._leaving: dict[ContactKey, ContactSpec] = {}
        self._locks: WeakValueDictionary[ContactKey, asyncio.Lock] = WeakValueDictionary()

    async def move(self, visit: Visit, to_queue: str) -> tuple[str, int]:
        """Id and position of the visit in the other queue. What that one refuses is raised, and the contact
        waits on in its place. Raises NotFound when the visit has ended, Refused(not_waiting).
        """
        async with self._lock(visit):
            spec = self._take(visit)
            onward = wire.Onward(contact_id=uuid7(), queue_id=to_queue, cause=_MOVED)
            try:
                record = await self._shard.contacts.set_out(visit, onward, spec.fifo)
            except OutcomeUnknown:
                # It is asked again, and the contact is offered to nobody until it is known.
                raise
            except Unavailable:
                self._back(spec)
                raise
            if (record.onward.cause, record.onward.queue_id) != (_MOVED, to_queue):
                raise Refused("not_waiting", f"contact {visit.contact_id} leaves its queue already")
            return await self._carry_out(visit, record)

    async def overflow(self, visit: Visit, spec: ContactSpec, reason: LeaveReason) -> None:
        """By the queue's own route, if that leads to a queue; else the visit is over."""
        async with self._lock(visit):
            queue_id, refusal = self._route(spec.queue)
            onward = wire.Onward(contact_id=uuid7(), queue_id=queue_id, cause=reason.value, refusal=refusal)
            try:
                record = await self._shard.contacts.set_out(visit, onward, spec.fifo)
            except NotFound:
                self._done(spec.key)
                return
            await self._carry_out(visit, record)

    async def resume(self, visit: Visit, record: wire.Contact) -> None:
        """After a takeover: what the last holder began."""
        async with self._lock(visit):
            try:
                await self._carry_out(visit, record)
            except StaleEpoch:
                raise
            except SeatbusError as error:
                log.info("contact stays where it was", contact=visit.contact_id, reason=str(error))

    async def before(self, key: ContactKey, to_queue: str) -> str:
        """The next visit of a contact that has been moved there; empty when it has not."""
        onward = await self._shard.contacts.onward(key)
        if onward is None or (onward.cause, onward.queue_id) != (_MOVED, to_queue):
            return ""
        return onward.contact_id

    # Inside

    def _lock(self, visit: Visit) -> asyncio.Lock:
        return self._locks.setdefault((visit.tenant, visit.contact_id), asyncio.Lock())

    def _take(self, visit: Visit) -> ContactSpec:
        """Out of the engine. Raises NotFound when the visit has ended, Refused(not_waiting)."""
        shard, key = self._shard, (visit.tenant, visit.contact_id)
        known = self._leaving.get(key)
        if known is not None:
            return known
        if key not in shard.visits:
            raise NotFound("the visit has ended", field="contact_id", rule="waiting")
        contact = shard.engine.contacts.get(key)
        if contact is None or not contact.waiting:
            raise Refused("not_waiting", f"contact {key[1]} does not wait: it is offered, or leaves")
        spec = self._leaving[key] = contact.spec
        shard.apply(ContactLeft(key))
        return spec

    def _back(self, spec: ContactSpec) -> None:
        self._leaving.pop(spec.key, None)
        if spec.key in self._shard.visits:
            self._shard.apply(ContactArrived(spec))

    def _done(self, key: ContactKey) -> None:
        self._leaving.pop(key, None)
        self._shard.left(key)

    def _route(self, queue: QueueKey) -> tuple[str, str]:
        """Queue to go on in, and why there is none though the queue has an overflow."""
        route = self._shard.deps.overflow_of(queue)
        target = route.WhichOneof("target") if route is not None else None
        if route is None or target in (None, "hang_up"):
            return "", ""
        return (route.queue_id, "") if target == "queue_id" else ("", _NEEDS_A_CALL)

    async def _carry_out(self, visit: Visit, record: wire.Contact) -> tuple[str, int]:
        """Until it is done, whoever is away. Raises what the queue of a move refuses, and Unavailable when
        the group has been lost.
        """
        shard = self._shard
        tried = {visit.queue_id}
        while shard.alive:
            onward = record.onward
            try:
                try:
                    position = await shard.deps.next_visits.open(record) if onward.queue_id else 0
                except (Refused, NotFound, ResourceExhausted, InvalidArgument) as error:
                    record = await self._refused(visit, onward, error, tried)
                    continue
                await self._end(visit, onward)
                return onward.contact_id, position
            except (Unavailable, OutcomeUnknown, DeadlineExceeded, Conflict) as error:
                log.info("contact not in its next queue yet", contact=visit.contact_id, reason=str(error))
                await asyncio.sleep(_PAUSE_S)
        raise Unavailable(f"routing group {shard.fence.group} moves to another replica")

    async def _end(self, visit: Visit, onward: wire.Onward) -> None:
        shard, key = self._shard, (visit.tenant, visit.contact_id)
        moved = onward.cause == _MOVED
        outcome = wire.VISIT_OUTCOME_TRANSFERRED_OUT if moved else wire.VISIT_OUTCOME_OVERFLOWED
        name = f"{onward.contact_id}/left"
        try:
            await shard.contacts.end(key, outcome, shard.queue_of(key[0]), name, leaves=True)
        except NotFound:
            log.debug("visit had ended", contact=key[1])
        self._done(key)

    async def _refused(
        self, visit: Visit, onward: wire.Onward, error: SeatbusError, tried: set[str]
    ) -> wire.Contact:
        """The record with the next queue to ask, or with none. Of a move raises what was refused."""
        shard, key = self._shard, (visit.tenant, visit.contact_id)
        if onward.cause == _MOVED:
            record = await shard.contacts.stay(visit, onward)
            spec = spec_of(record, record.fifo, shard.members((key[0], record.queue_id)))
            self._back(self._leaving.get(key, spec))
            raise error
        tried.add(onward.queue_id)
        queue_id, _ = self._route((visit.tenant, onward.queue_id))
        if queue_id in tried:
            queue_id = ""
        refusal = "unknown_queue" if isinstance(error, NotFound) else error.rule or error.code
        to = wire.Onward(
            contact_id=onward.contact_id,
            queue_id=queue_id,
            cause=onward.cause,
            refusal="" if queue_id else refusal,
        )
        return await shard.contacts.redirect(visit, to)
