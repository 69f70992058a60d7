"""Which groups this replica holds. Shards come and go with their leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from seatbus_acd.application.contacts import queue_of_contact
from seatbus_acd.application.shard import Deps, Shard
from seatbus_acd.domain.model import AgentGone, QueuesMove
from seatbus_acd.domain.visit import Fence
from seatbus_kit.errors import NotFound, SeatbusError, Unavailable
from seatbus_kit.lease import TAKEOVER_S
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_acd.domain.model import AgentKey, AgentStatus, Configured, ContactKey, QueueKey
    from seatbus_kit.lease import Lease

log = get_logger("acd.router")

_REBUILD_RETRY_S: Final = 0.2
# Several objects of one configuration change arrive one by one.
_SETTLE_S: Final = 0.05
_DRAIN_S: Final = 2.0
_VACANT_LOOK_S: Final = 0.02
_LOOKS_S: Final = (0.3, 0.7, 2.0)
_LOOK_AGAIN_S: Final = 1.0


class Topology(Protocol):
    @property
    def groups(self) -> frozenset[str]: ...
    @property
    def changed(self) -> frozenset[str]: ...
    def group(self, key: QueueKey) -> str | None: ...
    def group_of_agent(self, key: AgentKey) -> str | None: ...
    def first_group(self, tenant: str) -> str | None: ...
    def groups_of(self, tenant: str) -> list[str]: ...
    def part(self, group: str) -> Configured: ...


class AgentsFeed(Protocol):
    def listen(
        self,
        wanted: Callable[[AgentKey], bool],
        listener: Callable[[AgentStatus], None],
        gone: Callable[[AgentKey], None],
    ) -> None: ...
    def of(self, agents: Iterable[AgentKey]) -> list[AgentStatus]: ...


class Router:
    """`lease_for(group)` makes a contender for a group, `read` gives the present topology, and
    `configured(queue)` says whether it would have that queue. `vacant(group)`: nobody else holds its lease.
    `taken_over` is told of each takeover.
    """

    def __init__(
        self,
        deps: Deps,
        read: Callable[[], Topology],
        lease_for: Callable[[str], Lease],
        feed: AgentsFeed,
        configured: Callable[[QueueKey], bool],
        vacant: Callable[[str], bool],
        reconcile_s: float,
        taken_over: Callable[[], None],
    ) -> None:
        self._taken_over = taken_over
        self._configured = configured
        self._vacant = vacant
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
        self._looks: set[asyncio.Task[None]] = set()
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
        await asyncio.gather(*(shard.write_down() for shard in self._shards.values() if shard.alive))
        await asyncio.gather(*(self._drop(group) for group in list(self._leases)))

    async def stop(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*(self._drop(group) for group in list(self._leases)))

    def group(self, key: QueueKey) -> str:
        """The group of a queue; one that was configured a moment ago is routed at once. Raises NotFound."""
        found = self._topology.group(key)
        if found is None and self._configured(key):
            self._apply_topology()
            self._changed.set()
            found = self._topology.group(key)
        if found is None:
            raise NotFound(
                f"tenant {key[0]} has no queue {key[1]}", field="queue_id", rule="configured queue"
            )
        return found

    def groups_of(self, tenant: str) -> list[str]:
        return self._topology.groups_of(tenant)

    async def group_of_contact(self, key: ContactKey) -> str:
        """The group that answers for a contact, also for one that has ended. Raises NotFound."""
        for group, shard in self._shards.items():
            if key in shard.visits or shard.contacts.is_ended(key):
                return group
        tenant = key[0]
        queue = await queue_of_contact(self._deps.store, key)
        group_name = self._topology.group((tenant, queue)) or self._topology.first_group(tenant)
        if group_name is None:
            raise NotFound(f"no contact {key[1]}: tenant {tenant} has no queues", field="contact_id")
        return group_name

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
        shard = Shard(
            self._deps,
            Fence(group, epoch),
            lambda: lease.held and not self._draining,
            lambda queue: self._answers_for(group, queue),
        )
        part = self._topology.part(group)
        shard.configure(part)
        self._shards[group] = shard
        for status in self._feed.of(part.agents):
            shard.agent_seen(status)
        if not await self._rebuilt(group, shard, lease):
            return
        shard.start(shard.recall())
        self._taken_over()
        log.info("routing group taken over", group=group, epoch=epoch, contacts=len(shard.visits))
        self._ready.setdefault(group, asyncio.Event()).set()
        self._look_again(group, (), frozenset())

    async def _rebuilt(self, group: str, shard: Shard, lease: Lease) -> bool:
        """False when another has the lease. While it is in doubt nobody is served: who comes would be offered
        before those who have not been read yet.
        """
        while self._shards.get(group) is shard and not lease.over(shard.fence.epoch):
            if lease.held:
                try:
                    await shard.adoption.reconcile()
                    return True
                except SeatbusError as error:
                    log.warning("rebuild interrupted, it starts again", group=group, reason=str(error))
            await asyncio.sleep(_REBUILD_RETRY_S)
        return False

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
                await shard.adoption.reconcile()
            except SeatbusError as error:
                log.warning("reconciliation put off", group=group, reason=str(error))

    async def _reconfigure(self) -> None:
        self._apply_topology()
        wanted = self._topology.groups
        for group in sorted(self._leases.keys() - wanted):
            await self._settle(group)
            await self._drop(group)
        for group in sorted(wanted - self._leases.keys()):
            if not self._draining:
                await self._contend(group)

    async def _settle(self, group: str) -> None:
        """A group that is no more finishes what it has begun."""
        shard = self._shards.get(group)
        until = asyncio.get_running_loop().time() + _DRAIN_S
        while shard is not None and shard.busy:
            if asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(0.02)

    def _apply_topology(self) -> None:
        """Tells every shard the present configuration. Queues that come from another group are adopted once
        its holder has let them go.
        """
        before, self._topology = self._topology, self._read()
        for group, shard in self._shards.items():
            if group not in self._topology.changed:
                # Another group's change: this one's indexes stay.
                continue
            had = set(shard.engine.queues)
            # Who is a member without being configured, or was one earlier, has not been followed.
            known = {key for key, agent in shard.engine.agents.items() if agent.spec is not None}
            part = self._topology.part(group)
            gained = part.queues.keys() - had
            moving = frozenset(queue for queue in gained if before.group(queue) not in (None, group))
            if moving:
                shard.apply(QueuesMove(moving, here=False))
            shard.configure(part)
            for status in self._feed.of(part.agents.keys() - known):
                shard.agent_seen(status)
            if gained:
                self._look_again(group, {before.group(queue) or "" for queue in moving}, moving)

    def _answers_for(self, group: str, queue: QueueKey) -> bool:
        found = self._topology.group(queue)
        # Contacts of a queue that is gone leave by the word of their tenant's first group.
        return group == (found or self._topology.first_group(queue[0]) or group)

    def _look_again(self, group: str, sources: Iterable[str], moving: frozenset[QueueKey]) -> None:
        """Another replica may learn of the change a moment later, and write until then."""
        looking = self._looking(group, frozenset(sources), moving)
        task = asyncio.create_task(looking, name=f"look {group}")
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    async def _looking(self, group: str, sources: frozenset[str], moving: frozenset[QueueKey]) -> None:
        """Nobody in queues that are `moving` here is offered before the first look: those who came before
        would be overtaken.
        """
        shard = self._shards.get(group)
        loop = asyncio.get_running_loop()
        until = loop.time() + TAKEOVER_S
        while not all(self._vacant(source) or source in self._topology.groups for source in sources):
            if loop.time() > until:
                break
            await asyncio.sleep(_VACANT_LOOK_S)
        pauses = [0.0, *_LOOKS_S] if sources else [*_LOOKS_S]
        while pauses or moving:
            await asyncio.sleep(pauses.pop(0) if pauses else _LOOK_AGAIN_S)
            if shard is None or self._shards.get(group) is not shard:
                # Whoever takes the group over looks for all.
                return
            if self.shard(group) is not shard:
                continue
            try:
                await shard.adoption.reconcile()
            except SeatbusError as error:
                log.info("contacts not adopted yet", group=group, reason=str(error))
                continue
            if moving:
                shard.apply(QueuesMove(moving, here=True))
                moving = frozenset()

    # Agents

    def _wanted(self, key: AgentKey) -> bool:
        return self._topology.group_of_agent(key) in self._shards

    def _agent_seen(self, status: AgentStatus) -> None:
        shard = self._shards.get(self._topology.group_of_agent(status.key) or "")
        if shard is not None:
            shard.agent_seen(status)

    def _agent_gone(self, key: AgentKey) -> None:
        shard = self._shards.get(self._topology.group_of_agent(key) or "")
        if shard is not None:
            shard.apply(AgentGone(key))
