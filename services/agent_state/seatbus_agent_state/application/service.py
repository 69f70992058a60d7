"""Use cases of an agent's state: each is one compare-and-set, nothing is held in memory in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from seatbus.acd.v1.types_pb2 import CONTACT_STATE_OFFERED
from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
from seatbus_agent_state.application.ports import Deadline
from seatbus_agent_state.domain.states import Cause, Presence
from seatbus_agent_state.domain.turn import Turn
from seatbus_contracts.subjects import record_key
from seatbus_kit import metrics
from seatbus_kit.errors import NotFound, Refused, StaleEpoch
from seatbus_kit.ids import uuid7
from seatbus_kit.records import Change, Outcome, RecordStore

if TYPE_CHECKING:
    from seatbus.common.v1.types_pb2 import Actor, RequestContext
    from seatbus_agent_state.application.ports import AgentConfig, Contacts, Directory, Timers
    from seatbus_kit.clock import Clock

_reports = metrics.counter(
    "seatbus_agent_work_reports_total", "What edges reported of agents' contacts and was applied", ("cause",)
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's record and its revision (0: there is none yet)."""

    state: AgentState
    revision: int


@dataclass(frozen=True, slots=True)
class Who:
    """On whom, by whom, under which request id."""

    tenant: str
    agent_id: str
    actor: Actor
    request_id: str

    @classmethod
    def of(cls, context: RequestContext, agent_id: str) -> Who:
        return cls(context.tenant_id, agent_id, context.actor, context.request_id)


