"""A browser's leg: ICE-lite, DTLS-SRTP and SRTP on the port that all such legs share.

Laws: nothing is sent to an address that was not checked with our password, nor after consent has gone; audio
flows only under keys of a handshake with the certificate that the description named. A re-offer with the same
fingerprint keeps the keys and the role; another fingerprint begins a new handshake, other ICE credentials a
restart, and until either is done the audio goes on as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, Protocol

from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_WEBRTC, EndpointKind
from seatbus_kit.log import get_logger
from seatbus_media.application.handshake import Handshake, Worker
from seatbus_media.application.kept_keys import keys_of, keys_record, place_of, place_record
from seatbus_media.application.packet_port import PacketUser
from seatbus_media.application.ports import Address
from seatbus_rtp.dtls import DtlsIdentity, DtlsRole, DtlsSrtp, Fingerprint, believed
from seatbus_rtp.ice import IceCredentials, IceLite
from seatbus_rtp.srtp import SrtpKeys, SrtpReceiver, SrtpSender
from seatbus_rtp.srtp_place import SrtpPlace
from seatbus_rtp.stun import StunMessage
from seatbus_sip.errors import SdpError
from seatbus_sip.sdp import Media, SessionDescription
from seatbus_sip.sdp_security import (
    IceSide,
    Security,
    Setup,
    StreamSecurity,
    answered_setup,
    chosen_stream,
    read_security,
    require_ice,
    write_ice,
)

log = get_logger("seatbus.media")

_EARLY: Final = 8
"""Datagrams of a handshake that are kept until the peer's fingerprint is known."""
_HANDSHAKES: Final = 8
"""Handshakes of one leg in its life: each needs a new description, so more is somebody playing."""
_MIN_PACKET: Final = 12

Source = tuple[object, ...]


class SharedPort(Worker, Protocol):
    """The port that all browsers' legs share."""

    host: str
    port: int
    identity: DtlsIdentity
    consent_s: float

    def sendto(self, data: bytes, addr: Source) -> None: ...

    def add(self, leg: WebRtcPort, ufrag: str) -> None: ...

    def drop(self, ufrag: str) -> None: ...

    def checked(self, leg: WebRtcPort, source: Source, now: float) -> None: ...

    def keep(self, leg: WebRtcPort, sources: set[Source]) -> None: ...

    def may_begin(self, leg: WebRtcPort, host: str) -> bool:
        """Whether another handshake with this host may begin; `handshake_over` gives the place back."""
        ...

    def handshake_over(self, leg: WebRtcPort) -> None: ...

    def remove(self, leg: WebRtcPort) -> None: ...


