"""A run: packets of a stream each of which is exactly the successor of the one before, as nearly all are.

Headers are taken as one number of 96 bits; the next header of a run is then known before it comes, and what
leaves of a relayed packet differs from it by a number that is the same for the whole run.
"""

from __future__ import annotations

from typing import Final

from seatbus_rtp.packet import HEADER_SIZE, PLAIN, TS_MASK

MAX_STEP: Final = 9600
"""Longest packet in ticks: 200 ms at 48 kHz."""
_MARKER: Final = 1 << 87
_SSRC: Final = 0xFFFF_FFFF


def head(packet: bytes) -> int:
    """The fixed header as a number. Of what is too short to be a packet it is a number of no run."""
    return int.from_bytes(packet[:HEADER_SIZE], "big")


def without_marker(number: int) -> int:
    return number & ~_MARKER


def step(before: int, after: int) -> int:
    """What a run of these two headers grows by with each packet; 0 if they are not successive packets of one
    plain stream without markers.
    """
    found = after - before
    if found >> 64 != 1 or found & _SSRC or after >> 88 != PLAIN or after & _MARKER:
        return 0
    return found if 0 < ticks(found) <= MAX_STEP else 0


def ticks(found: int) -> int:
    """The step of time in the step of a run."""
    return found >> 32 & TS_MASK


def room(number: int, found: int) -> int:
    """How many packets may follow before the number or the timestamp begins again at 0."""
    return min(0xFFFF - (number >> 64 & 0xFFFF), (TS_MASK - (number >> 32 & TS_MASK)) // ticks(found))
