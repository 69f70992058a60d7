"""Agents are never busy without a live dialog: deadlines, and what the edge says when one has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Final

from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor
from seatbus_agent_state.application.ports import Deadline, Dialog
from seatbus_agent_state.application.service import Who
from seatbus_agent_state.domain.states import BEFORE_TALK, IN_TALK, Cause, Work
from seatbus_agent_state.domain.turn import Turn, due_items
from seatbus_kit.errors import Refused, SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
    from seatbus_agent_state.application.ports import Directory, Edges, Share
    from seatbus_agent_state.application.service import AgentService
    from seatbus_kit.clock import Clock

log = get_logger("agent_state.reconcile")

_STILL_RINGING_S: Final = 10
# Scheduled messages are at most 0.26 s late; the sweep must not race them.
_SWEEP_SLACK_S: Final = 2.0
_UNKNOWN_LIMIT: Final = 2
# An edge restarts within seconds; its calls go on meanwhile.
_UNREACHABLE_LIMIT: Final = 5


class Reconciler:
    def __init__(
        self,
        service: AgentService,
        directory: Directory,
        edges: Edges,
        share: Share,
        clock: Clock,
        *,
        sweep_s: float,
        reconcile_s: float,
    ) -> None:
        self._service = service
        self._directory = directory
        self._edges = edges
        self._share = share
        self._clock = clock
        self._sweep_s = sweep_s
        self._reconcile_s = reconcile_s
        # rid -> (monotonic time of the last look, times unknown, times unreachable)
        self._looked: dict[str, tuple[float, int, int]] = {}

    async def run(self) -> None:
        """Sweeps at once, then for ever."""
        while True:
            try:
                await self.sweep()
            except SeatbusError as error:
                log.warning("sweep interrupted, it goes on at the next one", reason=str(error))
            await asyncio.sleep(self._sweep_s)

    async def sweep(self) -> None:
        now, mono = self._clock.now(), self._clock.monotonic()
        talking: set[str] = set()
        for agent in self._directory.working():
            if not self._share.mine(f"{agent.tenant_id}.{agent.agent_id}"):
                continue
            for item in due_items(agent, now, _SWEEP_SLACK_S):
                await self._expire(agent, item)
            for item in agent.work:
                if Work(item.state) in IN_TALK:
                    talking.add(item.rid)
                    await self._check_talk(agent, item, mono)
        for rid in self._looked.keys() - talking:
            del self._looked[rid]

    async def due(self, deadline: Deadline) -> None:
        """A scheduled message has arrived. Raises SeatbusError when the bus did not take the change."""
        agent = await self._service.recent(deadline.tenant, deadline.agent_id)
        if agent is None:
            return
        for item in agent.work:
            if item.rid == deadline.rid and item.deadline.ToDatetime(UTC) == deadline.at:
                await self._expire(agent, item)

    async def _expire(self, agent: AgentState, item: WorkItem) -> None:
        at = item.deadline.ToDatetime(UTC)
        rid = item.rid
        if Work(item.state) is Work.WRAP_UP:
            await self._change(agent, item, "wrap_up", _if_due(rid, at, Cause.WRAP_UP_LIMIT))
            return
        if Work(item.state) not in BEFORE_TALK:
            return
        dialog = await self._edges.query(item.edge_instance, item.tenant_id, item.call_id, rid)
        if dialog is Dialog.PENDING:
            await self._change(
                agent,
                item,
                "still_ringing",
                lambda turn: turn.extend_reservation(rid, _STILL_RINGING_S),
            )
            return
        cause = Cause.ANSWERED if dialog is Dialog.LIVE else Cause.DEADLINE
        log.warning(
            "reservation expired",
            tenant=item.tenant_id,
            call=item.call_id,
            agent=agent.agent_id,
            rid=rid,
            edge=item.edge_instance,
            dialog=dialog.value,
            done="agent is talking" if cause is Cause.ANSWERED else "agent is free again",
        )
        await self._change(agent, item, "expired", _if_due(rid, at, cause))

    async def _check_talk(self, agent: AgentState, item: WorkItem, mono: float) -> None:
        last, unknown, unreachable = self._looked.get(item.rid, (None, 0, 0))
        if last is None:
            # The first look is one period after this replica has learned of the conversation.
            self._looked[item.rid] = (mono, 0, 0)
            return
        if mono - last < self._reconcile_s:
            return
        dialog = await self._edges.query(item.edge_instance, item.tenant_id, item.call_id, item.rid)
        if dialog is Dialog.UNKNOWN:
            unknown, unreachable = unknown + 1, 0
        elif dialog is Dialog.UNREACHABLE:
            unreachable += 1
        else:
            unknown = unreachable = 0
        self._looked[item.rid] = (mono, unknown, unreachable)
        if unknown < _UNKNOWN_LIMIT and unreachable < _UNREACHABLE_LIMIT:
            return
        log.warning(
            "no live dialog, work ended",
            tenant=item.tenant_id,
            call=item.call_id,
            agent=agent.agent_id,
            rid=item.rid,
            edge=item.edge_instance,
            dialog=dialog.value,
        )
        rid = item.rid
        await self._change(agent, item, "lost", lambda turn: turn.work(rid, Cause.DIALOG_LOST))

    async def _change(
        self, agent: AgentState, item: WorkItem, what: str, decide: Callable[[Turn], None]
    ) -> None:
        # Two replicas that act on one deadline use one request id: the second finds it done.
        at = item.deadline.ToMicroseconds() if item.HasField("deadline") else 0
        who = Who(
            agent.tenant_id,
            agent.agent_id,
            Actor(kind=ACTOR_KIND_SYSTEM, id="agent_state"),
            f"{item.rid}/{what}/{at}",
        )
        try:
            await self._service.expire(who, decide)
        except Refused as error:
            log.info("deadline was overtaken", agent=agent.agent_id, rid=item.rid, reason=error.reason)


def _if_due(rid: str, at: object, cause: Cause) -> Callable[[Turn], None]:
    def decide(turn: Turn) -> None:
        item = turn.item(rid)
        if item.HasField("deadline") and item.deadline.ToDatetime(UTC) == at:
            turn.work(rid, cause)

    return decide
