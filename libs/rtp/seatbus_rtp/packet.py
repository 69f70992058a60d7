"""RTP packets (RFC 3550 5.1) as functions on bytes. The relay path makes no object per packet.

Readers of single fields trust that `is_rtp` or `payload_bounds` accepted the packet before.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from seatbus_rtp.errors import PacketError

Buffer = bytes | bytearray | memoryview

HEADER_SIZE: Final = 12
MAX_PACKET: Final = 1500
SEQ_MOD: Final = 1 << 16
TS_MOD: Final = 1 << 32
TS_MASK: Final = TS_MOD - 1

PLAIN: Final = 0x80
"""First byte of a packet without padding, extension or contributing sources: version 2 and nothing else."""

HEADER: Final = struct.Struct("!BBHII")
_U16: Final = struct.Struct("!H")
_U32: Final = struct.Struct("!I")


class PayloadType(IntEnum):
    """Static payload types (RFC 3551) and the dynamic one that we offer for RFC 4733 events."""

    PCMU = 0
    PCMA = 8
    G722 = 9
    CN = 13
    TELEPHONE_EVENT = 101


def is_rtcp(data: Buffer) -> bool:
    """Whether a packet on a shared port is RTCP (RFC 5761 4: second byte 192 to 223)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


def is_rtp(data: Buffer) -> bool:
    """Whether the bytes are a well-formed RTP packet and not RTCP."""
    if len(data) < HEADER_SIZE or data[0] >> 6 != 2 or 192 <= data[1] <= 223:
        return False
    if data[0] == PLAIN:
        return True
    try:
        payload_bounds(data)
    except PacketError:
        return False
    return True


def payload_bounds(data: Buffer) -> tuple[int, int]:
    """(start, end) of the payload. Raises PacketError where a length leaves the packet."""
    size = len(data)
    if size < HEADER_SIZE:
        raise PacketError("packet", "at least 12 bytes", size)
    first = data[0]
    if first == PLAIN:
        return HEADER_SIZE, size
    if first >> 6 != 2:
        raise PacketError("version", "must be 2", first >> 6)
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if start > size:
        raise PacketError("csrc_count", "contributing sources must lie inside the packet", first & 0x0F)
    if first & 0x10:
        if start + 4 > size:
            raise PacketError("extension", "header must lie inside the packet", size)
        start += 4 + 4 * int(_U16.unpack_from(data, start + 2)[0])
        if start > size:
            raise PacketError("extension", "length must lie inside the packet", size)
    end = size
    if first & 0x20:
        padding = data[size - 1]
        if padding == 0 or size - padding < start:
            raise PacketError("padding", "length must be 1 to the payload's size", padding)
        end = size - padding
    return start, end


def payload(data: bytes) -> bytes:
    """The payload. Raises PacketError as `payload_bounds` does."""
    start, end = payload_bounds(data)
    return data[start:end]


def payload_type(data: Buffer) -> int:
    return data[1] & 0x7F


def marker(data: Buffer) -> bool:
    return data[1] >= 0x80


def sequence(data: Buffer) -> int:
    return int(_U16.unpack_from(data, 2)[0])


def timestamp(data: Buffer) -> int:
    return int(_U32.unpack_from(data, 4)[0])


def ssrc(data: Buffer) -> int:
    return int(_U32.unpack_from(data, 8)[0])


def seq_delta(new: int, old: int) -> int:
    """new - old in sequence-number arithmetic: -32768 to 32767 (RFC 1982)."""
    return ((new - old + 0x8000) & 0xFFFF) - 0x8000


def ts_delta(new: int, old: int) -> int:
    """new - old in timestamp arithmetic: -2**31 to 2**31 - 1."""
    return ((new - old + 0x8000_0000) & TS_MASK) - 0x8000_0000


def build(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: Buffer, marker: bool = False
) -> bytes:
    """A plain packet. Sequence and timestamp are taken modulo their size."""
    second = payload_type | 0x80 if marker else payload_type
    return HEADER.pack(PLAIN, second, sequence & 0xFFFF, timestamp & TS_MASK, ssrc) + bytes(payload)


def build_into(
    out: bytearray,
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: Buffer,
    marker: bool = False,
) -> int:
    """Writes a plain packet at the start of `out`, which must be large enough. Returns the packet's size."""
    size = HEADER_SIZE + len(payload)
    if size > len(out):
        raise PacketError("out", f"must hold {size} bytes", len(out))
    second = payload_type | 0x80 if marker else payload_type
    HEADER.pack_into(out, 0, PLAIN, second, sequence & 0xFFFF, timestamp & TS_MASK, ssrc)
    out[HEADER_SIZE:size] = payload
    return size


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """A packet as a value: for tests, tools and logs, not for the relay path."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None
    """(profile, data); the data's length is a multiple of four."""
    padding: int = 0

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Raises PacketError."""
        start, end = payload_bounds(data)
        first, second, seq, ts, source = HEADER.unpack_from(data)
        count = first & 0x0F
        csrcs = struct.unpack_from(f"!{count}I", data, HEADER_SIZE)
        extension = None
        if first & 0x10:
            at = HEADER_SIZE + 4 * count
            extension = (int(_U16.unpack_from(data, at)[0]), data[at + 4 : start])
        return cls(
            second & 0x7F,
            seq,
            ts,
            source,
            data[start:end],
            second >= 0x80,
            tuple(csrcs),
            extension,
            len(data) - end,
        )

    def build(self) -> bytes:
        """Raises PacketError naming the field that cannot be written."""
        self._check()
        first = PLAIN | len(self.csrcs)
        first |= 0x10 if self.extension is not None else 0
        first |= 0x20 if self.padding else 0
        second = self.payload_type | (0x80 if self.marker else 0)
        parts = [HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc)]
        parts.append(struct.pack(f"!{len(self.csrcs)}I", *self.csrcs))
        if self.extension is not None:
            profile, data = self.extension
            parts += [struct.pack("!HH", profile, len(data) // 4), data]
        parts.append(self.payload)
        if self.padding:
            parts.append(bytes(self.padding - 1) + bytes([self.padding]))
        return b"".join(parts)

    def _check(self) -> None:
        limits = (
            ("payload_type", self.payload_type, 127),
            ("sequence", self.sequence, 0xFFFF),
            ("timestamp", self.timestamp, TS_MASK),
            ("ssrc", self.ssrc, TS_MASK),
            ("padding", self.padding, 255),
            ("csrcs", len(self.csrcs), 15),
        )
        for field, value, limit in limits:
            if not 0 <= value <= limit:
                raise PacketError(field, f"must be 0 to {limit}", value)
        if self.extension is not None and (len(self.extension[1]) % 4 or len(self.extension[1]) > 4 * 0xFFFF):
            raise PacketError("extension", "whole 32-bit words, at most 65535", len(self.extension[1]))
