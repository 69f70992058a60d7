"""The boards of all tenants: events in, snapshots and coalesced deltas out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import types_pb2 as types
from seatbus_kit.errors import ResourceExhausted
from seatbus_kit.log import get_logger
from seatbus_reporting.domain.board import TenantBoard
from seatbus_reporting.domain.board_view import QueueName, agent_message, update
from seatbus_reporting.domain.event import micros

if TYPE_CHECKING:
    from seatbus_kit.clock import Clock
    from seatbus_kit.events import InEvent

log = get_logger("reporting.boards")

_BEHIND: Final = 64  # updates that a watcher may be behind
_TICK_S: Final = 1.0


class Directory(Protocol):
    """Names and membership, from the configuration."""

    def queues(self, tenant: str) -> Mapping[str, QueueName]: ...

    def agents(self, tenant: str) -> Mapping[tuple[str, str], str]:
        """Agents that the tenant's board shows, by (agent's tenant, id): its own and its queues' members."""
        ...


class _Watch:
    __slots__ = ("overrun", "updates")

    def __init__(self) -> None:
        self.updates: asyncio.Queue[rpc.BoardUpdate] = asyncio.Queue(_BEHIND)
        self.overrun = False


class Boards:
    """`fold` and everything else runs on one loop; nothing here waits while it changes a board."""

    def __init__(self, directory: Directory, clock: Clock, *, delta_s: float, heartbeat_s: float) -> None:
        self.boards: dict[str, TenantBoard] = {}
        self.changed: set[str] = set()  # tenants whose snapshot is older than their board
        self.seqs: dict[str, int] = {}  # stream -> last event folded, of any tenant
        self._directory = directory
        self._clock = clock
        self._delta_s = delta_s
        self._heartbeat_s = heartbeat_s
        self._watches: dict[str, set[_Watch]] = {}
        self._known: dict[str, tuple[set[str], set[tuple[str, str]]]] = {}  # as the watchers were told
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stale_names: set[str] = set()
        self._ticker: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._ticker = asyncio.create_task(self._tick(), name="board tick")

    async def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)

    def board(self, tenant: str) -> TenantBoard:
        found = self.boards.get(tenant)
        if found is None:
            found = self.boards[tenant] = TenantBoard(tenant)
        return found

    @property
    def watched(self) -> bool:
        return bool(self._watches)

    def fold(self, events: Sequence[InEvent]) -> None:
        """What one message of CALL, CONTACT or AGENT holds."""
        event = events[0]
        self.seqs[event.stream] = max(self.seqs.get(event.stream, 0), event.stream_seq)
        if event.seq < 1 or not event.tenant:
            return
        board = self.board(event.tenant)
        for broken, error in board.fold(events, self._clock.monotonic()):
            log.error(
                "event left out of the board",
                tenant=event.tenant,
                event_id=f"{event.tenant}/{broken.entity}/{broken.seq}",
                type=broken.type_name,
                reason=str(error),
            )
        self.changed.add(event.tenant)
        if board.touched:
            self._touch(event.tenant)

    def names_changed(self, tenant: str) -> None:
        """The configuration of `tenant` changed: its board may show other queues or agents."""
        if self._watches.get(tenant):
            self._stale_names.add(tenant)
            self._schedule(tenant)

    def _touch(self, tenant: str) -> None:
        if not self._watches:
            self.boards[tenant].touched = type(self.boards[tenant].touched)()
            return
        self._schedule(tenant)

    def _schedule(self, tenant: str) -> None:
        if tenant not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[tenant] = loop.call_later(self._delta_s, self._emit, tenant)

    def snapshot(self, tenant: str) -> rpc.BoardUpdate:
        board = self.board(tenant)
        board.tick(self._now_us())
        names = self._directory.queues(tenant)
        lines = self._agents(tenant, set(self._directory.agents(tenant)) | self._own(tenant))
        return update("snapshot", board, names, set(names) | self._live(board, names), lines, self._now_us())

    @staticmethod
    def _live(board: TenantBoard, names: Mapping[str, QueueName]) -> set[str]:
        """Queues that configuration no longer has stay while somebody waits or talks in them."""
        return {
            id for id, queue in board.queues.items() if id not in names and (queue.waiting or queue.talking)
        }

    def _own(self, tenant: str) -> set[tuple[str, str]]:
        """Agents that no configuration names are shown while they are logged in."""
        board = self.boards.get(tenant)
        if board is None:
            return set()
        return {(tenant, id) for id, line in board.agents.items() if line.presence != "logged_out"}

    def _agents(self, tenant: str, wanted: set[tuple[str, str]]) -> list[types.AgentBoard]:
        names = self._directory.agents(tenant)
        made = []
        for owner, agent_id in sorted(wanted):
            board = self.boards.get(owner)
            line = board.agents.get(agent_id) if board is not None else None
            made.append(agent_message(tenant, owner, agent_id, line, names.get((owner, agent_id), "")))
        return made

    async def watch(self, tenant: str) -> AsyncIterator[rpc.BoardUpdate]:
        """A snapshot, then deltas, with a heartbeat when nothing happens. Raises ResourceExhausted when the
        reader is too slow.
        """
        watch = _Watch()
        self._watches.setdefault(tenant, set()).add(watch)
        try:
            first = self.snapshot(tenant)
            self._known[tenant] = self._shown(tenant)
            yield first
            while True:
                try:
                    async with asyncio.timeout(self._heartbeat_s):
                        message = await watch.updates.get()
                except TimeoutError:
                    message = rpc.BoardUpdate(kind="heartbeat", stream_seqs=self.board(tenant).stream_seqs)
                    message.at.FromMicroseconds(self._now_us())
                if watch.overrun:
                    raise ResourceExhausted(f"watcher is more than {_BEHIND} updates behind")
                yield message
        finally:
            watches = self._watches.get(tenant, set())
            watches.discard(watch)
            if not watches:
                self._watches.pop(tenant, None)
                self._known.pop(tenant, None)

    def _shown(self, tenant: str) -> tuple[set[str], set[tuple[str, str]]]:
        names = self._directory.queues(tenant)
        return (
            set(names) | self._live(self.board(tenant), names),
            set(self._directory.agents(tenant)) | self._own(tenant),
        )

    def _emit(self, source: str) -> None:
        """Tells what changed in the board of `source` to its watchers, and to those who borrow its agents."""
        self._timers.pop(source, None)
        board = self.board(source)
        touched, board.touched = board.touched, type(board.touched)()
        renamed = source in self._stale_names
        self._stale_names.discard(source)
        touched_agents = {(source, id) for id in touched.agents}
        for tenant in list(self._watches):
            if tenant == source:
                self._tell(tenant, touched.queues, touched_agents, force=touched.calls, renamed=renamed)
            elif touched_agents:
                borrowed = touched_agents & set(self._directory.agents(tenant))
                if borrowed:
                    self._tell(tenant, set(), borrowed, force=False, renamed=False)

    def _tell(
        self, tenant: str, queues: set[str], agents: set[tuple[str, str]], *, force: bool, renamed: bool
    ) -> None:
        shown_queues, shown_agents = self._shown(tenant)
        known_queues, known_agents = self._known.get(tenant, (set(), set()))
        queues = shown_queues if renamed else (queues | (shown_queues - known_queues)) & shown_queues
        agents = shown_agents if renamed else (agents | (shown_agents - known_agents)) & shown_agents
        gone_queues, gone_agents = known_queues - shown_queues, known_agents - shown_agents
        if not (queues or agents or gone_queues or gone_agents or force):
            return
        self._known[tenant] = (shown_queues, shown_agents)
        lines = self._agents(tenant, agents)
        names = self._directory.queues(tenant)
        message = update("delta", self.board(tenant), names, queues, lines, self._now_us())
        message.removed_queue_ids.extend(sorted(gone_queues))
        message.removed_agent_ids.extend(sorted(id for _, id in gone_agents))
        for watch in self._watches[tenant]:
            try:
                watch.updates.put_nowait(message)
            except asyncio.QueueFull:
                watch.overrun = True

    def _now_us(self) -> int:
        return micros(self._clock.now())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            now_us, now = self._now_us(), self._clock.monotonic()
            for tenant, board in self.boards.items():
                board.tick(now_us)
                board.release(now)
                if board.touched:
                    self.changed.add(tenant)
                    self._touch(tenant)
