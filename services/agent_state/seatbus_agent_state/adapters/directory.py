"""The watched copy of the bucket `agents`, parsed when somebody looks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from seatbus.agent.v1.types_pb2 import AgentState
from seatbus_contracts.subjects import record_key
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_kit.buckets import Entry
    from seatbus_kit.watch import Change, Watcher

log = get_logger("agent_state.directory")

# A burst of changes is one update of a stream.
_BURST_S: Final = 0.05

# The bus confirms every 0.3 s that the copy is complete.
_FRESH_S: Final = 1.0


class _Following:
    """Agents of one tenant that have changed since somebody asked last."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.wake = asyncio.Event()

    async def next(self, timeout: float) -> set[str]:
        try:
            async with asyncio.timeout(timeout):
                await self.wake.wait()
        except TimeoutError:
            return set()
        await asyncio.sleep(_BURST_S)
        self.wake.clear()
        taken, self.changed = self.changed, set()
        return taken


class AgentDirectory:
    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._touched: set[str] = set()
        self._tenants: dict[str, dict[str, AgentState]] = defaultdict(dict)
        self._working: dict[str, AgentState] = {}
        self._followed: dict[str, set[_Following]] = defaultdict(set)
        watcher.subscribe(self._changed)

    def of_tenant(self, tenant: str) -> dict[str, AgentState]:
        self._parse()
        return self._tenants.get(tenant, {})

    def seen(self, tenant: str, agent_id: str) -> Entry | None:
        if self._watcher.staleness() > _FRESH_S:
            return None
        return self._watcher.entries.get(record_key(tenant, agent_id))

    def working(self) -> list[AgentState]:
        self._parse()
        return list(self._working.values())

    @contextmanager
    def follow(self, tenant: str) -> Iterator[_Following]:
        made = _Following()
        self._followed[tenant].add(made)
        try:
            yield made
        finally:
            self._followed[tenant].discard(made)
            if not self._followed[tenant]:
                del self._followed[tenant]

    def _changed(self, change: Change) -> None:
        self._touched.add(change.key)
        if self._followed:
            tenant, _, agent_id = change.key.partition(".")
            for following in self._followed.get(tenant, ()):
                following.changed.add(agent_id)
                following.wake.set()

    def _parse(self) -> None:
        """An agent changes several times a call and is looked at once a sweep: only the last state counts."""
        touched, self._touched = self._touched, set()
        for key in touched:
            tenant, _, agent_id = key.partition(".")
            if not agent_id:
                # Not ours; it must not end the sweep of everybody.
                log.warning("not an agent's record", key=key)
                continue
            entry = self._watcher.entries.get(key)
            self._working.pop(key, None)
            if entry is None or entry.deleted:
                self._tenants[tenant].pop(agent_id, None)
                continue
            agent = AgentState.FromString(entry.value)
            self._tenants[tenant][agent_id] = agent
            if agent.work or (agent.HasField("break_until") and not agent.break_overrun):
                self._working[key] = agent
