"""SRTP and SRTCP of one leg (RFC 3711, RFC 7714), by libsrtp without its object layer.

Laws: one direction has one master key; what cannot be authenticated or was seen before is None, never an
exception; a peer may use few synchronisation sources, so that it cannot make us keep state without limit.

All directions share one scratch buffer: everything here belongs to one thread.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pylibsrtp import Policy
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]

from seatbus_rtp.errors import SrtpError
from seatbus_rtp.packet import HEADER_SIZE, MAX_PACKET

MAX_SOURCES: Final = 16
"""Synchronisation sources that one peer may use in the life of a key."""
_TRAILER: Final = 4 + 16 + 128
_OK: Final[int] = lib.srtp_err_status_ok

_scratch: Final[Any] = ffi.new("unsigned char[]", MAX_PACKET + _TRAILER)
_view: Final[Any] = ffi.buffer(_scratch)
_size: Final[Any] = ffi.new("int *")


@dataclass(frozen=True, slots=True)
class _Suite:
    sdes: str
    dtls: bytes
    number: int
    policy: int
    key_bytes: int
    salt_bytes: int


class SrtpProfile(Enum):
    """Protection profiles in order of preference. Names as in SDES (RFC 4568, RFC 7714) and in OpenSSL;
    `number` as DTLS-SRTP registers it (RFC 5764 4.1.2).
    """

    AEAD_AES_128_GCM = _Suite(
        "AEAD_AES_128_GCM", b"SRTP_AEAD_AES_128_GCM", 7, Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12
    )
    AEAD_AES_256_GCM = _Suite(
        "AEAD_AES_256_GCM", b"SRTP_AEAD_AES_256_GCM", 8, Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12
    )
    AES_CM_128_HMAC_SHA1_80 = _Suite(
        "AES_CM_128_HMAC_SHA1_80", b"SRTP_AES128_CM_SHA1_80", 1, Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14
    )
    AES_CM_128_HMAC_SHA1_32 = _Suite(
        "AES_CM_128_HMAC_SHA1_32", b"SRTP_AES128_CM_SHA1_32", 2, Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 16, 14
    )

    @property
    def sdes_name(self) -> str:
        return self.value.sdes

    @property
    def dtls_name(self) -> bytes:
        return self.value.dtls

    @property
    def key_bytes(self) -> int:
        return self.value.key_bytes

    @property
    def salt_bytes(self) -> int:
        return self.value.salt_bytes

    @property
    def master_bytes(self) -> int:
        """Length of key and salt together."""
        return self.value.key_bytes + self.value.salt_bytes

    def new_master(self) -> bytes:
        """A random master key and salt."""
        return secrets.token_bytes(self.master_bytes)


def profile_named(sdes_name: str) -> SrtpProfile | None:
    """The profile of a crypto suite's name (RFC 4568 6.2), None if it is not served."""
    return _BY_SDES.get(sdes_name)


_BY_SDES: Final = {profile.sdes_name: profile for profile in SrtpProfile}


def _context(profile: SrtpProfile, master: bytes, ssrc_type: int) -> Any:
    if len(master) != profile.master_bytes:
        raise SrtpError("master key", f"must be {profile.master_bytes} bytes for {profile.name}", len(master))
    policy = Policy(key=master, ssrc_type=ssrc_type, srtp_profile=profile.value.policy)
    made = ffi.new("srtp_t *")
    status = lib.srtp_create(made, policy._policy)
    if status != _OK:
        raise SrtpError("session", "must be accepted by libsrtp", int(status))
    return ffi.gc(made, lambda pointer: lib.srtp_dealloc(pointer[0]))


class SrtpSender:
    """What we send to a peer: any number of sources of ours under our master key."""

    __slots__ = ("_context", "_owner")

    def __init__(self, profile: SrtpProfile, master: bytes) -> None:
        """Raises SrtpError for a key of the wrong length."""
        self._owner = _context(profile, master, Policy.SSRC_ANY_OUTBOUND)
        self._context = self._owner[0]

    def protect(self, packet: bytes) -> bytes | None:
        """The packet as it goes out; None if it is no RTP or larger than `MAX_PACKET`."""
        size = len(packet)
        if not HEADER_SIZE <= size <= MAX_PACKET:
            return None
        _view[0:size] = packet
        _size[0] = size
        if lib.srtp_protect(self._context, _scratch, _size) != _OK:
            return None
        return _view[0 : _size[0]]  # type: ignore[no-any-return]

    def protect_rtcp(self, compound: bytes) -> bytes | None:
        size = len(compound)
        if not 8 <= size <= MAX_PACKET:
            return None
        _view[0:size] = compound
        _size[0] = size
        if lib.srtp_protect_rtcp(self._context, _scratch, _size) != _OK:
            return None
        return _view[0 : _size[0]]  # type: ignore[no-any-return]


class SrtpReceiver:
    """What a peer sends to us under its master key."""

    __slots__ = ("_context", "_newest", "_owner", "sources")

    def __init__(self, profile: SrtpProfile, master: bytes) -> None:
        """Raises SrtpError for a key of the wrong length."""
        self._owner = _context(profile, master, Policy.SSRC_ANY_INBOUND)
        self._context = self._owner[0]
        self.sources: dict[int, int] = {}
        """The first sequence number of each source of the peer; -1 while it has sent reports alone."""
        self._newest = b""

    def unprotect(self, packet: bytes) -> bytes | None:
        """The plain packet, None if it is not authentic, was seen before or has no place."""
        size = len(packet)
        if not HEADER_SIZE <= size <= MAX_PACKET:
            return None
        source = packet[8:12]
        if source != self._newest and not self._has_place(source):
            return None
        _view[0:size] = packet
        _size[0] = size
        if lib.srtp_unprotect(self._context, _scratch, _size) != _OK:
            return None
        if source != self._newest:
            # Only what was authentic counts: strangers must not use up the places of the peer.
            self._newest = source
            number = int.from_bytes(source, "big")
            if self.sources.get(number, -1) < 0:
                self.sources[number] = int.from_bytes(packet[2:4], "big")
        return _view[0 : _size[0]]  # type: ignore[no-any-return]

    def unprotect_rtcp(self, compound: bytes) -> bytes | None:
        size = len(compound)
        if not 8 <= size <= MAX_PACKET:
            return None
        source = compound[4:8]
        if not self._has_place(source):
            return None
        _view[0:size] = compound
        _size[0] = size
        if lib.srtp_unprotect_rtcp(self._context, _scratch, _size) != _OK:
            return None
        self.sources.setdefault(int.from_bytes(source, "big"), -1)
        return _view[0 : _size[0]]  # type: ignore[no-any-return]

    def _has_place(self, source: bytes) -> bool:
        return len(self.sources) < MAX_SOURCES or int.from_bytes(source, "big") in self.sources


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What a handshake or an exchange of descriptions gives: a profile and a master key each way."""

    profile: SrtpProfile
    local: bytes
    remote: bytes

    def sender(self) -> SrtpSender:
        return SrtpSender(self.profile, self.local)

    def receiver(self) -> SrtpReceiver:
        return SrtpReceiver(self.profile, self.remote)
