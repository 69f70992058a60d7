"""How well a leg is heard: RTCP both ways, silence, and the figures of its record."""

from __future__ import annotations

from time import monotonic, time

from seatbus.media.v1.types_pb2 import EndpointStatistics
from seatbus_media.application.lane import Lane
from seatbus_rtp import rtcp
from seatbus_rtp.codecs import PCMU, CodecSpec
from seatbus_rtp.errors import RtcpError
from seatbus_rtp.quality import ReceiverStats, mos
from seatbus_rtp.rewriter import StreamRewriter


class Reception:
    """`stream` is what is sent to the leg; `lane` counts what comes from it."""

    def __init__(self, stream: StreamRewriter, lane: Lane) -> None:
        self._lane = lane
        self._codec = PCMU
        self.round_trip_s = 0.0
        self.expected_since = 0.0
        self.unusable = 0
        self._stream = stream
        self._told_at = 0.0
        self._reported_packets = 0

    @property
    def stats(self) -> ReceiverStats:
        return self._lane.stats

    def speaks(self, codec: CodecSpec) -> None:
        """What the leg speaks from now on: its clock, and how well it bears loss."""
        self._codec = codec
        self.stats.set_clock(codec.clock_rate)

    def rtcp_received(self, compound: bytes) -> None:
        try:
            items = rtcp.parse(compound)
        except RtcpError:
            self.unusable += 1
            return
        arrived = rtcp.ntp_from_unix(time())
        for item in items:
            if isinstance(item, rtcp.SenderReport):
                self.stats.sender_report(item, monotonic())
            if isinstance(item, rtcp.SenderReport | rtcp.ReceiverReport):
                for block in item.blocks:
                    if block.ssrc == self._stream.ssrc:
                        trip = rtcp.round_trip_s(block, arrived)
                        self.round_trip_s = self.round_trip_s if trip is None else trip

    def report(self, now: float) -> bytes | None:
        """A sender report if anything was sent since the last, else a receiver report, if anything came."""
        block = self.stats.report_block(now)
        blocks = () if block is None else (block,)
        stream = self._stream
        report: rtcp.RtcpItem
        if stream.packets != self._reported_packets:
            self._reported_packets = stream.packets
            moment = rtcp.ntp_from_unix(time())
            report = rtcp.SenderReport(
                stream.ssrc, moment, stream.timestamp_at(now), stream.packets, stream.octets, blocks
            )
        elif blocks:
            report = rtcp.ReceiverReport(stream.ssrc, blocks)
        else:
            return None
        return rtcp.build((report, rtcp.Cname(stream.ssrc, f"{stream.ssrc:08x}@seatbus")))

    @property
    def heard_at(self) -> float:
        """Monotonic time of the last packet, or of the negotiation."""
        return max(self.expected_since, self._lane.last_packet_at)

    def silence(self, now: float, limit_s: float) -> float | None:
        """How long nothing came, told once for each silence that is longer than `limit_s`."""
        heard = self.heard_at
        if now - heard < limit_s or self._told_at >= heard:
            return None
        self._told_at = now
        return now - heard

    def statistics(self, refused: int) -> EndpointStatistics:
        """`refused` counts what the port did not let in."""
        stats = self.stats
        trip_ms = self.round_trip_s * 1000
        return EndpointStatistics(
            packets_received=stats.packets,
            packets_lost=max(0, stats.lost),
            jitter_ms=round(stats.jitter_ms, 3),
            round_trip_ms=round(trip_ms, 3),
            mos=round(self._mos(trip_ms), 3) if stats.packets else 0.0,
            packets_sent=self._stream.packets,
            packets_refused=refused + self.unusable + self._stream.malformed,
        )

    def _mos(self, trip_ms: float) -> float:
        stats, codec = self.stats, self._codec
        return mos(
            stats.loss,
            stats.jitter_ms,
            trip_ms,
            equipment_impairment=codec.impairment,
            robustness=codec.robustness,
        )
