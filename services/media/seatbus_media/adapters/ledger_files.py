"""The session table on disk: one small file a session, replaced whole at each change.

There is no fsync: what was written survives the process, and a machine that dies takes the calls along.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Final

import orjson

from seatbus_kit.log import get_logger

log = get_logger("seatbus.media")

_MAX_BYTES: Final = 1 << 20


class LedgerFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broken = False
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._pulse = os.open(folder.parent / "pulse", os.O_RDWR | os.O_CREAT, 0o600)

    def beat(self, now: float) -> None:
        """The process lives: a successor sees by this how long there was none."""
        try:
            os.pwrite(self._pulse, struct.pack("d", now), 0)
        except OSError as error:
            log.warning("the pulse cannot be written", reason=str(error))

    @property
    def last_beat(self) -> float:
        """Monotonic time of the predecessor's last beat; 0 if there was none."""
        data = os.pread(self._pulse, 8, 0)
        return float(struct.unpack("d", data)[0]) if len(data) == 8 else 0.0

    def save(self, session_id: str, record: dict[str, Any]) -> None:
        """Never raises: calls go on where the disk does not."""
        path = self._folder / session_id
        part = self._folder / f"{session_id}.part"
        try:
            with part.open("wb") as file:
                file.write(orjson.dumps(record))
            os.replace(part, path)
        except OSError as error:
            if not self._broken:
                log.error(
                    "sessions are not kept, a killed media would lose its calls",
                    folder=str(self._folder),
                    reason=str(error),
                    remedy="free or repair the disk under SEATBUS_DATA_DIR",
                )
            self._broken = True
        else:
            self._broken = False

    def forget(self, session_id: str) -> None:
        try:
            (self._folder / session_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("a session's file cannot be removed", call=session_id, reason=str(error))

    def load(self) -> list[dict[str, Any]]:
        """All sessions that a process before this one left. Files that cannot be read are removed."""
        found = []
        for path in sorted(self._folder.iterdir()):
            try:
                if path.suffix == ".part" or path.stat().st_size > _MAX_BYTES:
                    raise ValueError("not a whole record")
                record = orjson.loads(path.read_bytes())
                if not isinstance(record, dict):
                    raise ValueError("not a record")
            except (OSError, ValueError) as error:
                log.warning("a session's file is of no use", file=path.name, reason=str(error))
                path.unlink(missing_ok=True)
            else:
                found.append(record)
        return found
