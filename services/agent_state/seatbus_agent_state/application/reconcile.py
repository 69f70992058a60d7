"""Agents are never busy without a live dialog: deadlines, and what the edge says when one has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor
from seatbus_agent_state.application.ports import Deadline, Dialog
from seatbus_agent_state.application.service import Who
from seatbus_agent_state.domain.states import BEFORE_TALK, IN_TALK, Cause, Work
from seatbus_agent_state.domain.turn import Turn
from seatbus_agent_state.domain.work import due_items
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
_AGAIN_S: Final = 2.0
_UNHEARD_S: Final = 2.0
# An edge restarts within seconds, or another adopts its calls (15 s after its death); people talk meanwhile.
_UNREACHABLE_LIMIT: Final = 5
_UNREACHABLE_S: Final = 45.0
# Whoever serves a chat or an e-mail says when it ends; one that was forgotten keeps nobody busy for ever.
_LONGEST_WITHOUT_CALL: Final = timedelta(hours=24)


_SYSTEM: Final = Actor(kind=ACTOR_KIND_SYSTEM, id="agent_state")


@dataclass(slots=True)
class _Look:
    """What this replica knows of one leg: its state by the record, and what its edge said last."""

    state: int
    edge: str
    incarnation: str  # of the edge when it knew the leg
    at: float  # monotonic
    unknown: int = 0
    unreachable: int = 0
    away_since: float = 0.0


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
        self._looks: dict[str, _Look] = {}

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
        seen: set[str] = set()
        for agent in self._directory.working():
            if not self._share.mine(f"{agent.tenant_id}.{agent.agent_id}"):
                continue
            if _overran(agent, now - timedelta(seconds=_SWEEP_SLACK_S)):
                await self._overrun(agent)
            due = {item.rid for item in due_items(agent, now, _SWEEP_SLACK_S)}
            for item in agent.work:
                if item.rid in due:
                    await self._expire(agent, item)
                elif Work(item.state) in IN_TALK or Work(item.state) in BEFORE_TALK:
                    seen.add(item.rid)
                    await self._check(agent, item, mono)
        for rid in self._looks.keys() - seen:
            del self._looks[rid]

    async def due(self, deadline: Deadline) -> None:
        """A scheduled message has arrived. Raises SeatbusError when the bus did not take the change."""
        agent = await self._service.recent(deadline.tenant, deadline.agent_id)
        if agent is None:
            return
        if not deadline.rid and _overran(agent, deadline.at):
            await self._overrun(agent)
        for item in agent.work:
            if item.rid == deadline.rid and item.deadline.ToDatetime(UTC) == deadline.at:
                await self._expire(agent, item)

    async def _overrun(self, agent: AgentState) -> None:
        log.info("break lasts too long", tenant=agent.tenant_id, agent=agent.agent_id, reason=agent.reason)
        until = agent.break_until.ToMicroseconds()
        who = Who(agent.tenant_id, agent.agent_id, _SYSTEM, f"{agent.agent_id}/overrun/{until}")
        await self._service.expire(who, Turn.overrun)

    async def _expire(self, agent: AgentState, item: WorkItem) -> None:
        at = item.deadline.ToDatetime(UTC)
        rid = item.rid
        if Work(item.state) is Work.WRAP_UP:
            await self._change(agent, item, "wrap_up", _if_due(rid, at, Cause.WRAP_UP_LIMIT))
            return
        if Work(item.state) not in BEFORE_TALK:
            return
        dialog = await self._dialog(item)
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

    async def _check(self, agent: AgentState, item: WorkItem, mono: float) -> None:
        """Asks the edge for the leg, seldom in a talk, early if the edge has a reason not to know it."""
        look = self._looks.get(item.rid)
        if look is None or look.state != item.state or look.edge != item.edge_instance:
            # The first look is one period after this replica has learned of the state.
            incarnation = self._edges.incarnation(item.edge_instance)
            self._looks[item.rid] = _Look(item.state, item.edge_instance, incarnation, mono)
            return
        if mono - look.at < self._pause(item, look):
            return
        look.at = mono
        incarnation = self._edges.incarnation(item.edge_instance)
        dialog = await self._dialog(item)
        if dialog is Dialog.UNKNOWN:
            look.unknown, look.unreachable = look.unknown + 1, 0
        elif dialog is Dialog.UNREACHABLE:
            look.away_since = look.away_since if look.unreachable else mono
            look.unreachable += 1
        else:
            look.unknown = look.unreachable = 0
            look.incarnation = incarnation
        # An edge that is away is waited for: before a talk until the deadline, in a talk for long enough.
        talking = Work(item.state) in IN_TALK
        away = look.unreachable >= _UNREACHABLE_LIMIT and mono - look.away_since >= _UNREACHABLE_S
        if look.unknown < _UNKNOWN_LIMIT and not (talking and away):
            # A replica that stood still between its look at the contact and its write reserves for nobody.
            over = look.unknown and Work(item.state) is Work.RESERVED and item.contact_id
            if not over or await self._service.is_offered(item):
                return
        cause = Cause.DIALOG_LOST if talking else Cause.DEADLINE
        log.warning(
            "no live dialog, work ended",
            tenant=item.tenant_id,
            call=item.call_id,
            agent=agent.agent_id,
            rid=item.rid,
            edge=item.edge_instance,
            dialog=dialog.value,
        )
        rid, state = item.rid, item.state

        def decide(turn: Turn) -> None:
            if turn.item(rid).state == state:
                turn.work(rid, cause)

        await self._change(agent, item, f"lost-{state}", decide)

    async def _dialog(self, item: WorkItem) -> Dialog:
        """Where no call belongs to a contact, its record stands for the edge until an agent has it."""
        if item.edge_instance:
            return await self._edges.query(item.edge_instance, item.tenant_id, item.call_id, item.rid)
        if Work(item.state) not in IN_TALK:
            return Dialog.PENDING if await self._service.is_offered(item) else Dialog.UNKNOWN
        age = self._clock.now() - item.created_at.ToDatetime(UTC)
        return Dialog.LIVE if age < _LONGEST_WITHOUT_CALL else Dialog.UNKNOWN

    def _pause(self, item: WorkItem, look: _Look) -> float:
        """Seconds to the next look."""
        if look.unknown or look.incarnation != self._edges.incarnation(item.edge_instance):
            # The leg may be gone with the process that knew it.
            return min(_AGAIN_S, self._reconcile_s)
        if Work(item.state) is Work.RESERVED:
            # A reservation reaches its edge within milliseconds, and the phone says 180 soon.
            return min(_UNHEARD_S, self._reconcile_s)
        return self._reconcile_s

    async def _change(
        self, agent: AgentState, item: WorkItem, what: str, decide: Callable[[Turn], None]
    ) -> None:
        # Two replicas that act on one deadline use one request id: the second finds it done.
        at = item.deadline.ToMicroseconds() if item.HasField("deadline") else 0
        who = Who(
            agent.tenant_id,
            agent.agent_id,
            _SYSTEM,
            f"{item.rid}/{what}/{at}",
        )
        try:
            await self._service.expire(who, decide)
        except Refused as error:
            log.info("deadline was overtaken", agent=agent.agent_id, rid=item.rid, reason=error.reason)


def _overran(agent: AgentState, moment: datetime) -> bool:
    return (
        agent.HasField("break_until")
        and not agent.break_overrun
        and agent.break_until.ToDatetime(UTC) <= moment
    )


def _if_due(rid: str, at: object, cause: Cause) -> Callable[[Turn], None]:
    def decide(turn: Turn) -> None:
        item = turn.item(rid)
        if item.HasField("deadline") and item.deadline.ToDatetime(UTC) == at:
            turn.work(rid, cause)

    return decide
