"""Contacts in the bucket `waiting`: the changes of a visit as compare-and-sets under one lease."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, cast

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contact_forms import (
    FRONT,
    decision_message,
    must_be_alike,
    offer_message,
    trace_of,
    visit_of,
)
from seatbus_acd.domain import visit as rules
from seatbus_contracts.subjects import record_key
from seatbus_kit.errors import NotFound, Refused, Unavailable
from seatbus_kit.records import Change, RecordStore
from seatbus_kit.watch import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from seatbus_acd.application.ports import Visit
    from seatbus_acd.domain.model import ContactKey, Offer, QueueSpec
    from seatbus_acd.domain.visit import Fence
    from seatbus_kit.buckets import Entry
    from seatbus_kit.clock import Clock

_REMEMBER_ENDED: Final = 20_000
# So many contacts of a tenant are read as one copy.
_MANY: Final = 32


class Contacts:
    """One holder's view of its contacts. Every method raises StaleEpoch once another has taken over."""

    def __init__(self, store: RecordStore[wire.Contact], fence: Fence, clock: Clock) -> None:
        self._store = store
        self._fence = fence
        self._clock = clock
        self._ended: OrderedDict[ContactKey, tuple[wire.VisitOutcome, str]] = OrderedDict()

    async def open(
        self, record: wire.Contact, queue: QueueSpec, request_id: str
    ) -> tuple[wire.Contact, int] | None:
        """Writes the visit's first record and returns it with its revision; None when it has ended already.

        A visit that exists is returned as it is, with the revision of its first record.
        """

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            if found is not None:
                must_be_alike(visit_of(found), record)
                self._fence.check(found)
                # Another edge may have taken the call over.
                moved = found.edge_instance != record.edge_instance and not rules.calls_back(found)
                if not moved:
                    return Change(found, write=False)
                found.edge_instance = record.edge_instance
                return Change(found, write=moved)
            record.group, record.epoch = self._fence.group, self._fence.epoch
            now = self._clock.now()
            record.enqueued_at.FromDatetime(now)
            return Change(record, rules.enqueue(record, queue, now))

        outcome = await self._store.mutate(
            record_key(record.tenant_id, record.contact_id),
            decide,
            request_id=request_id,
            trace=trace_of(record.call_id),
            expect_new=True,
        )
        if outcome.record is None:
            return None
        return outcome.record, outcome.record.fifo or outcome.revision

    async def offer(self, visit: Visit, offer: Offer, fifo: int) -> None:
        """P2 step 1. Raises NotFound when the visit has ended, Refused(not_waiting)."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            record.fifo = fifo
            now = self._clock.now()
            made = [offer_message(visit, item, now) for item in (offer, *offer.also)]
            return Change(record, rules.offer(record, made, decision_message(offer.decision)))

        await self._mutate(visit, decide, f"{offer.rid}/offer")

    async def give_back(self, visit: Visit, rid: str, reason: str) -> None:
        """Raises NotFound when the visit has ended, Refused(not_current_offer)."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            return Change(record, rules.give_back(record, rid, reason))

        await self._mutate(visit, decide, f"{rid}/back")

    async def request_callback(self, visit: Visit, callback: wire.Callback, request_id: str) -> wire.Contact:
        """The contact stays in its place. Raises NotFound when the visit has ended, Refused(not_waiting)."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            if record.HasField("callback"):
                return Change(record, write=False)
            return Change(record, rules.request_callback(record, callback, self._clock.now()))

        return rules.must_exist(await self._mutate(visit, decide, request_id))

    async def attempt_failed(self, visit: Visit, rid: str, reason: str) -> int:
        """Seconds until the customer may be called again. Raises as `give_back`."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            events = rules.attempt_failed(record, rid, reason, self._clock.now())
            return Change(record, events)

        record = rules.must_exist(await self._mutate(visit, decide, f"{rid}/attempt"))
        return int(record.callback.retry_s)

    async def customer_waits(self, visit: Visit, rid: str) -> wire.Contact:
        """The customer of a call-back holds the line. Raises as `give_back`."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            rules.customer_waits(record, rid)
            return Change(record)

        return rules.must_exist(await self._mutate(visit, decide, f"{rid}/waits"))

    async def set_out(self, visit: Visit, onward: wire.Onward, fifo: int) -> wire.Contact:
        """A contact without a call leaves its queue: where to is known before it is done. One that leaves
        already goes where it went. Raises NotFound when the visit has ended.
        """

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            if record.HasField("onward"):
                return Change(record, write=False)
            record.fifo = record.fifo or fifo
            return Change(record, rules.set_out(record, onward))

        return rules.must_exist(await self._mutate(visit, decide, f"{onward.contact_id}/out"))

    async def redirect(self, visit: Visit, onward: wire.Onward) -> wire.Contact:
        """Elsewhere, or nowhere. Raises NotFound when the visit has ended."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            record.onward.CopyFrom(onward)
            return Change(record)

        name = f"{onward.contact_id}/to/{onward.queue_id}/{onward.refusal}"
        return rules.must_exist(await self._mutate(visit, decide, name))

    async def stay(self, visit: Visit, onward: wire.Onward) -> wire.Contact:
        """It does not leave after all. Raises NotFound when the visit has ended."""

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            record.ClearField("onward")
            return Change(record)

        return rules.must_exist(await self._mutate(visit, decide, f"{onward.contact_id}/stays"))

    async def onward(self, key: ContactKey) -> wire.Onward | None:
        """Where a contact without a call goes, or has gone when it ended."""
        entry = await self._store.bucket.read(record_key(*key))
        if entry is None or not entry.value:
            return None
        record = self._store.parse(entry.value)
        return record.onward if record.HasField("onward") else None

    async def to_front(self, visit: Visit) -> None:
        """Before everybody of its class, for good. Raises NotFound when the visit has ended."""

        def change(record: wire.Contact) -> None:
            record.fifo = FRONT

        await self._change(visit, change, f"{visit.contact_id}/front")

    async def prioritise(self, visit: Visit, priority: int, request_id: str) -> None:
        """Another class. Raises NotFound when the visit has ended."""

        def change(record: wire.Contact) -> None:
            record.priority = priority

        await self._change(visit, change, request_id)

    async def _change(self, visit: Visit, change: Callable[[wire.Contact], None], request_id: str) -> None:
        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            rules.must_stay(record)
            change(record)
            return Change(record)

        await self._mutate(visit, decide, request_id)

    async def end(
        self,
        key: ContactKey,
        outcome: wire.VisitOutcome,
        queue: Callable[[str], QueueSpec | None],
        request_id: str,
        *,
        rid: str = "",
        cause: str = "",
        leaves: bool = False,
    ) -> wire.VisitOutcome:
        """Ends the visit, under `rid` if given; returns what it ended as, now or earlier. `cause`: of a
        call-back. Who has asked for one is free to hang up: that ends nothing. What has set out ends when it
        is there (`leaves`), and nobody else ends it.

        Raises NotFound for a visit nobody remembers, Refused(not_current_offer), Unavailable.
        """
        now = self._clock.now()
        offered: list[str] = []

        def decide(found: wire.Contact | None) -> Change[wire.Contact]:
            record = rules.must_exist(found)
            self._fence.check(record)
            if record.HasField("onward") and not leaves:
                raise Unavailable(f"contact {key[1]} leaves its queue at this moment, try again")
            if rid:
                rules.win(record, rid)
            if rules.calls_back(record) and outcome == wire.VISIT_OUTCOME_ABANDONED:
                return Change(record, write=False, result=bytes([wire.VISIT_OUTCOME_CALLBACK]))
            final, events = rules.end(record, outcome, queue(record.queue_id), now, cause)
            offered[:] = [record.offer.rid]
            # The marker keeps the record as it was, and with it who rang, but not who of several won.
            return Change(None, events, result=bytes([final]) + rid.encode())

        try:
            done = await self._store.mutate(record_key(*key), decide, request_id=request_id)
        except NotFound:
            before = await self.ended_as(key)
            if before is None:
                raise
            if rid and (before[0] not in (outcome, wire.VISIT_OUTCOME_CALLBACK) or before[1] != rid):
                raise Refused("not_current_offer", "the visit has ended") from None
            return before[0]
        if not done.result:
            raise NotFound("the visit has ended", field="contact_id", rule="waiting or offered")
        final = cast("wire.VisitOutcome", done.result[0])
        if done.record is not None:
            return final
        self._remember(key, final, offered[0] if offered else rid)
        return final

    def _remember(self, key: ContactKey, outcome: wire.VisitOutcome, rid: str) -> None:
        self._ended[key] = (outcome, rid)
        if len(self._ended) > _REMEMBER_ENDED:
            self._ended.popitem(last=False)

    async def ended_as(self, key: ContactKey) -> tuple[wire.VisitOutcome, str] | None:
        """Outcome and last rid of an ended visit: remembered, or from the marker it left in the bucket."""
        known = self._ended.get(key)
        if known is not None:
            return known
        entry = await self._store.bucket.read(record_key(*key))
        return self._outcome(entry) if entry is not None and entry.deleted else None

    def _outcome(self, marker: Entry) -> tuple[wire.VisitOutcome, str] | None:
        if not marker.value:
            return None
        record = self._store.parse(marker.value)
        if not record.meta.recent or not record.meta.recent[-1].result:
            return None
        result = record.meta.recent[-1].result
        return cast("wire.VisitOutcome", result[0]), result[1:].decode() or record.offer.rid

    def is_ended(self, key: ContactKey) -> bool:
        return key in self._ended

    async def load(self, keys: Collection[ContactKey]) -> list[tuple[wire.Contact, Entry]]:
        """Those of them that have not ended, as good as a copy is. Raises Unavailable, OutcomeUnknown."""
        copied: dict[str, Entry] = {}
        for tenant, count in Counter(tenant for tenant, _ in keys).items():
            if count >= _MANY:
                copied |= await copy_of(self._store.bus, self._store.bucket.name, f"{tenant}.>")

        async def entry_of(key: ContactKey) -> Entry | None:
            name = record_key(*key)
            return copied.get(name) or await self._store.bucket.read(name)

        found = []
        for key, entry in zip(keys, await asyncio.gather(*map(entry_of, keys)), strict=True):
            if entry is None:
                continue
            if not entry.deleted:
                found.append((self._store.parse(entry.value), entry))
            elif (outcome := self._outcome(entry)) is not None:
                self._remember(key, *outcome)
        return found

    async def adopt(
        self, key: ContactKey, reserved: Collection[str], request_id: str, seen: Entry | None = None
    ) -> tuple[wire.Contact, int] | None:
        """Takes a contact over under this lease; None when it has ended. `reserved`: what agents hold.
        `seen`: the record as it was loaded.
        """
        found = seen if seen is not None else await self._store.bucket.get(record_key(*key))
        if found is None:
            return None
        revision = found.revision

        def decide(record: wire.Contact | None) -> Change[wire.Contact]:
            if record is None:
                return Change(None, write=False)
            # Ours already: it may be offered by now, and what `reserved` tells of is an older look.
            if self._fence.wrote(record):
                return Change(record, write=False)
            events = rules.adopt(record, self._fence, revision, reserved=reserved)
            return Change(record, events)

        outcome = await self._store.mutate(record_key(*key), decide, request_id=request_id, hint=found)
        return (outcome.record, outcome.revision) if outcome.record is not None else None

    async def read(self, key: ContactKey) -> wire.Contact | None:
        found = await self._store.read(record_key(*key))
        return found[0] if found is not None else None

    async def keys(self, tenant: str) -> list[ContactKey]:
        """Contacts of a tenant that are in the bucket, or have left a marker there."""
        names = await self._store.bucket.keys(tenant)
        return [(tenant, name.partition(".")[2]) for name in names]

    async def _mutate(
        self, visit: Visit, decide: Callable[[wire.Contact | None], Change[wire.Contact]], request_id: str
    ) -> wire.Contact | None:
        key = record_key(visit.tenant, visit.contact_id)
        done = await self._store.mutate(key, decide, request_id=request_id, trace=trace_of(visit.call_id))
        return done.record


async def queue_of_contact(store: RecordStore[wire.Contact], key: ContactKey) -> str:
    """The queue of a contact that lives, or has left a marker in the bucket; empty when there is neither."""
    entry = await store.bucket.read(record_key(*key))
    if entry is None or not entry.value:
        return ""
    return store.parse(entry.value).queue_id
