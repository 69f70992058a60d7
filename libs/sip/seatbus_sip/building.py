"""Requests a user agent starts with, and starts again with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seatbus_sip.dialog import Dialog
from seatbus_sip.headers import CSeq, split_list
from seatbus_sip.message import Request


def initial_request(
    method: str,
    uri: str,
    *,
    from_: str,
    to: str,
    call_id: str,
    tag: str,
    cseq: int = 1,
    contact: str = "",
    routes: Iterable[str] = (),
    headers: Mapping[str, object] | None = None,
    body: bytes | str = b"",
) -> Request:
    """A request outside of any dialog. `from_`, `to`: name-addr without tag; `contact`: `<sip:...>`."""
    made = Request(method, uri)
    route_list = [part for route in routes for part in split_list(route)]
    if route_list:
        made.set("Route", *route_list)
    made.set("Max-Forwards", 70)
    made.set("From", f"{from_};tag={tag}")
    made.set("To", to)
    made.set("Call-ID", call_id)
    made.set("CSeq", CSeq(cseq, method))
    if contact:
        made.set("Contact", contact)
    for name, value in (headers or {}).items():
        made.set(name, value)
    if body:
        made.set_body(body, "application/sdp")
    return made


def next_attempt(request: Request, dialog: Dialog | None = None) -> Request:
    """The same request once more as a new one: next CSeq, no Via (after 401, 407, 423, 503 ...).

    Give the dialog if the request was made by it, so that it counts along.
    """
    made = request.copy()
    made.remove("Via")
    number = request.cseq.number + 1
    if dialog is not None:
        dialog.local_cseq = number = dialog.local_cseq + 1
        if request.method == "INVITE":
            dialog.invite_cseq = number
        if request.method in ("INVITE", "UPDATE"):
            dialog.local_offer_pending = True
    made.set("CSeq", CSeq(number, request.method))
    return made
