"""Calls as their events: what the other services publish, made by hand and true to the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from seatbus.acd.v1 import events_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import events_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import events_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.recording.v1 import events_pb2 as recording
from seatbus_kit.events import OutEvent, make_event
from seatbus_kit.ids import uuid7
from seatbus_kit.trace import TraceContext


class Seqs:
    """Sequence numbers of entities that outlive one call: agents."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}

    def next(self, entity: str) -> int:
        self.last[entity] = self.last.get(entity, 0) + 1
        return self.last[entity]


@dataclass
class CallScript:
    """One inbound call in order; `events` is what was said so far, of all domains."""

    tenant: str
    queue: str = "q1"
    agent: str = "a1"
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    owner: str = "sip_edge-0"
    service_level_s: int = 20
    agents: Seqs = field(default_factory=Seqs)

    def __post_init__(self) -> None:
        self.call_id, self.contact_id, self.recording_id = uuid7(), uuid7(), uuid7()
        self.caller_leg, self.agent_leg, self.rid = uuid7(), uuid7(), uuid7()
        self.events: list[OutEvent] = []
        self._seq: dict[str, int] = {}
        self._queued_at = self.at

    def wait(self, seconds: float) -> CallScript:
        self.at += timedelta(seconds=seconds)
        return self

    def say(self, domain: str, entity: str, message: Message, seq: int = 0) -> CallScript:
        if not seq:
            self._seq[entity] = seq = self._seq.get(entity, 0) + 1
        event = make_event(
            self.tenant,
            domain,
            entity,
            seq,
            message,
            occurred_at=self.at,
            producer=self.owner,
            trace=TraceContext.for_call(self.call_id),
        )
        self.events.append(event)
        return self

    def call(self, message: Message) -> CallScript:
        return self.say("call", self.call_id, message)

    def arrive(self) -> CallScript:
        started = call.CallStarted(
            interaction_id=self.call_id, direction=call_types.DIRECTION_INBOUND, caller="+49301",
            dialed="4000", trunk_id="trunk", number_id="main", branch_id="berlin", owner=self.owner,
        )  # fmt: skip
        self.call(started)
        self.call(call.LegCreated(leg_id=self.caller_leg, role=call_types.LEG_ROLE_CALLER))
        self.wait(0.1).call(call.CallAnswered())
        self.call(call.CallFlowEntered(flow_id="entry", flow_version=1))
        return self.wait(2).call(call.CallDigitsCollected(node_id="menu", digits="1"))

    def enqueue(self) -> CallScript:
        self._queued_at = self.at
        self.call(call.CallQueued(contact_id=self.contact_id, queue_id=self.queue, visit=1))
        enqueued = acd.ContactEnqueued(
            call_id=self.call_id, queue_id=self.queue, visit=1, channel="voice", branch_id="berlin",
            service_level_s=self.service_level_s, interaction_id=self.call_id,
        )  # fmt: skip
        return self.say("contact", self.contact_id, enqueued)

    def _work(self, before: str, after: str, since: datetime, open_items: int = 1) -> None:
        changed = agent.AgentWorkChanged(
            rid=self.rid, to=agent_types.WorkState.Value(f"WORK_STATE_{after}"), cause=after.lower(),
            contact_id=self.contact_id, call_id=self.call_id, contact_tenant_id=self.tenant,
            queue_id=self.queue, presence=agent_types.PRESENCE_READY, open_items=open_items,
        )  # fmt: skip
        setattr_from(changed, agent_types.WorkState.Value(f"WORK_STATE_{before}"))
        changed.from_since.FromDatetime(since)
        self.say("agent", self.agent, changed, self.agents.next(f"{self.tenant}/{self.agent}"))
        self._since = self.at

    def offer(self) -> CallScript:
        offered = acd.ContactOffered(rid=self.rid, agent_tenant_id=self.tenant, agent_id=self.agent)
        self.say("contact", self.contact_id, offered)
        self._work("UNSPECIFIED", "RESERVED", self.at)
        self.call(
            call.LegCreated(
                leg_id=self.agent_leg, role=call_types.LEG_ROLE_AGENT, agent_id=self.agent,
                agent_tenant_id=self.tenant, rid=self.rid,
            )
        )  # fmt: skip
        self.wait(0.05).call(call.LegRinging(leg_id=self.agent_leg))
        self._work("RESERVED", "RINGING", self._since)
        return self

    def answer(self) -> CallScript:
        self.call(call.LegAnswered(leg_id=self.agent_leg, codec="PCMU"))
        bridged = call.CallBridged(
            caller_leg_id=self.caller_leg, agent_leg_id=self.agent_leg, agent_id=self.agent,
            agent_tenant_id=self.tenant, queue_id=self.queue, contact_id=self.contact_id,
        )  # fmt: skip
        self.call(bridged)
        self.call(call.CallRecordingStarted(recording_id=self.recording_id))
        self.say("recording", self.recording_id, recording.RecordingStarted(call_id=self.call_id))
        self._work("RINGING", "TALKING", self._since)
        return self.end_visit(acd_types.VISIT_OUTCOME_ANSWERED)

    def end_visit(self, outcome: acd_types.VisitOutcome) -> CallScript:
        ended = acd.ContactEnded(
            outcome=outcome, call_id=self.call_id, queue_id=self.queue, offers=1, visit=1,
            wait_us=int((self.at - self._queued_at).total_seconds() * 1e6),
            service_level_s=self.service_level_s,
        )  # fmt: skip
        if outcome == acd_types.VISIT_OUTCOME_ANSWERED:
            ended.agent_id, ended.agent_tenant_id = self.agent, self.tenant
        ended.enqueued_at.FromDatetime(self._queued_at)
        self.call(call.CallDequeued(contact_id=self.contact_id, queue_id=self.queue, outcome=str(outcome)))
        return self.say("contact", self.contact_id, ended)

    def abandon(self) -> CallScript:
        self.end_visit(acd_types.VISIT_OUTCOME_ABANDONED)
        return self.end(call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE)

    def hang_up(self) -> CallScript:
        self.call(
            call.LegEnded(
                leg_id=self.agent_leg, cause=call_types.HANGUP_CAUSE_CALLER_HUNG_UP, agent_id=self.agent,
                agent_tenant_id=self.tenant, role=call_types.LEG_ROLE_AGENT, queue_id=self.queue,
            )
        )  # fmt: skip
        self._work("TALKING", "WRAP_UP", self._since)
        self.call(call.CallQualityReported(leg_id=self.caller_leg, mos=4.2))
        self.end(call_types.HANGUP_CAUSE_CALLER_HUNG_UP)
        self.say("recording", self.recording_id, recording.RecordingCompleted(
            call_id=self.call_id, duration_ms=5000, size_bytes=160044, channels=2))  # fmt: skip
        self.wait(1)._work("WRAP_UP", "DONE", self._since, open_items=0)
        return self

    def end(self, cause: call_types.HangupCause) -> CallScript:
        seq = self._seq[self.call_id] + 1
        whole = call_types.Call(
            tenant_id=self.tenant, call_id=self.call_id, owner=self.owner, caller="+49301", dialed="4000"
        )
        return self.call(call.CallEnded(cause=cause, last_seq=seq, call=whole, digits="1"))

    def of(self, domain: str) -> list[OutEvent]:
        return [event for event in self.events if event.domain == domain]


def setattr_from(message: Message, value: int) -> None:
    """`from` is a word of Python, and a field of these messages."""
    setattr(message, "from", value)


def presence(tenant: str, agent_id: str, seq: int, to: str, at: datetime, since: datetime) -> OutEvent:
    """The agent became `to` (READY, NOT_READY, LOGGED_OUT)."""
    changed = agent.AgentPresenceChanged(to=agent_types.Presence.Value(f"PRESENCE_{to}"))
    setattr_from(changed, agent_types.PRESENCE_LOGGED_OUT)
    changed.from_since.FromDatetime(since)
    return make_event(tenant, "agent", agent_id, seq, changed, occurred_at=at, producer="agent_state-0")


def answered_call(tenant: str, **more: object) -> CallScript:
    """A whole call: 3 s of waiting, 5 s of talk, one second of wrap-up."""
    script = CallScript(tenant, **more)  # type: ignore[arg-type]
    script.arrive().enqueue().offer().wait(3).answer().wait(5).hang_up()
    return script
