"""The live counters of one tenant: a fold of its events, and nothing else.

`fold` is deterministic: the same events in any order and any number of times give the same board, but for
what happened while an event was missing. Time comes in with the events and with `tick`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from google.protobuf.message import Message

from seatbus.acd.v1 import events_pb2 as acd
from seatbus.agent.v1 import events_pb2 as agent
from seatbus.call.v1 import events_pb2 as call
from seatbus_kit.errors import SeatbusError
from seatbus_reporting.domain.event import Event, micros
from seatbus_reporting.domain.facts import OUTCOMES, PRESENCES, WORK_STATES
from seatbus_reporting.domain.sequence import Sequencer

MINUTE_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000
CHART_MINUTES: Final = 30
DEFAULT_SERVICE_LEVEL_S: Final = 20

# What a board shows of an agent with several work items: the first of these.
_SHOWN: Final = ("talking", "conferenced", "consulting", "held", "dialing", "ringing", "reserved", "wrap_up")
_RANK: Final = {state: rank for rank, state in enumerate(_SHOWN)}

# Types that change nothing on the board are not decoded.
_RELEVANT: Final = frozenset(
    message.DESCRIPTOR.full_name
    for message in (
        call.CallStarted, call.CallBridged, call.CallUnbridged, call.CallEnded, call.CallEmergency,
        acd.ContactEnqueued, acd.ContactEnded,
        agent.AgentPresenceChanged, agent.AgentWorkChanged,
    )
)  # fmt: skip


@dataclass(slots=True)
class Minute:
    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    waiting_max: int = 0


@dataclass(slots=True)
class QueueCounters:
    """Counters of a day; `waiting` and `talking` are of this moment."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    short_abandoned: int = 0
    other: int = 0
    answered_in_time: int = 0
    wait_answered_us: int = 0
    service_level_s: int = 0
    waiting: dict[str, int] = field(default_factory=dict)  # contact -> enqueued at
    talking: set[str] = field(default_factory=set)  # calls
    minutes: dict[int, Minute] = field(default_factory=dict)  # start of the minute -> counts

    def new_day(self) -> None:
        self.offered = self.answered = self.abandoned = self.short_abandoned = self.other = 0
        self.answered_in_time = self.wait_answered_us = 0

    @property
    def service_level(self) -> float:
        """OFFERED: answered within T ÷ (answered + abandoned); -1 while nobody was either."""
        base = self.answered + self.abandoned
        return self.answered_in_time / base if base else -1.0

    @property
    def asa_s(self) -> float:
        return self.wait_answered_us / self.answered / 1e6 if self.answered else -1.0


@dataclass(slots=True)
class Work:
    state: str
    since_us: int
    queue_id: str
    call_id: str
    # The contact's.
    tenant: str = ""


@dataclass(slots=True)
class AgentLine:
    presence: str = "logged_out"
    reason: str = ""
    since_us: int = 0
    work: dict[str, Work] = field(default_factory=dict)

    def shown(self) -> tuple[str, str, int, Work | None]:
        """State, reason, since, and the work that it comes from."""
        if self.work:
            item = min(self.work.values(), key=lambda w: (_RANK.get(w.state, len(_SHOWN)), w.since_us))
            return item.state, "", item.since_us, item
        return self.presence, self.reason, self.since_us, None


@dataclass(frozen=True, slots=True)
class Emergency:
    """A call for help that runs now."""

    number: str
    agent_id: str
    seat_id: str
    branch_id: str
    since_us: int


@dataclass(slots=True)
class Touched:
    """What changed since it was last asked."""

    queues: set[str] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    calls: bool = False

    def __bool__(self) -> bool:
        return bool(self.queues or self.agents or self.calls)


