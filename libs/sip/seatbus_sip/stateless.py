"""Rules of the transaction layer that need no transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import Final

from seatbus_sip.errors import SipError, SipParseError
from seatbus_sip.flow import Flow
from seatbus_sip.headers import Via, quote_string
from seatbus_sip.message import Request, Response

MAGIC: Final = "z9hG4bK"


def transaction_key(request: Request) -> tuple[Hashable, ...]:
    """What a request is matched by (RFC 3261 section 17.2.3); the method comes last, INVITE for its ACK."""
    via = request.via
    branch = via.branch
    method = "INVITE" if request.method == "ACK" else request.method
    # The cookie alone identifies nothing: such a request is matched as one of RFC 2543.
    if branch.startswith(MAGIC) and len(branch) > len(MAGIC):
        return (branch, via.sent_by, method)
    return (str(via), request.call_id, request.cseq.number, request.from_.tag, method)


def mark_source(request: Request, source: Flow) -> Flow:
    """Note the true source in Via (RFC 3261 section 18.2.1, RFC 3581); returns where responses go."""
    via = request.via
    host, port = source.remote
    if "rport" in via.params:
        params = {**via.params, "rport": str(port), "received": host}
        request.replace_top_via(Via(via.transport, via.host, via.port, params))
        return source
    if via.host.strip("[]") != host and via.params.get("received") != host:
        request.replace_top_via(via._replace(params={**via.params, "received": host}))
    if source.reliable:
        return source
    return source.towards((host, via.port or 5060))


def in_transaction(request: Request, method: str) -> Request:
    """CANCEL, or ACK of a refusal: with the INVITE's Via and route (RFC 3261 sections 9.1, 17.1.1.3)."""
    made = Request(method, request.uri)
    made.set("Via", request.get_all("Via")[0])
    made.set("Max-Forwards", 70)
    made.copy_from(request, "Route", "From", "Call-ID")
    made.set("CSeq", f"{request.cseq.number} {method}")
    return made


def refusal(request: Request, status: int, reason: str, agent_name: str) -> Response:
    """A final response sent without state: the same request gets the same tag each time (section 8.2.7)."""
    seed = f"{request.get('Via')}{request.get('Call-ID')}"
    tag = hashlib.blake2s(seed.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    response = Response.to_request(request, status, reason, tag)
    response.set("Server", agent_name)
    if reason:
        response.set("Warning", f"399 {agent_name.lower()} {quote_string(reason)}")
    return response


def refuse_malformed(
    request: Request, source: Flow, error: SipParseError, agent_name: str
) -> tuple[Flow, bytes] | None:
    """The refusal of a request that cannot be served and where it goes; None if none can be sent."""
    if request.method == "ACK" or any(request.get(name) is None for name in ("Via", "From", "To", "Call-ID")):
        return None
    try:
        # The Via of another version cannot be read: its message is answered where it came from.
        reply = source if error.status == 505 else mark_source(request, source)
        return reply, refusal(request, error.status, f"{error.field} {error.rule}", agent_name).to_bytes()
    except SipError:
        return None
