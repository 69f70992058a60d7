"""Keeps the boards as snapshots in bucket `board`.

Each tenant's value holds its state and the stream sequences that the state includes. The key `_streams` is
written after them and says from where all tenants together must read on.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.log import get_logger
from seatbus_reporting.adapters.feed import BOARD_STREAMS
from seatbus_reporting.adapters.positions import POSITIONS
from seatbus_reporting.domain.board_snapshot import dump, load

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_reporting.application.boards import Boards

log = get_logger("reporting.board_snapshots")

MARK: Final = "_streams"


class BoardSnapshots:
    def __init__(self, bus: Bus, boards: Boards, *, every_s: float) -> None:
        self._bus = bus
        self._boards = boards
        self._every = every_s
        self._bucket = Bucket(bus, "board")
        self._revisions: dict[str, int] = {}
        self._incarnations: dict[str, str] = {}
        self._marked: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def load(self) -> dict[str, int]:
        """Restores the boards; the stream sequences from which they must read on."""
        for stream in BOARD_STREAMS:
            self._incarnations[stream] = await self._bus.stream_incarnation(stream)
        return await self._restore()

    def start(self) -> None:
        self._task = asyncio.create_task(self._save_often(), name="board snapshots")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.save()

    async def _restore(self) -> dict[str, int]:
        mark: dict[str, int] = {}
        unreadable: dict[str, str] = {}
        same = True
        for entry in await self._bucket.load():
            if entry.key == POSITIONS:
                continue
            self._revisions[entry.key] = entry.revision
            if entry.key == MARK:
                value = json.loads(entry.value)
                same = value["incarnations"] == self._incarnations
                mark = value["seqs"]
                continue
            try:
                self._boards.boards[entry.key] = load(entry.key, entry.value)
            except ValueError as error:
                unreadable[entry.key] = str(error)
        if unreadable:
            tenant, reason = next(iter(unreadable.items()))
            log.warning(
                "board snapshots cannot be read, boards are made anew from the streams",
                count=len(unreadable),
                tenant=tenant,
                reason=reason,
            )
            mark = {}
        if not same:
            # The streams were made anew: their numbers begin again.
            log.warning("streams are new, boards are kept and read from their beginning")
            mark = {}
            for board in self._boards.boards.values():
                board.stream_seqs.clear()
        elif not mark:
            self._boards.boards.clear()
        self._boards.seqs.update(mark)
        self._marked = dict(mark)
        return mark

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self.save()

    async def save(self) -> None:
        """Writes the boards that changed, then the mark. What fails is tried at the next turn."""
        changed, self._boards.changed = self._boards.changed, set()
        seqs = dict(self._boards.seqs)
        if not changed and seqs == self._marked:
            return
        # Taken before the first await: board and mark belong together.
        values = {tenant: dump(self._boards.board(tenant)) for tenant in changed}
        for tenant in changed:
            for stream, included in self._boards.board(tenant).included().items():
                if included < self._boards.board(tenant).stream_seqs.get(stream, 0):
                    seqs[stream] = min(seqs[stream], included)
        values[MARK] = json.dumps({"seqs": seqs, "incarnations": self._incarnations}).encode()
        try:
            for key, value in values.items():
                await self._put(key, value)
        except SeatbusError as error:
            self._boards.changed |= changed
            log.info("board snapshot waits", reason=error.message)
        else:
            self._marked = seqs

    async def _put(self, key: str, value: bytes) -> None:
        try:
            self._revisions[key] = await self._bucket.put(key, value, self._revisions.get(key, 0))
        except Conflict:
            # Another replica wrote its own, from the same events: either will do.
            entry = await self._bucket.read(key)
            revision = entry.revision if entry is not None else 0
            self._revisions[key] = await self._bucket.put(key, value, revision)
