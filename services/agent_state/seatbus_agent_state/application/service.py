"""Use cases of an agent's state: each is one compare-and-set, nothing is held in memory in between."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from seatbus.acd.v1.types_pb2 import CONTACT_STATE_OFFERED
from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
from seatbus_agent_state.application.ports import Deadline
from seatbus_agent_state.domain.states import Cause, Presence, Work
from seatbus_agent_state.domain.turn import Turn
from seatbus_agent_state.domain.wanted import ALL, Wanted
from seatbus_contracts.subjects import record_key
from seatbus_kit import metrics
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, SeatbusError, StaleEpoch, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.records import Change, Outcome, RecordStore

if TYPE_CHECKING:
    from seatbus.acd.v1.types_pb2 import Contact
    from seatbus.common.v1.types_pb2 import Actor, RequestContext
    from seatbus_agent_state.application.ports import AgentConfig, Contacts, Directory, Seats, Timers
    from seatbus_kit.clock import Clock

log = get_logger("agent_state.service")

_SEAT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MOST_AGENTS: Final = 20_000
_reports = metrics.counter(
    "seatbus_agent_work_reports_total", "What edges reported of agents' contacts and was applied", ("cause",)
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's record and its revision (0: there is none yet). `written`: by this very request."""

    state: AgentState
    revision: int
    written: bool = False


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


class Update(NamedTuple):
    """`all`: a snapshot. `removed`: ids of those that do not pass any more."""

    all: bool
    agents: list[AgentState]
    removed: list[str]


