"""REFER (RFC 3515): where the sender wants the other side to go, and how it is told what became of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from seatbus_sip.errors import SipParseError
from seatbus_sip.headers import parse_name_addr
from seatbus_sip.reasons import REASONS
from seatbus_sip.replaces import Replaces, parse_replaces

if TYPE_CHECKING:
    from seatbus_sip.message import Request
    from seatbus_sip.uri import Uri

SIPFRAG = "message/sipfrag;version=2.0"
_EXPIRES_S = 60


class ReferTo(NamedTuple):
    """`replaces`: the dialog that the referred one takes over, of an attended transfer (RFC 5589)."""

    uri: Uri
    replaces: Replaces | None


def refer_to(request: Request) -> ReferTo:
    """The target of a REFER. Raises `SipParseError`: 400, or 416 for a scheme that is not served."""
    values = request.get_all("Refer-To")
    if len(values) != 1:
        raise SipParseError("Refer-To", "appears once")
    uri = parse_name_addr(values[0], "Refer-To").uri
    if (uri.params.get("method") or "INVITE").upper() != "INVITE":
        raise SipParseError("Refer-To", "method is INVITE")
    fields = [value for name, value in uri.header_fields if name.lower() == "replaces"]
    if len(fields) > 1:
        raise SipParseError("Refer-To", "Replaces appears once")
    return ReferTo(uri, parse_replaces(fields[0]) if fields else None)


def progress(status: int, refer_cseq: int) -> tuple[dict[str, object], str]:
    """Headers and body of a NOTIFY that tells how far it is; a final status ends the subscription."""
    state = f"active;expires={_EXPIRES_S}" if status < 200 else "terminated;reason=noresource"
    headers: dict[str, object] = {"Event": f"refer;id={refer_cseq}", "Subscription-State": state}
    return headers, f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}\r\n"
