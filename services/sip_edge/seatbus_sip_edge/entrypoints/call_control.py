"""CallControl: what acd, agent_state, gateway and reporting ask of the owner of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from seatbus.call.v1 import service_pb2 as pb
from seatbus.call.v1 import service_pb2_grpc as pb_grpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.errors import NotFound, Refused, StaleEpoch, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_sip_edge.application.originating import Originating
from seatbus_sip_edge.application.parties import Parties
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.ring import takes_another
from seatbus_sip_edge.entrypoints.conversation import Conversation

if TYPE_CHECKING:
    from seatbus_sip_edge.application.edge import Edge


log = get_logger("sip_edge.control")

_DEFAULT_PAGE = 200
Context: TypeAlias = Any  # grpc.aio.ServicerContext, which has no type information


class CallControl(Conversation, pb_grpc.CallControlServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._parties = Parties(edge)
        self._originating = Originating(edge)

    async def OfferAgent(self, request: pb.OfferAgentRequest, context: Context) -> pb.OfferAgentResponse:
        session = self._edge.session(request.context.tenant_id, request.call_id)
        call = session.call
        known = call.leg_of(request.rid)
        if known is not None:
            return pb.OfferAgentResponse(leg_id=known.leg_id)
        current = call.epochs.get(request.group, 0)
        if request.epoch < current:
            raise StaleEpoch(sent=request.epoch, current=current, field="epoch")
        consult = call.consult_waiting and call.consult_contact_id == request.contact_id
        live = call.consult_leg if consult else call.agent_leg
        beside = takes_another(call, request.ring_rid, consult=consult)
        if live is not None and not beside:
            raise Refused("other_reservation", f"{live.rid} is live", field="rid")
        waits_in = Phase.CONSULTING if consult else Phase.QUEUED
        if (call.phase is not waits_in and not beside) or not (
            consult or call.contact_id == request.contact_id
        ):
            raise Refused("not_waiting", f"the call is {call.phase.value}", field="contact_id")
        phone = self._edge.registrar.reach(request.agent_tenant_id, request.agent_id)
        spare = None
        if not consult:
            # A customer who waits may have the audio of this leg by now: no question to media then.
            offers = session.commands.media.spare
            spare = offers.take(request.agent_tenant_id, request.agent_id, phone, request.queue_id)
        leg_id = spare.leg_id if spare is not None else uuid7()
        session.commands.queue.hint(request.acd_address)
        session.feed(
            on.AgentOffered(
                contact_id=request.contact_id,
                rid=request.rid,
                group=request.group,
                epoch=request.epoch,
                agent_tenant_id=request.agent_tenant_id,
                agent_id=request.agent_id,
                device_id=phone.device_id if phone is not None else "",
                queue_id=request.queue_id,
                leg_id=leg_id,
                ring_timeout_s=request.ring_timeout_s,
                ring=request.ring_rid,
                sdp=spare.sdp if spare is not None else "",
                zone=spare.met.zone if spare is not None else "",
            )
        )
        await self._journalled()
        return pb.OfferAgentResponse(leg_id=leg_id)

    async def Originate(self, request: pb.OriginateRequest, context: Context) -> pb.OriginateResponse:
        self._edge.must_be_restored()
        if self._edge.draining:
            raise Unavailable("this edge takes no new calls")
        call_id = await self._originating.originate(request)
        await self._journalled()
        return pb.OriginateResponse(call_id=call_id)

    async def CallBack(self, request: pb.CallBackRequest, context: Context) -> pb.CallBackResponse:
        self._edge.must_be_restored()
        if self._edge.draining and request.call_id not in self._edge.sessions:
            raise Unavailable("this edge takes no new calls")
        leg_id = self._edge.calling_back.start(request)
        await self._journalled()
        return pb.CallBackResponse(leg_id=leg_id)

    async def CheckNumber(self, request: pb.CheckNumberRequest, context: Context) -> pb.CheckNumberResponse:
        number, rule = self._edge.calling_back.check(request.tenant_id, request.branch_id, request.number)
        return pb.CheckNumberResponse(number=number, refusal=rule)

    async def WithdrawOffer(
        self, request: pb.WithdrawOfferRequest, context: Context
    ) -> pb.WithdrawOfferResponse:
        session = self._edge.session(request.context.tenant_id, request.call_id)
        leg = session.call.leg_of(request.rid)
        if leg is None:
            raise NotFound(f"no offer {request.rid}", field="rid")
        if leg.live and leg.confirmed:
            raise Refused("answered", "the agent has answered", field="rid")
        session.feed(on.OfferWithdrawn(request.rid))
        await self._journalled()
        return pb.WithdrawOfferResponse()

    async def LeaveQueue(self, request: pb.LeaveQueueRequest, context: Context) -> pb.LeaveQueueResponse:
        session = self._edge.session(request.context.tenant_id, request.call_id)
        call = session.call
        consult = call.consult_waiting and call.consult_contact_id == request.contact_id
        if call.contact_id != request.contact_id and not consult:
            # It has left already: a repeat.
            return pb.LeaveQueueResponse()
        leg = call.consult_leg if consult else call.agent_leg
        phases = (Phase.CONSULTING,) if consult else (Phase.QUEUED, Phase.OFFERED)
        if call.phase not in phases or (leg is not None and leg.confirmed):
            raise Refused("not_waiting", f"the call is {call.phase.value}", field="contact_id")
        reason = pb.LeaveReason.Name(request.reason).removeprefix("LEAVE_REASON_").lower()
        target = request.overflow
        to = None
        if target.WhichOneof("target"):
            to = self._edge.directory.destination(request.context.tenant_id, target)
        first_at = request.first_enqueued_at.ToMicroseconds()
        session.feed(on.LeftQueue(request.contact_id, reason, to, request.first_fifo, first_at))
        await self._journalled()
        return pb.LeaveQueueResponse()

    async def Announce(self, request: pb.AnnounceRequest, context: Context) -> pb.AnnounceResponse:
        tenant = request.context.tenant_id
        session = self._edge.session(tenant, request.call_id)
        audio = self._edge.directory.comfort(
            tenant, session.call.queue_id, request.number, request.position, request.estimated_wait_s
        )
        session.feed(on.ComfortDue(request.contact_id, audio))
        return pb.AnnounceResponse()

    async def QueryReservation(
        self, request: pb.QueryReservationRequest, context: Context
    ) -> pb.QueryReservationResponse:
        self._edge.must_be_restored()
        session = self._edge.sessions.get(request.call_id)
        leg = session.call.leg_of(request.rid) if session is not None else None
        if leg is None:
            # Two calls may have become one since: the reservation went along with its leg.
            found = (other.call.leg_of(request.rid) for other in self._edge.sessions.values())
            leg = next((item for item in found if item is not None), None)
        if leg is None:
            return pb.QueryReservationResponse()
        if session is not None and session.call.phase is Phase.CALLING_BACK and leg.live:
            # The agent has it in hand, the customer has not answered yet.
            return pb.QueryReservationResponse(state=call_types.LEG_STATE_RINGING)
        return pb.QueryReservationResponse(state=leg.state)

    async def HangUp(self, request: pb.HangUpRequest, context: Context) -> pb.HangUpResponse:
        session = self._edge.session(request.context.tenant_id, request.call_id)
        if request.leg_id and request.leg_id not in session.call.legs:
            raise NotFound(f"no leg {request.leg_id}", field="leg_id")
        session.feed(on.HangUpAsked(request.leg_id, request.cause))
        await self._journalled()
        return pb.HangUpResponse()

    async def SetAttributes(
        self, request: pb.SetAttributesRequest, context: Context
    ) -> pb.SetAttributesResponse:
        session = self._edge.session(request.context.tenant_id, request.call_id)
        session.feed(on.AttributesSet(dict(request.attributes)))
        await self._journalled()
        return pb.SetAttributesResponse()

    async def GetCall(self, request: pb.GetCallRequest, context: Context) -> pb.GetCallResponse:
        session = self._edge.session(request.tenant_id, request.call_id)
        return pb.GetCallResponse(call=session.call.to_proto())

    async def ListCalls(self, request: pb.ListCallsRequest, context: Context) -> pb.ListCallsResponse:
        self._edge.must_be_restored()
        limit = request.page.limit or _DEFAULT_PAGE
        found = sorted(
            (
                session.call
                for session in self._edge.sessions.values()
                if session.call.tenant_id == request.tenant_id
                and not session.over
                and session.call.call_id > request.page.cursor
            ),
            key=lambda call: call.call_id,
        )
        page = found[:limit]
        return pb.ListCallsResponse(
            calls=[call.to_proto() for call in page],
            next_cursor=page[-1].call_id if len(found) > limit else "",
        )

    async def ListRegistrations(
        self, request: pb.ListRegistrationsRequest, context: Context
    ) -> pb.ListRegistrationsResponse:
        found = self._edge.registrar.registrations(request.tenant_id)
        found.sort(key=lambda item: item.username)
        return pb.ListRegistrationsResponse(registrations=found)

    async def FindParty(self, request: pb.FindPartyRequest, context: Context) -> pb.FindPartyResponse:
        self._edge.must_be_restored()
        return self._parties.find(request)

    async def OfferParty(self, request: pb.OfferPartyRequest, context: Context) -> pb.OfferPartyResponse:
        self._edge.must_be_restored()
        return await self._parties.offer(request)

    async def ReleaseParty(
        self, request: pb.ReleasePartyRequest, context: Context
    ) -> pb.ReleasePartyResponse:
        self._edge.must_be_restored()
        answer = self._parties.release(request)
        await self._journalled()
        return answer

    async def Republish(self, request: pb.RepublishRequest, context: Context) -> pb.RepublishResponse:
        count = await self._edge.republish(
            request.tenant_id, request.call_id, request.from_seq, request.to_seq
        )
        return pb.RepublishResponse(republished=count)
