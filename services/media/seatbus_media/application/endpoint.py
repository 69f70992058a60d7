"""One leg's audio: where its packets go, what is played to it, who hears it.

Laws: an endpoint has one outgoing stream for its whole life; its SSRC, sequence numbers and timestamps go on
across everything that is sent (`StreamRewriter`). What is played to an endpoint goes before what its partner
says. Its keys are in `keys`, its packets go along `lane`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from seatbus.media.v1.types_pb2 import EndpointInfo, EndpointStatistics
from seatbus_media.application import leg_quality
from seatbus_media.application.keys import Keys
from seatbus_media.application.lane import Lane
from seatbus_media.application.packet_port import DescribedPort
from seatbus_media.application.reception import Reception
from seatbus_media.application.sources import QUIET, Player, Quiet
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.tap import Heard
from seatbus_media.domain.zones import Zone
from seatbus_rtp.codecs import PCMU, CodecSpec, alike, named, translation
from seatbus_rtp.errors import PacketError
from seatbus_rtp.packet import HEADER_SIZE, is_rtcp
from seatbus_rtp.quality import ReceiverStats
from seatbus_rtp.rewriter import Route, StreamRewriter
from seatbus_sip.sdp import Agreed


class EndpointListener(Protocol):
    """Who hears what happens on an endpoint."""

    def first_packet(self, endpoint: Endpoint) -> None: ...

    def silent(self, endpoint: Endpoint, silent_s: float) -> None: ...

    def digit_heard(self, endpoint: Endpoint, digit: str) -> None: ...

    def lost(self, endpoint: Endpoint, reason: str) -> None: ...

    def secured(self, endpoint: Endpoint) -> None: ...

    def codec_changed(self, endpoint: Endpoint) -> None: ...


class Endpoint:
    """`wire` carries its packets: plain RTP of the leg's own peer on this side of it."""

    def __init__(self, wire: DescribedPort, ticker: Ticker, zone: Zone | None = None) -> None:
        """`hears` is the codec of what is sent to the leg, `says` that of what it sends itself."""
        self.id = ""
        self.wire = wire
        self.zone = zone or Zone("", wire.host, wire.host)
        self.listener: EndpointListener | None = None
        self.peer: Endpoint | None = None
        self.held = False
        self.muted = False
        self.mixed = False
        self.closed = False
        self.suspended = False
        self.report_due = 0.0
        self.packets_kept = 0
        """Of those that were sent, how many a successor of this process knows of."""
        self.agreed: Agreed | None = None
        self.keys = Keys(self)
        self.session_id = secrets.randbits(62)
        self.version = -1
        self.rewriter = StreamRewriter(secrets.randbits(32), secrets.randbits(15), secrets.randbits(31))
        self.lane = Lane(self._not_audio)
        self.reception = Reception(self.rewriter, self.lane)
        self.player: Player | None = None
        self.turn = 0  # counts what was said of it: it is played to, no longer, or hears a mix
        self.ticker = ticker
        self.hears = PCMU
        self.says = PCMU
        self._payload_type = 0
        self._skipping = False
        self._codecs: dict[int, CodecSpec] = {}
        self._quiet: Quiet | None = None
        wire.attach(self)

    @property
    def stats(self) -> ReceiverStats:
        return self.reception.stats

    def catch_up(self) -> None:
        """What has come is heard before something ends, also where this process is late."""
        self.wire.catch_up(monotonic())

    def close(self) -> None:
        """Ends everything on the endpoint. Its ports are free after this."""
        if not self.closed:
            leg_quality.ended(self.codec, self.statistics())
        self.closed = True
        self.ticker.remove(self)
        self.disconnect()
        self.player = None
        self.lane.close()
        self.wire.close()

    # -- packets of the leg ----------------------------------------------------------------------------------

    @property
    def receive(self) -> Callable[[bytes, float], None]:
        return self.lane.receive

    @property
    def newest(self) -> bytes | None:
        """The packet of sound that came last."""
        return self.lane.newest

    def sends(self) -> tuple[int, int]:
        return self.rewriter.ssrc, self.rewriter.sequence

    def reached(self) -> None:
        if self.listener is not None:
            self.listener.first_packet(self)

    def secured(self) -> None:
        if self.listener is not None:
            self.listener.secured(self)

    def lost(self, reason: str) -> None:
        if self.listener is not None and self.agreed is not None:
            self.listener.lost(self, reason)

    def receive_rtcp(self, compound: bytes) -> None:
        self.reception.rtcp_received(compound)

    def _not_audio(self, data: bytes, now: float) -> None:
        if len(data) < HEADER_SIZE:
            self.reception.unusable += 1
            return
        if is_rtcp(data):
            self.receive_rtcp(data)
            return
        second = data[1]
        codec = self._codecs.get(second & 0x7F)
        if codec is not None:
            self._speaks(codec)
            self.receive(data, now)
            return
        if not self.keys.takes(second & 0x7F):
            self.reception.unusable += 1
            return
        try:
            self.keys.event_received(data, now)
        except PacketError:
            self.reception.unusable += 1

    @property
    def relaying(self) -> bool:
        """Whether the leg's packets go to its partner as they come."""
        return self.lane.relaying

    def _speaks(self, codec: CodecSpec) -> None:
        """The leg uses this of its codecs from now on; the two laws of G.711 are one family."""
        self.says = codec
        self.lane.end()
        self.lane.audio_types = frozenset(
            number
            for payload, one in self._codecs.items()
            if alike(one, codec)
            for number in (payload, payload | 0x80)
        )
        self.reception.speaks(codec)
        self._rewire_both()
        if self.listener is not None:
            self.listener.codec_changed(self)

    def reaches(self, peer: Endpoint) -> bool:
        """Whether the partner hears the leg now, by relay or in a mix."""
        return self.lane.relaying or (peer.mixed and self.may_speak and peer.takes_mix)

    # -- negotiation -----------------------------------------------------------------------------------------

    def negotiated(self, agreed: Agreed, now: float) -> None:
        """An offer and its answer were exchanged, for the first time or again."""
        first = self.agreed is None
        self.agreed = agreed
        self.wire.negotiated(agreed.remote)
        self.hears = named(agreed.send.name) or PCMU
        self.rewriter.set_clock(self.hears.clock_rate, self.hears.frame_ticks)
        self._payload_type = agreed.send.payload
        self._codecs = {codec.payload: named(codec.name) or PCMU for codec in agreed.receive}
        self.keys.negotiated(agreed)
        if first or agreed.direction.receives:
            self.reception.expected_since = now
        self._speaks(self.hears)

    @property
    def codec(self) -> str:
        return self.hears.name if self.agreed is not None else ""

    @property
    def wants_dtx(self) -> bool:
        """Whether the leg asked for packets only while there is sound (RFC 7587 7)."""
        return self.agreed is not None and "usedtx=1" in self.agreed.send.fmtp

    def relays_to(self, peer: Endpoint) -> bool:
        """Whether the leg's packets are sound for the peer as they are, or by a table."""
        return alike(self.says, peer.hears)

    # -- who hears whom --------------------------------------------------------------------------------------

    def connect(self, peer: Endpoint) -> None:
        """Two-way audio. Ends what is played to both, and what either was connected to."""
        for one in (self, peer):
            one.disconnect()
            one.stop_player()
            one.keys.typed_ahead.clear()
        self.pair(peer)

    def pair(self, peer: Endpoint) -> None:
        """Makes two legs without partners hear each other; what is played to them goes on."""
        self.peer, peer.peer = peer, self
        for one in (self, peer):
            one.rewriter.switch()
            one.rewire()

    def disconnect(self) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
            peer.rewire()
            self.rewire()

    def rewire(self) -> None:
        """Works out, after any change, where packets of this leg go and what is sent to it."""
        peer = self.peer
        if (
            peer is None
            or peer.mixed
            or peer.player is not None
            or not (self.may_speak and peer._may_listen and self.relays_to(peer))
        ):
            self.lane.route(None, None)
        else:
            routes: dict[int, Route] = {
                payload: (peer._payload_type, translation(codec, peer.hears))
                for payload, codec in self._codecs.items()
                if alike(codec, peer.hears)
            }
            keys, theirs = self.keys, peer.keys
            if keys.in_type is not None and theirs.out_type is not None and keys.in_rate == theirs.out_rate:
                routes[keys.in_type] = (theirs.out_type, None)
            peer.rewriter.set_routes(routes)
            self.lane.route(peer.rewriter, peer.wire.send)
        quiet = peer is not None and not peer.may_speak and self._may_listen and not self.mixed
        self._quiet = QUIET if quiet else None
        if self._quiet is not None and not self.closed:
            self.ticker.add(self)

    def _rewire_both(self) -> None:
        self.rewire()
        if self.peer is not None:
            self.peer.rewire()

    @property
    def may_speak(self) -> bool:
        """Whether others may hear the leg."""
        return self.agreed is not None and not (self.muted or self.held or self.closed)

    @property
    def _may_listen(self) -> bool:
        if self.agreed is None or self.suspended:
            return False
        return self.agreed.direction.sends and not (self.held or self.closed)

    @property
    def takes_mix(self) -> bool:
        """Whether the leg hears a mixer now: what is played or dialled to it goes first."""
        return self.player is None and not self.keys.dialling and self._may_listen

    def hear_mix(self, on: bool) -> None:
        """A mixer sends to the leg instead of its partner's packets, or no longer does."""
        self.turn += 1
        self.mixed = on
        self._rewire_both()

    def send_frame(self, payload: bytes, now: float) -> None:
        """The next 20 ms of a source of ours, in the codec that the leg hears; nothing is sent of an empty
        payload.
        """
        if not payload:
            self._skipping = True
            return
        if self._skipping:
            self._skipping = False
            self.rewriter.switch()
        if not self.closed:
            self.wire.send(self.rewriter.emit(self._payload_type, payload, now))

    def codec_of(self, payload_type: int) -> CodecSpec | None:
        """The codec that the leg means by this payload type, None if it is no audio."""
        return self._codecs.get(payload_type)

    def suspend(self, on: bool) -> None:
        """While suspended nothing is sent to the leg."""
        self.suspended = on
        self._rewire_both()

    def mute(self, on: bool) -> None:
        """While muted nobody hears the leg, no recording either."""
        self.muted = on
        self.lane.mute(on)
        self._rewire_both()

    def hold(self, on: bool) -> None:
        self.held = on
        self._rewire_both()

    def add_tap(self, tap: Callable[[Heard], None]) -> None:
        self.lane.add_tap(tap)

    def remove_tap(self, tap: Callable[[Heard], None]) -> None:
        self.lane.remove_tap(tap)

    # -- what media sends of itself --------------------------------------------------------------------------

    def play(self, player: Player) -> None:
        """Replaces what is played; the replaced one ends without a word."""
        self.turn += 1
        self.player = player
        self.rewriter.switch()
        self._rewire_both()
        self.ticker.add(self)

    def stop_player(self) -> None:
        self.turn += 1
        if self.player is not None:
            self.player = None
            self._rewire_both()

    def skipped(self) -> None:
        if not self.lane.relaying:
            self.rewriter.switch()

    def tick(self, now: float) -> bool:
        if self.closed or self.agreed is None:
            return False
        if self.suspended:
            return True
        if self.keys.dialling and self.keys.step(now):
            return True
        source = self.player or self._quiet
        if source is None:
            return False
        frame = source.next_frame(self.hears)
        if frame is None:
            self.finish_player("completed")
            return self.player is not None or self._quiet is not None
        if self.agreed.direction.sends:
            self.send_frame(frame, now)
        return True

    def finish_player(self, reason: str) -> None:
        """What is played ends, and whoever asked for it is told why."""
        player, self.player = self.player, None
        self._rewire_both()
        if player is not None and player.finished is not None:
            player.finished(reason)

    # -- RTCP, silence, statistics ---------------------------------------------------------------------------

    def send_report(self, now: float) -> None:
        """What RTCP has to say now, if anything."""
        report = self.reception.report(now) if self.agreed is not None and not self.suspended else None
        if report is not None:
            self.wire.send_rtcp(report)

    def check_silence(self, now: float, limit_s: float) -> None:
        """Tells once for each silence that is longer than `limit_s`."""
        if self.agreed is None or not self.agreed.direction.receives:
            return
        silent_s = self.reception.silence(now, limit_s)
        if silent_s is not None and self.listener is not None:
            self.listener.silent(self, silent_s)

    @property
    def heard_at(self) -> float:
        """Monotonic time of the last packet, or of the negotiation."""
        return self.reception.heard_at

    def statistics(self) -> EndpointStatistics:
        return self.reception.statistics(self.wire.refused)

    def info(self) -> EndpointInfo:
        return EndpointInfo(
            endpoint_id=self.id,
            local_address=self.wire.host,
            local_port=self.wire.port,
            kind=self.wire.kind,
            codec=self.codec,
            held=self.held,
            zone=self.zone.name,
            statistics=self.statistics(),
        )
