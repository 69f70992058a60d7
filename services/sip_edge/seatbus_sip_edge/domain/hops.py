"""What edges sign for each other: which flow of which edge leads to a phone, and which Via is a proxy's own.

Every edge of a platform derives the same key from the shared secret, so that any of them can name a flow that
another one holds, and none keeps state for what it forwards.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from seatbus_sip.flow import Address
    from seatbus_sip.headers import Via

BRANCH: Final = "z9hG4bK-hop-"
_PREFIX: Final = "flow-"
_MAC: Final = 9
_LONGEST: Final = 512
_HINT: Final = 6


class FlowToken(NamedTuple):
    """The flow of one phone, as the edge that holds it knows it."""

    edge: str
    transport: str
    remote: Address

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"


class Signer:
    """Makes and reads what travels in SIP messages between edges."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"seatbus flows between edges", "sha256")

    def _mac(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")[:_MAC]

    def token(self, flow: FlowToken) -> str:
        """User part of a Route or Record-Route URI."""
        host, port = flow.remote
        text = f"{flow.edge}\n{flow.transport}\n{host}\n{port}".encode()
        return _PREFIX + base64.urlsafe_b64encode(self._mac(text) + text).decode().rstrip("=")

    def read(self, user: str) -> FlowToken | None:
        """None for what no edge of this platform has signed."""
        if not user.startswith(_PREFIX) or len(user) > _LONGEST:
            return None
        packed = user[len(_PREFIX) :]
        try:
            raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        except (binascii.Error, ValueError):
            return None
        mac, text = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._mac(text)):
            return None
        edge, transport, host, port = text.decode().split("\n")
        return FlowToken(edge, transport, (host, int(port)))

    def branch(self, below: Via, call_id: str, cseq: int, target: str) -> str:
        """The same for each repeat, over a new connection too, for the CANCEL and for the ACK of a refusal.

        `below` is the Via that the next one is put on.
        """
        text = f"{below.sent_by}\n{below.branch}\n{call_id}\n{cseq}\n{target}"
        return BRANCH + self._mac(text.encode("utf-8", "surrogateescape")).hex()

    def seal(self, below: Via, call_id: str, cseq: int) -> str:
        """Proves of a response that it answers what an edge of ours has sent on from there."""
        received, rport = below.params.get("received"), below.params.get("rport")
        text = f"{below.transport}\n{below.sent_by}\n{below.branch}\n{received}\n{rport}\n{call_id}\n{cseq}"
        return self._mac(text.encode("utf-8", "surrogateescape")).hex()

    def is_sealed(self, seal: str, below: Via, call_id: str, cseq: int) -> bool:
        return hmac.compare_digest(seal, self.seal(below, call_id, cseq))


@lru_cache(maxsize=1024)
def leads_back(named: str, seen: str) -> bool:
    """Whether a host that a peer names as its own leads to it: no private one of a public peer does."""
    if named == seen:
        return True
    try:
        return ipaddress.ip_address(named).is_global or not ipaddress.ip_address(seen).is_global
    except ValueError:
        return False


def owner_hint(instance_id: str) -> str:
    """What the tags of an edge end with, so that a dialog names its owner without a look at the bus."""
    return "e" + hashlib.blake2s(instance_id.encode()).hexdigest()[: _HINT - 1]


def hint_of(tag: str) -> str:
    return tag[-_HINT:]
