"""Dialogs (RFC 3261 section 12): identity, order, route and target, and the requests made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from seatbus_sip.errors import DialogError, GlareError, NoDialogError, OutOfOrderError
from seatbus_sip.headers import CSeq, NameAddr, parse_name_addr
from seatbus_sip.message import Request, Response
from seatbus_sip.tables import DialogEvent, DialogState, dialog_step
from seatbus_sip.uri import Uri, parse_uri

_TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


class DialogKey(NamedTuple):
    """Identity of a dialog, seen from this side."""

    call_id: str
    local_tag: str
    remote_tag: str

    @classmethod
    def of_request(cls, request: Request) -> DialogKey | None:
        """Dialog a received request belongs to; None if it is outside of any."""
        tag = request.to.tag
        return None if tag is None else cls(request.call_id, tag, request.from_.tag or "")

    @classmethod
    def of_response(cls, response: Response) -> DialogKey | None:
        """Dialog a received response belongs to; None if it makes none (no To tag)."""
        tag = response.to.tag
        return None if tag is None else cls(response.call_id, response.from_.tag or "", tag)


class Role(Enum):
    """Who sent the INVITE that made the dialog."""

    UAC = "uac"
    UAS = "uas"


def _without_tag(address: NameAddr) -> str:
    return str(address._replace(params={k: v for k, v in address.params.items() if k != "tag"}))


# Without slots: the journal writes it as it is, four times as fast.
@dataclass(eq=False, kw_only=True, repr=False)
class Dialog:
    """One dialog. Holds text and numbers only: written as JSON it is what `from_dict` reads."""

    role: Role
    state: DialogState = DialogState.EARLY
    route_set: tuple[str, ...] = ()
    call_id: str
    contact: str
    local_tag: str
    local_uri: str
    remote_tag: str
    remote_target: str
    remote_uri: str
    invite_cseq: int = 0
    local_cseq: int = 0
    sdp_session_id: int = 0
    sdp_version: int = 0
    remote_cseq: int | None = None
    local_offer_pending: bool = False
    remote_offer_pending: bool = False

    # ---- making -----------------------------------------------------------------------------------------
    @classmethod
    def uac(cls, request: Request, response: Response) -> Dialog:
        """Dialog made by a 101-299 response with a To tag to an INVITE (or SUBSCRIBE) that was sent."""
        tag, contact = response.to.tag, response.contact
        if response.status == 100 or not tag:
            raise DialogError(request.call_id, "a response that makes a dialog has a To tag")
        target = contact.uri_text if contact is not None else request.uri
        return cls(
            role=Role.UAC,
            call_id=request.call_id,
            local_tag=request.from_.tag or "",
            remote_tag=tag,
            local_uri=_without_tag(request.from_),
            remote_uri=_without_tag(request.to),
            remote_target=target,
            contact=request.get("Contact") or "",
            route_set=tuple(reversed(response.values("Record-Route"))),
            local_cseq=request.cseq.number,
            invite_cseq=request.cseq.number,
            state=DialogState.EARLY if response.status < 200 else DialogState.CONFIRMED,
        )

    @classmethod
    def uas(cls, request: Request, local_tag: str, contact: str) -> Dialog:
        """Early dialog of a received INVITE. `contact` is the own Contact value, as `<sip:...>`.

        Raises `DialogError` (status 400 fits) if the request has no Contact.
        """
        target = request.contact
        if target is None:
            raise DialogError(request.call_id, "an INVITE has a Contact")
        return cls(
            role=Role.UAS,
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_.tag or "",
            local_uri=_without_tag(request.to),
            remote_uri=_without_tag(request.from_),
            remote_target=target.uri_text,
            contact=contact,
            route_set=tuple(request.values("Record-Route")),
            remote_cseq=request.cseq.number,
        )

    @property
    def key(self) -> DialogKey:
        """Identity."""
        return DialogKey(self.call_id, self.local_tag, self.remote_tag)

    @property
    def next_hop(self) -> Uri:
        """Where requests of this dialog go: the first route, else the remote target."""
        if self.route_set:
            return parse_name_addr(self.route_set[0], "Route").uri
        return parse_uri(self.remote_target, "Contact")

    def advance(self, event: DialogEvent) -> DialogState:
        """Move the state. Raises `IllegalTransitionError`, changing nothing, for a missing entry."""
        self.state = dialog_step(self.state, event)
        return self.state

    # ---- sending ----------------------------------------------------------------------------------------
    def request(
        self,
        method: str,
        body: bytes | str = b"",
        content_type: str = "",
        headers: Mapping[str, object] | None = None,
    ) -> Request:
        """A new request inside the dialog, with the next CSeq. BYE ends the dialog here.

        Raises `GlareError` for an INVITE or UPDATE while an offer of either side is open, `NoDialogError`
        after the end.
        """
        if self.state is DialogState.TERMINATED:
            raise NoDialogError(self.call_id, "has ended")
        if method in ("INVITE", "UPDATE"):
            if self.local_offer_pending or self.remote_offer_pending:
                raise GlareError(self.call_id, "an offer is open")
            self.local_offer_pending = True
        self.local_cseq += 1
        made = self._request(method, self.local_cseq)
        if method in _TARGET_REFRESH:
            made.set("Contact", self.contact)
        if method == "INVITE":
            self.invite_cseq = self.local_cseq
        elif method == "BYE":
            self.advance(DialogEvent.BYE)
        for name, value in (headers or {}).items():
            made.set(name, value)
        if body:
            made.set_body(body, content_type or "application/sdp")
        return made

    def ack(self, cseq: int | None = None, body: bytes | str = b"") -> Request:
        """The ACK of a 2xx to the INVITE with this CSeq number (default: the last INVITE sent)."""
        made = self._request("ACK", self.invite_cseq if cseq is None else cseq)
        if body:
            made.set_body(body, "application/sdp")
        return made

    def _request(self, method: str, cseq: int) -> Request:
        routes = list(self.route_set)
        uri = self.remote_target
        if routes:
            first = parse_name_addr(routes[0], "Route")
            # A strict router of RFC 2543 takes the Request-URI for itself (RFC 3261 section 12.2.1.1).
            if "lr" not in first.uri.params:
                uri, routes = first.uri_text, [*routes[1:], f"<{self.remote_target}>"]
        made = Request(method, uri)
        if routes:
            made.set("Route", *routes)
        made.set("Max-Forwards", 70)
        made.set("From", f"{self.local_uri};tag={self.local_tag}")
        made.set("To", f"{self.remote_uri};tag={self.remote_tag}" if self.remote_tag else self.remote_uri)
        made.set("Call-ID", self.call_id)
        made.set("CSeq", CSeq(cseq, method))
        return made

    def response(
        self, request: Request, status: int, reason: str = "", body: bytes | str = b"", content_type: str = ""
    ) -> Response:
        """A response with Contact where one belongs; moves the state if it answers an INVITE."""
        made = Response.to_request(request, status, reason, self.local_tag)
        if request.method in _TARGET_REFRESH and 100 < status < 300:
            made.set("Contact", self.contact)
        if body:
            made.set_body(body, content_type or "application/sdp")
        if request.method in ("INVITE", "UPDATE") and status >= 200:
            self.remote_offer_pending = False
        if request.method == "INVITE" and status > 100:
            if status >= 300:
                self.advance(DialogEvent.FAILURE)
            else:
                self.advance(DialogEvent.PROVISIONAL if status < 200 else DialogEvent.SUCCESS)
        return made

    def reserve_cseq(self, count: int) -> None:
        """Skip numbers that may have been used before a crash, after the journal's last reserved block."""
        self.local_cseq += count

    # ---- receiving --------------------------------------------------------------------------------------
    def on_request(self, request: Request) -> None:
        """Take in a request of the peer inside the dialog (not ACK, CANCEL).

        Raises `OutOfOrderError` (500), `GlareError` (491), `NoDialogError` (481); answer with `error.status`.
        """
        if self.state is DialogState.TERMINATED:
            raise NoDialogError(self.call_id, "has ended")
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            raise OutOfOrderError(self.call_id, f"CSeq {number} is not above {self.remote_cseq}")
        self.remote_cseq = number
        if request.method in ("INVITE", "UPDATE"):
            if self.local_offer_pending:
                raise GlareError(self.call_id, "an own offer is open")
            if self.remote_offer_pending:
                raise OutOfOrderError(self.call_id, "an earlier offer is not answered yet")
            self.remote_offer_pending = True
        if request.method in _TARGET_REFRESH:
            self._refresh_target(request)
        elif request.method == "BYE":
            self.advance(DialogEvent.BYE)

    def on_response(self, response: Response) -> None:
        """Take in a response to a request of this dialog, the INVITE that made it included."""
        method, status = response.cseq.method, response.status
        if method in ("INVITE", "UPDATE") and status >= 200:
            self.local_offer_pending = False
        if self.state is DialogState.TERMINATED or status == 100:
            return
        if status in (408, 481) and self.state is DialogState.CONFIRMED:
            self.advance(DialogEvent.GONE)
            return
        if method in _TARGET_REFRESH and 100 < status < 300:
            self._refresh_target(response)
        if method != "INVITE":
            return
        if status >= 300:
            self.advance(DialogEvent.FAILURE)
        elif status >= 200:
            if self.state is DialogState.EARLY:
                # The 2xx may have come another way than the 1xx (RFC 3261 section 13.2.2.4).
                self.route_set = tuple(reversed(response.values("Record-Route")))
            self.advance(DialogEvent.SUCCESS)

    def on_timeout(self, method: str) -> None:
        """A request got no answer, or its flow broke: the peer is gone (RFC 3261 section 12.2.1.2)."""
        if method in ("INVITE", "UPDATE"):
            self.local_offer_pending = False
        self.advance(DialogEvent.GONE)

    def _refresh_target(self, message: Request | Response) -> None:
        contact = message.contact
        if contact is not None:
            self.remote_target = contact.uri_text

    # ---- journal ----------------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, object]:
        """JSON-ready; `from_dict` gives the same dialog back, in another process too."""
        return {
            "role": self.role.value,
            "state": self.state.value,
            "route_set": list(self.route_set),
            "call_id": self.call_id,
            "contact": self.contact,
            "local_tag": self.local_tag,
            "local_uri": self.local_uri,
            "remote_tag": self.remote_tag,
            "remote_target": self.remote_target,
            "remote_uri": self.remote_uri,
            "invite_cseq": self.invite_cseq,
            "local_cseq": self.local_cseq,
            "sdp_session_id": self.sdp_session_id,
            "sdp_version": self.sdp_version,
            "remote_cseq": self.remote_cseq,
            "local_offer_pending": self.local_offer_pending,
            "remote_offer_pending": self.remote_offer_pending,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Dialog:
        """Raises `DialogError` if a field is missing or of the wrong type."""
        texts = {name: data.get(name) for name in _TEXTS}
        numbers = {name: data.get(name) for name in _NUMBERS}
        routes = data.get("route_set")
        call_id = str(data.get("call_id"))
        remote_cseq = data.get("remote_cseq")
        if not all(isinstance(value, str) for value in texts.values()):
            raise DialogError(call_id, "stored text fields are strings")
        if not all(isinstance(value, int) for value in numbers.values()) or not isinstance(routes, list):
            raise DialogError(call_id, "stored numbers are integers and route_set is a list")
        if remote_cseq is not None and not isinstance(remote_cseq, int):
            raise DialogError(call_id, "stored remote_cseq is an integer or null")
        text = {name: str(value) for name, value in texts.items()}
        number = {name: int(str(value)) for name, value in numbers.items()}
        return cls(
            role=Role(data.get("role")),
            state=DialogState(data.get("state")),
            route_set=tuple(str(route) for route in routes),
            remote_cseq=remote_cseq,
            local_offer_pending=data.get("local_offer_pending") is True,
            remote_offer_pending=data.get("remote_offer_pending") is True,
            call_id=text["call_id"],
            local_tag=text["local_tag"],
            remote_tag=text["remote_tag"],
            local_uri=text["local_uri"],
            remote_uri=text["remote_uri"],
            remote_target=text["remote_target"],
            contact=text["contact"],
            local_cseq=number["local_cseq"],
            invite_cseq=number["invite_cseq"],
            sdp_session_id=number["sdp_session_id"],
            sdp_version=number["sdp_version"],
        )

    def __repr__(self) -> str:
        return (
            f"<Dialog {self.role.value} {self.state.value} {self.call_id} {self.local_tag} {self.remote_tag}>"
        )


_TEXTS = ("call_id", "contact", "local_tag", "local_uri", "remote_tag", "remote_target", "remote_uri")
_NUMBERS = ("invite_cseq", "local_cseq", "sdp_session_id", "sdp_version")
