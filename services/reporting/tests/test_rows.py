"""Rows and positions when the store is away, when a row or an event is broken, and with two replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import Refused, Unavailable
from seatbus_kit.events import Delivery, InEvent, OutEvent, read_event
from seatbus_kit.ids import uuid7
from seatbus_kit.telemetry import Tracer
from seatbus_reporting.adapters import sql
from seatbus_reporting.adapters.chdb_store import ChdbStore
from seatbus_reporting.application.calls import Calls
from seatbus_reporting.application.gaps import Gaps
from seatbus_reporting.application.ports import Params, Record
from seatbus_reporting.application.queries import Queries
from seatbus_reporting.application.records import Records
from seatbus_reporting.application.rows import Rows
from seatbus_reporting.domain.tables import AGENT_INTERVALS, CALL_EVENTS, CDR, Row, Table
from seatbus_reporting.settings import Settings
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .conftest import Served, serving
from .script_events import answered_call
from .test_service import cdrs, publish, until


class Memory:
    """Store, positions, journal and dead letters in one."""

    exclusive = True

    def __init__(self) -> None:
        self.rows: dict[Table, list[Row]] = {}
        self.away = False
        self.refused = ""
        self.saved: dict[str, int] = {}
        self.dead: list[str] = []

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        if self.away:
            raise Unavailable("the store is away")
        if self.refused and any(row[1] == self.refused for row in rows):
            raise Refused("store_refused", "cannot take this")
        self.rows.setdefault(table, []).extend(rows)

    async def query(self, sql: str, params: Params) -> list[Record]:
        return []

    async def load(self) -> dict[str, int]:
        return dict(self.saved)

    async def save(self, seqs: dict[str, int]) -> None:
        self.saved.update(seqs)

    async def event(self, event: InEvent, error: Exception) -> None:
        self.dead.append(event.event_id)

    async def row(self, table: Table, row: Row, error: Exception) -> None:
        self.dead.append(f"{table.name}/{row[1]}")

    async def republish(self, owner: str, tenant: str, call_id: str, from_seq: int, to_seq: int) -> int:
        return 0


def make_rows(memory: Memory, max_rows: int = 100) -> Rows:
    calls, clock = Calls(), SystemClock()
    queries = Queries(memory, sql, calls, clock)
    return Rows(
        memory, Records(queries, calls), calls, Gaps(memory, clock), memory, memory, Tracer(Settings()),
        interval_s=0.05, fresh_s=0.01, max_rows=max_rows,
    )  # fmt: skip


def delivered(events: Sequence[OutEvent]) -> list[InEvent]:
    """As the streams would deliver them: numbered in each stream."""
    last: dict[str, int] = {}
    found = []
    for event in events:
        stream = event.domain.upper()
        last[stream] = last.get(stream, 0) + 1
        delivery = Delivery(stream, "c", 1, last[stream], last[stream], 0, 0)
        found.append(read_event(event.subject, event.payload, event.headers(), delivery))
    return found


async def test_positions_are_saved_only_behind_stored_rows() -> None:
    memory = Memory()
    rows = make_rows(memory)
    await rows.activate()
    memory.away = True
    events = delivered(answered_call("t1").events)
    for event in events:
        rows.take([event])
    await asyncio.sleep(0.3)
    assert memory.saved == {}
    memory.away = False
    await eventually(lambda: len(memory.saved) == 4)
    assert memory.saved == rows.positions
    assert len(memory.rows[CALL_EVENTS]) == memory.saved["CALL"]
    assert len(memory.rows[CDR]) == 1
    for event in events:  # repeats
        rows.take([event])
    await rows.close()
    assert len(memory.rows[CALL_EVENTS]) == memory.saved["CALL"]


async def test_while_the_store_is_away_memory_is_bounded_and_what_was_left_out_is_read_again() -> None:
    memory = Memory()
    rows = make_rows(memory, max_rows=10)
    await rows.activate()
    memory.away = True
    scripts = [answered_call("t1", agent=f"a{i}") for i in range(12)]
    events = delivered([event for script in scripts for event in script.events])
    rewound: list[dict[str, int]] = []

    def rewind(positions: dict[str, int]) -> None:
        rewound.append(positions)
        for event in events:
            if event.stream_seq > positions.get(event.stream, 0):
                rows.take([event])

    rows.rewind = rewind
    for event in events:
        await asyncio.sleep(0)
        rows.take([event])
    assert sum(rows.positions.values()) <= 60
    memory.away = False
    await eventually(lambda: sum(memory.saved.values()) == len(events))
    assert rewound
    assert len({row[1] for row in memory.rows[CDR]}) == 12
    assert len(memory.rows[AGENT_INTERVALS]) == 12 * 5
    await rows.close()


async def test_a_broken_event_and_a_refused_row_harm_no_other() -> None:
    memory = Memory()
    rows = make_rows(memory)
    await rows.activate()
    bad, good = answered_call("t1", agent="a1"), answered_call("t1", agent="a2")
    memory.refused = bad.agent
    events = delivered([*bad.events, *good.events])
    events[1] = replace(events[1], payload=b"\xff\xff")
    for event in events:
        rows.take([event])
    await eventually(lambda: len(memory.saved) == 4)
    assert memory.dead.count("agent_intervals/a1") == 5
    assert events[1].event_id in memory.dead
    assert len(memory.dead) == 6
    assert {row[1] for row in memory.rows[AGENT_INTERVALS]} == {"a2"}
    finals = {row[1]: row[CDR.columns.index("final")] for row in memory.rows[CDR]}
    assert finals == {bad.call_id: 0, good.call_id: 1}
    await rows.close()


async def test_one_replica_writes_and_another_takes_over(
    nats_server: NatsServer, store_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChdbStore, "exclusive", False)
    tenant = f"t{uuid7()}"
    async with AsyncExitStack() as one, AsyncExitStack() as other:
        first = await one.enter_async_context(
            serving(nats_server.url, store_dir, instance_id="rows-a", fresh_s=0.1)
        )

        async def writes(served: Served) -> bool:
            return served.app.rows.active

        await until(lambda: writes(first))
        second = await other.enter_async_context(
            serving(nats_server.url, store_dir, instance_id="rows-b", fresh_s=0.1)
        )

        async def stored(count: int) -> bool:
            found = await cdrs(second, tenant)
            return len(found) == count and all(cdr.final for cdr in found)

        await publish(second, answered_call(tenant, agent="a1"))
        await until(lambda: stored(1))
        assert not second.app.rows.active
        half = answered_call(tenant, agent="a2")
        for event in half.events[:9]:
            await second.bus.publish(event)
        await one.aclose()
        for event in half.events[9:]:
            await second.bus.publish(event)
        await until(lambda: writes(second))
        await until(lambda: stored(2))


async def test_what_came_while_nobody_wrote_is_stored_though_more_comes_as_another_takes_over(
    nats_server: NatsServer, store_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChdbStore, "exclusive", False)
    tenant = f"t{uuid7()}"
    came: list[int] = []
    activated, looked = asyncio.Event(), asyncio.Event()
    async with serving(nats_server.url, store_dir, instance_id="rows-late", fresh_s=0.1) as served:
        rows, gaps = served.app.rows, served.app.gaps
        await eventually(lambda: rows.active)
        await served.app._lost()
        take, activate, start = rows.take, rows.activate, gaps.start

        def taken(events: Sequence[InEvent]) -> None:
            came.extend(e.seq for e in events if (e.tenant, e.domain) == (tenant, "call"))
            take(events)

        async def activating() -> None:
            await activate()
            activated.set()

        async def looking(*args: Any) -> None:
            await looked.wait()
            await start(*args)

        monkeypatch.setattr(rows, "take", taken)
        monkeypatch.setattr(rows, "activate", activating)
        monkeypatch.setattr(gaps, "start", looking)
        call = [event for event in answered_call(tenant, agent="a1").events if event.domain == "call"]
        for event in call[:3]:
            await served.bus.publish(event)
        await eventually(lambda: len(came) == 3)
        taking_over = asyncio.create_task(served.app._acquired(2))
        await activated.wait()
        for event in call[3:]:
            await served.bus.publish(event)
        await eventually(lambda: call[-1].seq in came)
        looked.set()
        await taking_over

        async def stored() -> bool:
            return [cdr.final for cdr in await cdrs(served, tenant)] == [True]

        await until(stored)