class WebRtcPort:
    """One leg on a `SharedPort`."""

    kind: EndpointKind = ENDPOINT_KIND_WEBRTC

    def __init__(self, shared: SharedPort) -> None:
        self.host = shared.host
        self.port = shared.port
        self._shared = shared
        self._user: PacketUser | None = None
        self._receive: Callable[[bytes, float], None] | None = None
        self._ice = IceLite(IceCredentials.new(), shared.consent_s)
        self._ufrags = set(self._ice.ufrags)
        for ufrag in self._ufrags:
            shared.add(self, ufrag)
        self._remote_ufrag = ""
        self._fingerprints: tuple[Fingerprint, ...] = ()
        self._role = DtlsRole.CLIENT
        self._mid = "0"
        self._handshake: Handshake | None = None
        self._handshakes = 0
        self._early: deque[bytes] = deque(maxlen=_EARLY)
        self._selected: Source | None = None
        self._sources: dict[tuple[object, object], Source] = {}
        self._sendto = shared.sendto
        self._sender: SrtpSender | None = None
        self._receiver: SrtpReceiver | None = None
        self._strange = 0
        self._reached = False
        self._consented = False
        self._closed = False
        self._keys: SrtpKeys | None = None
        self._place = SrtpPlace()
        self._own = shared.identity.fingerprint
        self._taken_up = False

    @property
    def refused(self) -> int:
        return self._strange + self._ice.refused

    def attach(self, user: PacketUser) -> None:
        self._user = user
        self._receive = user.receive

    def negotiated(self, remote: Address) -> None:
        """The address in a browser's description says nothing: its checks do."""

    # -- descriptions ----------------------------------------------------------------------------------------

    def usable(self, offer: SessionDescription, section: Media) -> bool:
        return read_security(offer, section).security is Security.DTLS

    def answer(self, offer: SessionDescription, answer: SessionDescription) -> None:
        asked, given = chosen_stream(offer, answer)
        said = read_security(offer, asked)
        require_ice(said)
        setup = answered_setup(said.setup)
        if self._same_peer(said):
            setup = Setup.ACTIVE if self._role is DtlsRole.CLIENT else Setup.PASSIVE
        self._take(said, setup)
        write_ice(answer, given, self._side(setup), said.mid, offer)

    def profile(self) -> str:
        return "UDP/TLS/RTP/SAVPF"

    def follow(self, previous: SessionDescription) -> None:
        if previous.audio is not None:
            self._mid = read_security(previous, previous.audio).mid or self._mid

    def offer(self, offer: SessionDescription, ice_restart: bool = False) -> None:
        if ice_restart:
            self._restart_ice()
        write_ice(offer, offer.media[0], self._side(Setup.ACTPASS), self._mid, None)

    def answered(self, offer: SessionDescription, answer: SessionDescription) -> None:
        _, given = chosen_stream(offer, answer)
        said = read_security(answer, given)
        require_ice(said)
        if said.setup not in (Setup.ACTIVE, Setup.PASSIVE):
            raise SdpError("a=setup", "must be active or passive in an answer", 488)
        self._take(said, answered_setup(said.setup), restarts=False)

    def _same_peer(self, said: StreamSecurity) -> bool:
        known = self._handshake is not None or self._taken_up
        return known and said.fingerprints == self._fingerprints

    def _side(self, setup: Setup) -> IceSide:
        offered = self._ice.offered
        address = (self.host, self.port)
        return IceSide(address, offered.ufrag, offered.pwd, self._own, setup)

    def _take(self, said: StreamSecurity, own: Setup, restarts: bool = True) -> None:
        if self._remote_ufrag and said.ufrag != self._remote_ufrag and restarts:
            self._restart_ice()
        self._remote_ufrag = said.ufrag
        self._mid = said.mid or self._mid
        if self._same_peer(said):
            return
        role = DtlsRole.CLIENT if own is Setup.ACTIVE else DtlsRole.SERVER
        self._expect(said.fingerprints, role)

    def _restart_ice(self) -> None:
        self._ice.restart(IceCredentials.new())
        self._follow_ufrags()

    def _follow_ufrags(self) -> None:
        now = set(self._ice.ufrags)
        for ufrag in self._ufrags - now:
            self._shared.drop(ufrag)
        for ufrag in now - self._ufrags:
            self._shared.add(self, ufrag)
        self._ufrags = now

    # -- the handshake ---------------------------------------------------------------------------------------

    def _expect(self, fingerprints: tuple[Fingerprint, ...], role: DtlsRole) -> None:
        """A handshake with this peer, from its first check on. Raises SdpError (488)."""
        if self._handshakes >= _HANDSHAKES:
            raise SdpError("a=fingerprint", f"changes at most {_HANDSHAKES} times in a call", 488)
        if not believed(fingerprints):
            raise SdpError("a=fingerprint", "must be by SHA-256, SHA-384 or SHA-512", 488)
        self._end_handshake(farewell=False)
        self._fingerprints, self._role = fingerprints, role
        self._own, self._taken_up = self._shared.identity.fingerprint, False
        self._begin()

    def _begin(self) -> None:
        if (
            self._handshake is not None
            or self._taken_up
            or not self._fingerprints
            or self._ice.selected is None
            or self._closed
        ):
            return
        if not self._shared.may_begin(self, self._ice.selected[0]):
            return
        self._handshakes += 1
        dtls = DtlsSrtp(self._shared.identity, self._role, self._fingerprints, monotonic())
        self._handshake = Handshake(dtls, self._shared, self)
        self._handshake.begin()
        while self._early:
            self._handshake.feed(self._early.popleft())

    def _end_handshake(self, farewell: bool) -> None:
        if self._handshake is not None:
            self._handshake.close(farewell)
            self._handshake = None
            self._early.clear()
            self._shared.handshake_over(self)

    def flight(self, datagrams: list[bytes]) -> None:
        selected = self._selected
        if selected is not None:
            for one in datagrams:
                self._sendto(one, selected)

    def connected(self, keys: SrtpKeys) -> None:
        self._shared.handshake_over(self)
        self._keys, self._sender, self._receiver = keys, keys.sender(), keys.receiver()
        self._place = SrtpPlace()
        if self._user is not None:
            self._place.sends(*self._user.sends())
            self._user.secured()

    def ended(self, reason: str) -> None:
        self._end_handshake(farewell=False)
        self._fingerprints = ()
        self._keys = self._sender = self._receiver = None
        self._lose(f"DTLS: {reason}")

    # -- datagrams -------------------------------------------------------------------------------------------

    def check_received(self, message: StunMessage, source: Source, now: float) -> None:
        """A STUN message that names the leg, from an address that is free for it."""
        check = self._ice.receive(message, (str(source[0]), int(source[1])), now)  # type: ignore[call-overload]
        if check.reply is not None:
            self._sendto(check.reply, source)
        if not check.known:
            return
        self._shared.checked(self, source, now)
        self._follow_ufrags()
        self._consented = True
        self._sources[source[0], source[1]] = source
        if len(self._sources) > len(self._ice.addresses):
            self._sources = {address: self._sources[address] for address in self._ice.addresses}
            self._shared.keep(self, set(self._sources.values()))
        if self._ice.selected is not None:
            self._selected = self._sources[self._ice.selected]
        self._begin()

    def handshake_received(self, datagram: bytes) -> None:
        if self._handshake is not None:
            self._handshake.feed(datagram)
        elif not self._taken_up:
            self._early.append(datagram)

    def media_received(self, datagram: bytes, now: float) -> None:
        receiver = self._receiver
        if receiver is None or len(datagram) < _MIN_PACKET:
            self._strange += 1
            return
        if 192 <= datagram[1] <= 223:
            compound = receiver.unprotect_rtcp(datagram)
            if compound is None:
                self._strange += 1
            elif self._user is not None:
                self._user.receive_rtcp(compound)
            return
        packet = receiver.unprotect(datagram)
        if packet is None:
            self._strange += 1
            return
        if not self._reached and self._user is not None:
            self._reached = True
            self._user.reached()
        self._receive(packet, now)  # type: ignore[misc]

    def send(self, packet: bytes) -> None:
        sender = self._sender
        if sender is None or self._selected is None:
            return
        secret = sender.protect(packet)
        if secret is not None:
            self._sendto(secret, self._selected)

    def send_rtcp(self, compound: bytes) -> None:
        if self._sender is None or self._selected is None:
            return
        secret = self._sender.protect_rtcp(compound)
        if secret is not None:
            self._place.reports += 1
            self._sendto(secret, self._selected)

    # -- a successor -----------------------------------------------------------------------------------------

    def keep(self) -> dict[str, Any] | None:
        """What a successor of this process needs; None before there are keys, or while others are agreed."""
        handshaking = self._handshake is not None and not self._handshake.finished
        if self._keys is None or self._receiver is None or self._selected is None or handshaking:
            return None
        if self._user is not None:
            self._place.look(self._user.sends()[1], self._receiver, self._user.newest)
        return {
            "port": self.port,
            "shared": True,
            "remote_ufrag": self._remote_ufrag,
            "mid": self._mid,
            "client": self._role is DtlsRole.CLIENT,
            "fingerprints": [[name, digest.hex()] for name, digest in self._fingerprints],
            "own": [self._own[0], self._own[1].hex()],
            "handshakes": self._handshakes,
            "sources": list(self._sources.values()),
            "selected": self._selected,
            "place": place_record(self._place),
        }

    def secrets(self) -> dict[str, Any]:
        ice, pending = self._ice.credentials, self._ice.pending
        return {
            "keys": keys_record(self._keys) if self._keys is not None else None,
            "ice": [ice.ufrag, ice.pwd],
            "pending": [pending.ufrag, pending.pwd] if pending is not None else None,
        }

    def restore(self, kept: dict[str, Any], secrets: dict[str, Any]) -> None:
        """Goes on under the keys of a handshake of a process before this one; its certificate is gone, but
        not its fingerprint, which stays in our descriptions until there is another handshake.
        """
        now = monotonic()
        sources = [tuple(source) for source in kept["sources"]]
        selected: Source = tuple(kept["selected"])
        pending = IceCredentials(*secrets["pending"]) if secrets["pending"] is not None else None
        self._ice = IceLite(IceCredentials(*secrets["ice"]), self._shared.consent_s)
        addresses = [(str(source[0]), int(source[1])) for source in sources]
        self._ice.resume(addresses, (str(selected[0]), int(str(selected[1]))), pending, now)
        self._follow_ufrags()
        self._sources = {(source[0], source[1]): source for source in sources}
        for source in sources:
            self._shared.checked(self, source, now)
        self._selected, self._consented, self._reached = selected, True, True
        self._remote_ufrag, self._mid = str(kept["remote_ufrag"]), str(kept["mid"])
        self._role = DtlsRole.CLIENT if kept["client"] else DtlsRole.SERVER
        self._fingerprints = tuple((name, bytes.fromhex(digest)) for name, digest in kept["fingerprints"])
        self._own = (kept["own"][0], bytes.fromhex(kept["own"][1]))
        self._handshakes, self._taken_up = int(kept["handshakes"]), True
        self._keys = keys_of(secrets["keys"])
        self._place = place_of(kept["place"])
        self._sender = self._place.sender(self._keys)
        self._receiver = self._place.receiver(self._keys)
        self._place.advance()

    # -- ends ------------------------------------------------------------------------------------------------

    def catch_up(self, now: float) -> None:
        """What waits is in the socket of all browsers, which is read by its turn."""

    def check(self, now: float) -> None:
        if self._consented and not self._ice.consent(now):
            self._consented = False
            self._selected = None
            self._lose(f"no ICE check for {self._ice.silent_s(now):.0f} s")

    def _lose(self, reason: str) -> None:
        log.info("a browser's leg is lost", reason=reason, peer=str(self._ice.selected))
        if self._user is not None and not self._closed:
            self._user.lost(reason)

    def close(self) -> None:
        if self._closed:
            return
        self._end_handshake(farewell=True)
        self._closed = True
        self._sender = self._receiver = None
        self._user = self._receive = None
        self._shared.remove(self)
