"""The border between a leg's audio and the way its packets travel.

Laws: above a port all packets are plain RTP and come from the leg's own peer; below it are sockets, latches,
ICE and encryption. A port says neither which codec is spoken nor who hears whom; an endpoint knows neither
addresses nor keys.
"""

from __future__ import annotations

from typing import Protocol

from seatbus.media.v1.types_pb2 import EndpointKind
from seatbus_media.application.ports import Address
from seatbus_sip.sdp import Media, SessionDescription


class PacketUser(Protocol):
    """The endpoint, as its port sees it."""

    @property
    def newest(self) -> bytes | None:
        """The peer's packet of sound that came last."""
        ...

    def sends(self) -> tuple[int, int]:
        """Synchronisation source of what is sent to the peer, and its newest sequence number."""
        ...

    def reached(self) -> None:
        """Called once, right before the peer's first packet."""
        ...

    def secured(self) -> None:
        """The keys of the leg are new: a successor of this process has to know them."""
        ...

    def receive(self, packet: bytes, now: float) -> None:
        """A packet of the peer, decrypted; on a port without encryption it may be RTCP (rtcp-mux)."""
        ...

    def receive_rtcp(self, compound: bytes) -> None:
        """An RTCP compound of the peer, decrypted."""
        ...

    def lost(self, reason: str) -> None:
        """The peer is gone, or cannot prove who it is: nothing is sent to it any more."""
        ...


class PacketPort(Protocol):
    """What an endpoint sends through. `host` and `port` are where it listens."""

    host: str
    port: int

    @property
    def kind(self) -> EndpointKind:
        """How packets travel now: RTP, SRTP_SDES or WEBRTC."""
        ...

    @property
    def refused(self) -> int:
        """Packets of strangers, or that could not be decrypted."""
        ...

    def attach(self, user: PacketUser) -> None:
        """Who gets what comes in. Once, before the first negotiation."""
        ...

    def negotiated(self, remote: Address) -> None:
        """The peer's address in an offer or answer, for the first time or again."""
        ...

    def send(self, packet: bytes) -> None:
        """A plain RTP packet to the peer; dropped while it cannot be reached."""
        ...

    def send_rtcp(self, compound: bytes) -> None:
        """An RTCP compound to the peer; dropped while it cannot be reached."""
        ...

    def catch_up(self, now: float) -> None:
        """Takes what has come and was not read yet, on a process that is late, before the leg ends."""
        ...

    def check(self, now: float) -> None:
        """About once a second: whether the peer still wants to hear from us."""
        ...

    def close(self) -> None:
        """Nothing comes in or goes out any more. May be called twice."""
        ...


class DescribedPort(PacketPort, Protocol):
    """A port as offers and answers see it. Each method either raises SdpError (488) or has taken effect."""

    def usable(self, offer: SessionDescription, section: Media) -> bool:
        """Whether packets can travel as the offered stream wants it."""
        ...

    def answer(self, offer: SessionDescription, answer: SessionDescription) -> None:
        """Completes our answer, whose codecs are chosen, and takes what the offer says."""
        ...

    def profile(self) -> str:
        """The profile of an offer of ours, as `RTP/AVP`."""
        ...

    def follow(self, previous: SessionDescription) -> None:
        """Before the first offer: how we described the leg at an instance that is lost."""
        ...

    def offer(self, offer: SessionDescription, ice_restart: bool = False) -> None:
        """Completes our offer."""
        ...

    def answered(self, offer: SessionDescription, answer: SessionDescription) -> None:
        """Takes what the answer to our offer says."""
        ...
