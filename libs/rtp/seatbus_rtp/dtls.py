"""The DTLS-SRTP handshake of one leg (RFC 5763, RFC 5764), without sockets.

Laws: a peer is who its description said: a certificate with another fingerprint ends the handshake; keys are
there only after that check. A handshake that takes too long or too many datagrams has failed for good.

An object is used by one thread at a time; steps take a millisecond or two, so they are made for a worker.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from seatbus_rtp.errors import DtlsError
from seatbus_rtp.srtp import SrtpKeys, SrtpProfile

MTU: Final = 1200
HANDSHAKE_S: Final = 10.0
"""A browser gives up after about as long; nobody waits longer for a call to be heard."""
MAX_DATAGRAMS: Final = 128
"""Datagrams of one peer in one handshake; a clean one takes about four."""

_RECORD_HEADER: Final = 13
_READ: Final = 16384
_LABEL: Final = b"EXTRACTOR-dtls_srtp"
_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!SHA256:!SHA384"
_STRENGTH: Final = ("sha-512", "sha-384", "sha-256")
"""Fingerprint algorithms that are believed, the strongest first (RFC 8122 5.1)."""
_VALID_DAYS: Final = 3650

Fingerprint = tuple[str, bytes]
"""Algorithm in lower case and digest."""


class DtlsRole(Enum):
    """`CLIENT` is who said `active` (RFC 5763 5)."""

    CLIENT = "client"
    SERVER = "server"


class DtlsState(Enum):
    HANDSHAKING = "handshaking"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


class DtlsIdentity:
    """A key and a self-signed certificate. One for each incarnation of a process: a browser takes a leg that
    moved for a new one only if the fingerprint is another.
    """

    def __init__(self, certificate: x509.Certificate, context: SSL.Context) -> None:
        self.certificate = certificate
        self.context = context
        self.fingerprint: Fingerprint = ("sha-256", certificate.fingerprint(hashes.SHA256()))

    @classmethod
    def new(cls, now: datetime) -> DtlsIdentity:
        """A fresh one; takes milliseconds."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "seatbus")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=_VALID_DAYS))
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, _context(key, certificate))


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_cipher_list(_CIPHERS)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    context.set_tlsext_use_srtp(b":".join(profile.dtls_name for profile in SrtpProfile))
    return context


def believed(fingerprints: Sequence[Fingerprint]) -> tuple[Fingerprint, ...]:
    """Those of the strongest algorithm that is believed: all of them are good (RFC 8122 5.1)."""
    for algorithm in _STRENGTH:
        found = tuple(one for one in fingerprints if one[0] == algorithm)
        if found:
            return found
    return ()


class _Check:
    """Whether the peer's certificate is the one of its description."""

    def __init__(self, fingerprints: Sequence[Fingerprint]) -> None:
        self._believed = fingerprints
        self.seen = False
        self.matched = False

    def look(self, certificate: crypto.X509) -> bool:
        der = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
        self.seen = True
        self.matched = any(
            hmac.compare_digest(hashlib.new(algorithm.replace("-", ""), der).digest(), digest)
            for algorithm, digest in self._believed
        )
        return self.matched


