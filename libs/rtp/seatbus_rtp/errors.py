"""Everything this library raises. Packets from the network never raise on the relay path; they are counted
there.
"""

from __future__ import annotations


class RtpError(Exception):
    """Root of the tree."""


class InvalidInputError(RtpError):
    """A value broke a rule. `field` and `rule` are for people and programs alike; `value` is what was
    found.
    """

    def __init__(self, field: str, rule: str, value: object = None) -> None:
        super().__init__(f"{field}: {rule} (found {value!r})" if value is not None else f"{field}: {rule}")
        self.field = field
        self.rule = rule
        self.value = value


class PacketError(InvalidInputError):
    """Bytes that are no RTP packet (RFC 3550 5.1)."""


class RtcpError(InvalidInputError):
    """Bytes that are no RTCP compound (RFC 3550 6)."""


class DtmfError(InvalidInputError):
    """A digit, duration or payload outside RFC 4733."""


class WavError(InvalidInputError):
    """A file that is not the WAV we accept, or is larger than allowed."""


class AudioError(InvalidInputError):
    """A parameter of a generator, measurement or converter is out of range."""


class SrtpError(InvalidInputError):
    """A key, profile or packet that SRTP cannot work with (RFC 3711)."""


class StunError(InvalidInputError):
    """Bytes that are no STUN message, or one that breaks RFC 8489."""


class DtlsError(RtpError):
    """A handshake that cannot succeed any more. `reason` is for operators."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
