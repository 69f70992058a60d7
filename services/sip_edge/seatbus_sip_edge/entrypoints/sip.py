"""SIP from the network: registrations, new calls, and what belongs to calls that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip import events as ev
from seatbus_sip.checks import Capabilities, refuse, refuse_within
from seatbus_sip.errors import SipError
from seatbus_sip.headers import clean_text, quote_string
from seatbus_sip.message import Request
from seatbus_sip.session_timer import SessionIntervalTooSmallError
from seatbus_sip.transactions import ClientTransaction
from seatbus_sip_edge.application.admission import Admission
from seatbus_sip_edge.application.busy_lamps import PACKAGE
from seatbus_sip_edge.application.identity import Identity
from seatbus_sip_edge.application.legs.leg import ALLOW, SUPPORTED, tell_what_is_served
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from seatbus_sip.digest import DigestServer
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.sip")

# What is served outside of a dialog; an option tag that is required and not among `extensions` gets 420.
SERVED = Capabilities(
    methods=(*ALLOW.split(", "), "REGISTER", "SUBSCRIBE"), extensions=frozenset(SUPPORTED.split(", "))
)


class SipEntry:
    """Sorts what the engine tells."""

    def __init__(self, edge: Edge, digest: DigestServer) -> None:
        self._edge = edge
        self._identity = Identity(edge, digest, self._request)
        self._admission = Admission(edge, self._identity)

    def handle(self, event: ev.LayerEvent) -> None:
        """Whatever goes wrong with one message: its sender gets an answer, and everybody else goes on."""
        try:
            self._handle(event)
        except Exception as error:
            log.error(
                "a SIP message was not handled: a defect of this program, please report it with this line",
                kind=type(event).__name__,
                exc_info=error,
                **self._about(event),
            )
            if isinstance(event, ev.RequestReceived) and event.tx.request is not None:
                self._respond(event.tx, event.tx.response(500))

    def _about(self, event: ev.LayerEvent) -> dict[str, str]:
        """What a message was, and whose."""
        message = getattr(event, "request", None) or getattr(event, "response", None)
        tx = getattr(event, "tx", None)
        found = None
        if message is not None:
            tags = (message.to.tag, message.from_.tag, getattr(tx, "local_tag", None))
            found = next((leg for tag in tags if (leg := self._leg(message.call_id, tag))), None)
        call = found[0].call if found is not None else None
        return {
            "what": clean_text(message.start_line()) if message is not None else "",
            "tenant": call.tenant_id if call is not None else "",
            "call": call.call_id if call is not None else "",
        }

    def _handle(self, event: ev.LayerEvent) -> None:
        match event:
            case ev.RequestReceived():
                self._request(event.tx, event.request, event.flow)
            case ev.ResponseReceived():
                found = self._leg(event.tx.call_id, event.response.from_.tag)
                if found is not None:
                    found[0].sip.on_response(found[1], event.tx, event.response)
                elif not self._edge.lamps.on_response(event.tx, event.response):
                    self._edge.trunks.on_response(event.tx, event.response)
            case ev.AckReceived():
                found = self._leg(event.request.call_id, event.request.to.tag)
                if found is not None:
                    found[0].sip.incoming.acknowledged(found[1], event.request)
            case ev.CancelReceived():
                found = self._leg(event.tx.call_id, event.tx.local_tag)
                if found is not None:
                    found[0].sip.incoming.cancelled(found[1])
                else:
                    self._respond(event.tx, event.tx.response(487))
            case ev.AckTimeout():
                self._not_acknowledged(event.tx)
            case ev.TransactionTimeout() | ev.TransportFailed():
                self._no_answer(event)
            case ev.StrayResponse():
                self._stray(event.response, event.flow, event.foreign)
            case _:
                pass

    def _leg(self, call_id: str, tag: str | None) -> tuple[Session, str] | None:
        return self._edge.legs.get((call_id, tag or ""))

    def _respond(self, tx: ServerTransaction, response: Response) -> None:
        self._edge.stack.layer.respond(tx, response, self._edge.stack.now)

    # ---- known calls ------------------------------------------------------------------------------------
    def _not_acknowledged(self, tx: ServerTransaction) -> None:
        found = self._leg(tx.call_id, tx.local_tag)
        if found is not None:
            session, leg_id = found
            session.sip.incoming.acknowledged(leg_id)
            if leg_id == session.call.caller_leg_id:
                session.feed(on.CallerNotAcknowledged())
            elif session.call.legs[leg_id].incoming:
                session.feed(on.AgentHungUp(leg_id))

    def _no_answer(self, event: ev.TransactionTimeout | ev.TransportFailed) -> None:
        tx = event.tx
        request = tx.request
        found = self._leg(tx.call_id, request.from_.tag) if request is not None else None
        if found is not None and tx.method == "OPTIONS":
            found[0].sip.vanishing.unanswered(found[1])
            return
        if request is None or not isinstance(tx, ClientTransaction):
            self._edge.trunks.on_no_response(tx)
            return
        if found is not None:
            status = 408 if isinstance(event, ev.TransactionTimeout) else 503
            found[0].sip.on_no_response(found[1], request, status)
        elif tx.method == "NOTIFY":
            self._edge.lamps.on_no_response(tx)
        elif tx.method != "INVITE":
            self._edge.trunks.on_no_response(tx)

    def _stray(self, response: Response, flow: Flow, foreign: bool) -> None:
        """A phone answers an INVITE that only a predecessor knew: ACK, and BYE if it had picked up."""
        if response.cseq.method != "INVITE" or response.status < 200 or response.to.tag is None:
            return
        found = self._leg(response.call_id, response.from_.tag)
        if found is not None and found[0].sip.restoring.on_stray(found[1], response, flow):
            return
        if foreign:
            return
        stack = self._edge.stack
        contact = response.contact
        target = contact.uri_text if contact is not None else response.to.uri_text
        for method in ("ACK", "BYE") if response.status < 300 else ("ACK",):
            request = Request(method, target)
            request.set("Max-Forwards", 70)
            request.copy_from(response, "From", "To", "Call-ID")
            number = response.cseq.number + (1 if method == "BYE" else 0)
            request.set("CSeq", f"{number} {method}")
            if method == "BYE":
                stack.layer.send_request(request, flow, stack.now)
            elif response.status < 300:
                stack.layer.send_ack(None, request, stack.now, flow)
            else:
                request.set("Via", response.require("Via"))
                stack.layer.send_raw(request, flow)

    # ---- requests ---------------------------------------------------------------------------------------
    def _request(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        if request.to.tag is not None:
            found = self._leg(request.call_id, request.to.tag)
            refusal = refuse_within(request, SERVED)
            if found is None and not self._edge.lamps.within(tx, request):
                self._respond(tx, tx.response(481))
            elif found is None:
                return
            elif refusal is not None:
                self._say_no(tx, refusal.write_to(tx.response(refusal.status)), refusal.field, refusal.rule)
            else:
                found[0].sip.within.on_request(found[1], tx, request)
            return
        refusal = refuse(request, SERVED)
        if refusal is not None:
            self._say_no(tx, refusal.write_to(tx.response(refusal.status)), refusal.field, refusal.rule)
            return
        try:
            match request.method:
                case "INVITE":
                    self._admission.invite(tx, request, flow)
                case "REGISTER":
                    self._register(tx, request, flow)
                case "OPTIONS":
                    self._options(tx)
                case "SUBSCRIBE":
                    self._subscribe(tx, request, flow)
                case _:
                    # The others are of use inside of a dialog only.
                    self._respond(tx, tx.response(481))
        except SipError as error:
            self._refuse(tx, error)

    def _refuse(self, tx: ServerTransaction, error: SipError) -> None:
        field, rule = getattr(error, "field", ""), getattr(error, "rule", str(error))
        response = tx.response(error.status)
        if isinstance(error, SessionIntervalTooSmallError):
            response.set("Min-SE", str(error.min_se))
        self._say_no(tx, response, field, rule)

    def _say_no(self, tx: ServerTransaction, response: Response, field: str, rule: str) -> None:
        response.set("Warning", f"399 seatbus {quote_string(f'{field} {rule}'.strip())}")
        log.info("request refused", status=response.status, field=clean_text(field), rule=clean_text(rule))
        self._respond(tx, response)

    def _options(self, tx: ServerTransaction) -> None:
        response = tx.response(503 if self._edge.draining else 200)
        if self._edge.draining:
            response.set("Retry-After", "30")
        else:
            tell_what_is_served(response)
            # Outside of a dialog phones register and watch lamps too (RFC 6665 section 4.4.4).
            response.set("Allow", ", ".join(SERVED.methods))
            response.set("Allow-Events", PACKAGE)
        self._respond(tx, response)

    def _subscribe(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        """Of a tenant's devices alone: nobody else is challenged."""
        if not self._edge.directory.claimed_device(request, flow):
            self._respond(tx, tx.response(403))
            return
        username = self._identity.authenticated(tx, request, flow, proxy=True)
        if username:
            self._edge.lamps.subscribe(tx, request, flow, username)

    # ---- registrations ----------------------------------------------------------------------------------
    def _register(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        username = self._identity.authenticated(tx, request, flow, proxy=False)
        if not username:
            return
        if request.to.uri.username != username:
            self._respond(tx, tx.response(403, "Not Your Address"))
            return
        stored = (*request.get_all("Contact"), *request.get_all("Path"), request.call_id)
        if any(clean_text(text) != text for text in stored):
            self._respond(tx, tx.response(400, "Bytes That Are No UTF-8"))
            return
        outcome = self._edge.registrar.register(username, request, flow)
        response = tx.response(outcome.status)
        for name, value in outcome.headers:
            response.add(name, value)
        self._respond(tx, response)
