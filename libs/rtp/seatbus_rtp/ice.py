"""The lite side of ICE (RFC 8445 2.5): it answers checks, takes the pair the peer nominates, and stops when
the peer's consent has gone (RFC 7675).

Laws: only an authenticated check makes an address known; nothing is ever sent to another one. A check that is
not authentic gets no answer: strangers learn nothing and nothing is reflected at others. A restart keeps the
pair in use until the peer nominates another.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seatbus_rtp.errors import StunError
from seatbus_rtp.stun import (
    Attribute,
    StunMessage,
    StunType,
    build_stun,
    error_value,
    unknown_value,
    xor_address,
)

Address = tuple[str, int]

CONSENT_S: Final = 30.0
"""RFC 7675 5.1: consent expires 30 s after the last authenticated sign of it."""
MAX_ADDRESSES: Final = 16
"""Addresses one peer may be known at: each of its candidates behind each of its NATs, and some more."""
CHECKS_A_SECOND: Final = 50
"""Checks of one leg that are answered in a second; a browser with many candidates sends about 20."""

_LETTERS: Final = string.ascii_letters + string.digits
_ROLE_CONFLICT: Final = 487
_UNKNOWN: Final = 420


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """Username fragment and password of one side (RFC 8839 5.4)."""

    ufrag: str
    pwd: str

    @classmethod
    def new(cls) -> IceCredentials:
        """Random ones: 8 and 24 characters."""
        return cls(_random(8), _random(24))


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Check:
    """What became of a message: `reply` goes back to its source; `authentic` says that the peer sent it."""

    reply: bytes | None = None
    authentic: bool = False
    known: bool = False
    """The source became, or was, an address of the peer."""


REFUSED: Final = Check()


class IceLite:
    """One leg's ICE. `now` is monotonic seconds."""

    def __init__(self, credentials: IceCredentials, consent_s: float = CONSENT_S) -> None:
        self.credentials = credentials
        self.selected: Address | None = None
        """Where to send: the pair nominated last, before that the first that was checked."""
        self.nominated = False
        self.refused = 0
        self._pending: IceCredentials | None = None
        self._consent_s = consent_s
        self._consented_at: float | None = None
        self._addresses: dict[Address, None] = {}
        self._second = 0
        self._answered = 0

    @property
    def ufrags(self) -> tuple[str, ...]:
        """Username fragments under which checks of this leg may come in now."""
        pending = self._pending
        return (self.credentials.ufrag,) if pending is None else (self.credentials.ufrag, pending.ufrag)

    @property
    def offered(self) -> IceCredentials:
        """What a description written now carries."""
        return self._pending or self.credentials

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where the peer was seen, the longest known first."""
        return tuple(self._addresses)

    def restart(self, credentials: IceCredentials) -> None:
        """New credentials from now on (RFC 8445 9); the old ones are good until the peer uses the new."""
        self._pending = credentials

    def resume(
        self, addresses: Sequence[Address], selected: Address, pending: IceCredentials | None, now: float
    ) -> None:
        """Goes on for another process that the peer gave its consent to."""
        self._addresses = dict.fromkeys(addresses)
        self._pending = pending
        self.selected, self.nominated = selected, True
        self._consented_at = now

    @property
    def pending(self) -> IceCredentials | None:
        """Those of a restart that the peer has not used yet."""
        return self._pending

    def consent(self, now: float) -> bool:
        """Whether the peer still wants to hear from us; False before its first check, too."""
        return self._consented_at is not None and now - self._consented_at < self._consent_s

    def silent_s(self, now: float) -> float:
        """Seconds since the peer's last authentic check, 0 before the first."""
        return 0.0 if self._consented_at is None else now - self._consented_at

    def receive(self, message: StunMessage, source: Address, now: float) -> Check:
        """A STUN message that names this leg, or came from an address of it."""
        if message.kind is not StunType.REQUEST:
            # A lite side asks nothing, so no response is expected; an indication is nothing but a keep-alive.
            return REFUSED
        used = self._used_credentials(message)
        if used is None or not self._within_rate(now):
            self.refused += 1
            return REFUSED
        password = used.pwd.encode()
        if message.unknown:
            attributes = [
                (Attribute.ERROR_CODE, error_value(_UNKNOWN, "Unknown Attribute")),
                (Attribute.UNKNOWN_ATTRIBUTES, unknown_value(message.unknown)),
            ]
            return Check(build_stun(StunType.ERROR, message.transaction, attributes, password=password), True)
        if Attribute.ICE_CONTROLLED in message.attributes:
            # A lite side is always the controlled one (RFC 8445 6.1.1): the peer has to switch.
            error = [(Attribute.ERROR_CODE, error_value(_ROLE_CONFLICT, "Role Conflict"))]
            return Check(build_stun(StunType.ERROR, message.transaction, error, password=password), True)
        try:
            mapped = xor_address(source[0], source[1], message.transaction)
        except StunError:
            self.refused += 1
            return REFUSED
        self._confirm(used, source, Attribute.USE_CANDIDATE in message.attributes, now)
        reply = build_stun(
            StunType.SUCCESS,
            message.transaction,
            [(Attribute.XOR_MAPPED_ADDRESS, mapped)],
            password=password,
        )
        return Check(reply, True, True)

    def _used_credentials(self, message: StunMessage) -> IceCredentials | None:
        ufrag = message.username.partition(":")[0]
        used = self.credentials if ufrag == self.credentials.ufrag else self._pending
        if used is None or used.ufrag != ufrag or not message.authentic(used.pwd.encode()):
            return None
        return used

    def _confirm(self, used: IceCredentials, source: Address, nominates: bool, now: float) -> None:
        if used is self._pending:
            self.credentials, self._pending = used, None
        self._consented_at = now
        if source not in self._addresses:
            if len(self._addresses) >= MAX_ADDRESSES:
                self._forget_one()
            self._addresses[source] = None
        if nominates:
            self.selected, self.nominated = source, True
        elif self.selected is None:
            self.selected = source

    def _forget_one(self) -> None:
        oldest = next(address for address in self._addresses if address != self.selected)
        del self._addresses[oldest]

    def _within_rate(self, now: float) -> bool:
        second = int(now)
        if second != self._second:
            self._second, self._answered = second, 0
        self._answered += 1
        return self._answered <= CHECKS_A_SECOND
