"""Which groups this replica holds. Shards come and go with their leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from seatbus_acd.application.shard import Deps, Shard
from seatbus_acd.domain.model import AgentGone
from seatbus_acd.domain.visit import Fence
from seatbus_kit.errors import NotFound, SeatbusError, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seatbus_acd.domain.model import AgentKey, AgentStatus, Configured
    from seatbus_kit.lease import Lease

log = get_logger("acd.router")

_REBUILD_RETRY_S: Final = 0.2
# Several objects of one configuration change arrive one by one.
_SETTLE_S: Final = 0.05
_DRAIN_S: Final = 2.0


class Topology(Protocol):
    @property
    def group_of(self) -> Mapping[str, str]: ...
    def tenants(self, group: str) -> frozenset[str]: ...
    def part(self, group: str) -> Configured: ...


class AgentsFeed(Protocol):
    def listen(
        self,
        wanted: Callable[[str], bool],
        listener: Callable[[AgentStatus], None],
        gone: Callable[[AgentKey], None],
    ) -> None: ...
    def of_tenants(self, tenants: Iterable[str]) -> list[AgentStatus]: ...


class Router:
    """`lease_for(group)` makes a contender for a group; `read` gives the present topology, and
    `configured(tenant, queue)` says whether it would have that queue. `taken_over` is told of each takeover.
    """

    def __init__(
        self,
        deps: Deps,
        read: Callable[[], Topology],
        lease_for: Callable[[str], Lease],
        feed: AgentsFeed,
        configured: Callable[[str, str], bool],
        reconcile_s: float,
        taken_over: Callable[[], None],
    ) -> None:
        self._taken_over = taken_over
        self._configured = configured
        self._deps = deps
        self._read = read
        self._lease_for = lease_for
        self._feed = feed
        self._reconcile_s = reconcile_s
        self._topology = read()
        self._leases: dict[str, Lease] = {}
        self._shards: dict[str, Shard] = {}
        self._ready: dict[str, asyncio.Event] = {}
        self._settling: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._draining = False

    async def start(self) -> None:
        self._feed.listen(self._wanted, self._agent_seen, self._agent_gone)
        await self._reconfigure()
        self._work = asyncio.create_task(self._run(), name="route")

    def config_changed(self) -> None:
        """Applied when the change has settled."""
        if self._settling is None:
            loop = asyncio.get_running_loop()
            self._settling = loop.call_later(_SETTLE_S, self._changed.set)

    async def drain(self) -> None:
        """Hands every group over: what is on its way is finished first."""
        self._draining = True
        until = asyncio.get_running_loop().time() + _DRAIN_S
        while any(shard.busy for shard in self._shards.values()):
            if asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(0.02)
        for group in list(self._leases):
            await self._drop(group)

    async def stop(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        for group in list(self._leases):
            await self._drop(group)

    def group(self, tenant: str) -> str:
        """Raises NotFound for a tenant that is not configured."""
        found = self._topology.group_of.get(tenant)
        if found is None:
            raise NotFound(f"no tenant {tenant}", field="tenant_id", rule="configured tenant")
        return found

    def shard(self, group: str) -> Shard | None:
        """The shard of a group that this replica holds for certain, and has rebuilt.

        A replica that was paused beyond its lease must not refuse what the next holder would take.
        """
        ready, lease = self._ready.get(group), self._leases.get(group)
        if ready is None or lease is None or not ready.is_set() or not lease.held:
            return None
        return self._shards.get(group)

    async def wait_shard(self, group: str, timeout: float) -> Shard:
        """As `shard`, waiting for a takeover that is under way. Raises Unavailable."""
        event = self._ready.setdefault(group, asyncio.Event())
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            raise Unavailable(f"routing group {group} has no holder yet, try again") from None
        shard = self.shard(group)
        if shard is None:
            raise Unavailable(f"the lease of routing group {group} is in doubt, try again")
        return shard

    def knows_queue(self, shard: Shard, tenant: str, queue_id: str) -> None:
        """A queue that was configured a moment ago is routed at once."""
        if (tenant, queue_id) not in shard.engine.queues and self._configured(tenant, queue_id):
            self._refresh()

    @property
    def load(self) -> float:
        contacts = sum(len(shard.visits) for shard in self._shards.values())
        return min(1.0, contacts / 10_000)

    # Leases

    async def _contend(self, group: str) -> None:
        lease = self._leases[group] = self._lease_for(group)
        lease.on_acquired(lambda epoch: self._acquired(group, epoch))
        lease.on_lost(lambda: self._lost(group))
        await lease.start()

    async def _acquired(self, group: str, epoch: int) -> None:
        self._lost(group)
        lease = self._leases.get(group)
        if lease is None:
            return
        shard = Shard(self._deps, Fence(group, epoch), lambda: lease.held and not self._draining)
        tenants = self._topology.tenants(group)
        shard.configure(self._topology.part(group), tenants)
        self._shards[group] = shard
        for status in self._feed.of_tenants(tenants):
            shard.agent_seen(status)
        while self._shards.get(group) is shard and lease.held:
            try:
                await shard.reconcile()
                break
            except SeatbusError as error:
                log.warning("rebuild interrupted, it starts again", group=group, reason=str(error))
                await asyncio.sleep(_REBUILD_RETRY_S)
        self._taken_over()
        log.info("routing group taken over", group=group, epoch=epoch, contacts=len(shard.visits))
        self._ready.setdefault(group, asyncio.Event()).set()

    def _lost(self, group: str) -> None:
        ready = self._ready.get(group)
        if ready is not None:
            ready.clear()
        shard = self._shards.pop(group, None)
        if shard is not None:
            shard.stop()

    async def _drop(self, group: str) -> None:
        self._lost(group)
        lease = self._leases.pop(group, None)
        if lease is not None:
            await lease.release()

    # Configuration

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_look = loop.time() + self._reconcile_s
        while True:
            try:
                async with asyncio.timeout(max(0.0, next_look - loop.time())):
                    await self._changed.wait()
            except TimeoutError:
                next_look = loop.time() + self._reconcile_s
                await self._reconcile()
                continue
            self._changed.clear()
            self._settling = None
            await self._reconfigure()

    async def _reconcile(self) -> None:
        for group, shard in list(self._shards.items()):
            if self.shard(group) is not shard:
                continue
            try:
                await shard.reconcile()
            except SeatbusError as error:
                log.warning("reconciliation put off", group=group, reason=str(error))

    async def _reconfigure(self) -> None:
        gained = self._refresh()
        wanted = set(self._topology.group_of.values())
        for group in sorted(self._leases.keys() - wanted):
            await self._drop(group)
        for group in sorted(wanted - self._leases.keys()):
            if not self._draining:
                await self._contend(group)
        for group in gained:
            shard = self.shard(group)
            if shard is not None:
                try:
                    await shard.reconcile()
                except SeatbusError as error:
                    log.warning("contacts not adopted yet", group=group, reason=str(error))

    def _refresh(self) -> list[str]:
        """Tells every shard the present configuration; returns groups that have gained tenants."""
        self._topology = self._read()
        gained = []
        for group, shard in self._shards.items():
            before, now = shard.tenants, self._topology.tenants(group)
            shard.forget(before - now)
            shard.configure(self._topology.part(group), now)
            for status in self._feed.of_tenants(now - before):
                shard.agent_seen(status)
            if now - before:
                gained.append(group)
        return gained

    # Agents

    def _wanted(self, tenant: str) -> bool:
        return self._topology.group_of.get(tenant) in self._shards

    def _agent_seen(self, status: AgentStatus) -> None:
        shard = self._shards.get(self._topology.group_of.get(status.key[0], ""))
        if shard is not None:
            shard.agent_seen(status)

    def _agent_gone(self, key: AgentKey) -> None:
        shard = self._shards.get(self._topology.group_of.get(key[0], ""))
        if shard is not None:
            shard.apply(AgentGone(key))
