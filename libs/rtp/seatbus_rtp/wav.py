"""WAV files of 16-bit PCM: written as a stream, finished or repaired after a crash, read with limits.

An unfinished file has zero sizes in its header. Its samples are all there: `repair` computes the sizes from
the file's length, so a writer that was killed loses only what it had not flushed.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.errors import WavError

Pcm = NDArray[np.int16]

HEADER_SIZE: Final = 44
MAX_DATA: Final = 0xFFFFFFFF - HEADER_SIZE
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_FORMAT: Final = struct.Struct("<HHIIHH")
_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE
_MAX_CHUNKS: Final = 64


@dataclass(frozen=True, slots=True)
class WavInfo:
    """Where the samples of a file are. `frames` counts samples per channel."""

    channels: int
    rate: int
    data_offset: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


@dataclass(frozen=True, slots=True)
class WavLimits:
    """What a reader accepts. The defaults suit an uploaded prompt."""

    max_seconds: float = 600.0
    max_channels: int = 2
    min_rate: int = 8000
    max_rate: int = 48000


def header(channels: int, rate: int, data_bytes: int) -> bytes:
    """The 44 bytes before the samples. Raises WavError on a value that the format cannot carry."""
    if channels not in (1, 2):
        raise WavError("channels", "must be 1 or 2", channels)
    if not 1 <= rate <= 192_000:
        raise WavError("rate", "must be 1 to 192000 Hz", rate)
    if not 0 <= data_bytes <= MAX_DATA:
        raise WavError("data", f"at most {MAX_DATA} bytes", data_bytes)
    width = 2 * channels
    riff = data_bytes + HEADER_SIZE - 8 if data_bytes else 0
    return _HEADER.pack(
        b"RIFF",
        riff,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        channels,
        rate,
        rate * width,
        width,
        16,
        b"data",
        data_bytes,
    )


class WavWriter:
    """Appends samples to a seekable binary file. The caller owns the file: flush, fsync and close are its
    business.
    """

    def __init__(self, file: BinaryIO, channels: int = 1, rate: int = 8000) -> None:
        self._file = file
        self._channels = channels
        self._rate = rate
        self._bytes = 0
        file.write(header(channels, rate, 0))

    @property
    def frames(self) -> int:
        return self._bytes // (2 * self._channels)

    @property
    def seconds(self) -> float:
        return self.frames / self._rate

    @property
    def size(self) -> int:
        """Bytes in the file, header included."""
        return HEADER_SIZE + self._bytes

    def write(self, left: Pcm, right: Pcm | None = None) -> None:
        """Mono: one array. Stereo: two arrays of one length. Raises WavError otherwise."""
        if (right is not None) != (self._channels == 2):
            raise WavError("channels", f"the file has {self._channels}", 1 if right is None else 2)
        if right is None:
            data = left.astype("<i2", copy=False).tobytes()
        else:
            if len(left) != len(right):
                raise WavError("right", f"must be as long as left ({len(left)})", len(right))
            both = np.empty(2 * len(left), dtype="<i2")
            both[0::2] = left
            both[1::2] = right
            data = both.tobytes()
        if self._bytes + len(data) > MAX_DATA:
            raise WavError("data", f"at most {MAX_DATA} bytes", self._bytes + len(data))
        self._file.write(data)
        self._bytes += len(data)

    def finish(self) -> None:
        """Writes the sizes and leaves the position at the end."""
        self._file.seek(0)
        self._file.write(header(self._channels, self._rate, self._bytes))
        self._file.seek(0, os.SEEK_END)


def repair(path: Path) -> WavInfo:
    """Finishes a file of `WavWriter` that was cut off: drops half a sample at its end, writes the sizes.

    A finished file comes out as it went in. Raises WavError if the header is not one of ours.
    """
    with path.open("r+b") as file:
        raw = file.read(HEADER_SIZE)
        if len(raw) < HEADER_SIZE:
            raise WavError("header", f"at least {HEADER_SIZE} bytes", len(raw))
        riff, _, wave, fmt, fmt_size, kind, channels, rate, _, _, bits, data, _ = _HEADER.unpack(raw)
        found = (riff, wave, fmt, fmt_size, kind, bits, data)
        if found != (b"RIFF", b"WAVE", b"fmt ", 16, _PCM, 16, b"data"):
            raise WavError("header", "must be one written by WavWriter")
        size = file.seek(0, os.SEEK_END) - HEADER_SIZE
        if channels not in (1, 2):
            raise WavError("channels", "must be 1 or 2", channels)
        whole = size - size % (2 * channels)
        fresh = header(channels, rate, whole)
        if whole != size:
            file.truncate(HEADER_SIZE + whole)
        if fresh != raw:
            file.seek(0)
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
    return WavInfo(channels, rate, HEADER_SIZE, whole // (2 * channels))


class WavReader:
    """Reads a file in pieces after its header was checked. Raises WavError naming the field and the rule."""

    def __init__(self, file: BinaryIO, limits: WavLimits | None = None) -> None:
        self._file = file
        self.info = read_info(file, limits)
        self._left = self.info.frames
        file.seek(self.info.data_offset)

    def read(self, frames: int) -> Pcm:
        """Up to `frames` frames as (frames, channels); an empty array at the end."""
        wanted = max(0, min(frames, self._left))
        width = 2 * self.info.channels
        raw = self._file.read(wanted * width)
        got = len(raw) // width
        if got < wanted:
            raise WavError("data", f"{wanted} more frames announced", got)
        self._left -= got
        return np.frombuffer(raw, dtype="<i2").astype(np.int16).reshape(-1, self.info.channels)


def read_info(file: BinaryIO, limits: WavLimits | None = None) -> WavInfo:
    """Finds format and samples in a seekable file; unknown chunks are skipped. Raises WavError."""
    allowed = limits or WavLimits()
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise WavError("header", "must begin with RIFF and WAVE")
    channels = rate = 0
    for _ in range(_MAX_CHUNKS):
        raw = file.read(8)
        if len(raw) < 8:
            raise WavError("data", "chunk is missing")
        name, length = struct.unpack("<4sI", raw)
        at = file.tell()
        if name == b"data":
            if not rate:
                raise WavError("fmt", "chunk must come before the samples")
            return _samples(channels, rate, at, length, size, allowed)
        if at + length > size:
            raise WavError(name.decode("ascii", "replace").strip(), "chunk must lie inside the file", length)
        if name == b"fmt ":
            channels, rate = _format(file.read(min(length, 40)), allowed)
        file.seek(at + length + length % 2)
    raise WavError("chunks", f"at most {_MAX_CHUNKS} before the samples")


def _format(raw: bytes, allowed: WavLimits) -> tuple[int, int]:
    if len(raw) < 16:
        raise WavError("fmt", "at least 16 bytes", len(raw))
    kind, channels, rate, _, block, bits = _FORMAT.unpack_from(raw)
    if kind == _EXTENSIBLE and len(raw) >= 26:
        kind = int.from_bytes(raw[24:26], "little")
    if kind != _PCM:
        raise WavError("format", "must be 1 (PCM)", kind)
    if bits != 16:
        raise WavError("bits_per_sample", "must be 16", bits)
    if not 1 <= channels <= allowed.max_channels:
        raise WavError("channels", f"must be 1 to {allowed.max_channels}", channels)
    if not allowed.min_rate <= rate <= allowed.max_rate:
        raise WavError("rate", f"must be {allowed.min_rate} to {allowed.max_rate} Hz", rate)
    if block != 2 * channels:
        raise WavError("block_align", f"must be {2 * channels}", block)
    return channels, rate


def _samples(channels: int, rate: int, at: int, length: int, size: int, allowed: WavLimits) -> WavInfo:
    if at + length > size:
        raise WavError("data", "must lie inside the file", length)
    if length == 0 and size > at:
        raise WavError("data", "size is zero but samples follow: the file was not finished")
    frames = length // (2 * channels)
    if frames > allowed.max_seconds * rate:
        raise WavError("data", f"at most {allowed.max_seconds:g} s", round(frames / rate, 3))
    return WavInfo(channels, rate, at, frames)


def read_wav(path: Path, limits: WavLimits | None = None) -> tuple[WavInfo, Pcm]:
    """The whole file: its info and samples as (frames, channels)."""
    with path.open("rb") as file:
        reader = WavReader(file, limits)
        return reader.info, reader.read(reader.info.frames)


def write_wav(path: Path, left: Pcm, right: Pcm | None = None, rate: int = 8000) -> None:
    """A finished file from arrays in memory."""
    with path.open("wb") as file:
        writer = WavWriter(file, 1 if right is None else 2, rate)
        writer.write(left, right)
        writer.finish()
