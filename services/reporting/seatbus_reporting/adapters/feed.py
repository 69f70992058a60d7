"""One reading of each stream for the rows and for the boards."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from seatbus_reporting.adapters.reader import Begin, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock
    from seatbus_kit.events import InEvent
    from seatbus_reporting.application.boards import Boards
    from seatbus_reporting.application.rows import Rows

BOARD_STREAMS: Final = ("CALL", "CONTACT", "AGENT")
STREAMS: Final = (*BOARD_STREAMS, "RECORDING")
# Without a snapshot: what may still be waiting or talking, and all of today.
_COLD_HOURS: Final = 26
# Nobody looks at a board: its numbers may be this old when somebody asks for them once.
_UNWATCHED_S: Final = 0.25


class Feed:
    """Reads on behind the rows' positions or the boards' mark, whichever is earlier: both drop what they
    have, by its place in the stream.
    """

    def __init__(self, bus: Bus, boards: Boards, rows: Rows, clock: Clock, *, pace_s: float) -> None:
        self._boards = boards
        self._pace_s = pace_s
        self._rows = rows
        self._clock = clock
        self._readers = {
            stream: Reader(
                bus,
                stream,
                self._both if stream in BOARD_STREAMS else rows.take,
                rows.room,
                pace=self._pace if stream in BOARD_STREAMS else lambda: _UNWATCHED_S,
            )
            for stream in STREAMS
        }

    def _both(self, events: Sequence[InEvent]) -> None:
        self._boards.fold(events)
        self._rows.take(events)

    def _pace(self) -> float:
        return self._pace_s if self._boards.watched else max(self._pace_s, _UNWATCHED_S)

    async def start(self, marks: dict[str, int]) -> None:
        """`marks`: up to where the boards were saved. Returns when everything in the streams is delivered."""
        await asyncio.gather(
            *(
                reader.start(self._begin(stream, marks.get(stream)))
                for stream, reader in self._readers.items()
            )
        )

    def rewind(self, positions: dict[str, int]) -> None:
        """Reads again behind `positions`, from the beginning where there is none."""
        for stream, reader in self._readers.items():
            reader.rewind(Begin(after=positions.get(stream)))

    async def stop(self) -> None:
        for reader in self._readers.values():
            await reader.stop()

    def _begin(self, stream: str, mark: int | None) -> Begin:
        position = self._rows.positions.get(stream)
        if stream not in BOARD_STREAMS:
            return Begin(after=position)
        if self._rows.active and position is None:
            return Begin()
        if mark is None:
            return Begin(policy=_cold(stream, self._clock.now()), not_after=position)
        return Begin(after=mark if position is None else min(mark, position))


def _cold(stream: str, now: datetime) -> dict[str, object]:
    if stream == "AGENT":
        # An agent's last event tells its state, whenever that was.
        return {"deliver_policy": "all"}
    since = (now - timedelta(hours=_COLD_HOURS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"deliver_policy": "by_start_time", "opt_start_time": since}
