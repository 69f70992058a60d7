"""A new INVITE: whose call it is, and whether it may come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip.values import read_privacy
from seatbus_sip_edge.application.dialling import Caller
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.legs.custom_headers import (
    attributes_of,
    diversions,
    diverted_from,
    history_of,
)
from seatbus_sip_edge.application.replacing import Replacing
from seatbus_sip_edge.application.replacing_party import ReplacingParty
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Call, Cause, Direction
from seatbus_sip_edge.domain.numbering import Plan, brought, number_in
from seatbus_sip_edge.domain.routes import TrunkRef

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.identity import Identity

log = get_logger("sip_edge.sip")

_OPERATOR = "operator"
# Numbers that are diverted to each other call each other for ever: networks give up after five or so.
_MOST_DIVERSIONS = 10
# Attribute of a call that its caller did not dial.
_DIVERTED = "diverted_from"


class Admission:
    """Admits calls of trunks and devices, before anything is spent on them."""

    def __init__(self, edge: Edge, identity: Identity) -> None:
        self._edge = edge
        self._identity = identity
        self._replacing = Replacing(edge)
        self._replacing_party = ReplacingParty(edge)
        edge.guard.is_emergency = edge.dialling.is_emergency

    def _respond(self, tx: ServerTransaction, response: Response) -> None:
        self._edge.stack.layer.respond(tx, response, self._edge.stack.now)

    def invite(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        edge = self._edge
        if edge.draining and not edge.dialling.is_emergency(request):
            response = tx.response(503)
            response.set("Retry-After", "5")
            self._respond(tx, response)
            return
        trunk = self._trunk(request, flow)
        if trunk is not None:
            tenant, trunk_id, found = trunk
            if not found.challenge or self._identity.proves_trunk(tx, request, flow, found.username):
                self._from_trunk(tx, request, flow, tenant, trunk_id, found)
            return
        claimed = clean_text(request.from_.uri.username)
        if edge.config.device_by_username(claimed) is None:
            if self._may_prove(request):
                username = self._identity.authenticated(tx, request, flow, proxy=True)
                proved = edge.config.trunk_by_username(username) if username else None
                if proved is not None:
                    self._from_trunk(tx, request, flow, *proved)
                elif username:
                    self._respond(tx, tx.response(403))
                return
            if self._identity.looks_again(tx, request, flow):
                return
            log.info("call from an unknown source refused", source=host_port(flow.remote), claimed=claimed)
            self._respond(tx, tx.response(403))
            return
        username = self._identity.authenticated(tx, request, flow, proxy=True)
        device = edge.config.device_by_username(username) if username else None
        if device is not None:
            self._from_device(tx, request, flow, username, device)

    def _trunk(self, request: Request, flow: Flow) -> tuple[str, str, tenancy.Trunk] | None:
        """By address, its certificate's name, the account that we have with it, or one that it claims."""
        edge = self._edge
        # A browser on a trunk's host is not the trunk.
        if flow.transport in ("WS", "WSS"):
            return None
        found = edge.config.trunk_by_source(*flow.remote)
        if found is None and flow.transport == "TLS":
            for name in edge.stack.transports.certificate_names(flow):
                found = found or edge.config.trunk_by_tls_name(name)
        if found is None and request.target.user:
            ref = edge.trunks.registered_as(request.target.username, flow.remote[0])
            trunk = edge.trunks.trunk(ref) if ref is not None else None
            found = (ref.tenant, ref.trunk_id, trunk) if ref is not None and trunk is not None else None
        if found is None:
            found = edge.config.trunk_by_username(clean_text(request.from_.uri.username))
            if found is None:
                found = edge.config.trunk_by_username(self._identity.claimed(request))
        return None if found is None or found[2].disabled else found

    def _may_prove(self, request: Request) -> bool:
        """Whether a stranger calls a number whose tenant, or the operator, has trunks without addresses.

        Nobody else is challenged: scanners learn nothing.
        """
        owner = self._owner(number_in(request.target), None)
        tenants = (owner[0], _OPERATOR) if owner is not None else ()
        return any(
            item.trunk.challenge and not item.trunk.disabled
            for tenant in tenants
            for item in self._edge.config.objects(tenant, "trunk").values()
        )

    def _from_trunk(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        tenant: str,
        trunk_id: str,
        trunk: tenancy.Trunk,
    ) -> None:
        if "Replaces" in request:
            self._replacing_party.serve(tx, request, flow, TrunkRef(tenant, trunk_id))
            return
        plan = Plan.of(trunk.dial_plan)
        identity = request.addresses("P-Asserted-Identity")
        asserted = number_in(identity[0].uri) if identity else ""
        caller = number_in(request.from_.uri)
        if "id" in read_privacy(request):
            # RFC 3325 section 9.2: the carrier trusts us with the number, the tenant's people do not see it.
            asserted = ""
        # Without a plan nothing is known of the trunk's numbers: they stay as they are.
        shown = brought(asserted or caller, plan) if plan.country else (asserted or caller)
        self._admit(
            tx,
            request,
            flow,
            tenant,
            shown,
            Direction.DIRECTION_INBOUND,
            trunk_id=trunk_id,
            trunk=trunk,
        )

    def _from_device(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        username: str,
        device: tuple[str, str, tenancy.Device],
    ) -> None:
        edge = self._edge
        tenant, device_id, found = device
        agent = edge.config.get(tenant, "agent", found.agent_id)
        if agent is not None:
            caller = Caller(tenant, device_id, found.agent_id, agent.agent)
            if edge.dialling.emergency(tx, request, flow, caller):
                return
            if "Replaces" in request:
                self._replacing.serve(tx, request, flow, caller)
                return
            if self._replacing.picks_up(tx, request, flow, caller):
                return
            own = edge.config.number(number_in(request.target))
            if (own is None or own[0] != tenant) and (
                edge.dialling.colleague(tx, request, flow, caller)
                or edge.dialling.outside(tx, request, flow, caller)
            ):
                return
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
        trunk: tenancy.Trunk | None = None,
        branch_id: str = "",
    ) -> None:
        edge = self._edge
        if trunk is not None:
            branch_id = trunk.branch_id
        # Peers send bytes that are no UTF-8; from here on everything is stored and shown.
        dialed = self._called(request, trunk)
        sip_call_id = clean_text(request.call_id)
        owner = self._owner(dialed, trunk)
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
            trunk_tenant=tenant if trunk_id else "",
            branch_id=branch_id,
        )
        left = request.integer("Max-Forwards")
        call.hops = call.hops if left is None else left
        if trunk is not None:
            call.diversions, call.history = diversions(request), history_of(request)
            call.withheld = "id" in read_privacy(request)
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
            elif call.diversions >= _MOST_DIVERSIONS:
                refusal = (482, Cause.HANGUP_CAUSE_REJECTED)
            elif trunk is not None and not edge.quotas.inbound_allowed(
                call.tenant_id, tenant, trunk_id, trunk
            ):
                refusal = (503, Cause.HANGUP_CAUSE_QUOTA)
        sdp = sdp_of(request)
        if refusal is None and request.body and not sdp:
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
        codecs = tuple(trunk.codecs) if trunk is not None else ()
        session.feed(
            on.Arrived(
                sdp,
                source,
                sip_call_id,
                codecs,
                trunk.media_zone if trunk is not None else "",
                reliable=session.sip.legs[call.caller_leg_id].provisional is not None,
            )
        )
        told = edge.config.get(call.tenant_id, "tenant", call.tenant_id)
        wanted = attributes_of(request, told.tenant.headers_in) if told is not None else {}
        if trunk is not None and (before := diverted_from(request)):
            plan = Plan.of(trunk.dial_plan)
            wanted[_DIVERTED] = brought(before, plan) if plan.country else before
        if wanted:
            session.feed(on.AttributesSet(wanted))

    def _called(self, request: Request, trunk: tenancy.Trunk | None) -> str:
        """The number that is called.

        A carrier that we register with calls the Contact that we gave, our account: the number is then that
        of P-Called-Party-ID (RFC 7315) or To.
        """
        user = number_in(request.target)
        if trunk is None or not user or user != trunk.username:
            return user
        named = request.addresses("P-Called-Party-ID") or [request.to]
        party = number_in(named[0].uri)
        return party if self._owner(party, trunk) is not None else user

    def _owner(self, dialed: str, trunk: tenancy.Trunk | None) -> tuple[str, str, tenancy.Number] | None:
        """Whose access number this is, as it was written or as the trunk's plan reads it."""
        if not dialed:
            return None
        found = self._edge.config.number(dialed)
        if found is None and trunk is not None and trunk.dial_plan.country_code:
            found = self._edge.config.number(brought(dialed, Plan.of(trunk.dial_plan)))
        return found
