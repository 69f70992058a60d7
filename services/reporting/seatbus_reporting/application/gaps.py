"""Calls that ended with facts missing: the owner's journal is asked for them until they are there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_reporting.domain.cdr import missing

if TYPE_CHECKING:
    from seatbus_kit.clock import Clock
    from seatbus_reporting.application.ports import Journal
    from seatbus_reporting.application.queries import Queries
    from seatbus_reporting.application.rows import Rows

log = get_logger("reporting.gaps")

# They may be on their way: events of one call are published in order, but repeated out of it.
FIRST_DELAY_S: Final = 2.0
MAX_DELAY_S: Final = 120.0


@dataclass(slots=True)
class _Waiting:
    tenant: str
    owner: str
    due: float
    delay: float = FIRST_DELAY_S


class Gaps:
    """Sleeps while no call waits."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def waits_for(self, call_id: str) -> bool:
        return call_id in self._waiting

    def opened(self, tenant: str, call_id: str, owner: str) -> None:
        known = self._waiting.get(call_id)
        if known is None:
            self._waiting[call_id] = _Waiting(tenant, owner, self._clock.monotonic() + FIRST_DELAY_S)
            self._wake.set()
        elif owner:
            known.owner = owner

    def closed(self, call_id: str) -> None:
        self._waiting.pop(call_id, None)

    async def start(self, rows: Rows, queries: Queries) -> None:
        """Takes up the calls that an earlier process left provisional."""
        await self.stop()
        for tenant, call_id, owner in await queries.provisional():
            self.opened(tenant, call_id, owner)
        self._task = asyncio.create_task(self._run(rows), name="gaps")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._waiting.clear()

    async def _run(self, rows: Rows) -> None:
        while True:
            self._wake.clear()
            now = self._clock.monotonic()
            for call_id, item in list(self._waiting.items()):
                if item.due <= now:
                    item.delay = min(item.delay * 2, MAX_DELAY_S)
                    item.due = now + item.delay
                    try:
                        await self._ask(rows, call_id, item)
                    except SeatbusError as error:
                        log.warning(
                            "call record waits for missing events",
                            tenant=item.tenant,
                            call=call_id,
                            owner=item.owner,
                            reason=str(error),
                            retry_in_s=item.delay,
                        )
            next_due = min((item.due for item in self._waiting.values()), default=None)
            wait = None if next_due is None else max(0.05, next_due - self._clock.monotonic())
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _ask(self, rows: Rows, call_id: str, item: _Waiting) -> None:
        record, seqs = await rows.recompute(item.tenant, call_id)
        if record is None or record.final:
            self.closed(call_id)
            return
        for first, last in missing(seqs, record.last_seq):
            had = await self._journal.republish(record.owner or item.owner, item.tenant, call_id, first, last)
            log.info(
                "asked for missing events",
                tenant=item.tenant,
                call=call_id,
                owner=record.owner,
                from_seq=first,
                to_seq=last,
                republished=had,
            )
