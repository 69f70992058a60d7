"""Records with compare-and-set, idempotent requests and an outbox (protocol P3).

Each change is one write of {state, sequence, pending events, recent request ids}. So a change and its events
become true together, a repeated request is answered instead of applied, and after a lost answer the record
itself tells whether the write was done.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

from google.protobuf.message import Message

from seatbus_kit import metrics
from seatbus_kit.buckets import MARKER_TTL_S, Bucket, Entry, Write
from seatbus_kit.clock import SystemClock
from seatbus_kit.ended import EndedRecords
from seatbus_kit.errors import Conflict, OutcomeUnknown, Refused, SeatbusError, Unavailable
from seatbus_kit.events import OutEvent, check_token
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.outbox import Outbox
from seatbus_kit.trace import TraceContext, current_trace

if TYPE_CHECKING:
    from seatbus.common.v1.types_pb2 import RecordMeta
    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock

__all__ = ["Bucket", "Change", "Entry", "Outcome", "RecordStore", "Write"]

log = get_logger("seatbus.records")

M = TypeVar("M", bound=Message)

_KEEP_REQUESTS = 16
_CACHED = 20_000
_conflicts = metrics.counter(
    "seatbus_record_conflicts_total", "Compare-and-sets that met another revision", ("bucket",)
)
# A purged record keeps its last events this long if nobody could publish them, and its request ids after.
_ENDED_PENDING_TTL_S = 86_400


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """What `decide` wants. `record` None purges. `events` are the facts of this change, in order.

    `result` is what a repeated request gets back. `write` False means that nothing changes. `at` is when it
    happened, for a decision that has looked at the clock itself; else its facts get the time of the write.
    """

    record: M | None
    events: Sequence[Message] = ()
    result: bytes = b""
    write: bool = True
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[M]):
    """`repeated`: the request had been applied before; `record` is then the present one."""

    record: M | None
    revision: int
    result: bytes
    repeated: bool = False
    events: tuple[OutEvent, ...] = field(default=())


Decide: TypeAlias = "Callable[[M | None], Change[M]]"


class RecordStore(Generic[M]):
    """Records of one class in one bucket. `M` has a field `meta` of seatbus.common.v1.RecordMeta.

    `tenant_of` and `entity_of` name the subject of a record's events. Events are published after `mutate`
    returns; `flush` waits for them.
    """

    def __init__(
        self,
        bus: Bus,
        bucket: str,
        record: type[M],
        domain: str,
        tenant_of: Callable[[M], str],
        entity_of: Callable[[M], str],
        producer: str,
        *,
        clock: Clock | None = None,
        remembered: int | None = None,
    ) -> None:
        """`remembered` is how many records are kept in mind: fewer for those that are soon left alone."""
        self.bus = bus
        self.bucket = Bucket(bus, bucket)
        self.domain = check_token(domain, "domain")
        self.outbox = Outbox(bus) if remembered is None else Outbox(bus, remembered)
        self._cached = _CACHED if remembered is None else remembered
        self.clock = clock or SystemClock()
        self._class = record
        self._tenant_of = tenant_of
        self._entity_of = entity_of
        self._producer = producer
        self._cache: OrderedDict[str, Entry] = OrderedDict()
        self._ended = EndedRecords(self.bucket, self._without_pending)

    async def read(self, key: str) -> tuple[M, int] | None:
        """The record and its revision as the leader has them."""
        entry = await self._read(key)
        if entry is None or entry.deleted:
            return None
        return self.parse(entry.value), entry.revision

    def parse(self, value: bytes) -> M:
        record: M = self._class()
        record.ParseFromString(value)
        return record

    async def mutate(
        self,
        key: str,
        decide: Decide[M],
        *,
        request_id: str,
        causation: str = "",
        trace: TraceContext | None = None,
        timeout: float = 5.0,
        expect_new: bool = False,
        hint: Entry | None = None,
    ) -> Outcome[M]:
        """Applies `decide` to the record until a compare-and-set succeeds.

        `decide` gets its own copy, may change it, may be called again, and raises a SeatbusError to refuse.
        The same `request_id` twice gives the recorded result and no second change; empty means "once only".

        The first attempt starts from what is known without a question: this store's own last write or read,
        `hint` (the caller's watched copy) if that is newer, or, with `expect_new`, no record at all. The
        compare-and-set decides; only after a conflict, and before any refusal, the leader is read.

        Raises what `decide` raised, or, when `timeout` seconds did not suffice, Unavailable (not done),
        Conflict (not done) or OutcomeUnknown (repeat with the same request id).
        """
        request = request_id or uuid7()
        deadline = self.clock.monotonic() + timeout
        cached = self._known(key, hint)
        unread = cached is not None or expect_new
        doubt: int | None = None  # revision a write without answer was based on
        failures = 0
        while True:
            entry = cached
            try:
                if not unread:
                    entry = await self._look(key)
                outcome = await self._attempt(key, entry, unread, decide, request, causation, trace, doubt)
                if outcome is not None:
                    return outcome
                last: SeatbusError = Conflict(f"{key} changes too often")
            except OutcomeUnknown as error:
                last = error
                doubt = entry.revision if entry is not None else 0
            except Unavailable as error:
                last = error
            cached, unread = None, False
            self._cache.pop(key, None)
            failures += 1
            if self.clock.monotonic() > deadline:
                if doubt is not None:
                    raise OutcomeUnknown(f"{key}: {last.message}") from last
                raise last
            if not isinstance(last, Conflict):
                await asyncio.sleep(min(0.02 * 2**failures, 0.25))
            elif failures > 2:
                await asyncio.sleep(random.uniform(0.0005, 0.002 * min(failures, 10)))

    async def _look(self, key: str) -> Entry | None:
        """The leader's entry. A question without an answer has changed nothing: Unavailable."""
        try:
            return await self._read(key)
        except OutcomeUnknown as error:
            raise Unavailable(f"{key} cannot be read: {error.message}") from error

    def _known(self, key: str, hint: Entry | None) -> Entry | None:
        known = self._cache.get(key)
        if hint is None or hint.deleted or (known is not None and known.revision >= hint.revision):
            return known
        return hint

    async def _attempt(
        self,
        key: str,
        entry: Entry | None,
        unread: bool,
        decide: Decide[M],
        request: str,
        causation: str,
        trace: TraceContext | None,
        doubt: int | None,
    ) -> Outcome[M] | None:
        """One round; None when somebody else was faster or the leader has to be read first."""
        live = entry is not None and not entry.deleted
        revision = entry.revision if entry is not None else 0
        meta = _meta(self.parse(entry.value)) if entry is not None else None
        if meta is not None:
            for done in meta.recent:
                if done.request_id == request:
                    if entry is not None:
                        self.publish_pending(entry)
                    record = self.parse(entry.value) if entry is not None and live else None
                    return Outcome(record, revision, done.result, repeated=True)
        try:
            change = decide(self.parse(entry.value) if entry is not None and live else None)
        except SeatbusError as error:
            # A refusal must rest on what the leader has, and none is certain while a write is in doubt.
            if unread:
                return None
            if doubt is not None and doubt == revision:
                raise OutcomeUnknown(f"{key}: an earlier write may still land") from None
            if isinstance(error, Refused) and not error.current:
                error.current = revision
            raise
        if not change.write:
            return None if unread else Outcome(change.record, revision, change.result)
        if change.record is None and not live:
            if change.events:
                raise ValueError(f"{key}: events of a record that does not exist")
            return None if unread else Outcome(None, revision, change.result)
        if change.record is not None:
            written = self._class()
            written.CopyFrom(change.record)
        else:
            # An ended record leaves as a marker that still carries its last events.
            written = self.parse(entry.value if entry is not None else b"")
        entity = check_token(self._entity_of(written), "entity")
        events = self._stamp(written, entity, meta, change, request, causation, trace)
        value = written.SerializeToString()
        if change.record is None:
            ttl = _ENDED_PENDING_TTL_S if _meta(written).pending else MARKER_TTL_S
            new = await self._write(self.bucket.mark(key, value, revision, ttl))
        else:
            new = await self._write(self.bucket.put(key, value, revision))
        if new is None:
            return None
        if meta is None:
            self.outbox.forget(self._subject(written))
        stored = Entry(key, value, new, deleted=change.record is None)
        self._remember(stored)
        pending = _meta(written).pending
        if len(pending) == len(events) or (events and self._handed(events[0])):
            self._publish(stored, events)
        else:
            self._publish(stored, self.pending_events(written))
        return Outcome(None if stored.deleted else written, new, change.result, events=events)

    async def _write(self, write: Awaitable[int]) -> int | None:
        try:
            return await write
        except Conflict:
            _conflicts.inc(bucket=self.bucket.name)
            return None

    def _stamp(
        self,
        record: M,
        entity: str,
        before: RecordMeta | None,
        change: Change[M],
        request: str,
        causation: str,
        trace: TraceContext | None,
    ) -> tuple[OutEvent, ...]:
        """Writes the header of `record`: sequence, outbox without what is acknowledged, request results."""
        meta = _meta(record)
        # The header is ours: whatever `decide` did to its copy of it does not count.
        meta.Clear()
        if before is not None:
            meta.CopyFrom(before)
        tenant = check_token(self._tenant_of(record), "tenant")
        acked = self.outbox.acked(self._subject(record)) if before is not None else 0
        kept = [pending for pending in meta.pending if pending.seq > acked]
        if len(kept) != len(meta.pending):
            del meta.pending[:]
            meta.pending.extend(kept)
        now = change.at or self.clock.now()
        meta.updated_at.FromDatetime(now)
        meta.updated_by = self._producer
        if len(meta.recent) >= _KEEP_REQUESTS:
            del meta.recent[: len(meta.recent) - _KEEP_REQUESTS + 1]
        meta.recent.add(request_id=request, result=change.result)
        context = trace or current_trace()
        traceparent = context.to_traceparent() if context is not None else ""
        made = []
        for message in change.events:
            meta.seq += 1
            pending = meta.pending.add(
                seq=meta.seq,
                type=message.DESCRIPTOR.full_name,
                payload=message.SerializeToString(),
                causation_id=causation or request,
                traceparent=traceparent,
            )
            pending.occurred_at.CopyFrom(meta.updated_at)
            made.append(
                OutEvent(
                    tenant,
                    self.domain,
                    entity,
                    pending.seq,
                    pending.type,
                    pending.payload,
                    now,
                    self._producer,
                    pending.causation_id,
                    context,
                )
            )
        return tuple(made)

    def pending_events(self, record: M) -> list[OutEvent]:
        """The outbox of a record, in order."""
        tenant, entity = self._tenant_of(record), self._entity_of(record)
        return [
            OutEvent(
                tenant,
                self.domain,
                entity,
                pending.seq,
                pending.type,
                pending.payload,
                pending.occurred_at.ToDatetime(UTC),
                self._producer,
                pending.causation_id,
                TraceContext.parse(pending.traceparent),
            )
            for pending in _meta(record).pending
        ]

    def _subject(self, record: M) -> str:
        return f"sb.{self._tenant_of(record)}.{self.domain}.{self._entity_of(record)}"

    def published(self, tenant: str, entity: str) -> int:
        """The highest sequence of an entity's events known to be on their stream."""
        return self.outbox.acked(f"sb.{tenant}.{self.domain}.{entity}")

    def _handed(self, event: OutEvent) -> bool:
        """Whether this process has already handed over all that precedes `event`."""
        return self.outbox.handed(event.subject) >= event.seq - 1

    def publish_pending(self, entry: Entry) -> int:
        """Queues what is pending in `entry` and not known to be published; returns how many that is."""
        return self._publish(entry, self.pending_events(self.parse(entry.value)))

    def _publish(self, entry: Entry, events: Sequence[OutEvent]) -> int:
        if not events:
            return 0
        subject = events[0].subject
        before = self.outbox.acked(subject)
        work = self.outbox.push(subject, events)
        if entry.deleted:
            self._ended.add(entry, work)
        return sum(event.seq > before for event in events)

    def _without_pending(self, marker: bytes) -> bytes:
        record = self.parse(marker)
        del _meta(record).pending[:]
        value: bytes = record.SerializeToString()
        return value

    async def _read(self, key: str) -> Entry | None:
        entry = await self.bucket.read(key)
        if entry is not None:
            self._remember(entry)
        return entry

    def _remember(self, entry: Entry) -> None:
        if entry.deleted:
            self._cache.pop(entry.key, None)
            return
        self._cache[entry.key] = entry
        self._cache.move_to_end(entry.key)
        if len(self._cache) > self._cached:
            self._cache.popitem(last=False)

    async def flush(self, timeout: float = 10.0) -> bool:
        """Waits until the events of this process's changes are on their stream."""
        flushed = await self.outbox.flush(timeout)
        await self._ended.settle()
        return flushed

    async def close(self) -> None:
        await self._ended.close()
        await self.outbox.close()

    async def drain_pending(self, older_than: float = 2.0) -> int:
        """One pass over the bucket: publishes what another replica has left pending for `older_than` s.

        Returns how many events were published. Services run a `Drainer`, which does it all the time without
        reading the whole bucket.
        """
        from seatbus_kit.drain import drain_once

        return await drain_once(cast("RecordStore[Message]", self), older_than)


def _meta(record: Message) -> RecordMeta:
    return cast("RecordMeta", record.meta)
