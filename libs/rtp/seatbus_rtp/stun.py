"""STUN messages as ICE uses them (RFC 8489): Binding requests in, responses out.

Laws: a message is accepted whole or not at all; whatever stands behind MESSAGE-INTEGRITY, except FINGERPRINT,
is ignored (RFC 8489 14.5), so that nothing unauthenticated is ever believed.
"""

from __future__ import annotations

import hmac
import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha1
from ipaddress import ip_address
from typing import Final

from seatbus_rtp.errors import StunError

HEADER_BYTES: Final = 20
MAX_MESSAGE: Final = 1280
"""RFC 8489 6.1: below this where the path is unknown; checks of browsers are below 200."""
MAX_ATTRIBUTES: Final = 32
COOKIE: Final = 0x2112A442
TRANSACTION_BYTES: Final = 12

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_U32: Final = struct.Struct("!I")
_FINGERPRINT_XOR: Final = 0x5354554E
_INTEGRITY_BYTES: Final = 20


class StunType(IntEnum):
    """Method Binding in its classes (RFC 8489 5)."""

    REQUEST = 0x0001
    INDICATION = 0x0011
    SUCCESS = 0x0101
    ERROR = 0x0111


class Attribute(IntEnum):
    """Attributes that are read or written here (RFC 8489 18.3, RFC 8445 20.2)."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


_KNOWN: Final = frozenset(Attribute)
_OPTIONAL: Final = 0x8000
"""Attributes from here on may be ignored by who does not know them."""


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A parsed message. `attributes` holds the first value of each known one up to MESSAGE-INTEGRITY."""

    kind: StunType
    transaction: bytes
    attributes: dict[Attribute, bytes] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()
    """Attributes that must be understood and are not."""
    raw: bytes = b""
    integrity_at: int = -1
    """Where MESSAGE-INTEGRITY begins in `raw`, -1 without one."""

    @property
    def username(self) -> str:
        """The username; empty without one or if it is no text."""
        return self.attributes.get(Attribute.USERNAME, b"").decode("utf-8", "replace")

    def authentic(self, password: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY was made with the password (RFC 8489 14.5, short-term credentials)."""
        at = self.integrity_at
        if at < 0:
            return False
        expected = _integrity(self.raw[:at], password)
        return hmac.compare_digest(expected, self.attributes[Attribute.MESSAGE_INTEGRITY])


def is_stun(data: bytes) -> bool:
    """Whether the bytes look like STUN: first byte 0 to 3 (RFC 7983) and the cookie."""
    return len(data) >= HEADER_BYTES and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def parse_stun(data: bytes) -> StunMessage:
    """Raises StunError. A FINGERPRINT, where there is one, has to be right."""
    if not is_stun(data):
        raise StunError("message", "must have the STUN header and cookie", data[:8])
    if len(data) > MAX_MESSAGE:
        raise StunError("message", f"at most {MAX_MESSAGE} bytes", len(data))
    number, length, _, transaction = _HEADER.unpack_from(data)
    if length != len(data) - HEADER_BYTES or length % 4:
        raise StunError("length", "must be that of the attributes, a multiple of 4", length)
    try:
        kind = StunType(number)
    except ValueError:
        raise StunError("type", "must be a Binding message", number) from None
    attributes, unknown, integrity_at = _attributes(data)
    return StunMessage(kind, transaction, attributes, unknown, data, integrity_at)


def _attributes(data: bytes) -> tuple[dict[Attribute, bytes], tuple[int, ...], int]:
    found: dict[Attribute, bytes] = {}
    unknown: list[int] = []
    integrity_at = -1
    at, end = HEADER_BYTES, len(data)
    for _ in range(MAX_ATTRIBUTES):
        if at == end:
            return found, tuple(unknown), integrity_at
        if at + 4 > end:
            raise StunError("attribute", "header must lie inside the message", at)
        number, size = _ATTRIBUTE.unpack_from(data, at)
        after = at + 4 + size + (-size % 4)
        if after > end:
            raise StunError("attribute", "value must lie inside the message", number)
        value = data[at + 4 : at + 4 + size]
        if number == Attribute.FINGERPRINT:
            _check_fingerprint(data, at, value, after == end)
        elif integrity_at >= 0:
            pass
        elif number not in _KNOWN:
            if number < _OPTIONAL:
                unknown.append(number)
        elif number not in found:
            found[Attribute(number)] = value
            if number == Attribute.MESSAGE_INTEGRITY:
                if size != _INTEGRITY_BYTES:
                    raise StunError("MESSAGE-INTEGRITY", f"must be {_INTEGRITY_BYTES} bytes", size)
                integrity_at = at
        at = after
    if at != end:
        raise StunError("attributes", f"at most {MAX_ATTRIBUTES}", MAX_ATTRIBUTES + 1)
    return found, tuple(unknown), integrity_at


def _check_fingerprint(data: bytes, at: int, value: bytes, last: bool) -> None:
    if len(value) != 4 or not last:
        raise StunError("FINGERPRINT", "must be 4 bytes and the last attribute", len(value))
    if _U32.unpack(value)[0] != _fingerprint(data[:at]):
        raise StunError("FINGERPRINT", "must be the CRC of the message", value)


def _with_length(head: bytes, attributes_bytes: int) -> bytes:
    """The message so far with another length in its header: each checksum covers itself in the length."""
    return head[:2] + attributes_bytes.to_bytes(2, "big") + head[4:]


def _fingerprint(head: bytes) -> int:
    covered = _with_length(head, len(head) - HEADER_BYTES + 8)
    return (zlib.crc32(covered) & 0xFFFFFFFF) ^ _FINGERPRINT_XOR


def _integrity(head: bytes, password: bytes) -> bytes:
    covered = _with_length(head, len(head) - HEADER_BYTES + 4 + _INTEGRITY_BYTES)
    return hmac.digest(password, covered, sha1)


def build_stun(
    kind: StunType,
    transaction: bytes,
    attributes: list[tuple[Attribute, bytes]],
    *,
    password: bytes | None = None,
    fingerprint: bool = True,
) -> bytes:
    """A message with these attributes, MESSAGE-INTEGRITY if there is a password, and FINGERPRINT.

    Raises StunError for a transaction id of the wrong size or a message larger than `MAX_MESSAGE`.
    """
    if len(transaction) != TRANSACTION_BYTES:
        raise StunError("transaction", f"must be {TRANSACTION_BYTES} bytes", len(transaction))
    body = b"".join(_encoded(number, value) for number, value in attributes)
    message = _HEADER.pack(kind, len(body), COOKIE, transaction) + body
    if password is not None:
        message += _encoded(Attribute.MESSAGE_INTEGRITY, _integrity(message, password))
    if fingerprint:
        message += _encoded(Attribute.FINGERPRINT, _U32.pack(_fingerprint(message)))
    if len(message) > MAX_MESSAGE:
        raise StunError("message", f"at most {MAX_MESSAGE} bytes", len(message))
    return _with_length(message, len(message) - HEADER_BYTES)


def _encoded(number: Attribute, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(number, len(value)) + value + bytes(-len(value) % 4)


def xor_address(host: str, port: int, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (RFC 8489 14.2). Raises StunError if the host is no address."""
    try:
        address = ip_address(host)
    except ValueError:
        raise StunError("address", "must be an IP address", host) from None
    mask = _U32.pack(COOKIE) + transaction
    family = 1 if address.version == 4 else 2
    masked = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return bytes((0, family)) + (port ^ (COOKIE >> 16)).to_bytes(2, "big") + masked


def read_xor_address(value: bytes, transaction: bytes) -> tuple[str, int]:
    """(host, port) of an XOR-MAPPED-ADDRESS. Raises StunError."""
    size = {1: 4, 2: 16}.get(value[1] if len(value) > 1 else 0)
    if size is None or len(value) != 4 + size:
        raise StunError("XOR-MAPPED-ADDRESS", "must be of family 1 or 2 and its size", value)
    mask = _U32.pack(COOKIE) + transaction
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return str(ip_address(packed)), int.from_bytes(value[2:4], "big") ^ (COOKIE >> 16)


def error_value(code: int, reason: str) -> bytes:
    """The value of ERROR-CODE (RFC 8489 14.8)."""
    return bytes((0, 0, code // 100, code % 100)) + reason.encode()[:128]


def error_code(message: StunMessage) -> int:
    """The code of an error response, 0 if it carries none."""
    value = message.attributes.get(Attribute.ERROR_CODE, b"")
    return (value[2] & 7) * 100 + value[3] if len(value) >= 4 else 0


def unknown_value(numbers: tuple[int, ...]) -> bytes:
    """The value of UNKNOWN-ATTRIBUTES (RFC 8489 14.13)."""
    return b"".join(number.to_bytes(2, "big") for number in numbers)
