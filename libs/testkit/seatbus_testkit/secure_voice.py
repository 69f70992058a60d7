"""Phones that encrypt: under keys from their descriptions, or as a browser does, with ICE and DTLS-SRTP.

Each has a mouth and ears like any `RtpSocket`; what it cannot decrypt is counted in `refused` and not heard.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from seatbus_rtp.dtls import DtlsIdentity, DtlsRole, DtlsSrtp, DtlsState
from seatbus_rtp.ice import IceCredentials
from seatbus_rtp.mux import Content, content
from seatbus_rtp.packet import is_rtcp
from seatbus_rtp.srtp import SrtpKeys, SrtpProfile, SrtpReceiver, SrtpSender, profile_named
from seatbus_rtp.stun import Attribute, StunType, build_stun, parse_stun
from seatbus_sip.sdp import (
    PCMU,
    TELEPHONE_EVENT,
    Agreed,
    Codec,
    SessionDescription,
    accept_answer,
    build_answer,
    build_offer,
    parse_sdp,
)
from seatbus_sip.sdp_security import (
    Crypto,
    IceSide,
    Setup,
    answered_setup,
    chosen_stream,
    read_security,
    write_cryptos,
    write_ice,
)
from seatbus_testkit.ears import Ears
from seatbus_testkit.voice import Mouth, RtpSocket

Address = tuple[str, int]

_CHECK_S: Final = 0.02
_CONSENT_S: Final = 0.4


class _Sealed:
    """A transport that encrypts what it sends; nothing leaves while there is no key."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self.sender: SrtpSender | None = None
        self.to: Address | None = None

    def sendto(self, data: bytes, addr: Address | None = None) -> None:
        if self.sender is not None:
            self._transport.sendto(self.sender.protect(data) or b"", self.to or addr)


class SecureSocket(RtpSocket):
    """An RTP port under SRTP."""

    sealed: _Sealed

    def __init__(self, ears: Ears) -> None:
        super().__init__(ears)
        self.refused = 0
        self.received = 0
        self.receiver: SrtpReceiver | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.sealed = _Sealed(cast(asyncio.DatagramTransport, transport))
        self.mouth = Mouth(cast(Any, self.sealed))

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        if is_rtcp(data):
            return
        plain = self.receiver.unprotect(data) if self.receiver is not None else None
        if plain is None:
            self.refused += 1
        else:
            self.received += 1
            super().datagram_received(plain, addr)

    def secure(self, keys: SrtpKeys) -> None:
        self.sealed.sender, self.receiver = keys.sender(), keys.receiver()


class SdesPhone:
    """Offers and answers with keys (RFC 4568), with one suite."""

    def __init__(self, socket: SecureSocket, profile: SrtpProfile) -> None:
        self.socket = socket
        self.profile = profile
        self.master = profile.new_master()
        self._offer: SessionDescription | None = None

    @classmethod
    async def open(cls, profile: SrtpProfile = SrtpProfile.AES_CM_128_HMAC_SHA1_80) -> SdesPhone:
        socket = await SecureSocket.open("127.0.0.1", Ears())
        return cls(cast(SecureSocket, socket), profile)

    def offer(self, transport: str = "RTP/SAVP", codecs: Sequence[Codec] = (PCMU, TELEPHONE_EVENT)) -> str:
        """As `transport`: RTP/SAVP, RTP/SAVPF, or RTP/AVP with keys."""
        made = build_offer(self.socket.address, codecs, session_id=1, profile=transport)
        write_cryptos(made.media[0], [Crypto(3, self.profile.sdes_name, self.master)])
        self._offer = made
        return str(made)

    def answered(self, sdp: str) -> None:
        """Raises SdpError if the answer is none, StopIteration if it has no key."""
        if self._offer is None:
            raise LookupError("nothing was offered")
        answer = parse_sdp(sdp)
        agreed = accept_answer(self._offer, answer)
        _, given = chosen_stream(self._offer, answer)
        self._use(agreed, next(iter(read_security(answer, given).cryptos)))

    def answer(self, sdp: str, codecs: Sequence[Codec] = (PCMU, TELEPHONE_EVENT)) -> str:
        """Takes the offered line of its suite."""
        offer = parse_sdp(sdp)
        answer, agreed = build_answer(
            offer, self.socket.address, codecs, session_id=2, usable=lambda section: True
        )
        asked, given = chosen_stream(offer, answer)
        line = next(one for one in read_security(offer, asked).cryptos if one.suite == self.profile.sdes_name)
        write_cryptos(given, [Crypto(line.tag, line.suite, self.master)])
        self._use(agreed, line)
        return str(answer)

    def _use(self, agreed: Agreed, theirs: Crypto) -> None:
        profile = profile_named(theirs.suite) or self.profile
        self.socket.secure(SrtpKeys(profile, self.master, theirs.master))
        self.socket.connect(agreed)


