"""From an event to its row. One event, one row, always the same one: a replay changes nothing."""

from __future__ import annotations

import base64
from datetime import UTC

from google.protobuf.message import Message

from seatbus.acd.v1 import events_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import events_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.recording.v1 import events_pb2 as recording
from seatbus_reporting.domain.event import EPOCH, Event, enum_word
from seatbus_reporting.domain.tables import Row

OUTCOMES = {value: enum_word(name, "VISIT_OUTCOME_") for name, value in acd_types.VisitOutcome.items()}
PRESENCES = {value: enum_word(name, "PRESENCE_") for name, value in agent_types.Presence.items()}
WORK_STATES = {value: enum_word(name, "WORK_STATE_") for name, value in agent_types.WorkState.items()}


def short_type(event: Event) -> str:
    return event.type_name.rpartition(".")[2]


def call_event_row(event: Event) -> Row:
    """The fact itself. The payload is base64: every client and format of the store carries it unharmed."""
    return (
        event.tenant, event.entity, event.seq, short_type(event), event.occurred_at, event.producer,
        event.causation, base64.b64encode(event.payload).decode(), event.stream_seq,
    )  # fmt: skip


def visit_row(event: Event, message: Message) -> Row | None:
    """A row of `queue_visits`; None for a type that this version does not know."""
    kind = short_type(event).removeprefix("Contact").lower()
    head = (event.tenant, event.entity, event.seq, kind, event.occurred_at)
    tail = event.stream_seq
    if isinstance(message, acd.ContactEnqueued):
        return (
            *head, message.call_id, message.interaction_id, message.queue_id, message.branch_id,
            message.channel, message.priority, message.visit, event.occurred_at, "", 0, "", "", 0, "", "",
            message.service_level_s, message.short_abandon_s, tail,
        )  # fmt: skip
    if isinstance(message, acd.ContactOffered):
        return (
            *head, "", "", message.decision.queue_id, "", "", 0, 0, EPOCH, "", 0, message.agent_tenant_id,
            message.agent_id, 0, message.rid, message.decision.rule, 0, 0, tail,
        )  # fmt: skip
    if isinstance(message, acd.ContactReturned):
        return (
            *head, "", "", "", "", "", 0, 0, EPOCH, "", 0, "", message.agent_id, 0, message.rid,
            message.reason, 0, 0, tail,
        )  # fmt: skip
    if isinstance(message, acd.ContactEnded):
        enqueued = message.enqueued_at.ToDatetime(UTC)
        return (
            *head, message.call_id, message.interaction_id, message.queue_id, "", "", 0, message.visit,
            enqueued, OUTCOMES.get(message.outcome, ""), message.wait_us, message.agent_tenant_id,
            message.agent_id, message.offers, message.rid, "", message.service_level_s,
            message.short_abandon_s, tail,
        )  # fmt: skip
    return None


def interval_row(event: Event, message: Message) -> Row | None:
    """A row of `agent_intervals`: the interval that this event closes; None where none began before."""
    end, tail = event.occurred_at, event.stream_seq
    head = (event.tenant, event.entity, event.seq)
    if isinstance(message, agent.AgentPresenceChanged):
        start = message.from_since.ToDatetime(UTC) if message.HasField("from_since") else end
        state = PRESENCES.get(getattr(message, "from"), "") or "logged_out"
        return (
            *head, "presence", state, message.from_reason, start, end, PRESENCES.get(message.to, ""),
            message.reason, "", "", "", "", "", "", tail,
        )  # fmt: skip
    if isinstance(message, agent.AgentWorkChanged):
        start = message.from_since.ToDatetime(UTC) if message.HasField("from_since") else end
        return (
            *head, "work", WORK_STATES.get(getattr(message, "from"), ""), "", start, end,
            WORK_STATES.get(message.to, ""), message.cause, message.rid, message.call_id, message.contact_id,
            message.contact_tenant_id, message.queue_id, message.disposition, tail,
        )  # fmt: skip
    return None


def recording_row(event: Event, message: Message) -> Row | None:
    """A row of `recordings`."""
    kind = short_type(event).removeprefix("Recording").lower()
    head = (event.tenant, event.entity, event.seq, kind, event.occurred_at)
    if isinstance(message, recording.RecordingStarted):
        return (*head, message.call_id, 0, 0, 0, "", 0, "", event.stream_seq)
    if isinstance(message, recording.RecordingCompleted):
        return (
            *head, message.call_id, message.duration_ms, message.size_bytes, message.channels,
            message.sha256, int(message.incomplete), "", event.stream_seq,
        )  # fmt: skip
    if isinstance(message, recording.RecordingDeleted):
        return (*head, message.call_id, 0, 0, 0, "", 0, message.reason, event.stream_seq)
    return None
