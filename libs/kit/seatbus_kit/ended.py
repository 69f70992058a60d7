"""Ended records leave a marker with their last events; once those are out, it may expire soon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus_kit.buckets import MARKER_TTL_S
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_kit.buckets import Bucket, Entry

log = get_logger("seatbus.records")

_SETTLE_S: Final = 0.5


class EndedRecords:
    """Rewrites markers in bursts: nobody waits for it, and one wake-up for many is cheaper than one each.

    `without_events` gives the marker's value without its outbox.
    """

    def __init__(self, bucket: Bucket, without_events: Callable[[bytes], bytes]) -> None:
        self._bucket = bucket
        self._without_events = without_events
        self._markers: dict[str, tuple[Entry, asyncio.Future[None] | None]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, marker: Entry, publishing: asyncio.Future[None] | None) -> None:
        """`publishing` ends when the marker's events are out; None: they are."""
        self._markers[marker.key] = (marker, publishing)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"settle {self._bucket.name}")

    async def _run(self) -> None:
        while self._markers:
            await asyncio.sleep(_SETTLE_S)
            await self.settle()

    async def settle(self) -> None:
        """Now, those whose events are out."""
        ready = [
            marker
            for marker, publishing in self._markers.values()
            if publishing is None or (publishing.done() and not publishing.cancelled())
        ]
        for marker in ready:
            del self._markers[marker.key]
        await asyncio.gather(*(self._settle(marker) for marker in ready))

    async def _settle(self, marker: Entry) -> None:
        try:
            await self._bucket.mark(
                marker.key, self._without_events(marker.value), marker.revision, MARKER_TTL_S
            )
        except SeatbusError as error:
            log.info("an ended record keeps its marker", key=marker.key, reason=error.message)

    async def close(self) -> None:
        """Stops at once: what is left expires after a day."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
