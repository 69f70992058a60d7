"""The headers this library knows: spelling, compact form, whether commas separate values, whether one is all.

RFC 3261 section 20 and the extensions the product speaks or passes on. Others are kept as they come.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """How often a header may come. LIST: on several lines or between commas. LINES: on several lines only."""

    SINGLE = "single"
    LIST = "list"
    LINES = "lines"


class Known(NamedTuple):
    """One header. `compact` is empty if there is none; `source` is the RFC that defines it."""

    name: str
    kind: Kind
    compact: str
    source: int


_ONE, _LIST, _LINES = Kind.SINGLE, Kind.LIST, Kind.LINES

# Challenges and credentials hold commas themselves: one a line.
KNOWN: tuple[Known, ...] = (
    Known("Accept", _LIST, "", 3261), Known("Accept-Contact", _LIST, "a", 3841),
    Known("Accept-Encoding", _LIST, "", 3261), Known("Accept-Language", _LIST, "", 3261),
    Known("Alert-Info", _LIST, "", 3261), Known("Allow", _LIST, "", 3261),
    Known("Allow-Events", _LIST, "u", 6665), Known("Answer-Mode", _ONE, "", 5373),
    Known("Authentication-Info", _ONE, "", 3261), Known("Authorization", _LINES, "", 3261),
    Known("CSeq", _ONE, "", 3261), Known("Call-ID", _ONE, "i", 3261), Known("Call-Info", _LIST, "", 3261),
    Known("Contact", _LIST, "m", 3261), Known("Content-Disposition", _ONE, "", 3261),
    Known("Content-Encoding", _LIST, "e", 3261), Known("Content-Language", _LIST, "", 3261),
    Known("Content-Length", _ONE, "l", 3261), Known("Content-Type", _ONE, "c", 3261),
    Known("Date", _ONE, "", 3261), Known("Diversion", _LIST, "", 5806), Known("Error-Info", _LIST, "", 3261),
    Known("Event", _ONE, "o", 6665), Known("Expires", _ONE, "", 3261), Known("Flow-Timer", _ONE, "", 5626),
    Known("From", _ONE, "f", 3261), Known("Geolocation", _LIST, "", 6442),
    Known("Geolocation-Routing", _ONE, "", 6442), Known("History-Info", _LIST, "", 7044),
    Known("Identity", _LINES, "y", 8224), Known("In-Reply-To", _LIST, "", 3261),
    Known("Info-Package", _ONE, "", 6086), Known("MIME-Version", _ONE, "", 3261),
    Known("Max-Breadth", _ONE, "", 5393), Known("Max-Forwards", _ONE, "", 3261),
    Known("Min-Expires", _ONE, "", 3261), Known("Min-SE", _ONE, "", 4028),
    Known("Organization", _ONE, "", 3261),
    Known("P-Asserted-Identity", _LIST, "", 3325), Known("P-Called-Party-ID", _ONE, "", 7315),
    Known("P-Charging-Vector", _ONE, "", 7315), Known("P-Early-Media", _LIST, "", 5009),
    Known("P-Preferred-Identity", _LIST, "", 3325), Known("Path", _LIST, "", 3327),
    Known("Priority", _ONE, "", 3261), Known("Privacy", _ONE, "", 3323),
    Known("Proxy-Authenticate", _LINES, "", 3261), Known("Proxy-Authorization", _LINES, "", 3261),
    Known("Proxy-Require", _LIST, "", 3261), Known("RAck", _ONE, "", 3262), Known("RSeq", _ONE, "", 3262),
    Known("Reason", _LIST, "", 3326), Known("Record-Route", _LIST, "", 3261),
    Known("Recv-Info", _LIST, "", 6086),
    Known("Refer-Sub", _ONE, "", 4488), Known("Refer-To", _ONE, "r", 3515),
    Known("Referred-By", _ONE, "b", 3892), Known("Reject-Contact", _LIST, "j", 3841),
    Known("Remote-Party-ID", _LIST, "", 3325), Known("Replaces", _ONE, "", 3891),
    Known("Reply-To", _ONE, "", 3261), Known("Request-Disposition", _LIST, "d", 3841),
    Known("Require", _LIST, "", 3261), Known("Resource-Priority", _LIST, "", 4412),
    Known("Retry-After", _ONE, "", 3261), Known("Route", _LIST, "", 3261), Known("SIP-ETag", _ONE, "", 3903),
    Known("SIP-If-Match", _ONE, "", 3903), Known("Server", _ONE, "", 3261),
    Known("Service-Route", _LIST, "", 3608), Known("Session-Expires", _ONE, "x", 4028),
    Known("Session-ID", _ONE, "", 7989), Known("Subject", _ONE, "s", 3261),
    Known("Subscription-State", _ONE, "", 6665), Known("Supported", _LIST, "k", 3261),
    Known("Target-Dialog", _ONE, "", 4538), Known("Timestamp", _ONE, "", 3261), Known("To", _ONE, "t", 3261),
    Known("Unsupported", _LIST, "", 3261), Known("User-Agent", _ONE, "", 3261),
    Known("User-to-User", _LIST, "", 7433), Known("Via", _LIST, "v", 3261),
    Known("WWW-Authenticate", _LINES, "", 3261), Known("Warning", _LIST, "", 3261),
)  # fmt: skip

METHODS = frozenset({
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER",
    "REGISTER", "SUBSCRIBE", "UPDATE",
})  # fmt: skip
"""Methods with a registered meaning; any other token is a method too, an unknown one."""

LIST_HEADERS = frozenset(header.name for header in KNOWN if header.kind is Kind.LIST)
"""Headers whose commas separate values. Dates, digests and free text are not among them."""

CANONICAL: dict[str, str] = {}
"""As written on the wire -> canonical. Only spellings of known headers: strangers cannot make it grow."""
for _header in KNOWN:
    for _name in filter(None, (_header.name, _header.compact)):
        CANONICAL |= dict.fromkeys((_name, _name.lower(), _name.upper(), _name.title()), _header.name)
