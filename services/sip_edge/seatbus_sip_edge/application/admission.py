"""A new INVITE: whose call it is, and whether it may come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Call, Cause, Direction

if TYPE_CHECKING:
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.identity import Identity

log = get_logger("sip_edge.sip")

_OPERATOR = "operator"


class Admission:
    """Admits calls of trunks and devices, before anything is spent on them."""

    def __init__(self, edge: Edge, identity: Identity) -> None:
        self._edge = edge
        self._identity = identity

    def _respond(self, tx: ServerTransaction, response: Response) -> None:
        self._edge.stack.layer.respond(tx, response, self._edge.stack.now)

    def invite(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
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
            if self._identity.looks_again(tx, request, flow):
                return
            log.info("call from an unknown source refused", source=host_port(flow.remote), claimed=claimed)
            self._respond(tx, tx.response(403))
            return
        username = self._identity.authenticated(tx, request, flow, proxy=True)
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
        if owner is None and self._identity.looks_again(tx, request, flow):
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
            session.sip.incoming.receive(call.caller_leg_id, tx, request, flow)
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
