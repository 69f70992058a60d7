"""The copy of the catalogue, on disk: all tenants' records for years are no matter for memory.

It is made anew at each start from the bus, so nothing of it has to survive: no journal, no sync. A copy that
cannot be written or read says so to who lists; the records themselves are in the bus.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError

from seatbus.recording.v1.types_pb2 import Recording
from seatbus_kit.buckets import Entry
from seatbus_kit.errors import Unavailable
from seatbus_kit.log import get_logger

log = get_logger("seatbus.recording")

_PAGES: Final = 256
"""Of 4 KiB, in memory."""
_SCHEMA: Final = """
CREATE TABLE records (
    key TEXT PRIMARY KEY, call TEXT NOT NULL, revision INTEGER NOT NULL, deleted INTEGER NOT NULL,
    value BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX of_calls ON records (call, key);
"""
_BEHIND_DOT: Final = "/"
"""The character that follows the dot: after all keys of a tenant."""


class Shelf(MutableMapping[str, Entry]):
    """Entries by their keys, and lists of a tenant's records."""

    def __init__(self, path: Path) -> None:
        """Replaces what a process that is gone has left. Raises OSError or sqlite3.Error."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._path = path
        self._fault = ""
        self._base = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            self._base.execute(f"PRAGMA {pragma}")
        self._base.execute(f"PRAGMA cache_size = {_PAGES}")
        self._base.executescript(_SCHEMA)

    def close(self) -> None:
        self._base.close()
        self._path.unlink(missing_ok=True)

    def listed(self, tenant: str, call_id: str, cursor: str, limit: int) -> list[Recording]:
        """Newest first, those before `cursor`. Raises Unavailable."""
        if self._fault:
            raise Unavailable(f"the copy of the catalogue is broken: {self._fault}", rule="catalogue_copy")
        query = "SELECT value FROM records WHERE key > ? AND key < ? AND NOT deleted"
        values: list[object] = [f"{tenant}.", f"{tenant}.{cursor}" if cursor else tenant + _BEHIND_DOT]
        if call_id:
            query += " AND call = ?"
            values.append(call_id)
        rows = self._rows(f"{query} ORDER BY key DESC LIMIT ?", *values, limit)
        return [Recording.FromString(row[0]) for row in rows]

    def __getitem__(self, key: str) -> Entry:
        for value, revision, deleted in self._rows(
            "SELECT value, revision, deleted FROM records WHERE key = ?", key
        ):
            return Entry(key, value, revision, bool(deleted))
        raise KeyError(key)

    def __setitem__(self, key: str, entry: Entry) -> None:
        try:
            call = Recording.FromString(entry.value).call_id
        except DecodeError:
            # Whoever reads the record says what is wrong with it.
            call = ""
        self._rows(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
            key,
            call,
            entry.revision,
            int(entry.deleted),
            entry.value,
        )

    def __delitem__(self, key: str) -> None:
        self._rows("DELETE FROM records WHERE key = ?", key)

    def __iter__(self) -> Iterator[str]:
        for (key,) in self._rows("SELECT key FROM records"):
            yield key

    def __len__(self) -> int:
        return sum(count for (count,) in self._rows("SELECT count(*) FROM records"))

    def _rows(self, statement: str, *values: object) -> list[Any]:
        """What the disk has. A fault is told once here, and to all who list."""
        try:
            return self._base.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            if not self._fault:
                log.error("the copy of the catalogue is broken, free space and restart", reason=str(error))
            self._fault = str(error)
            return []
