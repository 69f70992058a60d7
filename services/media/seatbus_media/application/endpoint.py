"""One leg's RTP: negotiation, the relay path, what is played to it, digits, and how good it sounds.

Laws: an endpoint has one outgoing stream for its whole life; its SSRC, sequence numbers and timestamps go on
across everything that is sent (`StreamRewriter`). What is played to an endpoint goes before what its partner
says. A digit goes to one owner: the collection that runs, else the partner's leg, else an event.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from struct import error as struct_error
from time import monotonic, time
from typing import Final, Protocol

from seatbus.media.v1.types_pb2 import EndpointInfo, EndpointStatistics
from seatbus_media.application.ports import Address, DatagramSink
from seatbus_media.application.sources import QUIET, Dialer, Player, Quiet
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap import Heard
from seatbus_rtp import g711, rtcp
from seatbus_rtp.dtmf import DtmfReceiver
from seatbus_rtp.errors import PacketError, RtcpError
from seatbus_rtp.latch import Latch
from seatbus_rtp.packet import HEADER, HEADER_SIZE, is_rtcp, is_rtp, payload_bounds
from seatbus_rtp.quality import ReceiverStats, mos
from seatbus_rtp.rewriter import Route, StreamRewriter
from seatbus_sip.sdp import Agreed

unpack = HEADER.unpack_from
MAX_TYPED_AHEAD: Final = 64
_NOWHERE: Final = frozenset({"0.0.0.0", "::", ""})


class EndpointListener(Protocol):
    """Who hears what happens on an endpoint."""

    def first_packet(self, endpoint: Endpoint) -> None: ...

    def silent(self, endpoint: Endpoint, silent_s: float) -> None: ...

    def digit_heard(self, endpoint: Endpoint, digit: str) -> None: ...


class Endpoint(asyncio.DatagramProtocol):
    """`transport` and `rtcp_transport` are set by who opens the sockets, before the first negotiation."""

    def __init__(self, port: int, host: str, ticker: Ticker) -> None:
        self.id = ""
        self.port = port
        self.host = host
        self.listener: EndpointListener | None = None
        self.rtcp_transport: DatagramSink | None = None
        self.peer: Endpoint | None = None
        self.held = False
        self.muted = False
        self.mixed = False
        self.closed = False
        self.report_due = 0.0
        self.agreed: Agreed | None = None
        self.on_digit: Callable[[str, float], None] | None = None
        self.typed_ahead: deque[str] = deque(maxlen=MAX_TYPED_AHEAD)
        self.session_id = secrets.randbits(62)
        self.version = -1
        self.destination: Address | None = None
        self.rewriter = StreamRewriter(secrets.randbits(32), secrets.randbits(15), secrets.randbits(31))
        self.stats = ReceiverStats()
        self.round_trip_s = 0.0
        self.player: Player | None = None
        self._transport: DatagramSink | None = None
        self._send: Callable[[bytes, Address | None], None] | None = None
        self.ticker = ticker
        self._law = Law.PCMU
        self._payload_type = 0
        self._latch = Latch()
        self._locked: tuple[object, ...] | None = None
        self._audio_types: frozenset[int] = frozenset()
        self._laws: dict[int, Law] = {}
        self._dtmf_in: int | None = None
        self._dtmf_out: int | None = None
        self._dtmf = DtmfReceiver()
        self._press_relayed = False
        self._press_ts = -1
        self._relay: Callable[[bytes, float], bytes | None] | None = None
        self._taps: list[Callable[[Heard], None]] = []
        self._tap: Callable[[Heard], None] | None = None
        self._dialer: Dialer | None = None
        self._quiet: Quiet | None = None
        self._unusable = 0
        self._expected_since = 0.0
        self._reported_at = 0.0
        self._rtcp_from: Address | None = None
        self._rtcp_packets = 0

    # -- sockets ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: object) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send = transport.sendto  # type: ignore[attr-defined]

    def error_received(self, exc: Exception) -> None:
        """An ICMP error about a packet that we sent: the peer's port is closed. Silence will tell."""

    def close(self) -> None:
        """Ends everything on the endpoint. Its ports are free after this."""
        self.closed = True
        self.ticker.remove(self)
        self.disconnect()
        self.player = None
        self._relay = self._tap = None
        self._taps.clear()
        for transport in (self._transport, self.rtcp_transport):
            if transport is not None:
                transport.close()
        self._send = None

    # -- the relay path --------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        now = monotonic()
        if addr != self._locked and not self._admit(data, addr, now):
            return
        try:
            _, second, seq, ts, source = unpack(data)
        except struct_error:
            self._unusable += 1
            return
        if second not in self._audio_types:
            self._not_audio(data, now)
            return
        self.stats.receive(source, seq, ts, len(data) - HEADER_SIZE, now)
        if self._tap is not None:
            self._tap((now, data))
        if self._relay is not None:
            out = self._relay(data, now)
            if out is not None:
                peer = self.peer
                peer._send(out, peer.destination)  # type: ignore[union-attr, misc]

    def _admit(self, data: bytes, addr: tuple[object, ...], now: float) -> bool:
        """Whether a packet from a source that is not locked belongs to this leg."""
        if self.agreed is None or self.closed or not is_rtp(data):
            if is_rtcp(data):
                self.rtcp_received(data, addr)
            else:
                self._unusable += 1
            return False
        source = (str(addr[0]), int(addr[1]))  # type: ignore[call-overload]
        if not self._latch.accept(source, now):
            return False
        if self._latch.locked is not None:
            self._locked = addr
        self.destination = self._latch.destination
        if self.stats.packets == 0 and self.listener is not None:
            self.listener.first_packet(self)
        return True

    def _not_audio(self, data: bytes, now: float) -> None:
        if is_rtcp(data):
            self.rtcp_received(data, ())
            return
        second = data[1]
        if self._dtmf_in is None or second & 0x7F != self._dtmf_in:
            self._unusable += 1
            return
        try:
            start, end = payload_bounds(data)
        except PacketError:
            self._unusable += 1
            return
        _, _, seq, ts, source = unpack(data)
        self.stats.receive(source, seq, ts, end - start, now, event=True)
        digit = self._dtmf.receive(data[start:end], ts, second >= 0x80, source)
        if digit is not None:
            self._press_relayed = self._own_digit(digit, now)
        peer = self.peer
        if not self._press_relayed or peer is None or peer._send is None:
            return
        if self._relay is not None:
            out = self._relay(data, now)
            if out is not None:
                peer._send(out, peer.destination)
        elif peer.mixed and peer._dtmf_out is not None:
            fresh, self._press_ts = ts != self._press_ts, ts
            event = peer.rewriter.emit_event(peer._dtmf_out, data[start:end], now, fresh)
            peer._send(event, peer.destination)

    def _own_digit(self, digit: str, now: float) -> bool:
        """Gives a key press to its owner; True if that is the partner's leg."""
        if self.on_digit is not None:
            self.on_digit(digit, now)
            return False
        if self.player is not None and self.player.barge_in:
            self.typed_ahead.append(digit)
            self._finish_player("barged")
        elif self.peer is not None and self._reaches(self.peer) and self.peer._dtmf_out is not None:
            return True
        elif self.peer is None and not self.mixed:
            self.typed_ahead.append(digit)  # not told: the next collection may be a secret one
        elif self.listener is not None:
            self.listener.digit_heard(self, digit)
        return False

    def _reaches(self, peer: Endpoint) -> bool:
        """Whether the partner hears the leg now, by relay or in a mix."""
        return self._relay is not None or (peer.mixed and self.may_speak and peer.takes_mix)

    def barge(self) -> None:
        """Ends what is played if keys pressed before it began still wait for a collection."""
        if self.typed_ahead and self.player is not None and self.player.barge_in:
            self._finish_player("barged")

    # -- negotiation -----------------------------------------------------------------------------------------

    def negotiated(self, agreed: Agreed, now: float) -> None:
        """An offer and its answer were exchanged, for the first time or again."""
        first = self.agreed is None
        self.agreed = agreed
        remote = None if agreed.remote[0] in _NOWHERE else agreed.remote
        if remote is not None:
            self._latch.renegotiated(remote)
            if self._latch.locked is None:
                self._locked = None
            self.destination = self._latch.destination
        self._law = Law[agreed.send.name.upper()]
        self._payload_type = agreed.send.payload
        self._laws = {codec.payload: Law[codec.name.upper()] for codec in agreed.receive}
        self._audio_types = frozenset(
            number for payload in self._laws for number in (payload, payload | 0x80)
        )
        self._dtmf_in, self._dtmf_out = agreed.dtmf_receive, agreed.dtmf_send
        if first or agreed.direction.receives:
            self._expected_since = now
        self.rewire()
        if self.peer is not None:
            self.peer.rewire()

    @property
    def law(self) -> Law:
        """The law of what is sent to the leg."""
        return self._law

    @property
    def codec(self) -> str:
        return self._law.name if self.agreed is not None else ""

    @property
    def takes_digits(self) -> bool:
        """Whether the leg negotiated telephone events."""
        return self._dtmf_out is not None

    # -- who hears whom --------------------------------------------------------------------------------------

    def connect(self, peer: Endpoint) -> None:
        """Two-way audio. Ends what is played to both, and what either was connected to."""
        for one in (self, peer):
            one.disconnect()
            one.stop_player()
            one.typed_ahead.clear()
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
        if peer is None or peer.mixed or peer.player is not None or not (self.may_speak and peer._may_listen):
            self._relay = None
        else:
            routes: dict[int, Route] = {
                payload: (peer._payload_type, g711.translation(law, peer._law))
                for payload, law in self._laws.items()
            }
            if self._dtmf_in is not None and peer._dtmf_out is not None:
                routes[self._dtmf_in] = (peer._dtmf_out, None)
            peer.rewriter.set_routes(routes)
            self._relay = peer.rewriter.relay
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
        return self.agreed is not None and self.agreed.direction.sends and not (self.held or self.closed)

    @property
    def takes_mix(self) -> bool:
        """Whether the leg hears a mixer now: what is played or dialled to it goes first."""
        return self.player is None and self._dialer is None and self._may_listen

    def hear_mix(self, on: bool) -> None:
        """A mixer sends to the leg instead of its partner's packets, or no longer does."""
        self.mixed = on
        self._rewire_both()

    def send_frame(self, payload: bytes, now: float) -> None:
        """The next 20 ms of a source of ours, in the leg's law."""
        if self._send is not None and self.destination is not None:
            self._send(self.rewriter.emit(self._payload_type, payload, now), self.destination)

    def law_of(self, payload_type: int) -> Law | None:
        """The law of what the leg sends with this payload type, None if it is no audio."""
        return self._laws.get(payload_type)

    def mute(self, on: bool) -> None:
        """While muted nobody hears the leg, no recording either."""
        self.muted = on
        self._tap = None if on else self._fan_out()
        self._rewire_both()

    def hold(self, on: bool) -> None:
        self.held = on
        self._rewire_both()

    def add_tap(self, tap: Callable[[Heard], None]) -> None:
        self._taps.append(tap)
        self._tap = None if self.muted else self._fan_out()

    def remove_tap(self, tap: Callable[[Heard], None]) -> None:
        if tap in self._taps:
            self._taps.remove(tap)
        self._tap = None if self.muted else self._fan_out()

    def _fan_out(self) -> Callable[[Heard], None] | None:
        if len(self._taps) < 2:
            return self._taps[0] if self._taps else None
        taps = tuple(self._taps)

        def every(heard: Heard) -> None:
            for tap in taps:
                tap(heard)

        return every

    # -- what media sends of itself --------------------------------------------------------------------------

    def play(self, player: Player) -> None:
        """Replaces what is played; the replaced one ends without a word."""
        self.player = player
        self.rewriter.switch()
        self._rewire_both()
        self.ticker.add(self)

    def stop_player(self) -> None:
        if self.player is not None:
            self.player = None
            self._rewire_both()

    def dial(self, digits: str, now: float) -> None:
        """Sends telephone events; a playlist waits meanwhile."""
        self._dialer = Dialer(digits, now)
        self.ticker.add(self)

    def skipped(self) -> None:
        if self._relay is None:
            self.rewriter.switch()

    def tick(self, now: float) -> bool:
        if self.closed or self.agreed is None:
            return False
        if self._dialer is not None and self._dial_step(self._dialer, now):
            return True
        source = self.player or self._quiet
        if source is None:
            return False
        frame = source.next_frame(self._law)
        if frame is None:
            self._finish_player("completed")
            return self.player is not None or self._quiet is not None
        if self.agreed.direction.sends:
            self.send_frame(frame, now)
        return True

    def _dial_step(self, dialer: Dialer, now: float) -> bool:
        step = dialer.due(now)
        if step is not None and self._dtmf_out is not None and self._send is not None:
            self._send(
                self.rewriter.emit_event(self._dtmf_out, step.payload, now, step.start), self.destination
            )
        if dialer.done:
            self._dialer = None
            return False
        return True

    def _finish_player(self, reason: str) -> None:
        player, self.player = self.player, None
        self._rewire_both()
        if player is not None and player.finished is not None:
            player.finished(reason)

    # -- RTCP, silence, statistics ---------------------------------------------------------------------------

    def rtcp_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        """A compound from the peer. From elsewhere than the leg's host it is not believed."""
        destination = self.destination
        if destination is None or (addr and addr[0] != destination[0]):
            self._unusable += 1
            return
        try:
            items = rtcp.parse(data)
        except RtcpError:
            self._unusable += 1
            return
        if addr:
            self._rtcp_from = (str(addr[0]), int(addr[1]))  # type: ignore[call-overload]
        arrived = rtcp.ntp_from_unix(time())
        for item in items:
            if isinstance(item, rtcp.SenderReport):
                self.stats.sender_report(item, monotonic())
            if isinstance(item, rtcp.SenderReport | rtcp.ReceiverReport):
                for block in item.blocks:
                    if block.ssrc == self.rewriter.ssrc:
                        trip = rtcp.round_trip_s(block, arrived)
                        self.round_trip_s = self.round_trip_s if trip is None else trip

    def send_report(self, now: float) -> None:
        """A sender report if anything was sent since the last, else a receiver report."""
        destination = self.destination
        if self.rtcp_transport is None or destination is None or self.agreed is None:
            return
        block = self.stats.report_block(now)
        blocks = () if block is None else (block,)
        stream = self.rewriter
        report: rtcp.RtcpItem
        if stream.packets != self._rtcp_packets:
            self._rtcp_packets = stream.packets
            moment = rtcp.ntp_from_unix(time())
            report = rtcp.SenderReport(
                stream.ssrc, moment, stream.timestamp_at(now), stream.packets, stream.octets, blocks
            )
        elif blocks:
            report = rtcp.ReceiverReport(stream.ssrc, blocks)
        else:
            return
        compound = rtcp.build((report, rtcp.Cname(stream.ssrc, f"{stream.ssrc:08x}@seatbus")))
        self.rtcp_transport.sendto(compound, self._rtcp_from or (destination[0], destination[1] + 1))

    def check_silence(self, now: float, limit_s: float) -> None:
        """Tells once for each silence that is longer than `limit_s`."""
        if self.agreed is None or not self.agreed.direction.receives:
            return
        heard = max(self._expected_since, self.stats.last_packet_at or 0.0)
        if now - heard >= limit_s and self._reported_at < heard:
            self._reported_at = now
            if self.listener is not None:
                self.listener.silent(self, now - heard)

    @property
    def heard_at(self) -> float:
        """Monotonic time of the last packet, or of the negotiation."""
        return max(self._expected_since, self.stats.last_packet_at or 0.0)

    def statistics(self) -> EndpointStatistics:
        stats = self.stats
        trip_ms = self.round_trip_s * 1000
        return EndpointStatistics(
            packets_received=stats.packets,
            packets_lost=max(0, stats.lost),
            jitter_ms=round(stats.jitter_ms, 3),
            round_trip_ms=round(trip_ms, 3),
            mos=round(mos(stats.loss, stats.jitter_ms, trip_ms), 3) if stats.packets else 0.0,
            packets_sent=self.rewriter.packets,
            packets_refused=self._latch.refused + self._unusable + self.rewriter.malformed,
        )

    def info(self) -> EndpointInfo:
        return EndpointInfo(
            endpoint_id=self.id,
            local_address=self.host,
            local_port=self.port,
            codec=self.codec,
            held=self.held,
            statistics=self.statistics(),
        )


class RtcpSocket(asyncio.DatagramProtocol):
    """The odd port of an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def connection_made(self, transport: object) -> None:
        self._endpoint.rtcp_transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        if is_rtcp(data):
            self._endpoint.rtcp_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The peer has no RTCP port."""
