"""A browser's side of a leg for load: blocking sockets, one handshake at the start, then SRTP."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

import bench_relay_ratio as relay

from seatbus_rtp.dtls import DtlsIdentity, DtlsRole, DtlsSrtp
from seatbus_rtp.ice import IceCredentials
from seatbus_rtp.mux import Content, content
from seatbus_rtp.packet import HEADER, PLAIN, is_rtcp
from seatbus_rtp.srtp import SrtpReceiver, SrtpSender
from seatbus_rtp.stun import Attribute, StunType, build_stun
from seatbus_sip.sdp import PCMU, TELEPHONE_EVENT, build_offer, parse_sdp
from seatbus_sip.sdp_security import IceSide, Setup, read_security, write_ice

CONSENT_S = 2.5
_IDENTITY = DtlsIdentity.new(datetime.now(UTC))


class BrowserLeg(relay.Leg):
    """Sends and counts encrypted packets; checks consent as often as a browser does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._own = IceCredentials.new()
        self._remote = ("", "")
        self._target = ("", 0)
        self._sender: SrtpSender | None = None
        self.receiver: SrtpReceiver | None = None
        self._check_due = 0.0

    def offer(self) -> str:
        made = build_offer(self.address, [PCMU, TELEPHONE_EVENT], session_id=1, profile="UDP/TLS/RTP/SAVPF")
        side = IceSide(self.address, self._own.ufrag, self._own.pwd, _IDENTITY.fingerprint, Setup.ACTPASS)
        write_ice(made, made.media[0], side, "0", None)
        made.lines.remove("a=ice-lite")
        return str(made)

    def join(self, sdp: str) -> None:
        """ICE and DTLS with who answered so. Raises TimeoutError."""
        answer = parse_sdp(sdp)
        audio = answer.media[0]
        said = read_security(answer, audio)
        self._remote, self._target = (said.ufrag, said.pwd), (relay.HOST, audio.port)
        dtls = DtlsSrtp(_IDENTITY, DtlsRole.SERVER, said.fingerprints, time.monotonic())
        self.sock.settimeout(0.2)
        end = time.monotonic() + 10
        while dtls.keys is None:
            if time.monotonic() > end:
                raise TimeoutError(f"no handshake with {self._target}: {dtls.failure}")
            self.check()
            try:
                while dtls.keys is None:
                    data = self.sock.recv(2048)
                    if content(data) is Content.DTLS:
                        for one in dtls.receive(data, time.monotonic()):
                            self.sock.sendto(one, self._target)
            except TimeoutError:
                continue
        self.sock.setblocking(False)
        self._sender, self.receiver = dtls.keys.sender(), dtls.keys.receiver()

    def check(self) -> None:
        ufrag, pwd = self._remote
        attributes = [
            (Attribute.USERNAME, f"{ufrag}:{self._own.ufrag}".encode()),
            (Attribute.ICE_CONTROLLING, secrets.token_bytes(8)),
            (Attribute.PRIORITY, bytes(4)),
            (Attribute.USE_CANDIDATE, b""),
        ]
        raw = build_stun(StunType.REQUEST, secrets.token_bytes(12), attributes, password=pwd.encode())
        self.sock.sendto(raw, self._target)
        # Spread over the time, as browsers that called at different moments are.
        self._check_due = time.monotonic() + CONSENT_S * (0.5 + secrets.randbelow(1000) / 1000)

    def send(self, to: tuple[str, int]) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        header = HEADER.pack(PLAIN, 0, self.sequence, self.sequence * 160, self.ssrc)
        if self._sender is not None:
            self.sock.sendto(self._sender.protect(header + relay.SOUND) or b"", to)
        if time.monotonic() >= self._check_due:
            self.check()

    def drain(self) -> None:
        try:
            while data := self.sock.recv(2048):
                self.received += content(data) is Content.MEDIA
        except BlockingIOError:
            pass


def hears(leg: relay.Leg, limit_s: float) -> bool:
    """Waits for one packet of sound at a leg that nothing else reads."""
    end = time.monotonic() + limit_s
    while (left := end - time.monotonic()) > 0:
        leg.sock.settimeout(left)
        try:
            data = leg.sock.recv(2048)
        except TimeoutError:
            return False
        if content(data) is Content.MEDIA and not is_rtcp(data):
            return True
    return False
