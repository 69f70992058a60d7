"""From events to rows. Events are acknowledged after their rows are stored; any of it may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from seatbus.call.v1 import events_pb2 as call
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.log import get_logger
from seatbus_reporting.domain import facts, tables
from seatbus_reporting.domain.cdr import CallFact, CallRecord, build
from seatbus_reporting.domain.cdr_row import cdr_row

if TYPE_CHECKING:
    from seatbus_kit.events import InEvent
    from seatbus_kit.telemetry import Tracer
    from seatbus_reporting.application.calls import Calls
    from seatbus_reporting.application.gaps import Gaps
    from seatbus_reporting.application.queries import Queries
    from seatbus_reporting.application.writer import Writer
    from seatbus_reporting.domain.event import Event
    from seatbus_reporting.domain.tables import Row, Table

log = get_logger("reporting.ingest")

_ENDED = call.CallEnded.DESCRIPTOR.full_name


def decode(event: Event) -> Message | None:
    """The message; None for a type that only newer versions know. Raises InvalidArgument for a broken one."""
    try:
        return event.decode()
    except InvalidArgument as error:
        if error.rule != "registered type":
            raise
        log.info("event of an unknown type is kept undecoded", type=event.type_name, tenant=event.tenant)
        return None


class Ingest:
    """One handler a stream."""

    def __init__(self, writer: Writer, queries: Queries, calls: Calls, gaps: Gaps, tracer: Tracer) -> None:
        self._writer = writer
        self._queries = queries
        self._calls = calls
        self._gaps = gaps
        self._tracer = tracer

    async def on_calls(self, events: list[InEvent]) -> None:
        """Facts of calls, and the record of each call that has ended."""
        started = time.time_ns()
        rows: list[Row] = []
        seqs: dict[str, list[int]] = {}
        touched: dict[str, str] = {}
        for event in events:
            if self._calls.is_complete(event.entity, event.seq):
                continue
            rows.append(facts.call_event_row(event))
            seqs.setdefault(event.entity, []).append(event.seq)
            live = self._calls.add(
                event.tenant, event.entity, CallFact(event.seq, event.occurred_at, decode(event))
            )
            live.ended = live.ended or event.type_name == _ENDED
            if live.ended or self._gaps.waits_for(event.entity):
                touched[event.entity] = event.tenant
        records = [record for id, tenant in touched.items() if (record := await self.record(tenant, id))]
        await self._writer.add(
            {tables.CALL_EVENTS: rows, tables.CDR: [cdr_row(record) for record in records]}
        )
        for call_id, numbers in seqs.items():
            self._calls.committed(call_id, numbers)
        for record in records:
            self.stored(record)
        if self._tracer.enabled:
            self._spans(events, started)

    async def record(self, tenant: str, call_id: str) -> CallRecord | None:
        """The record from all facts that are known here and in the store; None while the call lives."""
        live = self._calls.get(call_id)
        known = dict(live.facts) if live is not None else {}
        if live is None or not self._calls.whole(live):
            for fact in await self._queries.call_facts(tenant, call_id):
                known.setdefault(fact.seq, fact)
                if live is not None:
                    live.facts.setdefault(fact.seq, fact)
                    live.committed.add(fact.seq)
        return build(tenant, call_id, list(known.values()))

    async def recompute(self, tenant: str, call_id: str) -> CallRecord | None:
        """Stores the record anew from the facts, for a call that waited for some."""
        record = await self.record(tenant, call_id)
        if record is not None:
            await self._writer.add({tables.CDR: [cdr_row(record)]})
            self.stored(record)
        return record

    def stored(self, record: CallRecord) -> None:
        if record.final:
            self._calls.complete(record.call_id, record.last_seq)
            self._gaps.closed(record.call_id)
        else:
            self._gaps.opened(record.tenant, record.call_id, record.owner)

    def _spans(self, events: list[InEvent], started_ns: int) -> None:
        now = time.time_ns()
        for event in events:
            if event.type_name == _ENDED and event.trace is not None:
                self._tracer.export(
                    "reporting.ingest",
                    event.trace.child(),
                    event.trace,
                    "consumer",
                    started_ns,
                    now,
                    {"tenant": event.tenant, "call": event.entity},
                )

    async def on_contacts(self, events: list[InEvent]) -> None:
        await self._plain(events, tables.QUEUE_VISITS, facts.visit_row)

    async def on_agents(self, events: list[InEvent]) -> None:
        await self._plain(events, tables.AGENT_INTERVALS, facts.interval_row)

    async def on_recordings(self, events: list[InEvent]) -> None:
        await self._plain(events, tables.RECORDINGS, facts.recording_row)

    async def _plain(
        self, events: list[InEvent], table: Table, make: Callable[[Event, Message], Row | None]
    ) -> None:
        rows: list[Row] = []
        for event in events:
            message = decode(event)
            row = make(event, message) if message is not None else None
            if row is not None:
                rows.append(row)
        await self._writer.add({table: rows})
