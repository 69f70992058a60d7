"""Events that a dead holder had no time to publish.

Only the holder of a group writes its contacts, and a live one publishes its own events. So they are looked
for at a takeover, in the records and in the markers of ended visits, and no replica has to hear of every
change of every contact.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus_kit.drain import drain_once
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus.acd.v1.types_pb2 import Contact
    from seatbus_kit.records import RecordStore

log = get_logger("acd.left_behind")

_RESTED_S: Final = 2.0


class LeftBehind:
    def __init__(self, store: RecordStore[Contact]) -> None:
        self._store = store
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Begins a pass over the bucket, or another one after that which is under way."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="events left behind")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                published = await drain_once(self._store, _RESTED_S)
            except SeatbusError as error:
                log.info("search for events put off", reason=str(error))
                self._wanted = True
                await asyncio.sleep(_RESTED_S)
                continue
            if published:
                log.info("published what the last holder left", events=published)
