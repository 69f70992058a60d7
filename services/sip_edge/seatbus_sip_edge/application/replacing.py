"""INVITE with Replaces from an agent's phone (RFC 3891): found, allowed, given its audio, then put in place.

Whatever fails on the way is answered, and leaves the call as it is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.agent.v1 import service_pb2 as agent_pb
from seatbus.common.v1 import types_pb2 as common
from seatbus.media.v1 import service_pb2 as media_pb
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError, SipParseError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip.replaces import parse_replaces
from seatbus_sip.tables import DialogState, State
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.media_kind import with_kind
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Leg, Phase, Role
from seatbus_sip_edge.domain.numbering import number_in
from seatbus_sip_edge.domain.replaces import replaceable, same_agent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request
    from seatbus_sip.replaces import Replaces
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.dialling import Caller
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.replaces")

_MEDIA_S: Final = 3.0
_WORK_S: Final = 1.5
_ACTOR: Final = common.Actor(kind=common.ACTOR_KIND_SYSTEM, id="sip_edge")


class RefusedError(Exception):
    """The INVITE gets this final status; `why` is for the log and the peer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ServesReplaces:
    """INVITEs that name a dialog: each is a task, and whatever fails in it is answered."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(
        self, tx: ServerTransaction, request: Request, serve: Callable[[Replaces], Awaitable[None]]
    ) -> None:
        """Raises SipParseError for a header that cannot be read."""
        values = request.get_all("Replaces")
        if len(values) != 1:
            raise SipParseError("Replaces", "appears once")
        self._begin(tx, serve(parse_replaces(values[0])))

    def _begin(self, tx: ServerTransaction, served: Awaitable[None]) -> None:
        task = asyncio.create_task(self._answered(tx, served))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, tx: ServerTransaction, served: Awaitable[None]) -> None:
        stack = self._edge.stack
        try:
            await served
        except RefusedError as error:
            log.info(
                "INVITE with Replaces refused", status=error.status, reason=str(error), source=tx.flow.remote
            )
            if tx.state is State.PROCEEDING:
                response = tx.response(error.status)
                response.set("Warning", f'399 seatbus "{error}"')
                stack.layer.respond(tx, response, stack.now)
        stack.pump()


class Replacing(ServesReplaces):
    """Of agents' phones, for the calls of this edge; others are handed to their owner before."""

    def serve(self, tx: ServerTransaction, request: Request, flow: Flow, caller: Caller) -> None:
        """`caller` has proved who they are. Raises SipParseError."""

        async def served(wanted: Replaces) -> None:
            session, old = self._found(caller, wanted)
            await self._take(tx, request, flow, caller, session, old)

        self.begin(tx, request, served)

    def picks_up(self, tx: ServerTransaction, request: Request, flow: Flow, caller: Caller) -> bool:
        """Serves an INVITE for what rings at a colleague, by the code before the extension; else False."""
        agent_id = self._edge.dialling.picks_up(caller.tenant, caller.branch_id, number_in(request.target))
        if not agent_id:
            return False

        async def served() -> None:
            session, old = self._ringing_at(caller, agent_id)
            await self._take(tx, request, flow, caller, session, old)

        self._begin(tx, served())
        return True

    def _ringing_at(self, caller: Caller, agent_id: str) -> tuple[Session, Leg]:
        """Raises RefusedError."""
        for session in self._edge.sessions.values():
            for leg in session.call.legs.values():
                of_agent = (leg.agent_tenant_id, leg.agent_id) == (caller.tenant, agent_id)
                if of_agent and not leg.was_answered and not session.over and replaceable(session.call, leg):
                    self._must_be_allowed(caller, leg, early=True)
                    return session, leg
        raise RefusedError(480, "nothing rings there")

    def _found(self, caller: Caller, wanted: Replaces) -> tuple[Session, Leg]:
        """The call and the leg to be replaced. Raises RefusedError."""
        found = self._edge.legs.get((wanted.call_id, wanted.to_tag))
        if found is None:
            raise RefusedError(481, "no such dialog is known")
        session, leg_id = found
        leg, sip = session.call.legs.get(leg_id), session.sip.legs.get(leg_id)
        if leg is not None and not leg.agent_id and session.call.tenant_id == caller.tenant:
            raise RefusedError(403, "it is no agent's dialog: a phone does not take a customer's place")
        if leg is None or sip is None or leg.agent_tenant_id != caller.tenant:
            raise RefusedError(481, "it is no dialog of an agent of the tenant")
        early = sip.dialog is None
        dialog = sip.forks.dialogs.get(wanted.from_tag) if early and sip.forks is not None else sip.dialog
        if dialog is None or dialog.remote_tag != wanted.from_tag:
            raise RefusedError(481, "no dialog is known by these tags")
        if dialog.state is DialogState.TERMINATED or not leg.live or session.over:
            raise RefusedError(603, "the dialog has ended")
        if dialog.state is DialogState.EARLY and leg.incoming:
            raise RefusedError(481, "who has dialled cannot be replaced before the answer")
        if wanted.early_only and not early:
            raise RefusedError(486, "it has been answered")
        self._must_be_allowed(caller, leg, early=early)
        if not replaceable(session.call, leg):
            raise RefusedError(603, f"the call is {session.call.phase.value}")
        return session, leg

    def _must_be_allowed(self, caller: Caller, leg: Leg, *, early: bool) -> None:
        if leg.agent_id == caller.agent_id:
            return
        found = self._edge.config.get(caller.tenant, "tenant", caller.tenant)
        allowed = found.tenant.phone_takeover if found is not None else tenancy.PHONE_TAKEOVER_OWN
        if allowed < (tenancy.PHONE_TAKEOVER_RINGING if early else tenancy.PHONE_TAKEOVER_TALKING):
            raise RefusedError(403, "the tenant does not let phones take calls of colleagues")

    async def _take(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        caller: Caller,
        session: Session,
        old: Leg,
    ) -> None:
        offer = sdp_of(request)
        if not offer:
            raise RefusedError(488, "it brings no offer")
        leg = Leg(
            uuid7(),
            Role.LEG_ROLE_AGENT,
            incoming=True,
            sip_call_id=clean_text(request.call_id),
            remote_address=f"{flow.transport.lower()}:{host_port(flow.remote)}",
            agent_id=caller.agent_id,
            agent_tenant_id=caller.tenant,
            device_id=caller.device_id,
        )
        sdp = await self._audio(session, leg, offer)
        try:
            await self._work(caller, session, leg, old)
            self._put(tx, request, flow, session, leg, old, sdp)
        except RefusedError:
            if session.call.phase not in (Phase.ENDING, Phase.ENDED):
                session.commands.media.drop(leg.leg_id)
            raise

    def _put(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        session: Session,
        leg: Leg,
        old: Leg,
        sdp: str,
    ) -> None:
        """In place of the old one, unless something has changed meanwhile."""
        if tx.state is not State.PROCEEDING:
            self._let_go(session, leg, old)
            raise RefusedError(487, "the phone has given up")
        try:
            session.sip.incoming.receive(leg.leg_id, tx, request, flow)
        except SipError as error:
            self._let_go(session, leg, old)
            raise RefusedError(error.status, str(error)) from error
        session.sip.legs[leg.leg_id].local_sdp = sdp
        if not session.feed(on.LegReplaced(old.leg_id, leg, sdp)):
            session.sip.release(leg.leg_id)
            self._let_go(session, leg, old)
            raise RefusedError(486 if old.was_answered else 603, "the call has changed meanwhile")

    async def _audio(self, session: Session, leg: Leg, offer: str) -> str:
        """The answer of the call's media to the phone's offer. Raises RefusedError."""
        call = session.call
        command = media_pb.Command(accept_offer=media_pb.AcceptOffer(endpoint_id=leg.leg_id, sdp=offer))
        command = with_kind(self._edge, call, leg, command)
        try:
            return await session.commands.media.accept(leg, command, _MEDIA_S)
        except AWAY as error:
            raise RefusedError(503, f"media does not answer: {error}") from error
        except SeatbusError as error:
            raise RefusedError(488, f"media refuses the offer: {error}") from error

    async def _work(self, caller: Caller, session: Session, leg: Leg, old: Leg) -> None:
        """The reservation that the leg goes under: the old one's, a new one, or none. Raises RefusedError."""
        if same_agent(leg, old):
            leg.rid = old.rid
            return
        if self._edge.dialling.talks(caller):
            return
        rid, call, edge = uuid7(), session.call, self._edge
        request = agent_pb.BeginWorkRequest(
            context=common.RequestContext(
                request_id=f"{rid}:begin", tenant_id=leg.agent_tenant_id, actor=_ACTOR
            ),
            agent_id=leg.agent_id,
            rid=rid,
            kind="consult" if old.role == Role.LEG_ROLE_CONSULT else "direct",
            call_tenant_id=call.tenant_id,
            call_id=call.call_id,
            edge_instance=call.owner,
            ring_timeout_s=1,
            wrap_up_s=call.wrap_up_s,
        )
        try:
            await edge.neighbours.command(
                "agent_state",
                "BeginWork",
                request,
                timeout=_WORK_S,
                deadline=edge.monotonic() + _WORK_S,
                trace=session.trace,
            )
        except AWAY as error:
            # As when an agent dials: the phone is in hand, whether agent_state answers or not.
            log.warning("agent_state is away, the call is taken all the same", reason=str(error))
            return
        except SeatbusError as error:
            raise RefusedError(403, f"agent_state does not give the agent: {error}") from error
        leg.rid = rid

    @staticmethod
    def _let_go(session: Session, leg: Leg, old: Leg) -> None:
        """The reservation that was made for nothing."""
        if leg.rid and not same_agent(leg, old):
            session.commands.work.give_back(leg)