class AgentService:
    def __init__(
        self,
        store: RecordStore[AgentState],
        config: AgentConfig,
        contacts: Contacts,
        directory: Directory,
        timers: Timers,
        clock: Clock,
    ) -> None:
        self._store = store
        self._config = config
        self._contacts = contacts
        self._directory = directory
        self._timers = timers
        self._clock = clock

    async def login(self, who: Who, *, seat_id: str, device_id: str, take_over: bool, ready: bool) -> Agent:
        """Raises NotFound for an agent that is not configured, Refused(logged_in_elsewhere)."""
        self._must_know(who.tenant, who.agent_id)
        login_id = uuid7()
        return await self._change(
            who, lambda turn: turn.login(login_id, seat_id, device_id, take_over=take_over, ready=ready)
        )

    async def logout(self, who: Who) -> Agent:
        return await self._change(who, Turn.logout)

    async def set_presence(self, who: Who, presence: Presence, reason: str) -> Agent:
        return await self._change(who, lambda turn: turn.set_presence(presence, reason))

    async def force(self, who: Who, presence: Presence, reason: str) -> Agent:
        return await self._change(who, lambda turn: turn.force(presence, reason))

    async def device(self, who: Who, device_id: str, *, registered: bool) -> Agent:
        return await self._change(who, lambda turn: turn.device(device_id, registered=registered))

    async def reserve(self, who: Who, item: WorkItem) -> Agent:
        """P2 step 2. Raises Refused(agent_not_ready | no_capacity | offer_withdrawn) or StaleEpoch."""
        self._must_know(who.tenant, who.agent_id)
        contact = await self._contacts.read(item.tenant_id, item.contact_id)
        if contact is not None and contact.epoch > item.acd_epoch:
            raise StaleEpoch(sent=item.acd_epoch, current=contact.epoch)
        if contact is None or contact.state != CONTACT_STATE_OFFERED or contact.offer.rid != item.rid:
            raise Refused("offer_withdrawn", f"contact {item.contact_id} is not offered under {item.rid}")
        capacity = self._config.capacity(who.tenant, who.agent_id, item.channel)
        return await self._change(who, lambda turn: turn.reserve(item, capacity))

    async def begin(self, who: Who, item: WorkItem) -> Agent:
        """Work that no queue gave. Raises NotFound or Refused(logged_out | no_capacity)."""
        self._must_know(who.tenant, who.agent_id)
        capacity = self._config.capacity(who.tenant, who.agent_id, item.channel)
        return await self._change(who, lambda turn: turn.begin(item, capacity))

    async def work(self, who: Who, rid: str, cause: Cause, edge: str = "") -> Agent:
        def decide(turn: Turn) -> None:
            if edge:
                turn.owned_by(rid, edge)
            turn.work(rid, cause)

        agent = await self._change(who, decide)
        _reports.inc(cause=cause.value)
        return agent

    async def release(self, who: Who, rid: str) -> Agent:
        """Idempotent: an agent that does not hold the reservation any more is answered with its state.

        Raises Refused(no_transition) once the conversation has begun.
        """

        def decide(turn: Turn) -> None:
            if any(item.rid == rid for item in turn.agent.work):
                turn.work(rid, Cause.RELEASED)

        return await self._change(who, decide)

    async def complete_wrap_up(self, who: Who, rid: str, disposition: str) -> Agent:
        return await self._change(who, lambda turn: turn.complete_wrap_up(rid, disposition))

    async def extend_wrap_up(self, who: Who, seconds: int) -> Agent:
        return await self._change(who, lambda turn: turn.extend_wrap_up(seconds))

    async def get(self, tenant: str, agent_id: str) -> Agent:
        """Raises NotFound for an agent that neither has a record nor is configured."""
        found = await self._store.read(record_key(tenant, agent_id))
        if found is not None:
            return Agent(*found)
        self._must_know(tenant, agent_id)
        return Agent(logged_out(tenant, agent_id), 0)

    async def recent(self, tenant: str, agent_id: str) -> AgentState | None:
        """The record as the bus told it within the last second, else as the leader has it."""
        entry = self._directory.seen(tenant, agent_id)
        if entry is not None and not entry.deleted:
            return self._store.parse(entry.value)
        found = await self._store.read(record_key(tenant, agent_id))
        return found[0] if found is not None else None

    def list(self, tenant: str, limit: int, cursor: str) -> tuple[list[AgentState], str]:
        """A page of the tenant's agents by id, those that never logged in included, and the next cursor."""
        records = self._directory.of_tenant(tenant)
        ids = sorted(id for id in {*records, *self._config.agent_ids(tenant)} if id > cursor)
        page = ids[:limit]
        more = page[-1] if len(ids) > limit else ""
        return [records.get(id) or logged_out(tenant, id) for id in page], more

    async def expire(self, who: Who, decide: Callable[[Turn], None]) -> Agent:
        """A change that a deadline or the reconciliation makes."""
        return await self._change(who, decide)

    def _must_know(self, tenant: str, agent_id: str) -> None:
        if not self._config.known(tenant, agent_id):
            raise NotFound(
                f"tenant {tenant} has no active agent {agent_id}", field="agent_id", rule="configured"
            )

    async def _change(self, who: Who, act: Callable[[Turn], None]) -> Agent:
        turns: list[Turn] = []

        def decide(record: AgentState | None) -> Change[AgentState]:
            agent = record if record is not None else logged_out(who.tenant, who.agent_id)
            turn = Turn(agent, self._clock.now(), who.actor)
            act(turn)
            turns.append(turn)
            return Change(agent, turn.events, write=turn.changed)

        outcome: Outcome[AgentState] = await self._store.mutate(
            record_key(who.tenant, who.agent_id),
            decide,
            request_id=who.request_id,
            hint=self._directory.seen(who.tenant, who.agent_id),
        )
        if outcome.record is None:
            raise NotFound(f"agent {who.agent_id} has no record", field="agent_id")
        if not outcome.repeated and turns and turns[-1].changed:
            self._set_timers(outcome.record, turns[-1])
        return Agent(outcome.record, outcome.revision)

    def _set_timers(self, agent: AgentState, turn: Turn) -> None:
        """A deadline that this change has set or moved gets its scheduled message."""
        for item in agent.work:
            if item.rid not in turn.timed:
                continue
            at = item.deadline.ToDatetime(UTC)
            delay = (at - turn.now).total_seconds()
            self._timers.set(Deadline(agent.tenant_id, agent.agent_id, item.rid, at), max(delay, 0.0))


def logged_out(tenant: str, agent_id: str) -> AgentState:
    """An agent who never logged in."""
    return AgentState(tenant_id=tenant, agent_id=agent_id, presence="PRESENCE_LOGGED_OUT")
