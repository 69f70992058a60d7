"""A tenant's counters as the contract's messages, with the names that configuration gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seatbus.reporting.v1 import service_pb2, types_pb2
from seatbus_reporting.domain.board import DEFAULT_SERVICE_LEVEL_S, AgentLine, QueueCounters, TenantBoard


@dataclass(frozen=True, slots=True)
class QueueName:
    name: str
    service_level_s: int


def queue_message(queue_id: str, queue: QueueCounters | None, name: QueueName | None) -> types_pb2.QueueBoard:
    counters = queue or QueueCounters()
    configured = name.service_level_s if name is not None else 0
    message = types_pb2.QueueBoard(
        queue_id=queue_id,
        name=name.name if name is not None else "",
        waiting=len(counters.waiting),
        offered=counters.offered,
        answered=counters.answered,
        abandoned=counters.abandoned,
        short_abandoned=counters.short_abandoned,
        other=counters.other,
        answered_in_time=counters.answered_in_time,
        service_level=counters.service_level,
        service_level_s=configured or counters.service_level_s or DEFAULT_SERVICE_LEVEL_S,
        talking=len(counters.talking),
        asa_s=counters.asa_s,
    )
    if counters.waiting:
        message.oldest_enqueued_at.FromMicroseconds(min(counters.waiting.values()))
    return message


def agent_message(
    viewer: str, owner: str, agent_id: str, line: AgentLine | None, name: str
) -> types_pb2.AgentBoard:
    """A line on the board of `viewer`, who sees of an agent that works for somebody else only that."""
    state, reason, since_us, work = (line or AgentLine()).shown()
    message = types_pb2.AgentBoard(
        agent_id=agent_id, agent_tenant_id=owner, name=name, state=state, reason=reason
    )
    if work is not None and viewer in (work.tenant or owner, owner):
        message.contact_tenant_id = work.tenant or owner
        message.call_id = work.call_id
        message.queue_id = work.queue_id if message.contact_tenant_id == viewer else ""
    if since_us:
        message.since.FromMicroseconds(since_us)
    return message


def minute_messages(queue_id: str, queue: QueueCounters, last_only: bool) -> list[types_pb2.MinutePoint]:
    starts = sorted(queue.minutes)
    made = []
    for start in starts[-1:] if last_only else starts:
        minute = queue.minutes[start]
        point = types_pb2.MinutePoint(
            queue_id=queue_id,
            offered=minute.offered,
            answered=minute.answered,
            abandoned=minute.abandoned,
            waiting_max=minute.waiting_max,
        )
        point.minute.FromMicroseconds(start)
        made.append(point)
    return made


def update(
    kind: str,
    board: TenantBoard,
    queue_names: Mapping[str, QueueName],
    queue_ids: Iterable[str],
    agents: Iterable[types_pb2.AgentBoard],
    at_us: int,
) -> service_pb2.BoardUpdate:
    """A snapshot or a delta of the named queues and given agents."""
    message = service_pb2.BoardUpdate(kind=kind, stream_seqs=board.stream_seqs, calls_now=len(board.calls))
    message.at.FromMicroseconds(at_us)
    for queue_id in sorted(queue_ids):
        queue = board.queues.get(queue_id)
        message.queues.append(queue_message(queue_id, queue, queue_names.get(queue_id)))
        if queue is not None:
            message.minutes.extend(minute_messages(queue_id, queue, last_only=kind == "delta"))
    message.agents.extend(agents)
    for call_id, item in sorted(board.emergencies.items()):
        made = message.emergencies.add(
            call_id=call_id,
            number=item.number,
            agent_id=item.agent_id,
            seat_id=item.seat_id,
            branch_id=item.branch_id,
        )
        made.since.FromMicroseconds(item.since_us)
    return message
