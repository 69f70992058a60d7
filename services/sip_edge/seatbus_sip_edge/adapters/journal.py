"""The edge's local journal: append-only segments, group commit, each on disk when it returns.

A commit is written by the loop itself as long as the disk takes less than a third of its time, else by a
thread of its own: two changes of thread cost more than a quick disk, and the loop must not wait for a slow
one.

A frame is length, CRC-32 and JSON. Entries:
  ["t", call id, call, dialogs, [[seq, type, microseconds, payload], ...]]   a transition with its facts
  ["e", call id, tenant, [[seq, type, microseconds, payload], ...]]          facts alone, in a checkpoint
  ["p", call id, seq]    the call's facts up to seq are on their stream
  ["x", call id]         nothing is owed to anybody for this call any more
  ["a", call id]         another edge has taken the call over: it is not ours, nor are facts still unpublished
  ["c"]                  the checkpoint at the head of this segment is complete
Each segment begins with a checkpoint (what lives, what is unpublished), so that recovery reads only the last
one with a complete checkpoint and what follows it; older ones are kept for repeats of facts.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import struct
import threading
import time
import zlib
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import orjson

from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

log = get_logger("sip_edge.journal")

_HEAD: Final = struct.Struct("<II")
_SUFFIX: Final = ".journal"
SEGMENT_BYTES: Final = 16 * 1024 * 1024
KEEP_BYTES: Final = 512 * 1024 * 1024
# As long as the streams keep facts.
KEEP_S: Final = 7 * 24 * 3600.0
# What the loop may wait for the disk: this part of its time, and so many seconds in one go.
_LOOP_SHARE: Final = 0.3
_LOOP_MOST_S: Final = 0.05

Entry = list[object]


def encode(entry: Entry, default: Callable[[object], object] | None = None) -> bytes:
    try:
        return orjson.dumps(entry, default=default)
    except TypeError:
        return _readable(entry, default)


def frame(entry: Entry, default: Callable[[object], object] | None = None) -> bytes:
    body = encode(entry, default)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _readable(entry: Entry, default: Callable[[object], object] | None) -> bytes:
    """Headers of a peer may hold bytes that are no UTF-8: what cannot be written is replaced.

    Raises TypeError for what is no JSON at all.
    """

    def plain(value: object) -> object:
        if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        if isinstance(value, Enum):
            return value.value
        if default is None:
            raise TypeError(f"a {type(value).__name__} cannot be written to the journal")
        return default(value)

    text = json.dumps(entry, default=plain, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def read_segment(path: Path) -> Iterator[Entry]:
    """Entries up to the first torn or damaged frame: what follows was never acknowledged."""
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length or zlib.crc32(body) != crc:
            log.warning("journal ends in a torn entry", segment=path.name, offset=at)
            return
        yield orjson.loads(body)
        at += _HEAD.size + length


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{_SUFFIX}"))


def recover(directory: Path) -> Iterator[Entry]:
    """Everything that matters after a crash, oldest first."""
    found = segments(directory)
    start = 0
    for index in range(len(found) - 1, -1, -1):
        if any(entry[0] == "c" for entry in read_segment(found[index])):
            start = index
            break
    for path in found[start:]:
        yield from read_segment(path)


@dataclass(slots=True)
class _Batch:
    frames: list[bytes]
    callbacks: list[Callable[[], None]]
    # Frames of a checkpoint, when this batch begins a new segment.
    checkpoint: list[bytes] | None = None


class Journal:
    """`append` then `then`: the callback runs on the loop once all that was appended before is on disk."""

    def __init__(
        self, directory: Path, *, segment_bytes: int = SEGMENT_BYTES, keep_bytes: int = KEEP_BYTES
    ) -> None:
        self.directory = directory
        self._segment_bytes = segment_bytes
        self._keep_bytes = keep_bytes
        self._batch = _Batch([], [])
        self._writing = False
        self._scheduled = False
        # Somebody waits for what is in the batch; frames that were added lazily alone make no commit.
        self._wanted = False
        self._jobs: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._checkpoint: Callable[[], Iterable[bytes]] = tuple
        self._written = 0
        self._fd = -1
        self._number = 0
        # The segment that begins with a complete checkpoint: those before it are not needed to recover.
        self._complete = 0
        self._failed = False
        self._credit = _LOOP_MOST_S
        self._credited_at = time.monotonic()
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self, checkpoint: Callable[[], Iterable[bytes]]) -> None:
        """Opens a new segment with a checkpoint. Call after recovery."""
        self.directory.mkdir(parents=True, exist_ok=True)
        found = segments(self.directory)
        self._number = int(found[-1].stem) if found else 0
        self._loop = asyncio.get_running_loop()
        self._checkpoint = checkpoint
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        self._batch.checkpoint = list(checkpoint())
        opened = asyncio.Event()
        self._batch.callbacks.insert(0, opened.set)
        self._kick()
        await opened.wait()

    async def stop(self) -> None:
        await self.flush()
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join, 5.0)
            self._thread = None

    async def flush(self) -> None:
        """Waits until all that was appended is on disk."""
        while self._batch.frames:
            self._wanted = True
            self._kick()
            await self._idle.wait()
        await self._idle.wait()

    @property
    def healthy(self) -> bool:
        return not self._failed

    def append(self, data: bytes) -> None:
        """Adds a frame to the next commit."""
        self._batch.frames.append(data)
        self._written += len(data)
        self._schedule()

    def append_lazily(self, data: bytes) -> None:
        """Adds a frame that may be lost: it rides with the next commit."""
        self._batch.frames.append(data)
        self._written += len(data)

    def then(self, callback: Callable[[], None]) -> None:
        """Runs `callback` after the commits before it; at once when nothing is under way."""
        if not self._writing and not self._scheduled:
            callback()
            return
        self._batch.callbacks.append(callback)
        self._schedule()

    def _schedule(self) -> None:
        self._wanted = True
        # One commit for everything that this turn of the loop appends.
        if not self._scheduled and not self._writing and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self._kick)

    def _kick(self) -> None:
        self._scheduled = False
        if self._writing or self._loop is None:
            return
        batch, self._batch = self._batch, _Batch([], [])
        self._wanted = False
        if not batch.frames and not batch.callbacks and batch.checkpoint is None:
            return
        if batch.checkpoint is None and self._written > self._segment_bytes:
            # Frames already in the batch are in the checkpoint as well: reading both is harmless.
            batch.checkpoint = list(self._checkpoint())
            self._written = 0
        if self._loop_may_wait(batch):
            began = time.monotonic()
            self._commit(batch)
            self._credit -= time.monotonic() - began
            self._called_back(batch)
            return
        self._writing = True
        self._idle.clear()
        self._jobs.put(batch)

    def _loop_may_wait(self, batch: _Batch) -> bool:
        if batch.checkpoint is not None or self._fd < 0 or self._thread is None:
            return False
        now = time.monotonic()
        earned = (now - self._credited_at) * _LOOP_SHARE
        self._credit, self._credited_at = min(self._credit + earned, _LOOP_MOST_S), now
        return self._credit > 0

    def _done(self, batch: _Batch) -> None:
        self._writing = False
        self._called_back(batch)
        if self._wanted:
            self._kick()
        if not self._writing:
            self._idle.set()

    @staticmethod
    def _called_back(batch: _Batch) -> None:
        for callback in batch.callbacks:
            try:
                callback()
            except Exception as error:
                log.error("an effect failed after its journal entry", error=repr(error), exc_info=error)

    # ---- the writer's thread, and the loop while the disk is quick ---------------------------------------
    def _run(self) -> None:
        while True:
            batch = self._jobs.get()
            if batch is None:
                if self._fd >= 0:
                    os.close(self._fd)
                    self._fd = -1
                return
            self._commit(batch)
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._done, batch)

    def _commit(self, batch: _Batch) -> None:
        try:
            self._write(batch)
            self._failed = False
        except OSError as error:
            # Calls go on: what cannot be written is only lost if this process dies as well.
            self._failed = True
            log.error(
                "journal cannot be written, calls would not survive a crash: free the disk",
                directory=str(self.directory),
                error=str(error),
            )

    def _write(self, batch: _Batch) -> None:
        if batch.checkpoint is not None or self._fd < 0:
            self._rotate(batch.checkpoint or [])
        if batch.frames:
            _write_all(self._fd, batch.frames[0] if len(batch.frames) == 1 else b"".join(batch.frames))

    def _rotate(self, checkpoint: list[bytes]) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._number += 1
        path = self.directory / f"{self._number:012d}{_SUFFIX}"
        # A write returns when it is on disk: one system call a commit, and the interpreter's lock taken once.
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DSYNC, 0o600)
        _write_all(self._fd, b"".join([*checkpoint, frame(["c"])]))
        os.fsync(self._fd)
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._complete = self._number
        self._prune(path)

    def closed(self) -> list[Path]:
        """Segments that recovery does without; they are kept for the sake of their facts."""
        return [path for path in segments(self.directory) if int(path.stem) < self._complete]

    def _prune(self, current: Path) -> None:
        """What reporting has not committed goes after a week, or the oldest first when all is too large."""
        kept = [(path, path.stat()) for path in segments(self.directory) if path != current]
        total = sum(stat.st_size for _, stat in kept)
        for path, stat in kept:
            if time.time() - stat.st_mtime > KEEP_S or total > self._keep_bytes:
                log.warning("journal segment goes before reporting has all its facts", segment=path.name)
                path.unlink(missing_ok=True)
                total -= stat.st_size


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
