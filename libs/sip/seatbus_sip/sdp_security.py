"""How a stream of a session description is protected: nothing, SDES (RFC 4568), or ICE with DTLS-SRTP
(RFC 5763, RFC 8839), and the lines that say so.

Laws: a line that cannot be read is as if it were not there; what is missing then is named. Secrets are taken
from a description only under a protected profile, or under RTP/AVP with crypto lines (RFC 8643).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from seatbus_sip.errors import SdpError
from seatbus_sip.flow import Address
from seatbus_sip.sdp import Media, SessionDescription

SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"""Crypto suites and the bytes of their master key and salt."""
MAX_LINES: Final = 16
"""Crypto lines, or fingerprints, of one stream that are looked at."""

_PLAIN: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
_SECURE: Final = frozenset({"RTP/SAVP", "RTP/SAVPF"})
_DTLS: Final = frozenset({"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
_ICE: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
_INLINE: Final = re.compile(r"inline:([A-Za-z0-9+/]{20,128}={0,2})((?:\|[0-9^]{1,20})?)(\|.*)?")
_FINGERPRINT: Final = re.compile(r"([A-Za-z0-9-]{3,16})\s+((?:[0-9A-Fa-f]{2}:){15,127}[0-9A-Fa-f]{2})")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")


class Security(Enum):
    """What protects a stream."""

    PLAIN = "plain"
    SDES = "sdes"
    DTLS = "dtls"


class Setup(Enum):
    """Who begins the handshake (RFC 4145)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


_SETUPS: Final = {setup.value: setup for setup in Setup}


@dataclass(frozen=True, slots=True)
class Crypto:
    """One usable a=crypto line: a suite and its sender's master key and salt."""

    tag: int
    suite: str
    master: bytes

    def __str__(self) -> str:
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.master).decode()}"


@dataclass(frozen=True, slots=True)
class StreamSecurity:
    """What the writer of a stream says about its protection. Empty where nothing was said."""

    security: Security | None
    rtcp_mux: bool
    cryptos: tuple[Crypto, ...]
    fingerprints: tuple[tuple[str, bytes], ...]
    setup: Setup
    ufrag: str
    pwd: str
    mid: str


@dataclass(frozen=True, slots=True)
class IceSide:
    """Our side of a stream with ICE-lite and DTLS-SRTP, on one address."""

    address: Address
    ufrag: str
    pwd: str
    fingerprint: tuple[str, bytes]
    setup: Setup


def read_security(description: SessionDescription, section: Media) -> StreamSecurity:
    """Views of the lines; those of the session count where the stream has none. Never raises."""
    cryptos = tuple(
        crypto for value in section.attribute("crypto")[:MAX_LINES] if (crypto := _crypto(value)) is not None
    )
    fingerprints = tuple(
        found for value in _both(description, section, "fingerprint") if (found := _fingerprint(value))
    )
    setup = next(iter(_both(description, section, "setup")), "")
    return StreamSecurity(
        _security(section.proto, cryptos, fingerprints),
        section.rtcp_mux,
        cryptos,
        fingerprints,
        _SETUPS.get(setup, Setup.ACTPASS if not setup else Setup.HOLDCONN),
        _ice(description, section, "ice-ufrag"),
        _ice(description, section, "ice-pwd"),
        next((value for value in section.attribute("mid") if _TOKEN.fullmatch(value)), ""),
    )


def _security(
    profile: str, cryptos: Sequence[Crypto], fingerprints: Sequence[tuple[str, bytes]]
) -> Security | None:
    if profile in _DTLS or (profile in _SECURE and fingerprints and not cryptos):
        return Security.DTLS
    if profile in _SECURE or (profile in _PLAIN and cryptos):
        return Security.SDES
    return Security.PLAIN if profile in _PLAIN else None


def _both(description: SessionDescription, section: Media, name: str) -> list[str]:
    own = section.attribute(name)
    if own:
        return own[:MAX_LINES]
    prefix = f"a={name}:"
    return [line[len(prefix) :].strip() for line in description.lines if line.startswith(prefix)][:MAX_LINES]


