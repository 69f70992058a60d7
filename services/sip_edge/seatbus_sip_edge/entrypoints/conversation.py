"""CallControl of a conversation: hold, mute, transfer, consult, park, digits, supervision, recording."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from seatbus.call.v1 import service_pb2 as pb
from seatbus_kit.errors import NotFound, Refused
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import Kind
from seatbus_sip_edge.domain.model import LegPhase, Phase

if TYPE_CHECKING:
    from seatbus.common.v1 import types_pb2 as common
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.destinations import Destination
    from seatbus_sip_edge.domain.model import Leg

Context: TypeAlias = Any  # grpc.aio.ServicerContext, which has no type information
_TALKS = (Phase.BRIDGED, Phase.CONSULTING, Phase.CONFERENCED)
_SLOTS = range(100, 1000)
_SUPERVISORS = 4


def _lent_by(session: Session) -> str:
    """The tenant of the agent who has, or has parked, the call: his colleagues are reached by it, too."""
    leg = session.call.agent_leg
    return leg.agent_tenant_id if leg is not None else session.call.parked_by_tenant


class Conversation:
    """What is asked of people who talk. Each answer is given when a successor would know of the change."""

    _edge: Edge

    async def _journalled(self) -> None:
        """Accepted means that a successor would know of it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._edge.journal.then(lambda: None if done.done() else done.set_result(None))
        await done

    def _session(self, context: common.RequestContext, call_id: str) -> Session:
        return self._edge.session(context.tenant_id, call_id)

    async def _do(self, session: Session, request: Any, event: on.Input) -> None:
        """Feeds what a request asks, once: a repeat of the request changes nothing.

        Raises Refused when the call cannot do it where it is.
        """
        request_id = f"{type(request).__name__}:{request.context.request_id}"
        if session.first_time(request_id) and not session.feed(event):
            session.not_done(request_id)
            raise Refused("wrong_state", f"the call is {session.call.phase.value}", field="call_id")
        await self._journalled()

    @staticmethod
    def _must_be(session: Session, rule: str, *phases: Phase) -> None:
        if session.call.phase not in phases:
            raise Refused(rule, f"the call is {session.call.phase.value}", field="call_id")

    @staticmethod
    def _talking(session: Session, leg_id: str) -> Leg:
        """Raises NotFound, or Refused for a leg that is in no conversation."""
        leg = session.call.legs.get(leg_id)
        if leg is None:
            raise NotFound(f"no leg {leg_id}", field="leg_id")
        if leg.phase is not LegPhase.TALKING:
            raise Refused("not_talking", f"the leg is {leg.phase.value}", field="leg_id")
        return leg

    def _agent(self, session: Session, agent_id: str, field: str) -> str:
        """Whose agent it is. Raises NotFound."""
        owner = self._edge.directory.agents_tenant(session.call.tenant_id, agent_id, _lent_by(session))
        if not owner:
            raise NotFound(f"no agent {agent_id}", field=field)
        return owner

    @staticmethod
    def _repeated(session: Session, request: Any) -> bool:
        return session.has_done(f"{type(request).__name__}:{request.context.request_id}")

    # ---- the two who talk -------------------------------------------------------------------------------
    async def Hold(self, request: pb.HoldRequest, context: Context) -> pb.HoldResponse:
        session = self._session(request.context, request.call_id)
        if not self._repeated(session, request):
            leg = self._talking(session, request.leg_id)
            self._must_be(session, "not_talking", Phase.BRIDGED)
            if leg.leg_id not in (session.call.caller_leg_id, session.call.agent_leg_id):
                raise Refused("not_talking", "a supervisor's leg holds nobody", field="leg_id")
        await self._do(session, request, on.HoldAsked(request.leg_id, request.on))
        return pb.HoldResponse()

    async def Mute(self, request: pb.MuteRequest, context: Context) -> pb.MuteResponse:
        session = self._session(request.context, request.call_id)
        self._talking(session, request.leg_id)
        self._must_be(session, "not_talking", *_TALKS)
        await self._do(session, request, on.MuteAsked(request.leg_id, request.on))
        return pb.MuteResponse()

    async def SendDtmf(self, request: pb.SendDtmfRequest, context: Context) -> pb.SendDtmfResponse:
        session = self._session(request.context, request.call_id)
        self._talking(session, request.leg_id)
        self._must_be(session, "not_talking", *_TALKS)
        await self._do(session, request, on.DigitsAsked(request.leg_id, request.digits))
        return pb.SendDtmfResponse()

    async def ControlRecording(
        self, request: pb.ControlRecordingRequest, context: Context
    ) -> pb.ControlRecordingResponse:
        session = self._session(request.context, request.call_id)
        if not self._repeated(session, request):
            self._must_be(session, "not_talking", *_TALKS)
            if request.control != pb.RECORDING_CONTROL_START and not session.call.recording:
                raise Refused("not_recorded", "no recording runs", field="control")
        await self._do(session, request, on.RecordingAsked(request.control))
        return pb.ControlRecordingResponse()

    # ---- transfer, consult ------------------------------------------------------------------------------
    async def Transfer(self, request: pb.TransferRequest, context: Context) -> pb.TransferResponse:
        session = self._session(request.context, request.call_id)
        to = self._edge.directory.existing(session.call.tenant_id, request.target, _lent_by(session))
        if not self._repeated(session, request):
            self._must_be(session, "not_transferable", Phase.BRIDGED, Phase.QUEUED, Phase.PARKED)
            self._not_self(session, to)
        await self._do(session, request, on.TransferAsked(to))
        return pb.TransferResponse()

    @staticmethod
    def _not_self(session: Session, to: Destination) -> None:
        leg = session.call.agent_leg
        of_agent = (to.tenant_id, to.id)
        tenant = session.call.tenant_id
        if leg is not None and to.is_agent and of_agent == (leg.agent_tenant_id or tenant, leg.agent_id):
            raise Refused("same_agent", "the agent has the call already", field="target.agent_id")

    async def StartConsult(
        self, request: pb.StartConsultRequest, context: Context
    ) -> pb.StartConsultResponse:
        session = self._session(request.context, request.call_id)
        to = self._edge.directory.existing(session.call.tenant_id, request.target, _lent_by(session))
        if not to.is_person and to.kind is not Kind.QUEUE:
            raise Refused("consult_target", "a consult is with an agent, a number or a queue", field="target")
        if not self._repeated(session, request):
            self._must_be(session, "not_talking", Phase.BRIDGED)
            self._not_self(session, to)
        await self._do(session, request, on.ConsultAsked(to))
        return pb.StartConsultResponse(leg_id=session.call.consult_leg_id)

    async def SwapConsult(self, request: pb.SwapConsultRequest, context: Context) -> pb.SwapConsultResponse:
        session = self._session(request.context, request.call_id)
        if not self._repeated(session, request):
            self._must_be(session, "no_consult", Phase.CONSULTING)
            self._third_talks(session)
        await self._do(session, request, on.SwapAsked())
        return pb.SwapConsultResponse()

    async def CompleteConsult(
        self, request: pb.CompleteConsultRequest, context: Context
    ) -> pb.CompleteConsultResponse:
        session = self._session(request.context, request.call_id)
        if not self._repeated(session, request):
            self._must_be(session, "no_consult", Phase.CONSULTING, Phase.CONFERENCED)
            if request.end == pb.CONSULT_END_CONFERENCE:
                self._third_talks(session)
        await self._do(session, request, on.CompleteAsked(request.end))
        return pb.CompleteConsultResponse()

    @staticmethod
    def _third_talks(session: Session) -> None:
        leg = session.call.consult_leg
        if leg is None or leg.phase is not LegPhase.TALKING:
            raise Refused("not_answered", "the consulted party has not answered", field="call_id")

    # ---- parking ----------------------------------------------------------------------------------------
    async def Park(self, request: pb.ParkRequest, context: Context) -> pb.ParkResponse:
        session = self._session(request.context, request.call_id)
        if not self._repeated(session, request):
            self._must_be(session, "not_talking", Phase.BRIDGED)
        await self._do(session, request, on.ParkAsked(self._free_slot(session)))
        return pb.ParkResponse(slot=session.call.park_slot)

    def _free_slot(self, session: Session) -> str:
        """Three digits that no parked call of the tenant has here. Raises Refused when all are taken."""
        tenant = session.call.tenant_id
        used = {
            other.call.park_slot
            for other in self._edge.sessions.values()
            if other.call.tenant_id == tenant and not other.over
        }
        # Begins at the call's own place, so that two edges hardly ever give the same slot.
        begin = int(session.call.call_id[-6:], 16) % len(_SLOTS)
        for slot in (*_SLOTS[begin:], *_SLOTS[:begin]):
            if str(slot) not in used:
                return str(slot)
        raise Refused("no_slot", "every slot is taken", field="call_id")

    async def PickUp(self, request: pb.PickUpRequest, context: Context) -> pb.PickUpResponse:
        tenant = request.context.tenant_id
        self._edge.must_be_restored()
        if request.call_id:
            session = self._session(request.context, request.call_id)
        else:
            session = self._parked(tenant, request.slot)
        owner = self._agent(session, request.agent_id, "agent_id")
        if not self._repeated(session, request):
            leg = session.call.agent_leg
            self._must_be(session, "not_to_be_picked_up", Phase.PARKED, Phase.QUEUED, Phase.OFFERED)
            rings = any(
                (item.agent_tenant_id, item.agent_id) == (owner, request.agent_id)
                for item in (leg, *session.call.rung)
                if item
            )
            if leg is not None and (leg.was_answered or rings):
                raise Refused("not_to_be_picked_up", "an agent has answered or rings", field="call_id")
        await self._do(session, request, on.PickUpAsked(request.agent_id, owner))
        return pb.PickUpResponse()

    def _parked(self, tenant: str, slot: str) -> Session:
        for session in self._edge.sessions.values():
            call = session.call
            if call.tenant_id == tenant and slot and call.park_slot == slot and not session.over:
                return session
        raise NotFound(f"no call is parked in {slot or 'no slot'}", field="slot")

    # ---- supervision ------------------------------------------------------------------------------------
    async def Supervise(self, request: pb.SuperviseRequest, context: Context) -> pb.SuperviseResponse:
        session = self._session(request.context, request.call_id)
        call, who = session.call, request.supervisor_agent_id
        owner = self._agent(session, who, "supervisor_agent_id")
        if not self._repeated(session, request):
            self._must_be(session, "not_talking", *_TALKS)
            known = any(leg.agent_id == who for leg in call.supervisors)
            if request.mode == pb.SUPERVISE_MODE_OFF and not known:
                raise NotFound(f"{who} does not supervise the call", field="supervisor_agent_id")
            if request.mode == pb.SUPERVISE_MODE_TAKE_OVER:
                self._must_be(session, "not_talking", Phase.BRIDGED)
            talks = {leg.agent_id for leg in (call.agent_leg, call.consult_leg) if leg is not None}
            if who in talks:
                raise Refused("same_agent", "the agent is on the call", field="supervisor_agent_id")
            if not known and len(call.supervisors) >= _SUPERVISORS:
                raise Refused("too_many", f"{_SUPERVISORS} supervise the call", field="supervisor_agent_id")
        await self._do(session, request, on.SuperviseAsked(who, owner, request.mode))
        return pb.SuperviseResponse()