class WebPhone(SecureSocket):
    """A browser's side of a leg: controls ICE, checks consent, does the handshake in either role."""

    def __init__(self, ears: Ears) -> None:
        super().__init__(ears)
        self.identity = DtlsIdentity.new(datetime.now(UTC))
        self.credentials = IceCredentials.new()
        self.dtls: DtlsSrtp | None = None
        self.checks_answered = 0
        self.checking = True
        self._remote: tuple[str, str, Address] | None = None
        self._offer: SessionDescription | None = None
        self._clock: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls) -> WebPhone:
        return cast(WebPhone, await cls.open("127.0.0.1", Ears()))

    # -- descriptions ----------------------------------------------------------------------------------------

    def _side(self, setup: Setup) -> IceSide:
        own = self.credentials
        return IceSide(self.address, own.ufrag, own.pwd, self.identity.fingerprint, setup)

    def offer(self, codecs: Sequence[Codec] = (PCMU, TELEPHONE_EVENT)) -> str:
        made = build_offer(self.address, codecs, session_id=1, profile="UDP/TLS/RTP/SAVPF")
        write_ice(made, made.media[0], self._side(Setup.ACTPASS), "0", None)
        made.lines.remove("a=ice-lite")
        self._offer = made
        return str(made)

    def answered(self, sdp: str) -> None:
        if self._offer is None:
            raise LookupError("nothing was offered")
        answer = parse_sdp(sdp)
        agreed = accept_answer(self._offer, answer)
        _, given = chosen_stream(self._offer, answer)
        said = read_security(answer, given)
        self._begin(agreed, said.ufrag, said.pwd, said.fingerprints, said.setup)

    def answer(self, sdp: str, codecs: Sequence[Codec] = (PCMU, TELEPHONE_EVENT)) -> str:
        offer = parse_sdp(sdp)
        answer, agreed = build_answer(offer, self.address, codecs, session_id=2, usable=lambda section: True)
        asked, given = chosen_stream(offer, answer)
        said = read_security(offer, asked)
        write_ice(answer, given, self._side(answered_setup(said.setup)), said.mid, offer)
        answer.lines.remove("a=ice-lite")
        self._begin(agreed, said.ufrag, said.pwd, said.fingerprints, said.setup)
        return str(answer)

    def _begin(
        self,
        agreed: Agreed,
        ufrag: str,
        pwd: str,
        fingerprints: tuple[tuple[str, bytes], ...],
        theirs: Setup,
    ) -> None:
        self._remote = (ufrag, pwd, agreed.remote)
        if self.dtls is None:
            role = DtlsRole.SERVER if theirs is Setup.ACTIVE else DtlsRole.CLIENT
            self.dtls = DtlsSrtp(self.identity, role, fingerprints, self._now())
        self.connect(agreed)
        if self._clock is None:
            self._clock = asyncio.create_task(self._check())

    # -- ICE, DTLS -------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        while True:
            if self.checking:
                self.check(self.checks_answered > 0)
            await asyncio.sleep(_CONSENT_S if self.checks_answered > 1 else _CHECK_S)

    def check(self, nominate: bool = True, pwd: str = "") -> None:
        """One check; with another password it is a stranger's."""
        if self._remote is None or self._transport is None:
            return
        ufrag, known, address = self._remote
        attributes = [
            (Attribute.USERNAME, f"{ufrag}:{self.credentials.ufrag}".encode()),
            (Attribute.ICE_CONTROLLING, secrets.token_bytes(8)),
            (Attribute.PRIORITY, (1 << 30).to_bytes(4, "big")),
        ]
        if nominate:
            attributes.append((Attribute.USE_CANDIDATE, b""))
        raw = build_stun(
            StunType.REQUEST, secrets.token_bytes(12), attributes, password=(pwd or known).encode()
        )
        self._transport.sendto(raw, address)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        kind = content(data)
        if kind is Content.STUN:
            self._checked(data, (str(addr[0]), int(addr[1])))
        elif kind is Content.DTLS and self.dtls is not None:
            self._flight(self.dtls.receive(data, self._now()), (str(addr[0]), int(addr[1])))
        else:
            super().datagram_received(data, addr)

    def _checked(self, data: bytes, addr: Address) -> None:
        message = parse_stun(data)
        if self._remote is None or message.kind is not StunType.SUCCESS:
            return
        if not message.authentic(self._remote[1].encode()):
            return
        self.checks_answered += 1
        if self.checks_answered == 1 and self.dtls is not None and self.dtls.role is DtlsRole.CLIENT:
            self._flight(self.dtls.start(self._now()), addr)

    def _flight(self, datagrams: list[bytes], addr: Address) -> None:
        if self._transport is not None:
            for one in datagrams:
                self._transport.sendto(one, addr)
        dtls = self.dtls
        if dtls is not None and dtls.keys is not None and self.receiver is None:
            self.secure(dtls.keys)

    @property
    def connected(self) -> bool:
        return self.dtls is not None and self.dtls.state is DtlsState.CONNECTED

    def close(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
        super().close()
