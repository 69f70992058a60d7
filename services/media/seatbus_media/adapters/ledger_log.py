"""The session table on disk: a log of whole records, the last of a session counts.

There is no fsync: what was written survives the process, and a machine that dies takes the calls along. The
log is written anew from what lives when most of it is of the past.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Final

import orjson

from seatbus_kit.log import get_logger

log = get_logger("seatbus.media")

_LARGE: Final = 4 << 20
_LIMIT: Final = 256 << 20
"""Bytes of a log that is read at a start: more was not written by this program."""


class LedgerLog:
    """Nothing here raises after the start: calls go on where the disk does not."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "sessions.log"
        self._pulse = os.open(folder / "pulse", os.O_RDWR | os.O_CREAT, 0o600)
        self._live: dict[str, bytes] = {}
        self._live_bytes = 0
        self._written = 0
        self._broken = False
        self._log = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def beat(self, now: float) -> None:
        """The process lives: a successor sees by this how long there was none."""
        try:
            os.pwrite(self._pulse, struct.pack("d", now), 0)
        except OSError as error:
            self._trouble(error)

    @property
    def last_beat(self) -> float:
        """Monotonic time of the predecessor's last beat; 0 if there was none."""
        data = os.pread(self._pulse, 8, 0)
        return float(struct.unpack("d", data)[0]) if len(data) == 8 else 0.0

    def save(self, session_id: str, record: dict[str, Any]) -> None:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self._live_bytes += len(line) - len(self._live.get(session_id, b""))
        self._live[session_id] = line
        self._append(line)

    def forget(self, session_id: str) -> None:
        line = self._live.pop(session_id, None)
        if line is not None:
            self._live_bytes -= len(line)
            self._append(orjson.dumps({"id": session_id, "over": True}, option=orjson.OPT_APPEND_NEWLINE))

    def load(self) -> list[dict[str, Any]]:
        """All sessions that a process before this one left, and a fresh log. What is torn is left out."""
        found: dict[str, dict[str, Any]] = {}
        try:
            data = self._path.read_bytes() if self._path.stat().st_size <= _LIMIT else b""
            os.truncate(self._path, 0)
        except OSError as error:
            log.error("the session table cannot be read", file=str(self._path), reason=str(error))
            return []
        for line in data.split(b"\n"):
            try:
                record = orjson.loads(line) if line else None
            except ValueError:
                continue  # torn by the end of the process
            if isinstance(record, dict) and isinstance(record.get("id"), str):
                if record.get("over"):
                    found.pop(record["id"], None)
                else:
                    found[record["id"]] = record
        return list(found.values())

    def _append(self, line: bytes) -> None:
        try:
            os.write(self._log, line)
            self._written += len(line)
            if self._written > _LARGE and self._written > 4 * self._live_bytes:
                self._renew()
        except OSError as error:
            self._trouble(error)
        else:
            self._broken = False

    def _renew(self) -> None:
        part = self._path.with_suffix(".part")
        part.write_bytes(b"".join(self._live.values()))
        os.replace(part, self._path)
        os.close(self._log)
        self._log = self._open()
        self._written = self._live_bytes

    def _trouble(self, error: OSError) -> None:
        if not self._broken:
            self._broken = True
            log.error(
                "sessions are not kept, a killed media would lose its calls",
                file=str(self._path),
                reason=str(error),
                remedy="free or repair the disk under SEATBUS_DATA_DIR",
            )