class TenantBoard:
    """`queues` and `agents` hold what events have told; configuration adds the quiet ones."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.day = 0
        self.queues: dict[str, QueueCounters] = {}
        self.agents: dict[str, AgentLine] = {}
        self.calls: dict[str, str] = {}  # live call -> queue it talks in
        self.contacts: dict[str, str] = {}  # waiting contact -> queue
        self.emergencies: dict[str, Emergency] = {}  # by call
        self.stream_seqs: dict[str, int] = {}
        self.touched = Touched()
        # An agent's history began before any board: any first number will do.
        self.order = {
            "CALL": Sequencer(any_start=False),
            "CONTACT": Sequencer(any_start=False),
            "AGENT": Sequencer(any_start=True),
        }

    def fold(self, events: Sequence[Event], now: float) -> list[tuple[Event, SeatbusError]]:
        """Takes what one message holds: events of one entity of this tenant, all with its place in the
        stream. `now` is monotonic, for gaps alone. Returns what could not be decoded.
        """
        stream, entity, place = events[0].stream, events[0].entity, events[0].stream_seq
        order, before = self.order[stream], self.stream_seqs.get(stream, 0)
        if place <= before and entity not in order.seen:
            return []
        faults = []
        for event in events:
            for due in order.feed(event, now):
                try:
                    self._apply(due)
                except SeatbusError as error:
                    faults.append((due, error))
        self.stream_seqs[stream] = max(before, place)
        return faults

    def release(self, now: float) -> None:
        """Gives up on gaps that were not filled in time."""
        for order in self.order.values():
            if order.waiting:
                for due in order.release(now):
                    self._apply(due)

    def included(self) -> dict[str, int]:
        """Stream -> sequence up to which everything is in the counters."""
        found = dict(self.stream_seqs)
        for stream, order in self.order.items():
            held = order.earliest_held(stream)
            if held is not None:
                found[stream] = min(found.get(stream, 0), held - 1)
        return found

    def tick(self, now_us: int) -> None:
        """Midnight and the running minute, for when no event tells the time."""
        self._roll(now_us)
        minute = now_us - now_us % MINUTE_US
        for queue_id, queue in self.queues.items():
            if queue.waiting and queue.minutes.get(minute) is None:
                self._minute(queue_id, queue, now_us).waiting_max = len(queue.waiting)
                self.touched.queues.add(queue_id)

    def queue(self, queue_id: str) -> QueueCounters:
        return self.queues.setdefault(queue_id, QueueCounters())

    def _roll(self, now_us: int) -> None:
        day = now_us // DAY_US
        if day > self.day:
            if self.day:
                for queue_id, queue in self.queues.items():
                    queue.new_day()
                    self.touched.queues.add(queue_id)
            self.day = day

    def _apply(self, event: Event) -> None:
        if event.type_name not in _RELEVANT:
            return
        message = event.decode()
        at_us = micros(event.occurred_at)
        self._roll(at_us)
        if event.stream == "AGENT":
            self._apply_agent(event.entity, message, at_us)
        elif event.stream == "CONTACT":
            self._apply_contact(event.entity, message, at_us, event.occurred_at)
        else:
            self._apply_call(event.entity, message, at_us)

    def _apply_call(self, call_id: str, message: Message, at_us: int) -> None:
        if isinstance(message, call.CallStarted):
            self.calls[call_id] = ""
            self.touched.calls = True
        elif isinstance(message, call.CallBridged):
            self._stop_talking(call_id)
            if message.queue_id:
                self.calls[call_id] = message.queue_id
                self.queue(message.queue_id).talking.add(call_id)
                self.touched.queues.add(message.queue_id)
        elif isinstance(message, call.CallUnbridged):
            self._stop_talking(call_id)
        elif isinstance(message, call.CallEmergency):
            self.emergencies[call_id] = Emergency(
                message.number, message.agent_id, message.seat_id, message.branch_id, at_us
            )
            self.touched.calls = True
        elif isinstance(message, call.CallEnded):
            self._stop_talking(call_id)
            self.calls.pop(call_id, None)
            self.emergencies.pop(call_id, None)
            self.order["CALL"].end(call_id)
            self.touched.calls = True

    def _stop_talking(self, call_id: str) -> None:
        queue_id = self.calls.get(call_id)
        if queue_id:
            self.calls[call_id] = ""
            self.queue(queue_id).talking.discard(call_id)
            self.touched.queues.add(queue_id)

    def _apply_contact(self, contact_id: str, message: Message, at_us: int, at: datetime) -> None:
        if isinstance(message, acd.ContactEnqueued):
            queue = self.queue(message.queue_id)
            queue.service_level_s = message.service_level_s or queue.service_level_s
            queue.waiting[contact_id] = at_us
            self.contacts[contact_id] = message.queue_id
            if at_us // DAY_US == self.day:
                queue.offered += 1
            self._minute(message.queue_id, queue, at_us).offered += 1
            self._note_waiting(message.queue_id, queue, at_us)
        elif isinstance(message, acd.ContactEnded):
            queue_id = self.contacts.pop(contact_id, "") or message.queue_id
            queue = self.queue(queue_id)
            self._note_waiting(queue_id, queue, at_us)
            queue.waiting.pop(contact_id, None)
            self._count_outcome(queue_id, queue, message, at_us)
            self.order["CONTACT"].end(contact_id)
        else:
            return
        self.touched.queues.add(queue_id if isinstance(message, acd.ContactEnded) else message.queue_id)

    def _count_outcome(
        self, queue_id: str, queue: QueueCounters, ended: acd.ContactEnded, at_us: int
    ) -> None:
        outcome = OUTCOMES.get(ended.outcome, "")
        minute = self._minute(queue_id, queue, at_us)
        if outcome == "answered":
            minute.answered += 1
        elif outcome == "abandoned":
            minute.abandoned += 1
        # A visit belongs to the day in which it was offered.
        if ended.enqueued_at.ToMicroseconds() // DAY_US != self.day:
            return
        if outcome == "answered":
            queue.answered += 1
            queue.wait_answered_us += ended.wait_us
            limit = ended.service_level_s or queue.service_level_s or DEFAULT_SERVICE_LEVEL_S
            queue.answered_in_time += ended.wait_us <= limit * 1_000_000
        elif outcome == "abandoned":
            queue.abandoned += 1
        elif outcome == "short_abandoned":
            queue.short_abandoned += 1
        else:
            queue.other += 1

    def _minute(self, queue_id: str, queue: QueueCounters, at_us: int) -> Minute:
        start = at_us - at_us % MINUTE_US
        found = queue.minutes.get(start)
        if found is None:
            found = queue.minutes[start] = Minute(waiting_max=len(queue.waiting))
            oldest = max(queue.minutes) - (CHART_MINUTES - 1) * MINUTE_US
            for minute in [minute for minute in queue.minutes if minute < oldest]:
                del queue.minutes[minute]
        return found

    def _note_waiting(self, queue_id: str, queue: QueueCounters, at_us: int) -> None:
        minute = self._minute(queue_id, queue, at_us)
        minute.waiting_max = max(minute.waiting_max, len(queue.waiting))

    def _apply_agent(self, agent_id: str, message: Message, at_us: int) -> None:
        line = self.agents.setdefault(agent_id, AgentLine())
        if isinstance(message, agent.AgentPresenceChanged):
            line.presence = PRESENCES.get(message.to, "") or "logged_out"
            line.reason, line.since_us = message.reason, at_us
            if line.presence == "logged_out":
                line.work.clear()
        elif isinstance(message, agent.AgentWorkChanged):
            state = WORK_STATES.get(message.to, "")
            if state in ("", "done"):
                line.work.pop(message.rid, None)
                if not message.open_items:
                    line.work.clear()
            else:
                tenant = message.contact_tenant_id or self.tenant
                line.work[message.rid] = Work(state, at_us, message.queue_id, message.call_id, tenant)
            presence = PRESENCES.get(message.presence, "")
            if presence and presence != line.presence:
                line.presence, line.reason = presence, ""
            if not line.work:
                line.since_us = at_us
        self.touched.agents.add(agent_id)
