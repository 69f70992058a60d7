"""RTCP sender and receiver reports (RFC 3550 6) with CNAME and BYE, as compound packets."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from seatbus_rtp.errors import RtcpError

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203

NTP_UNIX_OFFSET: Final = 2_208_988_800
"""Seconds from 1900 to 1970."""

_HEAD: Final = struct.Struct("!BBH")
_BLOCK: Final = struct.Struct("!IIIIII")
_SENDER: Final = struct.Struct("!IQIII")
_CNAME: Final = 1
_MAX_LOST: Final = 0x7FFFFF


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says about one stream (RFC 3550 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Since the last report, in 1/256."""
    cumulative_lost: int
    """Signed: duplicates can make it negative."""
    highest_sequence: int
    """Extended: cycles in the upper 16 bits."""
    jitter: int
    """In timestamp units."""
    last_sr: int
    """Middle 32 bits of the NTP time in the last sender report, 0 if none."""
    delay_since_last_sr: int
    """In 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    """64-bit NTP timestamp."""
    rtp_timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Cname:
    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Bye:
    ssrcs: tuple[int, ...]


RtcpItem = SenderReport | ReceiverReport | Cname | Bye


def ntp_from_unix(seconds: float) -> int:
    """64-bit NTP timestamp of a UNIX time."""
    whole = int(seconds)
    return ((whole + NTP_UNIX_OFFSET) & 0xFFFFFFFF) << 32 | int((seconds - whole) * (1 << 32)) & 0xFFFFFFFF


def ntp_middle(ntp: int) -> int:
    """The middle 32 bits, in 1/65536 s: the form of LSR and of round-trip arithmetic."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip_s(block: ReportBlock, arrived_ntp: int) -> float | None:
    """Round trip in seconds from a block about our stream (RFC 3550 6.4.1), None if the peer saw no report
    of ours.

    None too where the sum is negative or beyond a minute: clocks were set, or the block is false.
    """
    if block.last_sr == 0:
        return None
    units = (ntp_middle(arrived_ntp) - block.last_sr - block.delay_since_last_sr) & 0xFFFFFFFF
    return units / 65536 if units <= 60 * 65536 else None


def parse(data: bytes) -> list[RtcpItem]:
    """The known items of a compound; unknown packet types are skipped. Raises RtcpError where a length is
    wrong.
    """
    items: list[RtcpItem] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise RtcpError("header", "must be complete", len(data) - at)
        first, kind, words = _HEAD.unpack_from(data, at)
        if first >> 6 != 2:
            raise RtcpError("version", "must be 2", first >> 6)
        end = at + 4 * (words + 1)
        if end > len(data):
            raise RtcpError("length", "must lie inside the packet", words)
        body_end = end
        if first & 0x20:
            padding = data[end - 1]
            if end != len(data) or not 0 < padding <= end - at - 4 or padding % 4:
                raise RtcpError("padding", "whole words at the compound's end", padding)
            body_end -= padding
        _parse_one(first & 0x1F, kind, data[at + 4 : body_end], items)
        at = end
    if not items and not data:
        raise RtcpError("packet", "must not be empty")
    return items


def _parse_one(count: int, kind: int, body: bytes, items: list[RtcpItem]) -> None:
    if kind == SR:
        if len(body) < _SENDER.size:
            raise RtcpError("sender_info", "must be complete", len(body))
        ssrc, ntp, rtp_timestamp, packets, octets = _SENDER.unpack_from(body)
        blocks = _parse_blocks(body, _SENDER.size, count)
        items.append(SenderReport(ssrc, ntp, rtp_timestamp, packets, octets, blocks))
    elif kind == RR:
        if len(body) < 4:
            raise RtcpError("ssrc", "must be complete", len(body))
        items.append(ReceiverReport(int.from_bytes(body[:4], "big"), _parse_blocks(body, 4, count)))
    elif kind == BYE:
        if len(body) < 4 * count:
            raise RtcpError("ssrcs", "must be complete", len(body))
        items.append(Bye(struct.unpack_from(f"!{count}I", body)))
    elif kind == SDES:
        _parse_sdes(count, body, items)


def _parse_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    if at + count * _BLOCK.size > len(body):
        raise RtcpError("report_blocks", "as many as the header counts", count)
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(body, at + index * _BLOCK.size)
        lost = loss & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, lsr, dlsr))
    return tuple(blocks)


def _parse_sdes(count: int, body: bytes, items: list[RtcpItem]) -> None:
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            raise RtcpError("sdes", "chunk must be complete", len(body))
        ssrc = int.from_bytes(body[at : at + 4], "big")
        at += 4
        while at < len(body) and body[at] != 0:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise RtcpError("sdes", "item must be complete", len(body))
            text = body[at + 2 : at + 2 + body[at + 1]]
            if body[at] == _CNAME:
                items.append(Cname(ssrc, text.decode("utf-8", "replace")))
            at += 2 + len(text)
        at = (at // 4 + 1) * 4


def build(items: Iterable[RtcpItem]) -> bytes:
    """A compound packet. RFC 3550 6.1 wants a report first and a CNAME in it. Raises RtcpError on what
    cannot be said.
    """
    parts = []
    for item in items:
        match item:
            case SenderReport():
                sender = _SENDER.pack(
                    item.ssrc,
                    item.ntp,
                    item.rtp_timestamp & 0xFFFFFFFF,
                    item.packets & 0xFFFFFFFF,
                    item.octets & 0xFFFFFFFF,
                )
                parts.append(_packet(SR, len(item.blocks), sender + _build_blocks(item.blocks)))
            case ReceiverReport():
                body = item.ssrc.to_bytes(4, "big") + _build_blocks(item.blocks)
                parts.append(_packet(RR, len(item.blocks), body))
            case Cname():
                text = item.cname.encode()
                if not 0 < len(text) <= 255:
                    raise RtcpError("cname", "1 to 255 bytes", len(text))
                body = item.ssrc.to_bytes(4, "big") + bytes((_CNAME, len(text))) + text
                parts.append(_packet(SDES, 1, body + bytes(4 - len(body) % 4)))
            case Bye():
                parts.append(_packet(BYE, len(item.ssrcs), struct.pack(f"!{len(item.ssrcs)}I", *item.ssrcs)))
    return b"".join(parts)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    if count > 31:
        raise RtcpError("count", "at most 31", count)
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def _build_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    out = b""
    for block in blocks:
        lost = max(-_MAX_LOST - 1, min(_MAX_LOST, block.cumulative_lost)) & 0xFFFFFF
        out += _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | lost,
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_last_sr,
        )
    return out