class AgentService:
    def __init__(
        self,
        store: RecordStore[AgentState],
        config: AgentConfig,
        contacts: Contacts,
        directory: Directory,
        timers: Timers,
        seats: Seats,
        clock: Clock,
    ) -> None:
        self._store = store
        self._config = config
        self._contacts = contacts
        self._directory = directory
        self._timers = timers
        self._seats = seats
        self._clock = clock

    async def login(self, who: Who, *, seat_id: str, device_id: str, take_over: bool, ready: bool) -> Agent:
        """Raises NotFound (agent or seat not configured), Refused(logged_in_elsewhere | seat_taken).

        The seat is claimed first: whoever loses it meanwhile is logged out again.
        """
        await self._must_know(who.tenant, who.agent_id)
        if seat_id:
            self._must_be_a_seat(who.tenant, seat_id)
            await self._seats.claim(who.tenant, seat_id, who.agent_id, who.request_id)
        login_id = uuid7()
        policy = self._config.login_policy(who.tenant)
        try:
            agent = await self._change(
                who,
                lambda turn: turn.login(
                    login_id, seat_id, device_id, take_over=take_over, ready=ready, policy=policy
                ),
            )
        except Refused:
            if seat_id:
                found = await self.get(who.tenant, who.agent_id)
                if found.state.seat_id != seat_id:
                    await self._leave(who, seat_id)
            raise
        if seat_id and await self._seats.holder(who.tenant, seat_id) != who.agent_id:
            again = replace(who, request_id=f"{who.request_id}:unseat")
            await self._change(again, lambda turn: turn.unseat(login_id))
            raise Refused("seat_taken", f"seat {seat_id} was given to somebody else meanwhile")
        return agent

    async def logout(self, who: Who) -> Agent:
        return await self._change(who, Turn.logout)

    async def set_presence(self, who: Who, presence: Presence, reason: str) -> Agent:
        """Raises Refused(logged_out | unknown_reason | disposition_required)."""
        limit_s = self._break(who.tenant, presence, reason)
        return await self._change(who, lambda turn: turn.set_presence(presence, reason, limit_s))

    async def force(self, who: Who, presence: Presence, reason: str) -> Agent:
        """Raises Refused(logged_out | unknown_reason)."""
        limit_s = self._break(who.tenant, presence, reason)
        return await self._change(who, lambda turn: turn.force(presence, reason, limit_s))

    def _break(self, tenant: str, presence: Presence, reason: str) -> int:
        """The limit of a reason to be not ready."""
        if presence is not Presence.NOT_READY:
            return 0
        why = self._config.reason_refusal(tenant, reason)
        if why:
            raise Refused("unknown_reason", why)
        return self._config.reason_limit_s(tenant, reason)

    async def device(self, who: Who, device_id: str, *, registered: bool) -> Agent:
        return await self._change(who, lambda turn: turn.device(device_id, registered=registered))

    async def reserve(self, who: Who, item: WorkItem) -> Agent:
        """P2 step 2. Raises Refused(agent_not_ready | no_capacity | offer_withdrawn) or StaleEpoch.

        The contact is read while the agent is being reserved: nobody acts on a reservation before it is
        answered, and one that the contact does not confirm is taken back before that. While the contact
        cannot be read the reservation stays: whoever asks again is told, or reconciliation ends it.
        """
        await self._must_know(who.tenant, who.agent_id)
        capacity = self._config.capacity(who.tenant, who.agent_id, item.channel)
        self._config.add_rules(item)
        agent: Agent | None = None
        failure: SeatbusError | None = None
        reading = asyncio.create_task(self._contacts.read(item.tenant_id, item.contact_id))
        try:
            try:
                agent = await self._change(who, lambda turn: turn.reserve(item, capacity))
            except SeatbusError as error:
                failure = error
            contact = await reading
        except SeatbusError as error:
            if not error.retryable:
                await self._take_back(who, agent, item.rid)
            raise
        finally:
            reading.cancel()
        refusal = _refusal(contact, item)
        if refusal is not None:
            # A holder who has taken the contact over together with this offer keeps the agent.
            if contact is None or not _offered(contact, item.rid):
                await self._take_back(who, agent, item.rid)
            raise refusal
        if agent is None:
            raise failure or Unavailable(f"agent {who.agent_id} was not reserved")
        return agent

    async def _take_back(self, who: Who, reserved: Agent | None, rid: str) -> None:
        """It costs the agent nothing. What an earlier request has reserved may be in use: it stays."""
        if reserved is None or not reserved.written:
            return

        def decide(turn: Turn) -> None:
            if any(item.rid == rid and item.state == Work.RESERVED for item in turn.agent.work):
                turn.work(rid, Cause.RELEASED)

        await self._change(replace(who, request_id=f"{who.request_id}:back"), decide)

    async def is_offered(self, item: WorkItem) -> bool:
        """Whether the contact is offered under this reservation, as the leader has it now."""
        contact = await self._contacts.read(item.tenant_id, item.contact_id)
        return contact is not None and _offered(contact, item.rid)

    async def begin(self, who: Who, item: WorkItem) -> Agent:
        """Work that no queue gave. Raises NotFound or Refused(logged_out | no_capacity)."""
        await self._must_know(who.tenant, who.agent_id)
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
        """Raises Refused(not_in_wrap_up | disposition_required | unknown_disposition)."""
        return await self._change(who, lambda turn: turn.complete_wrap_up(rid, disposition, self._config))

    async def extend_wrap_up(self, who: Who, seconds: int) -> Agent:
        return await self._change(who, lambda turn: turn.extend_wrap_up(seconds))

    async def get(self, tenant: str, agent_id: str) -> Agent:
        """Raises NotFound for an agent that neither has a record nor is configured."""
        found = await self._store.read(record_key(tenant, agent_id))
        if found is not None:
            return Agent(*found)
        await self._must_know(tenant, agent_id)
        return Agent(logged_out(tenant, agent_id), 0)

    async def recent(self, tenant: str, agent_id: str) -> AgentState | None:
        """The record as the bus told it within the last second, else as the leader has it."""
        entry = self._directory.seen(tenant, agent_id)
        if entry is not None and not entry.deleted:
            return self._store.parse(entry.value)
        found = await self._store.read(record_key(tenant, agent_id))
        return found[0] if found is not None else None

    def list(
        self, tenant: str, limit: int, cursor: str, wanted: Wanted = ALL
    ) -> tuple[list[AgentState], str]:
        """A page of the tenant's agents by id, those that never logged in included, and the next cursor."""
        records = self._directory.of_tenant(tenant)
        page: list[AgentState] = []
        for id in sorted(id for id in {*records, *self._config.agent_ids(tenant)} if id > cursor):
            agent = records.get(id) or logged_out(tenant, id)
            if not wanted.passes(agent, *self._config.place(tenant, id)):
                continue
            if len(page) == limit:
                return page, page[-1].agent_id
            page.append(agent)
        return page, ""

    async def watch(self, tenant: str, wanted: Wanted, beat_s: float) -> AsyncIterator[Update]:
        """Without end.

        What follows the first one are changes; nothing at all each `beat_s` says that the stream lives.
        """
        with self._directory.follow(tenant) as changes:
            first, _ = self.list(tenant, _MOST_AGENTS, "", wanted)
            shown = {agent.agent_id for agent in first}
            yield Update(True, first, [])
            while True:
                agents, removed = [], []
                for id in sorted(await changes.next(beat_s)):
                    agent = self._directory.of_tenant(tenant).get(id) or logged_out(tenant, id)
                    if wanted.passes(agent, *self._config.place(tenant, id)):
                        agents.append(agent)
                        shown.add(id)
                    elif id in shown:
                        removed.append(id)
                        shown.discard(id)
                yield Update(False, agents, removed)

    async def expire(self, who: Who, decide: Callable[[Turn], None]) -> Agent:
        """A change that a deadline or the reconciliation makes."""
        return await self._change(who, decide)

    async def _must_know(self, tenant: str, agent_id: str) -> None:
        if not await self._config.known(tenant, agent_id):
            raise NotFound(
                f"tenant {tenant} has no active agent {agent_id}", field="agent_id", rule="configured"
            )

    def _must_be_a_seat(self, tenant: str, seat_id: str) -> None:
        if not _SEAT.fullmatch(seat_id):
            raise InvalidArgument(
                f"not an id: {seat_id!r}", field="seat_id", rule=f"pattern: {_SEAT.pattern}"
            )
        why = self._config.seat_refusal(tenant, seat_id)
        if why:
            raise NotFound(why, field="seat_id", rule="configured")

    async def _leave(self, who: Who, seat_id: str) -> None:
        try:
            await self._seats.free(who.tenant, seat_id, who.agent_id, who.request_id)
        except SeatbusError as error:
            log.info(
                "seat not given up, the claim is void by the agent's record",
                tenant=who.tenant,
                agent=who.agent_id,
                seat=seat_id,
                reason=str(error),
            )

    async def _change(self, who: Who, act: Callable[[Turn], None]) -> Agent:
        turns: list[Turn] = []
        seat_before = ""

        def decide(record: AgentState | None) -> Change[AgentState]:
            nonlocal seat_before
            agent = record if record is not None else logged_out(who.tenant, who.agent_id)
            seat_before = agent.seat_id
            turn = Turn(agent, self._clock.now(), who.actor)
            act(turn)
            turns.append(turn)
            return Change(agent, turn.events, write=turn.changed, at=turn.now)

        outcome: Outcome[AgentState] = await self._store.mutate(
            record_key(who.tenant, who.agent_id),
            decide,
            request_id=who.request_id,
            hint=self._directory.seen(who.tenant, who.agent_id),
        )
        if outcome.record is None:
            raise NotFound(f"agent {who.agent_id} has no record", field="agent_id")
        written = not outcome.repeated and bool(turns) and turns[-1].changed
        if written:
            self._set_timers(outcome.record, turns[-1])
            if seat_before and outcome.record.seat_id != seat_before:
                await self._leave(who, seat_before)
        return Agent(outcome.record, outcome.revision, written)

    def _set_timers(self, agent: AgentState, turn: Turn) -> None:
        """A deadline that this change has set or moved gets its scheduled message."""
        for rid in turn.untimed:
            self._timers.forget(rid)
        for item in agent.work:
            if item.rid in turn.timed:
                self._set_timer(agent, turn, item.rid, item.deadline.ToDatetime(UTC))
        if turn.break_timed and agent.HasField("break_until"):
            self._set_timer(agent, turn, "", agent.break_until.ToDatetime(UTC))

    def _set_timer(self, agent: AgentState, turn: Turn, rid: str, at: datetime) -> None:
        delay = (at - turn.now).total_seconds()
        self._timers.set(Deadline(agent.tenant_id, agent.agent_id, rid, at), max(delay, 0.0))


def _refusal(contact: Contact | None, item: WorkItem) -> StaleEpoch | Refused | None:
    """Why the contact does not confirm a reservation."""
    if contact is not None and contact.epoch > item.acd_epoch:
        return StaleEpoch(sent=item.acd_epoch, current=contact.epoch)
    if contact is None or not _offered(contact, item.rid):
        return Refused("offer_withdrawn", f"contact {item.contact_id} is not offered under {item.rid}")
    return None


def _offered(contact: Contact, rid: str) -> bool:
    """Under this rid, perhaps beside others."""
    if contact.state != CONTACT_STATE_OFFERED:
        return False
    return contact.offer.rid == rid or any(offer.rid == rid for offer in contact.also_offered)


def logged_out(tenant: str, agent_id: str) -> AgentState:
    """An agent who never logged in."""
    return AgentState(tenant_id=tenant, agent_id=agent_id, presence="PRESENCE_LOGGED_OUT")