def _verify(connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
    """The certificate's issuer means nothing; its fingerprint means everything.

    One callback for all: one of its own would hold a connection, and the 130 KiB that OpenSSL has for it,
    until the garbage is collected.
    """
    if depth:
        return True
    check = connection.get_app_data()
    return isinstance(check, _Check) and check.look(certificate)


class DtlsSrtp:
    """One handshake. Each input returns the datagrams to be sent; `state` and `keys` tell how it stands.

    `now` is monotonic seconds.
    """

    def __init__(
        self, identity: DtlsIdentity, role: DtlsRole, fingerprints: Sequence[Fingerprint], now: float
    ) -> None:
        """Raises DtlsError if the peer gave no fingerprint that can be believed."""
        trusted = believed(fingerprints)
        if not trusted:
            raise DtlsError("the peer's description has no fingerprint by SHA-256, SHA-384 or SHA-512")
        self.role = role
        self.state = DtlsState.HANDSHAKING
        self.keys: SrtpKeys | None = None
        self.failure = ""
        self._check = _Check(trusted)
        self._given_up_at = now + HANDSHAKE_S
        self._datagrams = 0
        self._connection = SSL.Connection(identity.context, None)
        self._connection.set_app_data(self._check)
        self._connection.set_ciphertext_mtu(MTU)
        if role is DtlsRole.CLIENT:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    # -- inputs ----------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[bytes]:
        """The first flight of a client; a server has nothing to say yet."""
        return self._step(now)

    def receive(self, datagram: bytes, now: float) -> list[bytes]:
        """A datagram of the peer, in the handshake or after it."""
        if self.state in (DtlsState.FAILED, DtlsState.CLOSED) or not datagram:
            return []
        self._datagrams += 1
        if self._datagrams > MAX_DATAGRAMS:
            if self.state is DtlsState.HANDSHAKING:
                self._fail(f"more than {MAX_DATAGRAMS} datagrams")
            return []
        self._connection.bio_write(datagram)
        if self.state is DtlsState.CONNECTED:
            return self._after_handshake()
        return self._step(now)

    def expire(self, now: float) -> list[bytes]:
        """To be called at `deadline`: sends a flight again, or gives up."""
        if self.state is not DtlsState.HANDSHAKING:
            return []
        if now >= self._given_up_at:
            self._fail(f"not finished within {HANDSHAKE_S:.0f} s")
            return []
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(_told(error))
        return self._outgoing()

    def close(self) -> list[bytes]:
        """The alert that tells the peer that we leave."""
        if self.state is not DtlsState.CONNECTED:
            self.state = DtlsState.CLOSED
            return []
        self.state = DtlsState.CLOSED
        try:
            self._connection.shutdown()
        except SSL.Error as error:
            self.failure = _told(error)
        return self._outgoing()

    def deadline(self, now: float) -> float | None:
        """When `expire` is due, monotonic seconds; None when nothing is waited for."""
        if self.state is not DtlsState.HANDSHAKING:
            return None
        left = self._connection.DTLSv1_get_timeout()
        return self._given_up_at if left is None else min(self._given_up_at, now + max(left, 0.01))

    # -- inside ----------------------------------------------------------------------------------------------

    def _step(self, now: float) -> list[bytes]:
        if self.state is not DtlsState.HANDSHAKING:
            return []
        if now >= self._given_up_at:
            self._fail(f"not finished within {HANDSHAKE_S:.0f} s")
            return []
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return self._outgoing()
        except SSL.Error as error:
            wrong = self._check.seen and not self._check.matched
            self._fail(
                "the certificate's fingerprint is not that of the description" if wrong else _told(error)
            )
            return self._outgoing()
        self._finish()
        return self._outgoing()

    def _finish(self) -> None:
        if not self._check.matched:
            self._fail("the peer showed no certificate of its description")
            return
        name = self._connection.get_selected_srtp_profile()
        profile = next((one for one in SrtpProfile if one.dtls_name == name), None)
        if profile is None:
            self._fail("no SRTP profile in common")
            return
        key, salt = profile.key_bytes, profile.salt_bytes
        material = self._connection.export_keying_material(_LABEL, 2 * (key + salt))
        # RFC 5764 4.2: client key, server key, client salt, server salt.
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        mine, theirs = (client, server) if self.role is DtlsRole.CLIENT else (server, client)
        self.keys = SrtpKeys(profile, mine, theirs)
        self.state = DtlsState.CONNECTED
        self._datagrams = 0

    def _after_handshake(self) -> list[bytes]:
        """The peer's last flight again, which is answered with ours, or its farewell."""
        try:
            while True:
                self._connection.recv(_READ)
        except SSL.WantReadError:
            return self._outgoing()
        except SSL.ZeroReturnError:
            self.state = DtlsState.CLOSED
        except SSL.Error as error:
            self.failure = _told(error)
            self.state = DtlsState.CLOSED
        return self._outgoing()

    def _fail(self, reason: str) -> None:
        self.state = DtlsState.FAILED
        self.failure = reason
        self.keys = None

    def _outgoing(self) -> list[bytes]:
        """What OpenSSL wrote, cut back into datagrams: a memory BIO keeps no borders, records do."""
        written = b""
        while True:
            try:
                written += self._connection.bio_read(_READ)
            except SSL.WantReadError:
                return datagrams(written)


def datagrams(written: bytes) -> list[bytes]:
    """Whole DTLS records grouped into datagrams of at most `MTU` bytes."""
    made: list[bytes] = []
    at = 0
    while at + _RECORD_HEADER <= len(written):
        size = _RECORD_HEADER + int.from_bytes(written[at + 11 : at + 13], "big")
        record = written[at : at + size]
        if made and len(made[-1]) + size <= MTU:
            made[-1] += record
        else:
            made.append(record)
        at += size
    return made


def _told(error: SSL.Error) -> str:
    reasons = [entry[-1] for entry in error.args[0]] if error.args and error.args[0] else []
    return ", ".join(str(reason) for reason in reasons) or type(error).__name__
