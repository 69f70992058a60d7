"""Removes positions of calls that ended without `End`: their edge was lost and nobody took the call over."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus.ivr.v1.types_pb2 import FlowPosition
    from seatbus_kit.clock import Clock
    from seatbus_kit.records import RecordStore

# No call lasts as long as this in a flow and its queues.
ORPHAN_AGE: Final = timedelta(hours=24)
EVERY_S: Final = 3600.0

log = get_logger("seatbus.ivr")


class Sweep:
    """Looks through the bucket once an hour. Replicas do it at different times and may do it twice."""

    def __init__(self, positions: RecordStore[FlowPosition], clock: Clock) -> None:
        self._positions = positions
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sweep positions")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S * random.uniform(0.5, 1.5))
            try:
                await self.once()
            except SeatbusError as error:
                log.info("sweep waits for the bus", reason=error.message)

    async def once(self) -> int:
        """Returns how many positions were removed."""
        removed = 0
        for entry in await self._positions.bucket.load():
            position = self._positions.parse(entry.value)
            age = self._clock.now() - position.started_at.ToDatetime(UTC)
            if age > ORPHAN_AGE:
                await self._positions.bucket.purge(entry.key, entry.revision)
                log.warning(
                    "position of a lost call removed", tenant=position.tenant_id, call=position.call_id,
                    age_s=round(age.total_seconds()),
                )  # fmt: skip
                removed += 1
        return removed
