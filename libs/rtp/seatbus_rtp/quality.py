"""What a receiver knows of a stream (RFC 3550 A.1, A.3, A.8) and how good it sounds (E-model)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from seatbus_rtp.rtcp import ReportBlock, SenderReport, ntp_middle

MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100

G711_IE: Final = 0.0
G711_BPL: Final = 25.1
"""ITU-T G.113 appendix I: robustness of G.711 with packet-loss concealment (4.3 without)."""


class ReceiverStats:
    """Loss, reordering and jitter of one received stream, O(1) a packet. A new SSRC starts over but keeps
    the totals.

    `now` is monotonic seconds. Telephone events share the numbers of the audio but not its clock: they
    count for loss and not for jitter.
    """

    __slots__ = (
        "_arrival",
        "_bad_seq",
        "_base",
        "_cycles",
        "_expected_prior",
        "_last_sr",
        "_last_sr_at",
        "_max_seq",
        "_past_expected",
        "_past_received",
        "_rate",
        "_received",
        "_received_prior",
        "_ts",
        "jitter_units",
        "last_packet_at",
        "max_jitter_units",
        "octets",
        "packets",
        "reordered",
        "ssrc",
        "ssrc_changes",
    )

    def __init__(self, clock_rate: int = 8000) -> None:
        self._rate = clock_rate
        self.ssrc: int | None = None
        self.packets = 0
        self.octets = 0
        self.reordered = 0
        self.ssrc_changes = 0
        self.jitter_units = 0.0
        self.max_jitter_units = 0.0
        self.last_packet_at: float | None = None
        self._base = 0
        self._max_seq = 0
        self._cycles = 0
        self._bad_seq = -1
        self._received = 0
        self._received_prior = 0
        self._expected_prior = 0
        self._past_expected = 0
        self._past_received = 0
        self._arrival = 0.0
        self._ts = 0
        self._last_sr = 0
        self._last_sr_at = 0.0

    def set_clock(self, clock_rate: int) -> None:
        """Another codec is spoken: what was measured is kept, in the units of its clock."""
        if clock_rate != self._rate:
            self.jitter_units *= clock_rate / self._rate
            self.max_jitter_units *= clock_rate / self._rate
            self._arrival *= clock_rate / self._rate
            self._rate = clock_rate

    def receive(
        self, ssrc: int, sequence: int, timestamp: int, size: int, now: float, event: bool = False
    ) -> None:
        """Counts one packet of `size` payload bytes; `event` says that it is a telephone event."""
        self.packets += 1
        self.octets += size
        self.last_packet_at = now
        if ssrc != self.ssrc:
            if self.ssrc is not None:
                self.ssrc_changes += 1
            self._restart(ssrc, sequence, timestamp, now)
            return
        ahead = (sequence - self._max_seq) & 0xFFFF
        if 0 < ahead < MAX_DROPOUT:
            if sequence < self._max_seq:
                self._cycles += 0x10000
            self._max_seq = sequence
        elif ahead and ahead <= 0x10000 - MAX_MISORDER:
            if sequence != self._bad_seq:
                self._bad_seq = (sequence + 1) & 0xFFFF
                return
            self._restart(ssrc, sequence, timestamp, now)
            return
        else:
            self.reordered += 1
        self._received += 1
        if event:
            return
        arrival = now * self._rate
        moved = ((timestamp - self._ts + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        distance = abs(arrival - self._arrival - moved)
        # Past a second it is a pause or a new clock, not the network's jitter.
        if distance < self._rate:
            self.jitter_units += (distance - self.jitter_units) / 16
            if self.jitter_units > self.max_jitter_units:
                self.max_jitter_units = self.jitter_units
        self._arrival = arrival
        self._ts = timestamp

    def newest_is(self, header: int) -> bool:
        """Whether this is the header of the newest packet that was counted (`seatbus_rtp.run`)."""
        return (header & 0xFFFF_FFFF, header >> 64 & 0xFFFF, header >> 32 & 0xFFFF_FFFF) == (
            self.ssrc,
            self._max_seq,
            self._ts,
        )

    def run(self, stamps: Sequence[float], step: int, octets: int) -> None:
        """As `receive` of packets each of which is the successor of the one before, `step` ticks later: the
        times of their arrival, and their payload's bytes in all.
        """
        count = len(stamps)
        self.packets += count
        self.octets += octets
        self.last_packet_at = stamps[-1]
        self._received += count
        newest = self._max_seq + count
        self._cycles += newest & ~0xFFFF
        self._max_seq = newest & 0xFFFF
        self._ts = (self._ts + count * step) & 0xFFFF_FFFF
        rate, before, jitter, most = self._rate, self._arrival, self.jitter_units, self.max_jitter_units
        for at in stamps:
            arrival = at * rate
            distance = abs(arrival - before - step)
            if distance < rate:
                jitter += (distance - jitter) / 16
                if jitter > most:
                    most = jitter
            before = arrival
        self._arrival, self.jitter_units, self.max_jitter_units = before, jitter, most

    def sender_report(self, report: SenderReport, now: float) -> None:
        """Remembers the peer's report, so that the next block lets it compute the round trip."""
        self._last_sr = ntp_middle(report.ntp)
        self._last_sr_at = now

    @property
    def expected(self) -> int:
        """Packets that the sequence numbers say were sent, over all SSRCs of the stream."""
        return self._past_expected + self._expected_here()

    @property
    def lost(self) -> int:
        """Expected minus received: negative if more was doubled than lost."""
        return self.expected - self._past_received - self._received

    @property
    def loss(self) -> float:
        """Share of expected packets that never came, 0.0 to 1.0."""
        expected = self.expected
        return max(0, self.lost) / expected if expected else 0.0

    @property
    def jitter_ms(self) -> float:
        return self.jitter_units * 1000 / self._rate

    @property
    def max_jitter_ms(self) -> float:
        return self.max_jitter_units * 1000 / self._rate

    def report_block(self, now: float) -> ReportBlock | None:
        """The block for the next report, and the start of the next interval. None before the first packet."""
        if self.ssrc is None:
            return None
        expected = self._expected_here()
        interval = expected - self._expected_prior
        lost_interval = interval - (self._received - self._received_prior)
        self._expected_prior = expected
        self._received_prior = self._received
        fraction = min(255, (lost_interval << 8) // interval) if interval > 0 and lost_interval > 0 else 0
        delay = min(0xFFFFFFFF, round((now - self._last_sr_at) * 65536)) if self._last_sr else 0
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=fraction,
            cumulative_lost=expected - self._received,
            highest_sequence=(self._cycles + self._max_seq) & 0xFFFFFFFF,
            jitter=int(self.jitter_units) & 0xFFFFFFFF,
            last_sr=self._last_sr,
            delay_since_last_sr=delay,
        )

    def _expected_here(self) -> int:
        return 0 if self.ssrc is None else self._cycles + self._max_seq - self._base + 1

    def _restart(self, ssrc: int, sequence: int, timestamp: int, now: float) -> None:
        self._past_expected += self._expected_here()
        self._past_received += self._received
        self.ssrc = ssrc
        self._base = self._max_seq = sequence
        self._cycles = 0
        self._bad_seq = -1
        self._received = 1
        self._received_prior = self._expected_prior = 0
        self._arrival = now * self._rate
        self._ts = timestamp
        self._last_sr = 0


