"""Publishes what a killed replica left in the outbox of its records. Every replica of an owner runs one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.watch import Change, Watcher

if TYPE_CHECKING:
    from seatbus_kit.buckets import Entry
    from seatbus_kit.records import RecordStore

log = get_logger("seatbus.drain")

M = TypeVar("M", bound=Message)
_TICK_S = 0.5


class Drainer(Generic[M]):
    """Looks at each record once after it has rested for `older_than` seconds on this observer's clock.

    `keys` is the pattern of the records' keys, where a bucket holds other things as well. A `watcher` that
    the caller has of these keys anyway is used instead of an own one; it must keep markers, and the caller
    starts and stops it.
    """

    def __init__(
        self,
        store: RecordStore[M],
        older_than: float = 2.0,
        *,
        keys: str = ">",
        watcher: Watcher | None = None,
    ) -> None:
        if watcher is not None and not watcher.markers:
            raise ValueError("the last events of ended records are in their markers")
        self._store = store
        self._older_than = older_than
        self._own = watcher is None
        self._watcher = watcher or Watcher(
            store.bus, store.bucket.name, keys, clock=store.clock, markers=True
        )
        # Emptied from its front, which takes a dict longer the more has gone.
        self._touched: OrderedDict[str, float] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._watcher.subscribe(self._changed)
        for key in self._watcher.entries:
            self._touched[key] = self._store.clock.monotonic()
        if self._own:
            await self._watcher.start()
        self._task = asyncio.create_task(self._run(), name=f"drain {self._store.bucket.name}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._own:
            await self._watcher.stop()

    def _changed(self, change: Change) -> None:
        self._touched.pop(change.key, None)
        if change.entry is not None:
            self._touched[change.key] = self._store.clock.monotonic()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                await self.tick()
            except SeatbusError as error:
                log.info("drain waits for the bus", bucket=self._store.bucket.name, reason=error.message)

    async def tick(self) -> int:
        """Drains the records that have rested long enough; returns how many events it published."""
        due = self._store.clock.monotonic() - self._older_than
        published = 0
        while self._touched:
            key, since = next(iter(self._touched.items()))
            if since > due:
                break
            entry = self._watcher.entries.get(key)
            if entry is not None and entry.value:
                published += await self._drain(entry)
            # Only now: an error above leaves it for the next round.
            if self._touched.get(key) == since:
                del self._touched[key]
        return published

    async def _drain(self, entry: Entry) -> int:
        """Publishes what one record holds back. One that cannot be read holds nobody else up."""
        try:
            record = self._store.parse(entry.value)
        except DecodeError as error:
            log.error(
                "record cannot be read, its events stay unpublished: remove or rewrite the key",
                bucket=self._store.bucket.name,
                key=entry.key,
                revision=entry.revision,
                reason=str(error),
            )
            return 0
        missing = await self._store.outbox.missing(self._store.pending_events(record))
        if not missing:
            return 0
        log.info("drained pending events", key=entry.key, events=len(missing))
        return self._store.publish_pending(entry)


async def drain_once(store: RecordStore[M], older_than: float) -> int:
    """One pass over a whole bucket; takes a little longer than `older_than`."""
    drainer = Drainer(store, older_than)
    await drainer.start()
    try:
        await asyncio.sleep(older_than + 0.01)
        published = await drainer.tick()
        await store.flush()
        return published
    finally:
        await drainer.stop()