def _ice(description: SessionDescription, section: Media, name: str) -> str:
    value = next(iter(_both(description, section, name)), "")
    return value if _ICE.fullmatch(value) else ""


def _crypto(value: str) -> Crypto | None:
    """None for what is not served: another suite, key identifiers, several keys, no encryption."""
    parts = value.split()
    if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdecimal() and len(parts[0]) < 10):
        return None
    length = SUITES.get(parts[1])
    found = _INLINE.fullmatch(parts[2])
    if length is None or found is None or found[3] is not None:
        return None
    if any(not parameter.startswith("WSH=") for parameter in parts[3:]):
        return None
    try:
        master = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), validate=True)
    except binascii.Error:
        return None
    return Crypto(int(parts[0]), parts[1], master) if len(master) == length else None


def _fingerprint(value: str) -> tuple[str, bytes] | None:
    found = _FINGERPRINT.fullmatch(value)
    return (found[1].lower(), bytes.fromhex(found[2].replace(":", ""))) if found else None


# -- what an answer needs ----------------------------------------------------------------------------------


def chosen_stream(offer: SessionDescription, answer: SessionDescription) -> tuple[Media, Media]:
    """The offered and the answered section of the one stream that was accepted. Raises SdpError (488)."""
    for asked, given in zip(offer.media, answer.media, strict=False):
        if given.kind == "audio" and given.port:
            return asked, given
    raise SdpError("m=audio", "is answered with a port", 488)


def require_ice(said: StreamSecurity) -> None:
    """Raises SdpError (488) naming what a stream lacks for ICE and DTLS-SRTP on one port."""
    if not said.ufrag or not said.pwd:
        raise SdpError("a=ice-ufrag, a=ice-pwd", "are given with DTLS-SRTP: it is served with ICE alone", 488)
    if not said.fingerprints:
        raise SdpError("a=fingerprint", "is given with DTLS-SRTP", 488)
    if not said.rtcp_mux:
        raise SdpError("a=rtcp-mux", "is given with ICE: one port serves RTP and RTCP", 488)
    if said.setup is Setup.HOLDCONN:
        raise SdpError("a=setup", "must be actpass, active or passive", 488)


def answered_setup(offered: Setup) -> Setup:
    """What to answer (RFC 8842 5.3): we begin the handshake unless the peer insists."""
    return Setup.PASSIVE if offered is Setup.ACTIVE else Setup.ACTIVE


# -- lines -------------------------------------------------------------------------------------------------


def write_rtcp_mux(section: Media) -> None:
    if not section.rtcp_mux:
        section.lines.append("a=rtcp-mux")


def write_cryptos(section: Media, cryptos: Sequence[Crypto]) -> None:
    section.lines.extend(str(crypto) for crypto in cryptos)


def write_ice(
    description: SessionDescription, section: Media, side: IceSide, mid: str, offer: SessionDescription | None
) -> None:
    """Makes `section` a browser's stream: ICE-lite, DTLS-SRTP, one bundle of one stream, one port.

    With `offer`, refused streams repeat their identification, as browsers want it (RFC 8843 7.3.3).
    """
    host, port = side.address
    description.lines.append("a=ice-lite")
    if mid:
        description.lines.append(f"a=group:BUNDLE {mid}")
        section.lines.append(f"a=mid:{mid}")
    algorithm, digest = side.fingerprint
    section.lines += [
        "a=rtcp-mux",
        f"a=ice-ufrag:{side.ufrag}",
        f"a=ice-pwd:{side.pwd}",
        f"a=fingerprint:{algorithm} {digest.hex(':').upper()}",
        f"a=setup:{side.setup.value}",
        f"a=candidate:1 1 udp 2130706431 {host} {port} typ host",
        "a=end-of-candidates",
    ]
    for asked, given in zip(offer.media if offer is not None else (), description.media, strict=False):
        if given is not section:
            given.lines += [f"a=mid:{value}" for value in asked.attribute("mid") if _TOKEN.fullmatch(value)]
            given.lines.append("a=inactive")
