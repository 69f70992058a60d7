"""A key-value bucket with compare-and-set only: an unconditional write would undo somebody's work."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus_kit.bus import EXPECTED_SUBJECT_SEQ, PubAck
from seatbus_kit.errors import Conflict, InvalidArgument, NotFound, OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_kit.bus import Bus

_KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./")
# Longer than the duplicate window of the streams: a key that comes back later starts a new sequence.
MARKER_TTL_S: Final = 180
_PAGE = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the revision that a compare-and-set must name.

    `deleted` entries are purge markers; only those who ask for markers see them.
    """

    key: str
    value: bytes
    revision: int
    deleted: bool = False


def is_marker(headers: dict[str, str] | None) -> bool:
    return bool(headers) and (headers or {}).get("KV-Operation") in {"PURGE", "DEL"}


def check_key(key: str) -> str:
    """Raises InvalidArgument for a key that NATS cannot hold."""
    if not key or key[0] == "." or key[-1] == "." or ".." in key or not _KEY_CHARACTERS.issuperset(key):
        raise InvalidArgument(
            f"not a key: {key!r}", field="key", rule="tokens of [-/_=A-Za-z0-9] joined by dots"
        )
    return key


@dataclass(frozen=True, slots=True)
class Write:
    """One write of an atomic batch: `value` None purges. `revision` 0 means the key must not exist;
    None writes whatever is there, which is right only behind another key's revision in the same batch.
    """

    key: str
    value: bytes | None
    revision: int | None


class Bucket:
    """`get` reads the leader. Writes raise Conflict, Refused, Unavailable (not done) or OutcomeUnknown."""

    def __init__(self, bus: Bus, name: str, *, timeout: float = 2.0) -> None:
        self.bus = bus
        self._timeout = timeout
        self.name = name
        self.stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    async def get(self, key: str) -> Entry | None:
        """The entry as the leader has it, None when the key is absent or purged."""
        entry = await self.read(key)
        return None if entry is None or entry.deleted else entry

    async def read(self, key: str) -> Entry | None:
        """As `get`, with purge markers shown as deleted entries."""
        try:
            answer = await self.bus.api(
                f"STREAM.MSG.GET.{self.stream}",
                {"last_by_subj": self._prefix + check_key(key)},
                self._timeout,
            )
        except NotFound:
            return None
        message = answer["message"]
        if not isinstance(message, dict):
            raise OutcomeUnknown(f"unreadable answer for {key}")
        headers = message.get("hdrs")
        deleted = headers is not None and b"KV-Operation" in base64.b64decode(headers)
        data = message.get("data")
        return Entry(key, base64.b64decode(data) if data else b"", message["seq"], deleted)

    async def create(self, key: str, value: bytes) -> int:
        """Writes a key that must not exist and returns its revision. Raises Conflict when it does."""
        check_key(key)
        try:
            return await self.put(key, value, 0)
        except Conflict:
            entry = await self.read(key)
            if entry is not None and not entry.deleted:
                raise Conflict(f"{key} exists", revision=entry.revision) from None
            return await self.put(key, value, entry.revision if entry is not None else 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replaces the value of exactly `revision`; returns the new one."""
        if revision < 1:
            raise InvalidArgument(f"revision {revision}", field="revision", rule=">= 1")
        return await self.put(check_key(key), value, revision)

    async def put(self, key: str, value: bytes, revision: int, *, ttl_s: int = 0) -> int:
        """Compare-and-set without a look at the key: 0 expects that the subject holds nothing at all.

        With `ttl_s` the value is gone after so many seconds: for what may be forgotten, never for a lease.
        """
        headers = {EXPECTED_SUBJECT_SEQ: str(revision)}
        if ttl_s:
            headers["Nats-TTL"] = str(ttl_s)
        ack: PubAck = await self.bus.store(self._prefix + key, value, headers, self._timeout)
        return ack.seq

    async def purge(self, key: str, revision: int) -> None:
        """Removes exactly `revision`. A marker stays for three minutes, so that watchers learn of it."""
        await self.mark(check_key(key), b"", revision, MARKER_TTL_S)

    async def mark(self, key: str, value: bytes, revision: int, ttl_s: int) -> int:
        """Writes a purge marker that may carry a value (an ended record's outbox) for `ttl_s` seconds."""
        headers = _purge_headers(ttl_s)
        headers[EXPECTED_SUBJECT_SEQ] = str(revision)
        ack: PubAck = await self.bus.store(self._prefix + key, value, headers, self._timeout)
        return ack.seq

    async def keys(self, prefix: str = "") -> list[str]:
        """Keys that hold a value or a marker, from the leader. `prefix` is a key or whole leading tokens."""
        names: set[str] = set()
        for pattern in (f"{prefix}", f"{prefix}.>") if prefix else (">",):
            names |= await self._subjects(self._prefix + pattern)
        return sorted(name[len(self._prefix) :] for name in names)

    async def _subjects(self, pattern: str) -> set[str]:
        found: set[str] = set()
        while True:
            answer = await self.bus.api(
                f"STREAM.INFO.{self.stream}", {"subjects_filter": pattern, "offset": len(found)}
            )
            state = answer.get("state")
            page = state.get("subjects") if isinstance(state, dict) else None
            before = len(found)
            found.update(page or ())
            if len(found) == before or len(found) >= int(str(answer.get("total", 0))):
                return found

    async def load(self, prefix: str = "") -> list[Entry]:
        """All entries below `prefix` as the leader has them, in key order.

        One leader read a key: right for rebuilding after a takeover. Those who only follow use a Watcher.
        """
        keys = await self.keys(prefix.rstrip(".>"))
        entries: list[Entry] = []
        for start in range(0, len(keys), _PAGE):
            found = await asyncio.gather(*(self.get(key) for key in keys[start : start + _PAGE]))
            entries.extend(entry for entry in found if entry is not None)
        return entries

    async def commit(self, writes: Sequence[Write], batch_id: str) -> int:
        """Applies all writes or none (the bucket must allow atomic batches); returns the last one's revision.

        Raises Conflict when a revision does not hold, OutcomeUnknown when the answer was lost: read then.
        """
        if not writes:
            raise InvalidArgument("an empty batch", field="writes", rule="at least one")
        last = len(writes)
        for number, write in enumerate(writes[:-1], 1):
            if not self.bus.connected:
                raise Unavailable("the bus is not connected")
            await self.bus.nc.publish(
                self._prefix + check_key(write.key),
                write.value or b"",
                headers=_batch_headers(write, batch_id, number),
            )
        final = writes[-1]
        headers = _batch_headers(final, batch_id, last) | {"Nats-Batch-Commit": "1"}
        subject = self._prefix + check_key(final.key)
        ack: PubAck = await self.bus.store(subject, final.value or b"", headers, timeout=5.0)
        return ack.seq


def _batch_headers(write: Write, batch_id: str, number: int) -> dict[str, str]:
    headers = _purge_headers(MARKER_TTL_S) if write.value is None else {}
    headers |= {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)}
    if write.revision is not None:
        headers[EXPECTED_SUBJECT_SEQ] = str(write.revision)
    return headers


def _purge_headers(ttl_s: int) -> dict[str, str]:
    return {"KV-Operation": "PURGE", "Nats-Rollup": "sub", "Nats-TTL": str(ttl_s)}