def r_factor(
    loss: float,
    one_way_delay_ms: float,
    *,
    equipment_impairment: float = G711_IE,
    robustness: float = G711_BPL,
) -> float:
    """Transmission rating R, 0 to 93.2, of the simplified E-model.

    ITU-T G.107 defaults (R0 - Is = 93.2); effective equipment impairment Ie + (95 - Ie) * Ppl / (Ppl + Bpl)
    for random loss (G.107 7.5); delay impairment 0.024 d + 0.11 (d - 177.3) above 177.3 ms, the fit by Cole
    and Rosenbluth, "Voice over IP performance monitoring" (ACM SIGCOMM CCR 31:2, 2001).
    """
    percent = 100 * min(1.0, max(0.0, loss))
    equipment = equipment_impairment + (95 - equipment_impairment) * percent / (percent + robustness)
    delay = 0.024 * one_way_delay_ms + 0.11 * max(0.0, one_way_delay_ms - 177.3)
    return max(0.0, min(93.2, 93.2 - delay - equipment))


def mos_from_r(r: float) -> float:
    """Mean opinion score, 1.0 to 4.5 (ITU-T G.107 annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def mos(
    loss: float,
    jitter_ms: float,
    round_trip_ms: float = 0.0,
    *,
    frame_ms: float = 20.0,
    equipment_impairment: float = G711_IE,
    robustness: float = G711_BPL,
) -> float:
    """MOS of a leg from its measured loss (0 to 1), jitter and round trip; G.711 unless its codec's figures
    are given (`codecs.CodecSpec`).

    One-way delay is half the round trip, one frame of packetisation, and a playout buffer of twice the
    jitter (an assumption: the far buffer is not seen).
    """
    delay = round_trip_ms / 2 + frame_ms + 2 * jitter_ms
    return mos_from_r(r_factor(loss, delay, equipment_impairment=equipment_impairment, robustness=robustness))
