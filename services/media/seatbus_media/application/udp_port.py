"""A leg on its own pair of UDP ports, plain or under keys from its descriptions: where its packets may come
from, and so where ours go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from seatbus.media.v1.types_pb2 import (
    ENDPOINT_KIND_LINK,
    ENDPOINT_KIND_RTP,
    ENDPOINT_KIND_SRTP_OPPORTUNISTIC,
    ENDPOINT_KIND_SRTP_SDES,
    EndpointKind,
)
from seatbus_media.application.kept_keys import keys_of, keys_record, place_of, place_record
from seatbus_media.application.packet_port import PacketUser
from seatbus_media.application.ports import Address, Datagrams
from seatbus_media.application.sdes import SdesKeys
from seatbus_rtp.latch import Latch
from seatbus_rtp.packet import is_rtcp, is_rtp
from seatbus_rtp.srtp import SrtpKeys, SrtpReceiver, SrtpSender
from seatbus_rtp.srtp_place import SEEKS, SrtpPlace, sought
from seatbus_sip.errors import SdpError
from seatbus_sip.sdp import Media, SessionDescription
from seatbus_sip.sdp_security import (
    Security,
    chosen_stream,
    read_security,
    write_cryptos,
    write_rtcp_mux,
)

_NOWHERE: Final = frozenset({"0.0.0.0", "::", ""})
_ALWAYS_SECURE: Final = frozenset({ENDPOINT_KIND_SRTP_SDES, ENDPOINT_KIND_LINK})
_LARGEST: Final = 2048
_WAITING: Final = 512
"""Packets that are read at the end at most: more than the kernel keeps for a socket, some 5 s of sound."""


class UdpPort:
    """RTP on the even port, RTCP on the odd one or on the same. Both sockets are open before negotiation.

    `wanted` is what is offered, and the least that is answered: RTP also answers encrypted offers. A LINK is
    the way to another instance: always under keys, and from the address that the other one told.
    """

    def __init__(self, host: str, port: int, wanted: EndpointKind = ENDPOINT_KIND_RTP) -> None:
        self.host = host
        self.port = port
        self.wanted = wanted
        self.destination: Address | None = None
        self._user: PacketUser | None = None
        self._receive: Callable[[bytes, float], None] | None = None
        self._latch = Latch()
        self._locked: tuple[object, ...] | None = None
        self._strange = 0
        self._reached = False
        self._negotiated = False
        self._closed = False
        self._rtp: Datagrams | None = None
        self._rtcp: Datagrams | None = None
        self._recvfrom: Callable[[int], tuple[bytes, Any]] | None = None
        self._sendto: Callable[[bytes, Any], int] | None = None
        self._unsent = 0
        self._rtcp_from: Address | None = None
        self._rtcp_mux = False
        self._sdes = SdesKeys()
        self._keys: SrtpKeys | None = None
        self._sender: SrtpSender | None = None
        self._receiver: SrtpReceiver | None = None
        self._place = SrtpPlace()
        self._seeks = 0

    @property
    def refused(self) -> int:
        return self._latch.refused + self._strange

    @property
    def kind(self) -> EndpointKind:
        if self.wanted == ENDPOINT_KIND_LINK:
            return ENDPOINT_KIND_LINK
        return ENDPOINT_KIND_RTP if self._keys is None else ENDPOINT_KIND_SRTP_SDES

    # -- sockets ---------------------------------------------------------------------------------------------

    def opened(self, rtp: Datagrams, rtcp: Datagrams) -> None:
        self._rtp, self._rtcp = rtp, rtcp
        self._recvfrom, self._sendto = rtp.recvfrom, rtp.sendto

    def close(self) -> None:
        self._closed = True
        for sock in (self._rtp, self._rtcp):
            if sock is not None:
                sock.close()
        self._rtp = self._rtcp = self._recvfrom = self._sendto = None
        self._user = self._receive = None

    # -- descriptions ----------------------------------------------------------------------------------------

    def usable(self, offer: SessionDescription, section: Media) -> bool:
        security = read_security(offer, section).security
        if self.wanted in _ALWAYS_SECURE:
            return security is Security.SDES
        return security in (Security.PLAIN, Security.SDES)

    def answer(self, offer: SessionDescription, answer: SessionDescription) -> None:
        asked, given = chosen_stream(offer, answer)
        said = read_security(offer, asked)
        keys = None
        if self.wanted == ENDPOINT_KIND_LINK:
            # Another offer is another instance's, which cannot know the turn of our packet numbers.
            self._sdes.used(None)
        if said.security is Security.SDES:
            crypto, keys = self._sdes.answer(said)
            write_cryptos(given, (crypto,))
        self._rtcp_mux = said.rtcp_mux
        if said.rtcp_mux:
            write_rtcp_mux(given)
        self._secure(keys)

    def profile(self) -> str:
        secure = self.wanted in _ALWAYS_SECURE or (
            self._keys is not None and self.wanted != ENDPOINT_KIND_SRTP_OPPORTUNISTIC
        )
        return "RTP/SAVP" if secure else "RTP/AVP"

    def follow(self, previous: SessionDescription) -> None:
        if previous.audio is not None:
            self._sdes.follow(read_security(previous, previous.audio))
            self._seeks = SEEKS

    def offer(self, offer: SessionDescription, ice_restart: bool = False) -> None:
        if self.profile() == "RTP/SAVP" or self.wanted == ENDPOINT_KIND_SRTP_OPPORTUNISTIC:
            write_cryptos(offer.media[0], self._sdes.offer())

    def answered(self, offer: SessionDescription, answer: SessionDescription) -> None:
        _, given = chosen_stream(offer, answer)
        said = read_security(answer, given)
        keys = None
        if said.security is Security.SDES:
            keys = self._sdes.accept(said)
        elif self.profile() == "RTP/SAVP" or said.security is not Security.PLAIN:
            raise SdpError("m=audio", f"is answered under the offered profile, {self.profile()}", 488)
        self._rtcp_mux = False
        self._secure(keys)

    def _secure(self, keys: SrtpKeys | None) -> None:
        """A direction whose key stays goes on as it is: its packet index must not begin again."""
        before = self._keys
        if keys is None:
            self._sender = self._receiver = None
        else:
            if before is None or (before.profile, before.local) != (keys.profile, keys.local):
                self._sender = keys.sender()
                if self._user is not None:
                    self._place.sends(*self._user.sends())
            if before is None or (before.profile, before.remote) != (keys.profile, keys.remote):
                self._receiver = keys.receiver()
                self._place.heard.clear()
        self._keys = keys
        self._sdes.used(keys)

    # -- the peer --------------------------------------------------------------------------------------------

    def attach(self, user: PacketUser) -> None:
        self._user = user
        self._receive = user.receive

    def keep(self) -> dict[str, object] | None:
        """What a successor of this process needs."""
        latch = self._latch
        if self._user is not None and self._receiver is not None:
            self._place.look(self._user.sends()[1], self._receiver, self._user.newest)
        return {
            "port": self.port,
            "wanted": int(self.wanted),
            "place": place_record(self._place),
            "locked": latch.locked or (latch.destination if self._reached else None),
            "signalled": latch.signalled,
            "rtcp_from": self._rtcp_from,
            "rtcp_mux": self._rtcp_mux,
        }

    def secrets(self) -> dict[str, object]:
        """The keys that belong to it, if any."""
        sdes = self._sdes.keep()
        keys = keys_record(self._keys) if self._keys is not None else None
        return {"sdes": sdes, "keys": keys} if keys is not None or sdes["own"] else {}

    def restore(self, kept: dict[str, Any], secrets: dict[str, Any]) -> None:
        self.wanted = kept["wanted"]
        if secrets:
            self._sdes.restore(secrets["sdes"])
            if secrets["keys"] is not None:
                self._keys = keys_of(secrets["keys"])
                self._place = place_of(kept["place"])
                self._sender = self._place.sender(self._keys)
                self._receiver = self._place.receiver(self._keys)
                self._place.advance()
        locked, signalled, rtcp = (
            (str(kept[name][0]), int(kept[name][1])) if kept[name] else None
            for name in ("locked", "signalled", "rtcp_from")
        )
        self._latch.restore(locked, signalled)
        self._locked = locked
        self._reached = locked is not None
        self._rtcp_from = rtcp
        self._rtcp_mux = bool(kept.get("rtcp_mux"))

    def negotiated(self, remote: Address) -> None:
        self._negotiated = True
        if remote[0] in _NOWHERE:
            return
        self._latch.renegotiated(remote)
        if self._latch.locked is None:
            self._locked = None
        self.destination = self._latch.destination

    def check(self, now: float) -> None:
        """Nobody asks for consent here: silence tells."""

    # -- packets ---------------------------------------------------------------------------------------------

    def read(self, now: float) -> None:
        """The next packet of the even port. Raises OSError if there is none."""
        recvfrom = self._recvfrom
        data, addr = recvfrom(_LARGEST)  # type: ignore[misc]
        if self._receiver is not None:
            plain = self._unprotected(data, addr)
            if plain is None:
                return
            data = plain
        if addr != self._locked and not self._admit(data, addr, now):
            return
        receive = self._receive
        receive(data, now)  # type: ignore[misc]

    def catch_up(self, now: float) -> None:
        for _ in range(_WAITING):
            if self._recvfrom is None:
                return
            try:
                self.read(now)
            except OSError:
                return

    def _unprotected(self, data: bytes, addr: tuple[object, ...]) -> bytes | None:
        """The packet if it was made with the peer's key: only then its source says anything."""
        if is_rtcp(data):
            self.rtcp_received(data, addr)
            return None
        plain = self._receiver.unprotect(data)  # type: ignore[union-attr]
        if plain is None and self._seeks:
            plain = self._seek(data)
        elif self._seeks:
            self._seeks = 0
        if plain is None:
            self._strange += 1
        return plain

    def _seek(self, data: bytes) -> bytes | None:
        """A phone that has spoken to another instance may go on with its roll-over counter."""
        self._seeks -= 1
        if self._keys is None or not is_rtp(data):
            return None
        found = sought(self._keys, data)
        if found is None:
            return None
        self._receiver, index, plain = found
        self._place.heard[index[0]] = index[1]
        self._seeks = 0
        return plain

    def _admit(self, data: bytes, addr: tuple[object, ...], now: float) -> bool:
        """Whether a packet from a source that is not locked belongs to this leg."""
        if not self._negotiated or self._closed or not is_rtp(data):
            if is_rtcp(data):
                self.rtcp_received(data, addr)
            else:
                self._strange += 1
            return False
        source = (str(addr[0]), int(addr[1]))  # type: ignore[call-overload]
        if self.wanted == ENDPOINT_KIND_LINK and source != self._latch.signalled:
            # Between instances there is no NAT: what comes from elsewhere is no instance.
            self._strange += 1
            return False
        if not self._latch.accept(source, now):
            return False
        if self._latch.locked is not None:
            self._locked = addr
        self.destination = self._latch.destination
        if not self._reached and self._user is not None:
            self._reached = True
            self._user.reached()
        return True

    def send(self, packet: bytes) -> None:
        sendto, destination = self._sendto, self.destination
        if sendto is None or destination is None:
            return
        if self._sender is not None:
            secret = self._sender.protect(packet)
            if secret is None:
                return
            packet = secret
        try:
            sendto(packet, destination)
        except OSError:
            self._unsent += 1

    # -- RTCP ------------------------------------------------------------------------------------------------

    def rtcp_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        """A compound on either port. From elsewhere than the leg's host it is not believed."""
        if self.destination is None or addr[0] != self.destination[0] or self._user is None:
            self._strange += 1
            return
        if self._receiver is not None:
            plain = self._receiver.unprotect_rtcp(data)
            if plain is None:
                self._strange += 1
                return
            data = plain
        self._rtcp_from = (str(addr[0]), int(addr[1]))  # type: ignore[call-overload]
        self._user.receive_rtcp(data)

    def send_rtcp(self, compound: bytes) -> None:
        sock = self._rtp if self._rtcp_mux else self._rtcp
        if sock is None or self.destination is None:
            return
        secret = self._sender.protect_rtcp(compound) if self._sender is not None else compound
        if secret is None:
            return
        self._place.reports += 1
        host, port = self.destination
        to = self.destination if self._rtcp_mux else self._rtcp_from or (host, port + 1)
        try:
            sock.sendto(secret, to)
        except OSError:
            self._unsent += 1

    def read_rtcp(self, now: float) -> None:
        """The next packet of the odd port. Raises OSError if there is none."""
        data, addr = self._rtcp.recvfrom(_LARGEST)  # type: ignore[union-attr]
        if is_rtcp(data):
            self.rtcp_received(data, addr)
