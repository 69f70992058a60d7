"""Where a leg is in the life of its SRTP keys, and how another process goes on from there.

Laws: a packet index is never used twice under one key, or the keystream would be (RFC 3711 9.1): who goes on
begins `RESERVED` packets ahead of what was written down last, which has to be written down more often than
that. Receivers follow such a jump; the roll-over counters of both sides stay what they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from seatbus_rtp.errors import SrtpError
from seatbus_rtp.packet import HEADER, PLAIN
from seatbus_rtp.srtp import SrtpKeys, SrtpReceiver, SrtpSender

RESERVED: Final = 2500
"""Less than the dropout at which a receiver takes a stream for a new one (RFC 3550 A.1)."""
RESERVED_REPORTS: Final = 50
MAX_INDEX: Final = 1 << 32
"""Two years of packets."""

MAX_TURNS: Final = 24
"""Half a working day of packets of 20 ms."""
SEEKS: Final = 10
"""Packets of one peer in which its turn is looked for: each costs some milliseconds."""

_STEP: Final = 0x4000
_SR: Final = b"\x80\xc8\x00\x06"


def followed(index: int, sequence: int) -> int:
    """The index of a packet that is less than half a turn from `index`; never a smaller one."""
    return index + max(0, ((sequence - index + 0x8000) & 0xFFFF) - 0x8000)


@dataclass(slots=True)
class SrtpPlace:
    """Packet indices (roll-over counter and sequence number): ours, and of each source of the peer."""

    source: int = 0
    sent: int = 0
    reports: int = 0
    heard: dict[int, int] = field(default_factory=dict)

    def sends(self, source: int, sequence: int) -> None:
        """A key begins to protect what comes after this sequence number."""
        self.source, self.sent, self.reports = source, (sequence + 1) & 0xFFFF, 0

    def look(self, sequence: int, receiver: SrtpReceiver, newest: bytes | None) -> None:
        """To be called more often than half a turn of the numbers. `newest`: the peer's last packet."""
        self.sent = followed(self.sent, sequence)
        for source, first in receiver.sources.items():
            if first >= 0:
                self.heard.setdefault(source, first)
        if newest is not None:
            _, _, number, _, source = HEADER.unpack_from(newest)
            if source in self.heard:
                self.heard[source] = followed(self.heard[source], number)

    def advance(self) -> None:
        """We are who goes on: what was reserved is ours."""
        self.sent += RESERVED
        self.reports += RESERVED_REPORTS

    def sender(self, keys: SrtpKeys) -> SrtpSender:
        """Goes on with what another one has sent. Raises SrtpError."""
        made = keys.sender()
        _walk(made, self.source, self.sent + RESERVED)
        source = self.source.to_bytes(4, "big")
        for _ in range(self.reports + RESERVED_REPORTS):
            made.protect_rtcp(_SR + source + bytes(20))
        return made

    def receiver(self, keys: SrtpKeys) -> SrtpReceiver:
        """Goes on with what another one has heard. Raises SrtpError."""
        made = keys.receiver()
        for source, index in self.heard.items():
            peer = SrtpSender(keys.profile, keys.remote)
            for packet in _walk(peer, source, index):
                made.unprotect(packet)
        return made


def sought(keys: SrtpKeys, packet: bytes) -> tuple[SrtpReceiver, tuple[int, int], bytes] | None:
    """A receiver for a peer that is in some turn of its numbers, from one packet of it: the receiver, source
    and index, and the plain packet. None if the packet is not authentic in any turn.
    """
    _, _, number, _, source = HEADER.unpack_from(packet)
    for turn in range(1, MAX_TURNS + 1):
        index = (turn << 16) + number
        receiver = SrtpPlace(heard={source: index - 1}).receiver(keys)
        plain = receiver.unprotect(packet)
        if plain is not None:
            return receiver, (source, index), plain
    return None


def _walk(sender: SrtpSender, source: int, index: int) -> list[bytes]:
    """Takes a fresh sender to this index, as a stream would; the packets go nowhere."""
    if not 0 <= index <= MAX_INDEX:
        raise SrtpError("packet index", f"must be at most {MAX_INDEX}", index)
    made = []
    for number in (*range(0, index, _STEP), index):
        packet = sender.protect(HEADER.pack(PLAIN, 0, number & 0xFFFF, 0, source) + bytes(4))
        if packet is None:
            raise SrtpError("packet index", "must be reached in steps", number)
        made.append(packet)
    return made
