"""What a user agent server looks at before it acts on a request (RFC 3261 section 8.2), as one pure function.

`SipLayer` has by then refused what cannot be read (400, 505, 513), Max-Forwards 0 (483) and merged
requests (482).
"""

from __future__ import annotations

from dataclasses import dataclass

from seatbus_sip.bodies import body_of, media_type
from seatbus_sip.dates import parse_date
from seatbus_sip.errors import SipParseError
from seatbus_sip.known_headers import METHODS
from seatbus_sip.message import Request, Response
from seatbus_sip.uri import parse_uri


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this server serves. `methods` in the order of its Allow header, the rest in lower case.

    `bodies`: media types it understands; `extensions`: option tags it may be required to use.
    """

    methods: tuple[str, ...]
    extensions: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset({"application/sdp"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final response instead of service: status, why, and the headers that say what would be accepted."""

    status: int
    field: str
    rule: str
    headers: tuple[tuple[str, str], ...] = ()

    def write_to(self, response: Response) -> Response:
        """Set the headers. Returns the same response."""
        for name, value in self.headers:
            response.set(name, value)
        return response


# Their bodies are of no concern to a dialog's state: RFC 3261 section 8.2.3 lets optional ones be ignored.
_OFFERING = frozenset({"INVITE", "UPDATE", "PRACK"})


def refuse(request: Request, can: Capabilities) -> Refusal | None:
    """Why this request is not served, None if it is. The order is that of RFC 3261 section 8.2."""
    return (
        _method(request, can)
        or _target(request)
        or _readable(request)
        or unknown_extension(request, can)
        or _content(request, can)
        or _answerable(request)
    )


def refuse_within(request: Request, can: Capabilities) -> Refusal | None:
    """Why this request of a dialog is not served: an extension or a body that is not known."""
    return unknown_extension(request, can) or _content(request, can)


def _method(request: Request, can: Capabilities) -> Refusal | None:
    if request.method in can.methods:
        return None
    allow = (("Allow", ", ".join(can.methods)),)
    if request.method in METHODS:
        return Refusal(405, "method", "is one of Allow", allow)
    return Refusal(501, "method", "is one that is known", allow)


def _target(request: Request) -> Refusal | None:
    try:
        target = request.target
    except SipParseError as error:
        return Refusal(error.status, error.field, error.rule)
    # Section 19.1.1: headers are for an address from which a request is formed, and this one is formed.
    if target.headers:
        return Refusal(400, "Request-URI", "has no headers part")
    if request.method != "REGISTER":
        return None
    # Section 10.2: an address of record is of these schemes, whatever else the request is asked for.
    try:
        scheme = parse_uri(request.to.uri_text, "To").scheme
    except SipParseError as error:
        return Refusal(400, "To", error.rule)
    return None if scheme in ("sip", "sips") else Refusal(400, "To", "is a SIP or SIPS address of record")


def _readable(request: Request) -> Refusal | None:
    """Headers the product reads later, so that what is wrong is said at once."""
    try:
        if "Date" in request:
            parse_date(request.require("Date"))
        if request.values("Contact") != ["*"]:
            request.addresses("Contact")
        for name in ("Record-Route", "Route"):
            request.addresses(name)
        for name in ("Contact", "Record-Route", "Route"):
            if name in request and not request.values(name):
                return Refusal(400, name, "holds an address")
        for name in ("Expires", "Min-Expires"):
            request.integer(name)
        if request.method in ("INVITE", "SUBSCRIBE") and len(request.values("Contact")) > 1:
            return Refusal(400, "Contact", "holds the one address of who asks")
    except SipParseError as error:
        return Refusal(error.status, error.field, error.rule)
    return None


def unknown_extension(request: Request, can: Capabilities) -> Refusal | None:
    """420, for a request inside of a dialog too: what it requires is not known."""
    unknown = [tag for tag in request.values("Require") if tag.lower() not in can.extensions]
    # Section 8.2.2.3: neither CANCEL nor the ACK of a refusal is stopped by an extension.
    if not unknown or request.method in ("ACK", "CANCEL"):
        return None
    return Refusal(420, "Require", "names extensions that are known", (("Unsupported", ", ".join(unknown)),))


def _content(request: Request, can: Capabilities) -> Refusal | None:
    if not request.body or _optional(request):
        return None
    encodings = [value.lower() for value in request.values("Content-Encoding")]
    if any(encoding != "identity" for encoding in encodings):
        return Refusal(415, "Content-Encoding", "is identity", (("Accept-Encoding", "identity"),))
    accept = (("Accept", ", ".join(sorted(can.bodies))),)
    try:
        known = any(body_of(request, kind) for kind in can.bodies)
    except SipParseError as error:
        return Refusal(error.status, error.field, error.rule)
    if request.method in _OFFERING and not known:
        return Refusal(415, "Content-Type", "is one of Accept", accept)
    return None


def _answerable(request: Request) -> Refusal | None:
    # Section 8.2.3: an INVITE is answered with a description, and who accepts none cannot be called.
    if request.method != "INVITE" or "Accept" not in request:
        return None
    accepted = {media_type(value) for value in request.values("Accept")}
    if accepted & {"application/sdp", "application/*", "*/*"}:
        return None
    return Refusal(406, "Accept", "includes application/sdp")


def _optional(request: Request) -> bool:
    raw = request.get("Content-Disposition") or ""
    return "handling=optional" in raw.lower().replace(" ", "")
