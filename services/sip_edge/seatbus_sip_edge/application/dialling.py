"""What an agent's phone may dial: an emergency number, a colleague's extension, a number outside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus.agent.v1 import service_pb2 as agent_pb
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.caller_id import CallerIdNotPermitted, chosen
from seatbus_sip_edge.domain.model import Call, Cause, Direction
from seatbus_sip_edge.domain.numbering import dialled, number_in

if TYPE_CHECKING:
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.dialling")

# Nobody who needs help waits for agent_state: the branch knows a trunk and a number too.
_SEAT_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Caller:
    """Who dials: a device that has proved itself, with its agent."""

    tenant: str
    device_id: str
    agent_id: str
    agent: tenancy.Agent

    @property
    def branch_id(self) -> str:
        return self.agent.branch_id


class Dialling:
    """Makes calls of INVITEs from agents' phones."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._extensions: dict[str, dict[str, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        edge.config.on_change(self._changed)

    def _changed(self, tenant: str, kind: str, _id: str) -> None:
        if kind == "agent":
            self._extensions.pop(tenant, None)

    def agent_at(self, tenant: str, extension: str) -> str:
        """The agent with this extension; empty when nobody has it."""
        known = self._extensions.get(tenant)
        if known is None:
            known = self._extensions[tenant] = {
                item.agent.extension: agent_id
                for agent_id, item in self._edge.config.objects(tenant, "agent").items()
                if item.agent.extension and not item.agent.disabled
            }
        return known.get(extension, "")

    def picks_up(self, tenant: str, branch_id: str, written: str) -> str:
        """The agent whose ringing call is asked for: the branch's prefix, then an extension. Empty: none."""
        branch = self._edge.outside.branch(tenant, branch_id)
        prefix = branch.dial_plan.pickup_prefix if branch is not None else ""
        found = written.removeprefix(prefix) if prefix else written
        return self.agent_at(tenant, found) if found != written else ""

    def about(self, request: Request, flow: Flow) -> str:
        """The device whose call a phone's INVITE is about: its own, or that of whom it picks up from."""
        config = self._edge.config
        username = self._edge.directory.claimed_device(request, flow)
        device = config.device_by_username(username) if username else None
        agent = config.get(device[0], "agent", device[2].agent_id) if device is not None else None
        if device is None or agent is None:
            return username
        tenant = device[0]
        colleague = self.picks_up(tenant, agent.agent.branch_id, number_in(request.target))
        phones = config.devices_of(tenant, colleague) if colleague else ()
        return next((phone.username for _, phone in phones if phone.username), username)

    def is_emergency(self, request: Request) -> bool:
        """Whether a device that may be ours calls for help. What it claims is proved later."""
        device = self._edge.config.device_by_username(clean_text(request.from_.uri.username))
        if device is None:
            return False
        found = self._edge.config.get(device[0], "agent", device[2].agent_id)
        branch_id = found.agent.branch_id if found is not None else ""
        return bool(self._edge.outside.emergency(device[0], branch_id, number_in(request.target)))

    # ---- from a phone -----------------------------------------------------------------------------------
    def emergency(self, tx: ServerTransaction, request: Request, flow: Flow, caller: Caller) -> bool:
        """Serves a call for help; False when it is none."""
        written = number_in(request.target)
        number = self._edge.outside.emergency(caller.tenant, caller.branch_id, written)
        if not number:
            return False
        task = asyncio.create_task(self._help(tx, request, flow, caller, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _help(
        self, tx: ServerTransaction, request: Request, flow: Flow, caller: Caller, number: str
    ) -> None:
        seat_id = await self._seat_of(caller)
        found = self._edge.config.get(caller.tenant, "seat", seat_id) if seat_id else None
        seat = found.seat if found is not None else None
        branch_id = (seat.branch_id if seat is not None else "") or caller.branch_id
        branch = self._edge.outside.branch(caller.tenant, branch_id)
        back = (seat.callback_number if seat is not None else "") or (
            branch.emergency_callback if branch is not None else ""
        )
        call = self.new_call(caller, number, back)
        call.branch_id, call.emergency = branch_id, True
        call.trunk_id = seat.trunk_id if seat is not None else ""
        log.error(
            "emergency call",
            tenant=caller.tenant,
            call=call.call_id,
            number=number,
            agent=caller.agent_id,
            seat=seat_id,
            branch=branch_id,
            todo="a supervisor looks after the agent",
        )
        if tx.terminated or tx.request is None:
            return
        try:
            self._dial(tx, request, flow, caller, call, uuid7(), seat_id)
        except SipError as error:
            self._edge.stack.layer.respond(tx, tx.response(error.status), self._edge.stack.now)
        self._edge.stack.pump()

    async def _seat_of(self, caller: Caller) -> str:
        """Where the agent sits, if agent_state says so in time."""
        edge = self._edge
        request = agent_pb.GetAgentRequest(tenant_id=caller.tenant, agent_id=caller.agent_id)
        try:
            async with asyncio.timeout(_SEAT_S):
                answer = await edge.neighbours.command(
                    "agent_state",
                    "GetAgent",
                    request,
                    timeout=_SEAT_S,
                    deadline=edge.monotonic() + _SEAT_S,
                )
        except (SeatbusError, TimeoutError) as error:
            log.warning(
                "nobody tells where the agent sits, the branch's trunk is taken",
                tenant=caller.tenant,
                agent=caller.agent_id,
                reason=repr(error),
            )
            return ""
        return str(answer.agent.seat_id)

    def colleague(self, tx: ServerTransaction, request: Request, flow: Flow, caller: Caller) -> bool:
        """Serves a call to an extension; False when nobody has it."""
        extension = number_in(request.target)
        agent_id = self.agent_at(caller.tenant, extension)
        if not agent_id:
            return False
        call = self.new_call(caller, extension, caller.agent.extension or caller.agent_id)
        call.direction = Direction.DIRECTION_INTERNAL
        call.supervision = tenancy.ANSWER_SUPERVISION_AT_AGENT
        call.direct_agent_id = agent_id
        session, source = self._open(tx, request, flow, call, call.caller_leg_id)
        session.feed(
            on.Arrived(
                sdp_of(request),
                source,
                clean_text(request.call_id),
                agent_tenant_id=caller.tenant,
                agent_id=caller.agent_id,
                device_id=caller.device_id,
                rid="" if self.talks(caller) else uuid7(),
            )
        )
        return True

    def outside(self, tx: ServerTransaction, request: Request, flow: Flow, caller: Caller) -> bool:
        """Serves a call to a number outside; False when no trunk of the tenant takes it."""
        edge = self._edge
        plan = edge.outside.plan(caller.tenant, caller.branch_id)
        number = dialled(number_in(request.target), plan)
        if not number or not edge.outside.has_ways(caller.tenant, caller.branch_id, number):
            return False
        wanted = _preferred(request)
        try:
            shown = self.caller_id(caller, wanted)
        except CallerIdNotPermitted as error:
            call = self.new_call(caller, number, clean_text(wanted))
            session, source = self._open(tx, request, flow, call, call.caller_leg_id)
            log.warning(
                "an agent wants to show a number that is not permitted",
                tenant=caller.tenant,
                call=call.call_id,
                agent=caller.agent_id,
                reason=str(error),
            )
            session.feed(
                on.RefusedAtDoor(403, Cause.HANGUP_CAUSE_FORBIDDEN, source, clean_text(request.call_id))
            )
            return True
        call = self.new_call(caller, number, shown)
        call.withheld = "id" in request.tokens("Privacy") or request.from_.uri.username == "anonymous"
        self._dial(tx, request, flow, caller, call, "" if self.talks(caller) else uuid7(), "")
        return True

    def caller_id(self, caller: Caller, wanted: str) -> str:
        """The number that the agent shows. Raises CallerIdNotPermitted."""
        branch = self._edge.outside.branch(caller.tenant, caller.branch_id)
        plan = self._edge.outside.plan(caller.tenant, caller.branch_id)
        return chosen(wanted, caller.agent.caller_ids, branch.caller_id if branch is not None else "", plan)

    def _dial(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        caller: Caller,
        call: Call,
        rid: str,
        seat_id: str,
    ) -> None:
        leg_id, sdp = uuid7(), sdp_of(request)
        session, source = self._open(tx, request, flow, call, leg_id if sdp else call.caller_leg_id)
        if not sdp:
            session.feed(
                on.RefusedAtDoor(488, Cause.HANGUP_CAUSE_NOT_ACCEPTABLE, source, clean_text(request.call_id))
            )
            return
        session.feed(
            on.AgentDialled(
                sdp,
                source,
                clean_text(request.call_id),
                leg_id,
                caller.tenant,
                caller.agent_id,
                caller.device_id,
                rid,
                seat_id,
            )
        )
        phone = self._edge.registrar.reach(
            caller.tenant,
            caller.agent_id,
            device_id=caller.device_id,
            known=(host_port(flow.remote), ""),
        )
        if phone is not None and leg_id in call.legs:
            # With the next step in the journal: only a phone that is lost later asks for it.
            call.legs[leg_id].binding = phone.binding

    def new_call(self, caller: Caller, number: str, shown: str) -> Call:
        call_id = uuid7()
        branch = self._edge.outside.branch(caller.tenant, caller.branch_id)
        return Call(
            tenant_id=caller.tenant,
            call_id=call_id,
            owner=self._edge.instance_id,
            caller=shown[:128],
            dialed=number[:128],
            direction=Direction.DIRECTION_OUTBOUND,
            caller_leg_id=uuid7(),
            interaction_id=call_id,
            branch_id=caller.branch_id,
            record=branch is not None and branch.record_outbound,
            wrap_up_s=branch.outbound_wrap_up_s if branch is not None else 0,
        )

    def _open(
        self, tx: ServerTransaction, request: Request, flow: Flow, call: Call, leg_id: str
    ) -> tuple[Session, str]:
        """Raises SipError when the request can make no dialog."""
        session = self._edge.open(call)
        try:
            session.sip.incoming.receive(leg_id, tx, request, flow)
        except SipError:
            del self._edge.sessions[call.call_id]
            raise
        return session, f"{flow.transport.lower()}:{host_port(flow.remote)}"

    def talks(self, caller: Caller) -> bool:
        """Whether the agent is in a conversation here: what the phone dials then is a question."""
        return any(
            leg.agent_id == caller.agent_id and leg.agent_tenant_id == caller.tenant and leg.was_answered
            for session in self._edge.sessions.values()
            if not session.over
            for leg in session.call.legs.values()
            if leg.live
        )


def _preferred(request: Request) -> str:
    """The caller id that the phone asks for (RFC 3325, P-Preferred-Identity)."""
    found = request.addresses("P-Preferred-Identity")
    return number_in(found[0].uri) if found else ""
