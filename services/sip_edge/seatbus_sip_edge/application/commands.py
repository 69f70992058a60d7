"""What a call asks of its neighbours: media, ivr, acd, agent_state. Answers come back as inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus_sip_edge.application.flow_commands import FlowCommands
from seatbus_sip_edge.application.lanes import Lane
from seatbus_sip_edge.application.media_commands import MediaCommands
from seatbus_sip_edge.application.queue_commands import QueueCommands
from seatbus_sip_edge.application.work_commands import WorkCommands
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.ending import work_at_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip_edge.application.session import Session


class Commands:
    """Four lanes: each neighbour hears of a call in order, and none waits for another's delay."""

    def __init__(self, session: Session) -> None:
        self._session = session
        settled = self._settled
        agents = Lane("agent_state", settled)
        self.media = MediaCommands(session, Lane("media", settled))
        self.flow = FlowCommands(session, Lane("ivr", settled))
        self.queue = QueueCommands(session, Lane("acd", settled), agents)
        self.work = WorkCommands(session, agents)
        self._lanes = (self.media.lane, self.flow.lane, self.queue.lane, agents)

    @property
    def busy(self) -> bool:
        return any(lane.busy for lane in self._lanes)

    def reoffer(self, leg_id: str, sdp: str, answered: Callable[[str], None]) -> None:
        self.media.reoffer(leg_id, sdp, answered)

    def _settled(self) -> None:
        if self._session.over:
            self._session.edge.settled(self._session)

    def cancel(self) -> None:
        for lane in self._lanes:
            lane.cancel()
        self.work.cancel()

    def take_apart(self) -> None:
        """Ends the circles of references in which this and its parts hold each other."""
        for part in (self.media.links, self.media.spare, self.media, self.flow, self.queue, self.work, self):
            vars(part).clear()

    def repeat_reports(self) -> None:
        """After a restart: what the predecessor owed for a call that had ended. Repeats are harmless."""
        call = self._session.call
        for leg in call.legs.values():
            if leg.rid:
                self.work.report_work(fx.ReportWork(leg.leg_id, work_at_end(leg)))
        answered_legs = [leg for leg in call.legs.values() if leg.rid and leg.confirmed]
        if answered_legs:
            last = answered_legs[-1]
            self.queue.report_offer(fx.ReportOffer(last.leg_id, call.contact_id, acd.OFFER_OUTCOME_ANSWERED))
        elif call.contact_id:
            self.queue.cancel_contact(fx.CancelContact(call.contact_id, acd_types.VISIT_OUTCOME_ABANDONED))
        if call.consult_contact_id:
            abandoned = acd_types.VISIT_OUTCOME_ABANDONED
            self.queue.cancel_contact(fx.CancelContact(call.consult_contact_id, abandoned))
        if call.step_seq:
            self.flow.end_flow(fx.EndFlow(call.flow_key))
