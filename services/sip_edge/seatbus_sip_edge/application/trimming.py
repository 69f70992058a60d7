"""Old segments of the journal go when reporting has committed every fact in them."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Final

from seatbus.reporting.v1 import service_pb2 as reporting
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_sip_edge.adapters.journal import read_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from seatbus_sip_edge.application.edge import Edge

log = get_logger("sip_edge.journal")

_AT_ONCE: Final = 1_000
_ASK_S: Final = 5.0


def last_facts(path: Path) -> dict[str, int]:
    """The highest sequence of each call that has facts in this segment."""
    found: dict[str, int] = {}
    for entry in read_segment(path):
        items = entry[4] if entry[0] == "t" else entry[3] if entry[0] == "e" else None
        if isinstance(items, list) and items:
            call_id = str(entry[1])
            found[call_id] = max(found.get(call_id, 0), *(int(item[0]) for item in items))
    return found


def _chunks(facts: Mapping[str, int]) -> Iterator[list[str]]:
    names = iter(facts)
    while chunk := list(islice(names, _AT_ONCE)):
        yield chunk


class Trimming:
    """Without reporting everything is kept, up to the limits of age and size."""

    def __init__(self, edge: Edge, every_s: float) -> None:
        self._edge = edge
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.trim()
            except (SeatbusError, OSError) as error:
                log.info("the journal is trimmed later", reason=str(error))

    async def trim(self) -> int:
        """One round; returns how many segments went. Raises SeatbusError when reporting does not answer."""
        gone = 0
        for path in self._edge.journal.closed():
            facts = await asyncio.to_thread(last_facts, path)
            if await self._committed(facts):
                path.unlink(missing_ok=True)
                gone += 1
        if gone:
            log.info("journal trimmed: reporting has it all", segments=gone)
        return gone

    async def _committed(self, facts: Mapping[str, int]) -> bool:
        for chunk in _chunks(facts):
            answer: reporting.CommittedWatermarkResponse = await self._edge.neighbours.command(
                "reporting",
                "CommittedWatermark",
                reporting.CommittedWatermarkRequest(call_ids=chunk),
                timeout=_ASK_S,
                deadline=self._edge.monotonic() + _ASK_S,
            )
            if any(answer.committed.get(call_id, 0) < facts[call_id] for call_id in chunk):
                return False
        return True
