"""Rules of the transaction layer that need no transaction."""

from __future__ import annotations

import hashlib

from seatbus_sip.flow import Flow
from seatbus_sip.headers import quote_string
from seatbus_sip.message import Request, Response


def mark_source(request: Request, source: Flow) -> Flow:
    """Note the true source in Via (RFC 3261 section 18.2.1, RFC 3581); returns where responses go."""
    via = request.via
    host, port = source.remote
    params = dict(via.params)
    if "rport" in params:
        params["rport"] = str(port)
        params["received"] = host
    elif via.host.strip("[]") != host:
        params["received"] = host
    if params != via.params:
        request.replace_top_via(via._replace(params=params))
    if source.reliable or "rport" in params:
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
