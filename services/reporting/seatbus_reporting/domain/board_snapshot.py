"""A tenant's board as bytes and back: the state and the stream sequences it includes, in one value."""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from seatbus_reporting.domain.board import AgentLine, Emergency, Minute, QueueCounters, TenantBoard, Work

VERSION: Final = 1


def dump(board: TenantBoard) -> bytes:
    """Compressed JSON. Events held back by a gap are not in it: `included` says from where to read again."""
    value = {
        "version": VERSION,
        "day": board.day,
        "streams": board.included(),
        "calls": board.calls,
        "contacts": board.contacts,
        "emergencies": {
            call_id: [item.number, item.agent_id, item.seat_id, item.branch_id, item.since_us]
            for call_id, item in board.emergencies.items()
        },
        "queues": {
            queue_id: {
                "counts": [
                    q.offered, q.answered, q.abandoned, q.short_abandoned, q.other, q.answered_in_time,
                    q.wait_answered_us, q.service_level_s,
                ],
                "waiting": q.waiting,
                "talking": sorted(q.talking),
                "minutes": {
                    str(start): [m.offered, m.answered, m.abandoned, m.waiting_max]
                    for start, m in q.minutes.items()
                },
            }
            for queue_id, q in board.queues.items()
        },
        "agents": {
            agent_id: [
                line.presence,
                line.reason,
                line.since_us,
                {
                    rid: [w.state, w.since_us, w.queue_id, w.call_id, w.tenant]
                    for rid, w in line.work.items()
                },
            ]
            for agent_id, line in board.agents.items()
        },
        "order": {
            stream: {"seen": order.seen, "over": list(order.over)} for stream, order in board.order.items()
        },
    }  # fmt: skip
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def load(tenant: str, data: bytes) -> TenantBoard:
    """The board of `dump`. Raises ValueError for anything else."""
    try:
        value: dict[str, Any] = json.loads(zlib.decompress(data))
        if value["version"] != VERSION:
            raise ValueError(f"snapshot version {value['version']}, this is {VERSION}")
        board = TenantBoard(tenant)
        board.day = int(value["day"])
        board.stream_seqs = {str(k): int(v) for k, v in value["streams"].items()}
        board.calls = dict(value["calls"])
        board.contacts = dict(value["contacts"])
        # Snapshots from before there were any do not name them.
        board.emergencies = {
            call_id: Emergency(*fields) for call_id, fields in value.get("emergencies", {}).items()
        }
        for queue_id, queue in value["queues"].items():
            counts: list[int] = queue["counts"]
            minutes = {int(start): Minute(*numbers) for start, numbers in queue["minutes"].items()}
            board.queues[queue_id] = QueueCounters(
                counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6], counts[7],
                dict(queue["waiting"]), set(queue["talking"]), minutes,
            )  # fmt: skip
        for agent_id, (presence, reason, since_us, work) in value["agents"].items():
            items = {rid: Work(*fields) for rid, fields in work.items()}
            board.agents[agent_id] = AgentLine(presence, reason, since_us, items)
        for stream, order in value["order"].items():
            board.order[stream].restore(order["seen"], order["over"])
    except (zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a board snapshot: {error!r}") from error
    return board
