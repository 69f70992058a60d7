"""A lease without time-to-live (protocol P1): a record that its holder rewrites each second.

Nobody's clock is compared with another's. A contender takes over after it has watched one revision for three
seconds; the holder trusts itself for less than that since it sent its last successful write.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from seatbus_contracts.subjects import lease_key
from seatbus_kit.buckets import Bucket, Entry
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import Conflict, OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock
    from seatbus_kit.watch import Change, Watcher

log = get_logger("seatbus.lease")

BEAT_S: Final = 1.0
TAKEOVER_S: Final = 3.0
# The holder stops trusting itself this long before a contender may act.
MARGIN_S: Final = 0.4
_LOOK_S: Final = 0.25
# A watched copy that was not confirmed for this long says nothing about a holder's silence.
_DOUBT_S: Final = 0.8

Acquired: TypeAlias = Callable[[int], Awaitable[None] | None]
Lost: TypeAlias = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Holder:
    """The value of a lease record. An empty owner means that it was released."""

    owner: str
    incarnation: str
    epoch: int
    beat: int

    def encode(self) -> bytes:
        return orjson.dumps(
            {"owner": self.owner, "incarnation": self.incarnation, "epoch": self.epoch, "beat": self.beat}
        )

    @classmethod
    def decode(cls, value: bytes) -> Holder:
        body = orjson.loads(value)
        return cls(body["owner"], body["incarnation"], int(body["epoch"]), int(body["beat"]))


class LeaseView:
    """One watched copy of all leases, shared by the contenders of a process: they ask nobody while they wait.

    It may lag, which is harmless: a takeover is a compare-and-set on the revision that was watched. The
    caller starts and stops the watcher.
    """

    def __init__(self, watcher: Watcher, clock: Clock | None = None) -> None:
        self._watcher = watcher
        self._clock = clock or SystemClock()
        self._wakes: dict[str, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        # Monotonic time at which the copy was last not to be trusted.
        self.doubted_at = float("-inf")
        watcher.subscribe(self._changed)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._guard(), name="lease view")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self, key: str) -> Entry | None:
        """Raises Unavailable while the copy is in doubt."""
        if self._in_doubt():
            raise Unavailable("the leases are not heard of")
        return self._watcher.entries.get(key)

    async def changed(self, key: str, timeout: float) -> bool:
        """Returns True when the record changes, False after `timeout` seconds without."""
        wake = self._wakes.setdefault(key, asyncio.Event())
        try:
            async with asyncio.timeout(timeout):
                await wake.wait()
        except TimeoutError:
            return wake.is_set()
        finally:
            wake.clear()
        return True

    def _changed(self, change: Change) -> None:
        wake = self._wakes.get(change.key)
        if wake is not None:
            wake.set()

    def _in_doubt(self) -> bool:
        doubted = self._watcher.staleness() > _DOUBT_S
        if doubted:
            self.doubted_at = self._clock.monotonic()
        return doubted

    async def _guard(self) -> None:
        while True:
            self._in_doubt()
            await asyncio.sleep(_LOOK_S)


class Lease:
    """One contender for one shard. After `on_acquired(epoch)` fence what the old holder may still write:
    read from the leader, rewrite each record with the epoch, then decide.

    With a `view` it waits by that; without one it reads the leader four times a second.
    """

    def __init__(
        self,
        bus: Bus,
        shard: str,
        owner: str,
        clock: Clock | None = None,
        *,
        view: LeaseView | None = None,
    ) -> None:
        self.shard = shard
        self._bus = bus
        self._view = view
        self._bucket = Bucket(bus, "leases", timeout=1.0)
        self._key = lease_key(shard)
        self._probe_key = f"probe.{owner}.{shard}"
        self._clock = clock or SystemClock()
        self._mine = Holder(owner, uuid7(), 0, 0)
        self._revision = 0
        self._valid_until = float("-inf")
        self._lost = False
        self._probe_needed = False
        self._watched: tuple[int, float] | None = None
        # Whether the last wait ended because nothing was heard for as long as a lease lasts.
        self._waited_out = False
        self._on_acquired: list[Acquired] = []
        self._on_lost: list[Lost] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._calls: asyncio.Queue[Callable[[], Awaitable[None] | None]] = asyncio.Queue()

    @property
    def held(self) -> bool:
        """True while nobody else can hold it. It may turn false and true again when the bus stutters."""
        return self._clock.monotonic() < self._valid_until

    @property
    def epoch(self) -> int:
        """The epoch of the last time this process held the lease, 0 before."""
        return self._mine.epoch

    def over(self, epoch: int) -> bool:
        """Whether another has taken the lease over since it was acquired as `epoch`, told or not."""
        return self._lost or self._mine.epoch != epoch

    def on_acquired(self, callback: Acquired) -> None:
        """Called with the new epoch, in order with the others; renewal does not wait for it."""
        self._on_acquired.append(callback)

    def on_lost(self, callback: Lost) -> None:
        """Called when another took the lease over; not on `release`."""
        self._on_lost.append(callback)

    async def start(self) -> None:
        """Contends from now on, and again after a loss."""
        self._bus.on_disconnect(self._distrust)
        self._tasks = [
            asyncio.create_task(self._run(), name=f"lease {self.shard}"),
            asyncio.create_task(self._tell(), name=f"lease calls {self.shard}"),
        ]

    async def release(self) -> None:
        """Stops contending and, if held, lets a contender take it at once."""
        self._bus.forget(self._distrust)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        held, self._valid_until = self.held, float("-inf")
        if held:
            try:
                await self._bucket.put(self._key, replace(self._mine, owner="").encode(), self._revision)
            except SeatbusError as error:
                log.info("lease could not be released", shard=self.shard, reason=error.message)

    def _distrust(self) -> None:
        """The bus failed: silence of the holder proves nothing until a write of our own succeeded."""
        self._probe_needed = True
        self._watched = None

    async def _run(self) -> None:
        while True:
            self._waited_out = False
            sent = await self._contend()
            self._trust(sent)
            self._lost = False
            log.info("lease acquired", shard=self.shard, epoch=self.epoch, waited_out=self._waited_out)
            epoch = self.epoch
            for acquired in self._on_acquired:
                self._calls.put_nowait(partial(acquired, epoch))
            await self._hold()
            self._valid_until = float("-inf")
            self._lost = True
            self._watched = None
            log.warning("lease lost", shard=self.shard, epoch=self.epoch)
            for lost in self._on_lost:
                self._calls.put_nowait(lost)

    def _trust(self, sent: float) -> None:
        self._valid_until = sent + TAKEOVER_S - MARGIN_S

    async def _tell(self) -> None:
        while True:
            call = await self._calls.get()
            try:
                result = call()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                log.error("lease callback failed", shard=self.shard, error=repr(error), exc_info=error)

    async def _contend(self) -> float:
        """Returns when the lease is ours: the time at which the winning write was sent."""
        sent = 0.0
        while True:
            try:
                if self._probe_needed:
                    await self._probe()
                entry = await self._look()
                holder = Holder.decode(entry.value) if entry is not None else None
                if holder is not None and entry is not None and self._is_mine(holder):
                    # Our write whose answer was lost.
                    self._mine, self._revision = holder, entry.revision
                    return sent
                if self._may_take(entry, holder):
                    epoch = (holder.epoch if holder is not None else 0) + 1
                    wanted = replace(self._mine, epoch=epoch, beat=1)
                    sent = self._clock.monotonic()
                    revision = entry.revision if entry is not None else 0
                    self._revision = await self._bucket.put(self._key, wanted.encode(), revision)
                    self._mine = wanted
                    return sent
            except Conflict:
                self._watched = None
            except (Unavailable, OutcomeUnknown):
                self._distrust()
            await self._wait()

    async def _look(self) -> Entry | None:
        if self._view is None:
            return await self._bucket.read(self._key)
        if self._watched is not None and self._view.doubted_at >= self._watched[1]:
            raise Unavailable("the bus was silent, the holder could not have been heard")
        return self._view.look(self._key)

    async def _wait(self) -> None:
        if self._view is None or self._watched is None:
            await asyncio.sleep(_LOOK_S)
            return
        left = self._watched[1] + TAKEOVER_S - self._clock.monotonic()
        self._waited_out = not await self._view.changed(self._key, max(left, 0.01))

    def _is_mine(self, holder: Holder) -> bool:
        return holder.owner == self._mine.owner and holder.incarnation == self._mine.incarnation

    def _may_take(self, entry: Entry | None, holder: Holder | None) -> bool:
        if entry is None or holder is None or not holder.owner:
            return True
        now = self._clock.monotonic()
        if self._watched is None or self._watched[0] != entry.revision:
            self._watched = (entry.revision, now)
            return False
        return now - self._watched[1] >= TAKEOVER_S

    async def _probe(self) -> None:
        """A write of our own; only after it succeeded does the holder's silence count, from zero."""
        entry = await self._bucket.read(self._probe_key)
        await self._bucket.put(self._probe_key, b"1", entry.revision if entry is not None else 0)
        self._probe_needed = False
        self._watched = None

    async def _hold(self) -> None:
        """Renews; returns when another owner is in the record."""
        wait = BEAT_S
        while True:
            await asyncio.sleep(wait)
            wait = BEAT_S
            wanted = replace(self._mine, beat=self._mine.beat + 1)
            sent = self._clock.monotonic()
            try:
                self._revision = await self._bucket.put(self._key, wanted.encode(), self._revision)
                self._mine = wanted
                self._trust(sent)
            except Conflict:
                # Nothing is decided on a lease in doubt.
                self._valid_until = float("-inf")
                if not await self._own_write_landed():
                    return
                wait = 0.0
            except (Unavailable, OutcomeUnknown):
                wait = 0.2

    async def _own_write_landed(self) -> bool:
        while True:
            try:
                entry = await self._bucket.read(self._key)
            except (Unavailable, OutcomeUnknown):
                await asyncio.sleep(0.2)
                continue
            if entry is None:
                return False
            holder = Holder.decode(entry.value)
            if not self._is_mine(holder) or holder.epoch != self._mine.epoch:
                return False
            self._mine, self._revision = holder, entry.revision
            return True
