"""From events to rows. The position in each stream is saved after the rows before it are stored; whatever
comes behind a saved position is read again after a kill, and storing it again changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import InvalidArgument, Refused, SeatbusError
from seatbus_kit.log import get_logger
from seatbus_reporting.application.batch import ENDED, Batch, decode
from seatbus_reporting.domain import facts, tables
from seatbus_reporting.domain.cdr import CallFact, CallRecord
from seatbus_reporting.domain.cdr_row import cdr_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatbus_kit.events import InEvent
    from seatbus_kit.telemetry import Tracer
    from seatbus_reporting.application.calls import Calls
    from seatbus_reporting.application.gaps import Gaps
    from seatbus_reporting.application.ports import DeadLetters, Positions, Store
    from seatbus_reporting.application.records import Records

log = get_logger("reporting.rows")

_RETRY_S: Final = 0.2
_MAX_RETRY_S: Final = 5.0
# Beyond this many events the boards go on and the rows are read again when the store is back.
_LIMIT_FLUSHES: Final = 4
_CLOSE_S: Final = 10.0


class Rows:
    """One flush at a time: every `interval_s` seconds, at `max_rows` events, or before somebody reads what is
    older than `fresh_s`. An insert costs the same for one row as for a hundred.
    """

    def __init__(
        self,
        store: Store,
        records: Records,
        calls: Calls,
        gaps: Gaps,
        positions: Positions,
        dead: DeadLetters,
        tracer: Tracer,
        *,
        interval_s: float,
        fresh_s: float,
        max_rows: int,
    ) -> None:
        self._store = store
        self._records = records
        self._calls = calls
        self._gaps = gaps
        self._saved = positions
        self._dead = dead
        self._tracer = tracer
        self._interval = interval_s
        self._fresh = min(fresh_s, interval_s)
        self._max_rows = max_rows
        self.active = False
        self.positions: dict[str, int] = {}  # stream -> last event taken
        self.rewind: Callable[[dict[str, int]], None] = lambda positions: None
        self._batch = Batch()
        self._behind = False
        self._failing = False
        self.trouble = ""  # why rows are not stored now
        self._closing = False
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def activate(self) -> None:
        """This process writes the rows from now on, behind the saved positions. Raises a SeatbusError."""
        self.positions = await self._saved.load()
        self._batch, self._behind, self.active = Batch(), False, True

    def deactivate(self) -> None:
        """Another process writes them. What was not stored here is stored there."""
        self.active = False
        self._batch = Batch()
        self._calls.clear()

    def take(self, events: Sequence[InEvent]) -> None:
        """What one message holds; repeats are dropped by its place in the stream."""
        stream, place = events[0].stream, events[0].stream_seq
        if not self.active or place <= self.positions.get(stream, 0):
            return
        batch = self._batch
        if self._behind or batch.count >= _LIMIT_FLUSHES * self._max_rows:
            self._behind = True
            return
        self.positions[stream] = batch.positions[stream] = place
        batch.count += len(events)
        for event in events:
            self._take_one(event, batch)
        if self._task is None and (self._timer is None or batch.count >= self._max_rows):
            self._schedule()

    def _take_one(self, event: InEvent, batch: Batch) -> None:
        try:
            if event.seq < 1 or not event.tenant:
                reason = event.fault or "malformed envelope"
                raise InvalidArgument(reason, field="headers", rule="sequence and tenant")
            if event.stream == "CALL":
                self._take_call(event, batch)
            else:
                batch.add_plain(event)
        except InvalidArgument as error:
            batch.broken.append((event, error))

    def _take_call(self, event: InEvent, batch: Batch) -> None:
        if self._calls.is_complete(event.entity, event.seq):
            return
        fact = CallFact(event.seq, event.occurred_at, decode(event))
        live = self._calls.add(event.tenant, event.entity, fact)
        batch.add_row(tables.CALL_EVENTS, facts.call_event_row(event))
        batch.seqs.setdefault(event.entity, []).append(event.seq)
        if event.type_name == ENDED:
            live.ended = True
            if self._tracer.enabled and event.trace is not None:
                batch.endings.append(event)
        if live.ended or self._gaps.waits_for(event.entity):
            batch.ended[event.entity] = event.tenant

    async def room(self) -> None:
        """Holds a reader while a flush has enough to do; not for a store that is away: boards go on then."""
        while self._batch.count >= self._max_rows and self._task is not None and not self._failing:
            await asyncio.wait([self._task], timeout=0.1)

    async def fresh(self) -> None:
        """Before a read: returns when what came more than `fresh_s` seconds ago is stored."""
        if self._task is None and self._batch.count:
            if asyncio.get_running_loop().time() - self._last < self._fresh:
                return
            self._start()
        if self._task is not None and not self._failing:
            await asyncio.wait([self._task], timeout=2.0)

    def _schedule(self) -> None:
        if self._batch.count >= self._max_rows:
            self._start()
        else:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None:
            self._task = asyncio.create_task(self._flush(), name="flush")

    async def _flush(self) -> None:
        batch, self._batch = self._batch, Batch()
        self._last = asyncio.get_running_loop().time()
        delay = _RETRY_S
        try:
            while self.active:
                try:
                    await self._write(batch)
                    break
                except Exception as error:  # noqa: BLE001 - whatever it is, what is not stored stays here
                    self._failing, self.trouble = True, str(error) or repr(error)
                    log.warning(
                        "rows wait for the store",
                        events=batch.count,
                        reason=repr(error),
                        expected=isinstance(error, SeatbusError),
                    )
                    if self._closing:
                        return
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _MAX_RETRY_S)
            self._failing, self.trouble = False, ""
        finally:
            self._task = None
            if self._batch.count and not self._closing:
                self._schedule()
            if self._behind and not self._failing:
                self._behind = False
                self.rewind(dict(self.positions))

    async def _write(self, batch: Batch) -> None:
        """May be tried again as a whole: what it has stored it takes out of the batch."""
        started = time.time_ns()
        records = await self._records.of(batch.ended)
        for table in list(batch.rows):
            await self._insert(table, batch.rows[table])
            del batch.rows[table]
        for call_id, numbers in batch.seqs.items():
            self._calls.committed(call_id, numbers)
        await self._insert(tables.CDR, [cdr_row(record) for record in records])
        for record in records:
            self._stored(record)
        while batch.broken:
            await self._dead.event(*batch.broken[-1])
            batch.broken.pop()
        self._spans(batch, started)
        if not self.active:
            return
        try:
            await self._saved.save(batch.positions)
        except SeatbusError as error:
            log.info("position is saved later", reason=str(error))

    async def _insert(self, table: tables.Table, rows: list[tables.Row]) -> None:
        try:
            await self._store.insert(table, rows)
        except Refused as error:
            if len(rows) == 1:
                await self._dead.row(table, rows[0], error)
                return
            log.warning("rows refused, trying them in halves", table=table.name, rows=len(rows))
            half = len(rows) // 2
            await self._insert(table, rows[:half])
            await self._insert(table, rows[half:])

    async def recompute(self, tenant: str, call_id: str) -> tuple[CallRecord | None, set[int]]:
        """Stores the record of a call that waits for facts anew; the record and the facts that are known."""
        if call_id in self._batch.seqs:
            self._start()
        while self._task is not None:
            await asyncio.wait([self._task])
        calls = {call_id: tenant}
        records = await self._records.of(calls)
        known = (await self._records.facts(calls))[call_id]
        for record in records:
            await self._insert(tables.CDR, [cdr_row(record)])
            self._stored(record)
        return (records[0] if records else None), set(known)

    def _stored(self, record: CallRecord) -> None:
        if record.final:
            self._calls.complete(record.call_id, record.last_seq)
            self._gaps.closed(record.call_id)
        else:
            self._gaps.opened(record.tenant, record.call_id, record.owner)

    def _spans(self, batch: Batch, started_ns: int) -> None:
        now = time.time_ns()
        for event in batch.endings:
            if event.trace is not None:
                self._tracer.export(
                    "reporting.ingest",
                    event.trace.child(),
                    event.trace,
                    "consumer",
                    started_ns,
                    now,
                    {"tenant": event.tenant, "call": event.entity},
                )

    async def close(self) -> None:
        """Writes what is there."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_CLOSE_S)
        if self._batch.count and self._task is None and not self._failing:
            self._start()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_CLOSE_S)
