"""Group commit: rows of all streams wait for one insert a table, and their senders wait with them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_reporting.application.ports import Store
from seatbus_reporting.domain.tables import Row, Table

log = get_logger("reporting.writer")

# After a quiet spell the first rows wait only for their neighbours, not for a whole interval.
_GATHER_S = 0.05


class _Group:
    __slots__ = ("done", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Writer:
    """Inserts at most once in `interval_s` seconds, or as soon as `max_rows` are there."""

    def __init__(self, store: Store, *, interval_s: float, max_rows: int) -> None:
        self._store = store
        self._interval = interval_s
        self._max_rows = max_rows
        self._groups: dict[Table, _Group] = {}
        self._count = 0
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def add(self, rows: Mapping[Table, Sequence[Row]]) -> None:
        """Returns when the rows are stored. Raises what the store raised for one of their tables."""
        waits: list[asyncio.Future[None]] = []
        for table, new in rows.items():
            if new:
                group = self._groups.get(table)
                if group is None:
                    group = self._groups[table] = _Group()
                group.rows.extend(new)
                self._count += len(new)
                waits.append(group.done)
        if waits:
            self._schedule()
            await asyncio.gather(*(asyncio.shield(wait) for wait in waits))

    def _schedule(self) -> None:
        if self._task is not None:
            return
        loop = asyncio.get_running_loop()
        if self._count >= self._max_rows:
            if self._timer is not None:
                self._timer.cancel()
            self._start()
        elif self._timer is None:
            wait = max(min(_GATHER_S, self._interval), self._last + self._interval - loop.time())
            self._timer = loop.call_later(wait, self._start)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._flush(), name="flush")

    async def _flush(self) -> None:
        self._last = asyncio.get_running_loop().time()
        groups, self._groups, self._count = self._groups, {}, 0
        try:
            for table, group in groups.items():
                try:
                    await self._store.insert(table, group.rows)
                except SeatbusError as error:
                    log.warning("rows not stored", table=table.name, rows=len(group.rows), reason=str(error))
                    group.done.set_exception(error)
                    group.done.exception()  # a sender that was cancelled does not ask for it
                else:
                    group.done.set_result(None)
        finally:
            self._task = None
            for group in groups.values():
                if not group.done.done():
                    group.done.set_exception(Unavailable("the insert was interrupted"))
                    group.done.exception()
            if self._count:
                self._schedule()

    async def close(self) -> None:
        """Writes what is there."""
        while self._count or self._task is not None:
            if self._timer is not None:
                self._timer.cancel()
            if self._task is None:
                self._start()
            if self._task is not None:
                await asyncio.wait([self._task])
