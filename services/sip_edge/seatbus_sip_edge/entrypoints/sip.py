"""SIP from the network: registrations, new calls, and what belongs to calls that are known."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_sip import events as ev
from seatbus_sip.digest import Verdict
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip.message import Request
from seatbus_sip_edge.application.sip_side import ALLOW
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Call, Cause, Direction

if TYPE_CHECKING:
    from seatbus_sip.digest import DigestServer
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.sip")

_FAILURE_WINDOW_S = 60.0
_OPERATOR = "operator"
_SECOND_LOOK_S = 0.3


class SipEntry:
    """Sorts what the engine tells."""

    def __init__(self, edge: Edge, digest: DigestServer) -> None:
        self._edge = edge
        self._digest = digest
        self._second_look: set[ServerTransaction] = set()
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def handle(self, event: ev.LayerEvent) -> None:
        match event:
            case ev.RequestReceived():
                self._request(event.tx, event.request, event.flow)
            case ev.ResponseReceived():
                found = self._leg(event.tx.call_id, event.response.from_.tag)
                if found is not None:
                    found[0].sip.on_response(found[1], event.tx, event.response)
            case ev.AckReceived():
                found = self._leg(event.request.call_id, event.request.to.tag)
                if found is not None:
                    found[0].sip.acknowledged(found[1])
            case ev.CancelReceived():
                found = self._leg(event.tx.call_id, event.tx.local_tag)
                if found is not None:
                    found[0].feed(on.CallerCancelled())
                else:
                    self._respond(event.tx, event.tx.response(487))
            case ev.AckTimeout():
                self._not_acknowledged(event.tx)
            case ev.TransactionTimeout() | ev.TransportFailed():
                self._no_answer(event)
            case ev.StrayResponse():
                self._stray(event.response, event.flow)
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
            session.sip.acknowledged(leg_id)
            if leg_id == session.call.caller_leg_id:
                session.feed(on.CallerNotAcknowledged())

    def _no_answer(self, event: ev.TransactionTimeout | ev.TransportFailed) -> None:
        tx = event.tx
        request = tx.request
        if tx.method != "INVITE" or request is None:
            return
        found = self._leg(tx.call_id, request.from_.tag)
        if found is not None:
            status = 408 if isinstance(event, ev.TransactionTimeout) else 503
            found[0].sip.on_no_response(found[1], status)

    def _stray(self, response: Response, flow: Flow) -> None:
        """A phone answers an INVITE that only a predecessor knew: ACK, and BYE if it had picked up."""
        if response.cseq.method != "INVITE" or response.status < 200 or response.to.tag is None:
            return
        found = self._leg(response.call_id, response.from_.tag)
        if found is not None and found[0].sip.on_stray(found[1], response, flow):
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
            if found is None:
                self._respond(tx, tx.response(481))
            else:
                found[0].sip.on_request(found[1], tx, request)
            return
        try:
            match request.method:
                case "INVITE":
                    self._invite(tx, request, flow)
                case "REGISTER":
                    self._register(tx, request, flow)
                case "OPTIONS":
                    self._options(tx)
                case "BYE" | "UPDATE" | "INFO":
                    self._respond(tx, tx.response(481))
                case _:
                    response = tx.response(405)
                    response.set("Allow", ALLOW + ", REGISTER")
                    self._respond(tx, response)
        except SipError as error:
            self._refuse(tx, error)

    def _refuse(self, tx: ServerTransaction, error: SipError) -> None:
        field, rule = getattr(error, "field", ""), getattr(error, "rule", str(error))
        response = tx.response(error.status)
        text = f"{field} {rule}".strip().replace('"', "'")
        response.set("Warning", f'399 seatbus "{text}"')
        log.info("request refused", status=error.status, field=clean_text(field), rule=clean_text(rule))
        self._respond(tx, response)

    def _options(self, tx: ServerTransaction) -> None:
        response = tx.response(503 if self._edge.draining else 200)
        if self._edge.draining:
            response.set("Retry-After", "30")
        else:
            response.set("Allow", ALLOW)
            response.set("Accept", "application/sdp")
        self._respond(tx, response)

    # ---- who is it --------------------------------------------------------------------------------------
    def _lookup(self, username: str, algorithm: str) -> str | None:
        found = self._edge.config.device_by_username(username)
        if found is None:
            return None
        device = found[2]
        return (device.ha1_sha256 if algorithm == "SHA-256" else device.ha1_md5) or None

    def _authenticated(self, tx: ServerTransaction, request: Request, flow: Flow, *, proxy: bool) -> str:
        """The username, or empty after the request was answered (or silently dropped)."""
        source = flow.remote[0]
        if self._is_banned(source):
            self._respond(tx, tx.response(403))
            return ""
        result = self._digest.verify(request, self._lookup, time.time(), proxy=proxy)
        if result.ok:
            return result.username
        if result.verdict in (Verdict.WRONG, Verdict.UNKNOWN_USER):
            # The pause is the same for a wrong password: time must not tell which usernames exist.
            if self._looks_again(tx, request, flow):
                return ""
            self._count_failure(source)
            log.warning(
                "digest refused: check username and password of the device",
                username=clean_text(result.username),
                source=host_port(flow.remote),
                verdict=result.verdict.value,
            )
            # One answer for both, so that nobody learns which usernames exist.
            self._respond(tx, tx.response(403))
            return ""
        if result.verdict is Verdict.MALFORMED:
            self._respond(tx, tx.response(400, "Unreadable Credentials"))
            return ""
        challenge = self._digest.challenge(
            request, time.time(), stale=result.verdict is Verdict.STALE, proxy=proxy
        )
        self._respond(tx, challenge)
        return ""

    def _looks_again(self, tx: ServerTransaction, request: Request, flow: Flow) -> bool:
        """Before anybody is refused: what was just configured may not have arrived here yet.

        True when the request is looked at once more in a moment. It also slows down who guesses.
        """
        if tx in self._second_look:
            return False
        self._second_look.add(tx)
        self._edge.loop.call_later(_SECOND_LOOK_S, self._look_again, tx, request, flow)
        return True

    def _look_again(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        try:
            if not tx.terminated and tx.request is not None:
                self._request(tx, request, flow)
        finally:
            self._second_look.discard(tx)
        self._edge.stack.pump()

    def _is_banned(self, source: str) -> bool:
        since, count = self._failures.get(source, (0.0, 0))
        if self._edge.monotonic() - since > _FAILURE_WINDOW_S:
            return False
        return count >= self._edge.settings.sip_digest_failures

    def _count_failure(self, source: str) -> None:
        now = self._edge.monotonic()
        since, count = self._failures.get(source, (now, 0))
        if now - since > _FAILURE_WINDOW_S:
            since, count = now, 0
        self._failures[source] = (since, count + 1)
        self._failures.move_to_end(source)
        if len(self._failures) > 20_000:
            self._failures.popitem(last=False)

    def _register(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        username = self._authenticated(tx, request, flow, proxy=False)
        if not username:
            return
        if request.to.uri.username != username:
            self._respond(tx, tx.response(403, "Not Your Address"))
            return
        if any(clean_text(text) != text for text in (*request.get_all("Contact"), request.call_id)):
            self._respond(tx, tx.response(400, "Bytes That Are No UTF-8"))
            return
        outcome = self._edge.registrar.register(username, request, flow)
        response = tx.response(outcome.status)
        for name, value in outcome.headers:
            response.add(name, value)
        self._respond(tx, response)

    # ---- new calls --------------------------------------------------------------------------------------
    def _invite(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        edge = self._edge
        if edge.draining:
            response = tx.response(503)
            response.set("Retry-After", "5")
            self._respond(tx, response)
            return
        # A browser on a trunk's host is not the trunk.
        trunk = None if flow.transport in ("WS", "WSS") else edge.config.trunk_by_source(*flow.remote)
        if trunk is not None:
            tenant, trunk_id, found = trunk
            caller = request.from_.uri.username
            self._admit(
                tx,
                request,
                flow,
                tenant,
                caller,
                Direction.DIRECTION_INBOUND,
                trunk_id=trunk_id,
                branch_id=found.branch_id,
                codecs=tuple(found.codecs),
                zone=found.media_zone,
                max_calls=found.max_calls,
            )
            return
        claimed = clean_text(request.from_.uri.username)
        if edge.config.device_by_username(claimed) is None:
            if self._looks_again(tx, request, flow):
                return
            log.info("call from an unknown source refused", source=host_port(flow.remote), claimed=claimed)
            self._respond(tx, tx.response(403))
            return
        username = self._authenticated(tx, request, flow, proxy=True)
        device = edge.config.device_by_username(username) if username else None
        if device is not None:
            tenant, _, found_device = device
            agent = edge.config.get(tenant, "agent", found_device.agent_id)
            self._admit(
                tx,
                request,
                flow,
                tenant,
                (agent.agent.extension if agent is not None else "") or username,
                Direction.DIRECTION_INTERNAL,
                branch_id=agent.agent.branch_id if agent is not None else "",
            )

    def _admit(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        tenant: str,
        caller: str,
        direction: call_types.Direction,
        *,
        trunk_id: str = "",
        branch_id: str = "",
        codecs: tuple[str, ...] = (),
        zone: str = "",
        max_calls: int = 0,
    ) -> None:
        edge = self._edge
        # Peers send bytes that are no UTF-8; from here on everything is stored and shown.
        dialed = clean_text(request.target.username)
        sip_call_id = clean_text(request.call_id)
        owner = edge.config.number(dialed) if dialed else None
        # The operator's trunks bring calls for all tenants, a tenant's own trunk only its own.
        if owner is not None and tenant not in (owner[0], _OPERATOR):
            owner = None
        if owner is None and self._looks_again(tx, request, flow):
            return
        call_id = uuid7()
        call = Call(
            tenant_id=owner[0] if owner is not None else tenant,
            call_id=call_id,
            owner=edge.instance_id,
            caller=clean_text(caller)[:128],
            dialed=dialed[:128],
            direction=direction,
            caller_leg_id=uuid7(),
            interaction_id=call_id,
            trunk_id=trunk_id,
            branch_id=branch_id,
        )
        refusal: tuple[int, call_types.HangupCause] | None = None
        if owner is None:
            refusal = (404, Cause.HANGUP_CAUSE_UNKNOWN_NUMBER)
        else:
            _, call.number_id, number = owner
            call.branch_id = number.branch_id or branch_id
            call.supervision = number.answer_supervision
            call.flow_id = number.flow_id
            flow_object = edge.config.get(call.tenant_id, "flow", number.flow_id)
            call.flow_version = flow_object.flow.version if flow_object is not None else 0
            if number.disabled:
                refusal = (404, Cause.HANGUP_CAUSE_UNKNOWN_NUMBER)
            elif max_calls and self._calls_on(trunk_id, tenant) >= max_calls:
                refusal = (503, Cause.HANGUP_CAUSE_QUOTA)
        sdp = request.body.decode("utf-8", "replace") if request.content_type == "application/sdp" else ""
        if refusal is None and not sdp:
            refusal = (488, Cause.HANGUP_CAUSE_NOT_ACCEPTABLE)
        session = edge.open(call)
        source = f"{flow.transport.lower()}:{host_port(flow.remote)}"
        try:
            session.sip.receive_invite(call.caller_leg_id, tx, request, flow)
        except SipError:
            del edge.sessions[call_id]
            raise
        if refusal is not None:
            status, cause = refusal
            log.info(
                "call refused",
                tenant=call.tenant_id,
                call=call_id,
                dialed=dialed,
                status=status,
                source=source,
            )
            session.feed(on.RefusedAtDoor(status, cause, source, sip_call_id))
            return
        session.feed(on.Arrived(sdp, source, sip_call_id, codecs, zone))

    def _calls_on(self, trunk_id: str, tenant: str) -> int:
        return sum(
            1
            for session in self._edge.sessions.values()
            if session.call.trunk_id == trunk_id and not session.over
        )
