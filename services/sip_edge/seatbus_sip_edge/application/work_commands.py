"""What a call tells agent_state of the agents on it, and what agent_state says to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.agent.v1 import service_pb2 as agent
from seatbus_kit.errors import SeatbusError
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.asking import Asking, log
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    import asyncio

    from seatbus_sip_edge.application.lanes import Lane
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain import effects as fx
    from seatbus_sip_edge.domain.model import Leg

# Beyond it the call is connected, and agent_state is told when it is back.
_VERDICT_S = 1.5


# What may happen to an agent more than once in one conversation.
_REPEATS = (
    agent.WORK_EVENT_HELD,
    agent.WORK_EVENT_RESUMED,
    agent.WORK_EVENT_CONSULT_STARTED,
    agent.WORK_EVENT_CONSULT_ENDED,
    agent.WORK_EVENT_CONFERENCED,
)


class WorkCommands(Asking):
    """Reports of what an agent's leg does, in order."""

    def __init__(self, session: Session, lane: Lane) -> None:
        super().__init__(session, lane)
        self._verdicts: dict[str, asyncio.TimerHandle] = {}

    def cancel(self) -> None:
        for handle in self._verdicts.values():
            handle.cancel()

    def begin_work(self, effect: fx.BeginWork) -> None:
        """Asks for an agent whom no queue gave. Without agent_state the phone is not rung: it may be busy."""
        leg = self._call.legs[effect.leg_id]
        leg_id = effect.leg_id
        request = agent.BeginWorkRequest(
            context=self._context(f"{leg.rid}:begin", leg.agent_tenant_id),
            agent_id=leg.agent_id,
            rid=leg.rid,
            kind=effect.kind,
            call_tenant_id=self._call.tenant_id,
            call_id=self._call.call_id,
            edge_instance=self._call.owner,
            ring_timeout_s=leg.ring_timeout_s,
            wrap_up_s=effect.wrap_up_s,
        )

        async def job() -> None:
            try:
                await self._ask(
                    "agent_state", "BeginWork", request, deadline=self._edge.monotonic() + _VERDICT_S
                )
            except SeatbusError as error:
                self._log("agent_state does not give the agent", error, agent=leg.agent_id)
                self._session.feed(on.WorkNotBegun(leg_id, error.rule or error.code))
            else:
                self._session.feed(on.WorkBegun(leg_id))

        self.lane.push(job)

    def give_back(self, leg: Leg) -> None:
        """An agent who was asked for, for a leg that did not become one of the call."""
        self._say(leg, agent.WORK_EVENT_CANCELLED, "cancelled")

    def moved_here(self, leg: Leg) -> None:
        """An agent's reservation that another edge has served until now."""
        self._say(leg, agent.WORK_EVENT_ANSWERED, f"moved:{self._call.call_id}")

    def left_alone(self, leg: Leg) -> None:
        """One that came for nothing."""
        self._say(leg, agent.WORK_EVENT_ENDED, f"ended:{self._call.call_id}")

    def _say(self, leg: Leg, event: agent.WorkEvent, name: str) -> None:
        if not leg.rid:
            return
        request = agent.ReportWorkRequest(
            context=self._context(f"{leg.rid}:{name}", leg.agent_tenant_id),
            agent_id=leg.agent_id,
            rid=leg.rid,
            event=event,
            edge_instance=self._call.owner,
        )
        self.lane.push(lambda: self._report("agent_state", "ReportWork", request))

    def report_work(self, effect: fx.ReportWork) -> None:
        leg = self._call.legs[effect.leg_id]
        answered = effect.event == agent.WORK_EVENT_ANSWERED
        repeats = effect.event in _REPEATS
        suffix = f":{self._call.seq}" if repeats else ""
        request = agent.ReportWorkRequest(
            context=self._context(f"{leg.rid}:{effect.event}{suffix}{self._taken_over}", leg.agent_tenant_id),
            agent_id=leg.agent_id,
            rid=leg.rid,
            event=effect.event,
            edge_instance=self._call.owner,
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
                elif effect.event == agent.WORK_EVENT_DEVICE_LOST:
                    self._edge.lost_devices.reported(leg)

        self.lane.push(job)

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
