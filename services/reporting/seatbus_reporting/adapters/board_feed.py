"""Keeps the boards: snapshots in bucket `board`, and the events behind them from the streams.

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
from seatbus_reporting.adapters.ordered import OrderedReader
from seatbus_reporting.domain.board_snapshot import dump, load

if TYPE_CHECKING:
    from datetime import datetime

    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock
    from seatbus_reporting.application.boards import Boards

log = get_logger("reporting.board_feed")

STREAMS: Final = ("CALL", "CONTACT", "AGENT")
MARK: Final = "_streams"
# Without a snapshot: what may still be waiting or talking, and all of today.
_COLD_HOURS: Final = 26


class BoardFeed:
    def __init__(self, bus: Bus, boards: Boards, clock: Clock, *, every_s: float) -> None:
        self._bus = bus
        self._boards = boards
        self._clock = clock
        self._every = every_s
        self._bucket = Bucket(bus, "board")
        self._revisions: dict[str, int] = {}
        self._incarnations: dict[str, str] = {}
        self._marked: dict[str, int] = {}
        self._readers: list[OrderedReader] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Restores the boards; returns when they include all that the streams hold."""
        for stream in STREAMS:
            self._incarnations[stream] = await self._bus.stream_incarnation(stream)
        after = await self._restore()
        cold = self._cold_start(self._clock.now())
        for stream in STREAMS:
            # An agent's last event tells its state, whenever that was.
            policy: dict[str, object] = {"deliver_policy": "all"} if stream == "AGENT" else cold
            reader = OrderedReader(self._bus, stream, after.get(stream, 0), self._boards.fold, policy)
            await reader.start()
            self._readers.append(reader)
        self._boards.start()
        self._task = asyncio.create_task(self._save_often(), name="board snapshots")

    async def stop(self) -> None:
        for reader in self._readers:
            await reader.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.save()
        await self._boards.stop()

    @staticmethod
    def _cold_start(now: datetime) -> dict[str, object]:
        from datetime import timedelta

        since = (now - timedelta(hours=_COLD_HOURS)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"deliver_policy": "by_start_time", "opt_start_time": since}

    async def _restore(self) -> dict[str, int]:
        mark: dict[str, int] = {}
        same = True
        for entry in await self._bucket.load():
            self._revisions[entry.key] = entry.revision
            if entry.key == MARK:
                value = json.loads(entry.value)
                same = value["incarnations"] == self._incarnations
                mark = value["seqs"]
                continue
            try:
                self._boards.boards[entry.key] = load(entry.key, entry.value)
            except ValueError as error:
                log.warning(
                    "board snapshot is read anew from the streams", tenant=entry.key, reason=str(error)
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
