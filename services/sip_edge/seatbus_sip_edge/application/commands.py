"""What a call asks of its neighbours: media, ivr, acd, agent_state. Answers come back as inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.common.v1 import types_pb2 as common
from seatbus.ivr.v1 import service_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media_pb
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.lanes import Lane
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Phase

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from google.protobuf.message import Message

    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.commands")

_ACTOR = common.Actor(kind=common.ACTOR_KIND_SYSTEM, id="sip_edge")
_NEVER = float("inf")
_RPC_S = 2.0
# New audio may wait for a media instance that is being restarted; a live call's may not be silent long.
_ACCEPT_S = 5.0
_MEDIA_S = 3.0
_END_S = 2.0
# Beyond it the call is connected, and agent_state is told when it is back.
_VERDICT_S = 1.5
# acd's next decision should see the agent's new state, but not wait for an absent agent_state for ever.
_ORDER_S = 3.0
_OWED_AFTER_END_S = 60.0


class Commands:
    """Four lanes: each neighbour hears of a call in order, and none waits for another's delay."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._edge = session.edge
        self._call = session.call
        settled = self._settled
        self._media_lane = Lane("media", settled)
        self._flow_lane = Lane("ivr", settled)
        self._acd_lane = Lane("acd", settled)
        self._agent_lane = Lane("agent_state", settled)
        self._requests = 0
        self._verdicts: dict[str, asyncio.TimerHandle] = {}
        self._acd_address = ""

    @property
    def busy(self) -> bool:
        return self._media_lane.busy or self._flow_lane.busy or self._acd_lane.busy or self._agent_lane.busy

    def _settled(self) -> None:
        if self._session.over:
            self._edge.settled(self._session)

    def cancel(self) -> None:
        for lane in (self._media_lane, self._flow_lane, self._acd_lane, self._agent_lane):
            lane.cancel()
        for handle in self._verdicts.values():
            handle.cancel()

    def hint_acd(self, address: str) -> None:
        """The replica that awaits the outcome of the offer under way."""
        self._acd_address = address

    def _context(self, request_id: str, tenant_id: str = "") -> common.RequestContext:
        return common.RequestContext(
            request_id=request_id, tenant_id=tenant_id or self._call.tenant_id, actor=_ACTOR
        )

    def _owed(self) -> bool:
        """Reports are repeated while the call lives and for 60 s after."""
        over_at = self._session.over_at
        return over_at is None or self._edge.monotonic() < over_at + _OWED_AFTER_END_S

    async def _ask(self, service: str, method: str, request: Message, **options: Any) -> Any:
        options.setdefault("timeout", _RPC_S)
        options.setdefault("deadline", _NEVER)
        return await self._edge.neighbours.command(
            service, method, request, trace=self._session.trace, **options
        )

    def _log(self, what: str, error: SeatbusError, **fields: object) -> None:
        log.warning(what, tenant=self._call.tenant_id, call=self._call.call_id, reason=str(error), **fields)

    # ---- media ------------------------------------------------------------------------------------------
    def media(self, effect: fx.Media) -> None:
        self._media_lane.push(lambda: self._media(effect))

    async def _execute(self, commands: Any, limit_s: float, request_id: str = "") -> media_pb.ExecuteResponse:
        """`request_id` names what a successor of this process may ask again."""
        self._requests += 1
        call = self._call
        request = media_pb.ExecuteRequest(
            context=self._context(request_id or f"{call.call_id}:{self._edge.incarnation}:{self._requests}"),
            session_id=call.call_id,
            owner=call.owner,
            epoch=call.epoch,
            commands=commands,
        )
        found: media_pb.ExecuteResponse = await self._ask(
            "media",
            "Execute",
            request,
            deadline=self._edge.monotonic() + limit_s,
            instance=call.media_instance,
        )
        return found

    async def _media(self, effect: fx.Media) -> None:
        call, session = self._call, self._session
        reply = effect.reply
        if reply is fx.MediaReply.ENDED:
            await self._end_session(effect)
            return
        if call.phase in (Phase.ENDING, Phase.ENDED):
            return
        try:
            if reply is fx.MediaReply.ACCEPTED:
                answer = await self._accept(effect)
            else:
                answer = await self._execute(effect.commands, _MEDIA_S, self._request_of(effect))
        except AWAY as error:
            self._log("media does not answer, the call is ended", error, media=call.media_instance)
            session.feed(on.MediaLost(str(error)))
            return
        except SeatbusError as error:
            self._refused(effect, error)
            return
        results = answer.results
        if reply is fx.MediaReply.ACCEPTED:
            session.feed(on.OfferAccepted(results[0].sdp, results[0].codec))
        elif reply is fx.MediaReply.OFFER:
            session.feed(on.AgentOfferMade(effect.leg_id, results[0].sdp))
        elif reply is fx.MediaReply.CONNECTED:
            session.feed(on.Connected(effect.leg_id, results[0].codec))

    def _request_of(self, effect: fx.Media) -> str:
        """What has a reply is asked once a leg: asked again after a restart, media repeats its answer."""
        if effect.reply is fx.MediaReply.NOTHING:
            return ""
        return f"{self._call.call_id}:{effect.reply}:{effect.leg_id}"

    async def _accept(self, effect: fx.Media) -> media_pb.ExecuteResponse:
        """The first command of a session chooses its instance; another one is tried when that is away."""
        call = self._call
        deadline = self._edge.monotonic() + _ACCEPT_S
        while True:
            call.media_instance = await self._edge.media_watch.choose(deadline)
            found = self._edge.neighbours.instances.get(call.media_instance)
            call.media_incarnation = found.incarnation if found is not None else ""
            try:
                return await self._execute(effect.commands, 1.0, self._request_of(effect))
            except AWAY as error:
                self._edge.media_watch.suspect(call.media_instance)
                if self._edge.monotonic() >= deadline or call.phase is not Phase.ARRIVED:
                    raise Unavailable(str(error)) from error

    def _refused(self, effect: fx.Media, error: SeatbusError) -> None:
        self._log("media refuses a command", error, field=error.field or "", reply=effect.reply.value)
        session = self._session
        match effect.reply:
            case fx.MediaReply.ACCEPTED:
                session.feed(on.OfferUnacceptable(str(error)))
            case fx.MediaReply.OFFER:
                session.feed(on.AgentFailed(effect.leg_id, 0))
            case fx.MediaReply.CONNECTED:
                session.feed(on.ConnectFailed(effect.leg_id, str(error)))
            case _:
                for command in effect.commands:
                    if command.HasField("play"):
                        session.feed(on.PlayFinished(command.play.play_id, "failed"))
                    elif command.HasField("collect"):
                        session.feed(on.CollectFinished(command.collect.collect_id, "", "failed"))

    async def _end_session(self, effect: fx.Media) -> None:
        statistics: list[on.LegStatistics] = []
        try:
            if self._call.media_instance:
                answer = await self._execute(effect.commands, _END_S, self._request_of(effect))
                for result in answer.results:
                    statistics += [
                        on.LegStatistics(item.endpoint_id, item.statistics) for item in result.endpoints
                    ]
        except SeatbusError as error:
            self._log("no statistics of the audio", error)
        self._session.feed(on.SessionEnded(statistics))

    def reoffer(self, leg_id: str, sdp: str, answered: Callable[[str], None]) -> None:
        """A new offer on a leg that has audio; `answered` gets the SDP, or nothing when media refuses it."""

        async def job() -> None:
            command = media_pb.Command(accept_offer=media_pb.AcceptOffer(endpoint_id=leg_id, sdp=sdp))
            try:
                answer = await self._execute([command], _MEDIA_S)
            except SeatbusError as error:
                self._log("media refuses a new offer", error, leg=leg_id)
                answered("")
                return
            answered(answer.results[0].sdp)

        self._media_lane.push(job)

    # ---- ivr --------------------------------------------------------------------------------------------
    def begin_flow(self, effect: fx.BeginFlow) -> None:
        call = self._call
        if not effect.flow_id:
            self.fall_back("the number has no flow")
            return
        request = ivr.BeginRequest(
            context=self._context(f"{call.call_id}:begin"),
            call_id=call.call_id,
            flow_id=effect.flow_id,
            caller=call.caller,
            dialed=call.dialed,
            attributes=call.attributes,
        )
        self._flow_lane.push(lambda: self._step("Begin", request))

    def advance_flow(self, effect: fx.AdvanceFlow) -> None:
        call = self._call
        request = ivr.AdvanceRequest(
            context=self._context(f"{call.call_id}:step:{effect.step_seq}"),
            call_id=call.call_id,
            step_seq=effect.step_seq,
            outcome=effect.outcome,
        )
        self._flow_lane.push(lambda: self._step("Advance", request))

    async def _step(self, method: str, request: Message) -> None:
        limit = self._edge.settings.no_ivr_timeout_s
        try:
            answer = await self._ask(
                "ivr", method, request, timeout=min(limit, 1.0), deadline=self._edge.monotonic() + limit
            )
        except SeatbusError as error:
            self._log("no step of the flow, the number's fallback route is taken", error, method=method)
            self.fall_back(str(error))
            return
        step = answer.step
        queue = None
        if step.WhichOneof("action") == "enqueue":
            queue = self._edge.queue(self._call.tenant_id, step.enqueue.queue_id)
        self._session.feed(on.StepGiven(step, queue))

    def fall_back(self, reason: str) -> None:
        """Takes the number's fallback route."""
        route = self._edge.fallback(self._call.tenant_id, self._call.number_id)
        queue = None
        if route is not None and route.WhichOneof("target") == "queue_id":
            queue = self._edge.queue(self._call.tenant_id, route.queue_id)
        self._session.feed(on.FlowUnavailable(route, queue, reason))

    def end_flow(self, _effect: fx.EndFlow) -> None:
        call = self._call
        request = ivr.EndRequest(context=self._context(f"{call.call_id}:end"), call_id=call.call_id)
        self._flow_lane.push(lambda: self._report("ivr", "End", request))

    # ---- acd and agent_state ----------------------------------------------------------------------------
    async def _report(self, service: str, method: str, request: Message, first_address: str = "") -> None:
        try:
            await self._ask(service, method, request, go_on=self._owed, first_address=first_address)
        except SeatbusError as error:
            self._log(f"{service} does not take a report, given up", error, method=method)

    def enqueue(self, effect: fx.Enqueue) -> None:
        call = self._call
        request = acd.EnqueueRequest(
            context=self._context(f"{effect.contact_id}:enqueue:{call.seq}"),
            contact_id=effect.contact_id,
            call_id=call.call_id,
            queue_id=effect.queue_id,
            edge_instance=call.owner,
            requirements=effect.requirements,
            priority=effect.priority,
            preferred_agent_id=effect.preferred_agent_id,
            channel="voice",
            visit=call.visit,
            interaction_id=call.interaction_id,
            branch_id=call.branch_id,
            attributes=call.attributes,
        )

        async def job() -> None:
            try:
                await self._ask(
                    "acd",
                    "Enqueue",
                    request,
                    go_on=lambda: call.waiting and call.contact_id == effect.contact_id,
                )
            except AWAY:
                return  # The caller left before acd was back.
            except SeatbusError as error:
                self._log("acd refuses the contact", error, queue=effect.queue_id)
                self._session.feed(on.EnqueueRefused(effect.contact_id, error.rule or error.code))
                return
            self._session.feed(on.Enqueued(effect.contact_id))

        self._acd_lane.push(job)

    def cancel_contact(self, effect: fx.CancelContact) -> None:
        request = acd.CancelRequest(
            context=self._context(f"{effect.contact_id}:cancel"),
            contact_id=effect.contact_id,
            outcome=effect.outcome,  # type: ignore[arg-type]
        )

        async def job() -> None:
            await self._agent_lane.settled(_ORDER_S)
            await self._report("acd", "Cancel", request, self._acd_address)

        self._acd_lane.push(job)

    def report_offer(self, effect: fx.ReportOffer) -> None:
        rid = self._call.legs[effect.leg_id].rid
        request = acd.ReportOfferRequest(
            context=self._context(f"{rid}:{effect.outcome}"),
            contact_id=effect.contact_id,
            rid=rid,
            outcome=effect.outcome,
        )
        answered = effect.outcome == acd.OFFER_OUTCOME_ANSWERED and not effect.repeated
        address = self._acd_address

        async def job() -> None:
            if not answered:
                await self._agent_lane.settled(_ORDER_S)
            try:
                await self._ask("acd", "ReportOffer", request, go_on=self._owed, first_address=address)
            except AWAY as error:
                self._log("acd does not take the outcome of an offer, given up", error, rid=rid)
            except SeatbusError as error:
                self._log("acd has no such offer", error, rid=rid)
                if answered:
                    self._session.feed(on.OfferDropped(rid))

        self._acd_lane.push(job)

    def report_work(self, effect: fx.ReportWork) -> None:
        leg = self._call.legs[effect.leg_id]
        answered = effect.event == agent.WORK_EVENT_ANSWERED
        repeats = effect.event in (agent.WORK_EVENT_HELD, agent.WORK_EVENT_RESUMED)
        suffix = f":{self._call.seq}" if repeats else ""
        request = agent.ReportWorkRequest(
            context=self._context(f"{leg.rid}:{effect.event}{suffix}", leg.agent_tenant_id),
            agent_id=leg.agent_id,
            rid=leg.rid,
            event=effect.event,
        )
        leg_id = effect.leg_id
        if answered:
            self._verdicts[leg_id] = self._edge.loop.call_later(_VERDICT_S, self._no_verdict, leg_id)

        async def job() -> None:
            try:
                await self._ask("agent_state", "ReportWork", request, go_on=self._owed)
            except AWAY as error:
                self._log("agent_state does not take a report, given up", error, agent=leg.agent_id)
            except SeatbusError as error:
                self._log("agent_state refuses a report", error, agent=leg.agent_id, work=effect.event)
                if answered:
                    self._verdict(leg_id, on.WorkRefused(leg_id, str(error)))
            else:
                if answered:
                    self._verdict(leg_id, on.WorkAccepted(leg_id))

        self._agent_lane.push(job)

    def _verdict(self, leg_id: str, event: on.Input) -> None:
        handle = self._verdicts.pop(leg_id, None)
        if handle is not None:
            handle.cancel()
        self._session.feed(event)

    def _no_verdict(self, leg_id: str) -> None:
        self._verdicts.pop(leg_id, None)
        log.warning(
            "agent_state does not answer, the call is connected and reported later",
            tenant=self._call.tenant_id,
            call=self._call.call_id,
            leg=leg_id,
        )
        self._session.feed(on.WorkAccepted(leg_id))

    def repeat_reports(self) -> None:
        """After a restart: what the predecessor owed for a call that had ended. Repeats are harmless."""
        call = self._call
        for leg in call.legs.values():
            if leg.rid:
                answered = leg.was_answered
                self.report_work(
                    fx.ReportWork(
                        leg.leg_id, agent.WORK_EVENT_ENDED if answered else agent.WORK_EVENT_CANCELLED
                    )
                )
        answered_legs = [leg for leg in call.legs.values() if leg.rid and leg.confirmed]
        if answered_legs:
            last = answered_legs[-1]
            self.report_offer(fx.ReportOffer(last.leg_id, call.contact_id, acd.OFFER_OUTCOME_ANSWERED))
        elif call.contact_id:
            self.cancel_contact(fx.CancelContact(call.contact_id, acd_types.VISIT_OUTCOME_ABANDONED))
        if call.step_seq:
            self.end_flow(fx.EndFlow())
