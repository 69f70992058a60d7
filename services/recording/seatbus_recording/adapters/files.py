"""Recordings on this machine's disk.

Laws: samples are appended without a buffer of ours, so what was acknowledged survives a kill of the process;
a note in `.open/` exists from before the first sample until the record in the bus says that the recording is
complete; the WAV header is right after every restart.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from seatbus.recording.v1.service_pb2 import Open
from seatbus_kit.errors import NotFound, Refused, ResourceExhausted, SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_recording.domain.naming import marker_name, object_name, parse_marker
from seatbus_recording.domain.placement import place
from seatbus_rtp import wav
from seatbus_rtp.errors import WavError
from seatbus_rtp.g711 import decode_pcma, decode_pcmu

log = get_logger("seatbus.recording")

RATE: Final = 8000
PIECE: Final = 64 * 1024
_BLOCK: Final = 1 << 20
_SILENCE_FRAMES: Final = 1 << 16
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def width_of(encoding: str) -> int:
    """Bytes of a sample."""
    return 2 if encoding == "l16" else 1


def _decode_l16(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, "<i2").astype(np.int16, copy=False)


_DECODERS: Final[dict[str, Callable[[bytes], NDArray[np.int16]]]] = {
    "pcmu": decode_pcmu,
    "pcma": decode_pcma,
    "l16": _decode_l16,
}


def storage_error(error: OSError, path: Path) -> SeatbusError:
    """What a failed write means to the caller."""
    if error.errno in _FULL:
        return ResourceExhausted(f"no space left for recordings in {path.parent}", rule="disk_full")
    return Unavailable(f"recordings cannot be written: {error.strerror}", rule="disk")


class RecordingFile:
    """One file while it grows. `stored` counts samples per channel."""

    def __init__(self, path: Path, file: BinaryIO, channels: int, stored: int, rate: int = RATE) -> None:
        self.path = path
        self.rate = rate
        self.channels = channels
        self.stored = stored
        self._file = file

    def append(self, offset: int, left: bytes, right: bytes, encoding: str) -> None:
        """Puts a chunk in its place. Raises ResourceExhausted when the disk is full, Unavailable."""
        width = width_of(encoding)
        samples = len(left) // width
        where = place(self.stored, offset, samples)
        if where.skip >= samples:
            return
        self.fill(self.stored + where.gap)
        decode = _DECODERS[encoding]
        one, two = (decode(sound[where.skip * width :]) for sound in (left, right))
        if self.channels == 2:
            both = np.empty(2 * len(one), dtype="<i2")
            both[0::2], both[1::2] = one, two
        else:
            both = np.clip(one.astype(np.int32) + two, -32768, 32767).astype("<i2")
        self._write(both.tobytes())

    def fill(self, until: int) -> None:
        """Silence up to position `until`."""
        while self.stored < until:
            frames = min(_SILENCE_FRAMES, until - self.stored)
            self._write(bytes(2 * self.channels * frames))

    def _write(self, data: bytes) -> None:
        try:
            at = 0
            while at < len(data):
                at += self._file.write(data[at:])
        except OSError as error:
            self._cut_back()
            raise storage_error(error, self.path) from error
        self.stored += len(data) // (2 * self.channels)

    def _cut_back(self) -> None:
        """After a write that was cut short the file ends with a whole sample again."""
        end = wav.HEADER_SIZE + self.stored * 2 * self.channels
        with contextlib.suppress(OSError):
            self._file.truncate(end)
            self._file.seek(end)

    def finish(self) -> tuple[int, str]:
        """Writes the header, syncs, closes: (size in bytes, SHA-256 of the file). Blocks; call it in a
        thread. Raises as `append`.
        """
        try:
            data = self.stored * 2 * self.channels
            self._file.seek(0)
            self._file.write(wav.header(self.channels, self.rate, data))
            os.fsync(self._file.fileno())
            self._file.close()
            digest = hashlib.sha256()
            with self.path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
            return wav.HEADER_SIZE + data, digest.hexdigest()
        except OSError as error:
            raise storage_error(error, self.path) from error

    def close(self) -> None:
        """Leaves the file as it is, to be resumed."""
        with contextlib.suppress(OSError):
            self._file.close()


class FileStore:
    """All files below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._notes = directory / ".open"

    def prepare(self) -> None:
        """Makes the directory. Raises Unavailable where it cannot be written."""
        try:
            self._notes.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            raise Unavailable(f"{self.directory} cannot be used: {error.strerror}", rule="disk") from error

    def create(self, recording_id: str, opening: Open) -> RecordingFile:
        """A new file, or the half-written one of this recording, ready to go on. Raises ResourceExhausted,
        Unavailable, InvalidArgument.
        """
        path = self.path(object_name(opening.tenant_id, opening.started_at.ToDatetime(UTC), recording_id))
        note = self._notes / marker_name(opening.tenant_id, recording_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            temporary = note.with_name(f"~{note.name}")
            temporary.write_bytes(opening.SerializeToString())
            temporary.replace(note)
            return self._resume(path, 1 if opening.mono else 2, opening.sample_rate or RATE)
        except OSError as error:
            raise storage_error(error, path) from error

    def _resume(self, path: Path, channels: int, rate: int) -> RecordingFile:
        stored = 0
        if path.exists():
            try:
                info = wav.repair(path)
                channels, stored = info.channels, info.frames
            except WavError as error:
                # Killed inside the first 44 bytes: nothing of it was acknowledged.
                log.warning("unreadable half-written file is begun anew", path=str(path), reason=str(error))
        file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        if not stored:
            file.truncate(0)
            file.write(wav.header(channels, rate, 0))
        file.seek(0, os.SEEK_END)
        return RecordingFile(path, file, channels, stored, rate)

    def note(self, tenant: str, recording_id: str) -> Open | None:
        """The opening of a half-written recording, None if there is none."""
        try:
            raw = (self._notes / marker_name(tenant, recording_id)).read_bytes()
        except FileNotFoundError:
            return None
        opening = Open()
        opening.ParseFromString(raw)
        return opening

    def unfinished(self) -> Iterator[tuple[str, Open]]:
        """(recording id, opening) of every file that was not finished."""
        for entry in sorted(self._notes.iterdir()):
            if entry.name.startswith("~"):
                continue
            try:
                _, recording_id = parse_marker(entry.name)
                yield recording_id, Open.FromString(entry.read_bytes())
            except (SeatbusError, ValueError, OSError) as error:
                log.error("unreadable note of a recording", note=entry.name, reason=repr(error))

    def completed(self, tenant: str, recording_id: str) -> None:
        """The record says it all now: the note goes."""
        (self._notes / marker_name(tenant, recording_id)).unlink(missing_ok=True)

    def path(self, name: str) -> Path:
        """The path of an object. Raises Refused for a name that leaves the directory."""
        base = self.directory.resolve()
        path = (base / name).resolve()
        if not path.is_relative_to(base) or path.suffix != ".wav":
            raise Refused("bad_object_name", f"{name!r} is no recording", field="object_name")
        return path

    def read(self, name: str) -> Iterator[bytes]:
        """The file in pieces of at most 64 KiB. Raises NotFound."""
        path = self.path(name)
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError as error:
            raise NotFound(f"the file of this recording is gone: {name}") from error

    def size(self, name: str) -> int:
        try:
            return self.path(name).stat().st_size
        except FileNotFoundError as error:
            raise NotFound(f"the file of this recording is gone: {name}") from error

    def delete(self, name: str) -> None:
        """Removes the file; one that is gone already is no error."""
        self.path(name).unlink(missing_ok=True)
