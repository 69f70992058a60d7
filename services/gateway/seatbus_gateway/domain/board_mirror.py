"""A board as its updates tell it, so that a late client gets a snapshot without asking anybody."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

CHART_MINUTES: Final = 30


class BoardMirror:
    """`apply` takes updates as JSON objects of `reporting.v1.BoardUpdate`."""

    def __init__(self) -> None:
        self.loaded = False
        self._head: Json = {}
        self._queues: dict[str, Json] = {}
        self._agents: dict[tuple[str, str], Json] = {}
        self._minutes: dict[tuple[str, str], Json] = {}

    def apply(self, update: Json) -> None:
        if update["kind"] == "heartbeat":
            self._head |= {"at": update["at"]}
            return
        if update["kind"] == "snapshot":
            self.loaded = True
            self._queues.clear()
            self._agents.clear()
            self._minutes.clear()
        self._head = {name: update[name] for name in ("at", "stream_seqs", "calls_now", "emergencies")}
        for queue in update["queues"]:
            self._queues[queue["queue_id"]] = queue
        for agent in update["agents"]:
            self._agents[agent["agent_tenant_id"], agent["agent_id"]] = agent
        for point in update["minutes"]:
            self._minutes[point["minute"], point["queue_id"]] = point
        for queue_id in update["removed_queue_ids"]:
            self._queues.pop(queue_id, None)
        for agent_id in update["removed_agent_ids"]:
            for key in [key for key in self._agents if key[1] == agent_id]:
                del self._agents[key]
        self._trim()

    def _trim(self) -> None:
        starts = sorted({minute for minute, _ in self._minutes})
        old = set(starts[:-CHART_MINUTES])
        if old:
            self._minutes = {key: point for key, point in self._minutes.items() if key[0] not in old}

    def snapshot(self) -> Json:
        return {
            "kind": "snapshot",
            **self._head,
            "queues": [self._queues[key] for key in sorted(self._queues)],
            "agents": [self._agents[key] for key in sorted(self._agents)],
            "minutes": [self._minutes[key] for key in sorted(self._minutes)],
            "removed_queue_ids": [],
            "removed_agent_ids": [],
        }
