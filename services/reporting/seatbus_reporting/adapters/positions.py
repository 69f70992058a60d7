"""Up to where the rows of each stream are stored: one value in bucket `board`, written after the inserts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_kit.bus import Bus

log = get_logger("reporting.positions")

POSITIONS: Final = "_rows"


class RowPositions:
    """Implements `Positions`. A position is worth something only in the stream that it was taken in."""

    def __init__(self, bus: Bus, streams: Sequence[str]) -> None:
        self._bus = bus
        self._bucket = Bucket(bus, "board")
        self._streams = streams
        self._incarnations: dict[str, str] = {}
        self._seqs: dict[str, int] = {}
        self._revision = 0

    async def load(self) -> dict[str, int]:
        for stream in self._streams:
            self._incarnations[stream] = await self._bus.stream_incarnation(stream)
        self._seqs = await self._read()
        return dict(self._seqs)

    async def _read(self) -> dict[str, int]:
        entry = await self._bucket.read(POSITIONS)
        self._revision = entry.revision if entry is not None else 0
        if entry is None or entry.deleted:
            return {}
        try:
            value = json.loads(entry.value)
            return {
                str(stream): int(seq)
                for stream, (seq, incarnation) in value.items()
                if incarnation == self._incarnations.get(stream)
            }
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("positions are unreadable, the streams are read anew", reason=repr(error))
            return {}

    async def save(self, seqs: dict[str, int]) -> None:
        self._seqs.update(seqs)
        try:
            await self._write()
        except Conflict:
            # Who held the rows before wrote its last one late: the higher is true, both are stored.
            for stream, seq in (await self._read()).items():
                self._seqs[stream] = max(seq, self._seqs.get(stream, 0))
            await self._write()

    async def _write(self) -> None:
        value = {stream: (seq, self._incarnations[stream]) for stream, seq in self._seqs.items()}
        self._revision = await self._bucket.put(POSITIONS, json.dumps(value).encode(), self._revision)
