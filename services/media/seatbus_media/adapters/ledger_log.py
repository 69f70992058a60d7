"""The session table on disk: a log of whole records, the last of a session counts.

There is no fsync: what was written survives the process, and a machine that dies takes the calls along. The
log is written anew from what lives when most of it is of the past. Keys are not in the log: those of a
session are in a file of their own, which goes with the session.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any, Final

import orjson

from seatbus_kit.log import get_logger
from seatbus_media.application.ledger import SECRETS

log = get_logger("seatbus.media")

_DIGEST: Final = "keys"
_LARGE: Final = 4 << 20
_LIMIT: Final = 256 << 20
"""Bytes of a log that is read at a start: more was not written by this program."""


class LedgerLog:
    """Nothing here raises after the start: calls go on where the disk does not."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "sessions.log"
        self._keys = folder / "keys"
        self._keys.mkdir(exist_ok=True, mode=0o700)
        self._with_keys: dict[str, str] = {}
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
        secrets = record.pop(SECRETS, None)
        record[_DIGEST] = self._save_secrets(session_id, secrets) if secrets else ""
        if record[_DIGEST] is None:
            self.forget(session_id)
            return
        if not secrets:
            self._forget_secrets(session_id)
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self._live_bytes += len(line) - len(self._live.get(session_id, b""))
        self._live[session_id] = line
        self._append(line)

    def forget(self, session_id: str) -> None:
        self._forget_secrets(session_id)
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
        try:
            return self._with_secrets(found)
        except OSError as error:
            log.error("the keys of sessions cannot be read", folder=str(self._keys), reason=str(error))
            return []

    # -- keys ------------------------------------------------------------------------------------------------

    def _key_file(self, session_id: str) -> Path:
        return self._keys / hashlib.sha256(session_id.encode()).hexdigest()[:32]

    def _save_secrets(self, session_id: str, secrets: dict[str, Any]) -> str | None:
        """What the record says of them; None when they cannot be kept."""
        data = orjson.dumps(secrets, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(data).hexdigest()
        if self._with_keys.get(session_id) == digest:
            return digest
        path = self._key_file(session_id)
        part = path.with_suffix(".part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            os.replace(part, path)
        except OSError as error:
            self._trouble(error)
            return None
        self._with_keys[session_id] = digest
        return digest

    def _forget_secrets(self, session_id: str) -> None:
        if self._with_keys.pop(session_id, None) is not None:
            try:
                self._key_file(session_id).unlink(missing_ok=True)
            except OSError as error:
                self._trouble(error)

    def _with_secrets(self, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """The records with their keys; keys without a session are removed."""
        complete = []
        mine = {self._key_file(session_id).name: session_id for session_id in found}
        data: dict[str, bytes] = {}
        for path in self._keys.iterdir():
            session_id = mine.get(path.name)
            if session_id is None:
                path.unlink(missing_ok=True)
            else:
                data[session_id] = path.read_bytes()
        for session_id, record in found.items():
            digest, kept = record.pop(_DIGEST, ""), data.get(session_id, b"")
            if digest and hashlib.sha256(kept).hexdigest() != digest:
                log.error("a session's keys are not those of its record", call=session_id)
                self._key_file(session_id).unlink(missing_ok=True)
                continue
            record[SECRETS] = orjson.loads(kept) if digest else {}
            if digest:
                self._with_keys[session_id] = digest
            complete.append(record)
        return complete

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
