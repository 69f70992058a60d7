"""A live copy of a bucket.

The client's own watcher stays blind for 19 s after a server restart. This one hears a heartbeat every 0.3 s,
starts anew when three are missing, when a message is, or when the connection comes back, and never goes back
to an older revision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from seatbus_kit import metrics
from seatbus_kit.buckets import Bucket, Entry, is_marker
from seatbus_kit.bus import API
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.events import Delivery
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.wire import parse_headers

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock

HEARTBEAT_S = 0.3
_SILENCE_S = 1.0
_RETRY_S = 0.2
_REMEMBER_GONE = 4096
_STATUS = b"NATS/1.0 "
_OPERATION = b"KV-Operation"
_loads = metrics.counter(
    "seatbus_watch_loads_total",
    "Full loads of a watched bucket: the first, and one after each blind phase",
    ("bucket",),
)

log = get_logger("seatbus.watch")


@dataclass(frozen=True, slots=True)
class Change:
    """`entry` None: the key is gone. `old` None: it is new to this watcher."""

    key: str
    entry: Entry | None
    old: Entry | None


Callback: TypeAlias = Callable[[Change], None]


class Watcher:
    """`entries` is the copy. Callbacks run on the loop in the order of revisions of each key.

    `loaded_at` is the monotonic time of the last full load, the first or one after a blind phase. Where
    memory is not the place for the copy, it is given as `entries`, empty.
    """

    def __init__(
        self,
        bus: Bus,
        bucket: str,
        prefix: str = ">",
        *,
        clock: Clock | None = None,
        markers: bool = False,
        entries: MutableMapping[str, Entry] | None = None,
    ) -> None:
        self.entries: MutableMapping[str, Entry] = {} if entries is None else entries
        self._bus = bus
        self._bucket = Bucket(bus, bucket)
        self._filter = f"$KV.{bucket}.{prefix}"
        self._strip = len(f"$KV.{bucket}.")
        self._clock = clock or SystemClock()
        self.markers = markers
        self._callbacks: list[Callback] = []
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._loaded = asyncio.Event()
        self._heard = float("-inf")
        self.loaded_at = float("-inf")
        self._generation = _Generation(0)
        self._sub: Subscription | None = None
        self._consumer = ""
        self._asking: asyncio.Task[None] | None = None
        # A lagging replica may still send the value of a key that was purged.
        self._gone: dict[str, int] = {}

    def subscribe(self, callback: Callback) -> None:
        """`callback` hears every change from now on. One that raises is logged and skipped."""
        self._callbacks.append(callback)

    def staleness(self) -> float:
        """Seconds since the bus last confirmed that this copy is complete; infinite before the first load."""
        return self._clock.monotonic() - self._heard if self._heard > float("-inf") else float("inf")

    async def refresh(self, key: str) -> None:
        """Has what the leader has of a key, if that is newer than the copy. Raises Unavailable."""
        entry = await self._bucket.read(key)
        if entry is not None:
            self._apply(key, entry)

    async def start(self, timeout: float = 30.0) -> None:
        """Returns after a full load. Raises Unavailable when there was none within `timeout` s."""
        if self._task is not None:
            return
        self._bus.on_reconnect(self._reset)
        self._task = asyncio.create_task(self._run(), name=f"watch {self._filter}")
        try:
            async with asyncio.timeout(timeout):
                await self._loaded.wait()
        except TimeoutError:
            await self.stop()
            raise Unavailable(f"bucket {self._bucket.name} could not be loaded in {timeout} s") from None

    async def stop(self) -> None:
        self._bus.forget(self._reset)
        tasks = [task for task in (self._task, self._asking) if task is not None]
        self._task = self._asking = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._drop_subscription()

    def _reset(self) -> None:
        self._generation.broken = True
        self._wake.set()

    async def _run(self) -> None:
        while True:
            generation = self._generation = _Generation(self._generation.number + 1)
            self._wake.clear()
            try:
                await self._subscribe(generation)
                await self._follow(generation)
            except SeatbusError as error:
                log.info("watch waits for the bus", bucket=self._bucket.name, reason=error.message)
                await asyncio.sleep(_RETRY_S)

    async def _subscribe(self, generation: _Generation) -> None:
        await self._drop_subscription()
        if not self._bus.connected:
            raise Unavailable("not connected")
        inbox = self._bus.nc.new_inbox()

        def deliver(subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
            if generation is self._generation and not generation.broken:
                self._deliver(generation, subject, reply, data, headers)

        self._sub = await self._bus.nc.subscribe_direct(inbox, deliver)
        self._consumer = f"w{uuid7().replace('-', '')}"
        generation.heard = self._clock.monotonic()
        answer = await self._bus.api(
            f"CONSUMER.CREATE.{self._bucket.stream}.{self._consumer}",
            {
                "stream_name": self._bucket.stream,
                "config": {
                    "name": self._consumer,
                    "deliver_subject": inbox,
                    "deliver_policy": "last_per_subject",
                    "ack_policy": "none",
                    "replay_policy": "instant",
                    "filter_subject": self._filter,
                    "idle_heartbeat": int(HEARTBEAT_S * 1e9),
                    "flow_control": True,
                    "inactive_threshold": 5_000_000_000,
                    "mem_storage": True,
                    "num_replicas": 1,
                },
            },
            timeout=2.0,
        )
        generation.expected = int(str(answer.get("num_pending", 0)))
        delivered = answer.get("delivered")
        if isinstance(delivered, dict):
            # Messages may be on their way already: they count as expected ones.
            generation.expected += int(delivered.get("consumer_seq", 0))
        if generation.received >= generation.expected:
            self._finish_load(generation)

    async def _drop_subscription(self) -> None:
        sub, self._sub = self._sub, None
        if sub is None:
            return
        connected = self._bus.connected
        await self._bus.nc.unsubscribe_direct(sub)
        if connected:
            # Best effort: an unused consumer ends by itself after five seconds.
            await self._bus.nc.publish(f"{API}CONSUMER.DELETE.{self._bucket.stream}.{self._consumer}")

    async def _follow(self, generation: _Generation) -> None:
        while not generation.broken:
            silent = self._clock.monotonic() - generation.heard
            if silent > _SILENCE_S:
                return
            try:
                async with asyncio.timeout(_SILENCE_S - silent + 0.01):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _deliver(
        self, generation: _Generation, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        generation.heard = self._clock.monotonic()
        if self._loaded.is_set() and generation.loaded:
            self._heard = generation.heard
        if not data and headers.startswith(_STATUS):
            self._control(generation, reply, parse_headers(headers))
            return
        try:
            delivery = Delivery.parse(reply.decode())
        except ValueError:
            return
        if delivery.consumer_seq != generation.received + 1:
            self._reset()
            return
        generation.received += 1
        generation.highest = delivery.stream_seq
        key = subject[self._strip :].decode()
        deleted = _OPERATION in headers and is_marker(parse_headers(headers))
        if not generation.loaded:
            generation.seen.add(key)
        self._apply(key, Entry(key, data, delivery.stream_seq, deleted))
        if not generation.loaded and (generation.received >= generation.expected or delivery.pending == 0):
            self._finish_load(generation)

    def _control(self, generation: _Generation, reply: bytes, headers: dict[str, str]) -> None:
        if headers["Status"] != "100":
            self._reset()
            return
        flow = reply.decode() or headers.get("Nats-Consumer-Stalled")
        if flow:
            if self._bus.connected:
                self._bus.nc.send(flow)
            return
        last = headers.get("Nats-Last-Consumer")
        if last is None:
            return
        if int(last) != generation.received:
            self._reset()
        else:
            # Nothing more is on its way: a message that expired meanwhile was promised and never came.
            self._finish_load(generation)

    def _apply(self, key: str, entry: Entry) -> None:
        old = self.entries.get(key)
        if entry.revision <= (old.revision if old is not None else self._gone.get(key, 0)):
            return
        if entry.deleted and not self.markers:
            self._gone[key] = entry.revision
            if len(self._gone) > _REMEMBER_GONE:
                del self._gone[next(iter(self._gone))]
            if old is None:
                return
            del self.entries[key]
            self._tell(Change(key, None, old))
        else:
            self.entries[key] = entry
            self._tell(Change(key, entry, old))

    def _tell(self, change: Change) -> None:
        for callback in self._callbacks:
            try:
                callback(change)
            except Exception as error:  # noqa: BLE001 - one bad listener must not blind the others
                log.error("watch callback failed", key=change.key, error=repr(error))

    def _finish_load(self, generation: _Generation) -> None:
        """Drops what vanished while this watcher was blind.

        The replica that served the load may lag: a key newer than everything it sent is asked for at the
        leader before it is believed gone.
        """
        if generation.loaded:
            return
        generation.loaded = True
        missing = [self.entries[key] for key in self.entries if key not in generation.seen]
        generation.seen.clear()
        doubtful = [entry for entry in missing if entry.revision > generation.highest]
        for entry in missing:
            if entry.revision <= generation.highest:
                self._vanished(entry)
        if doubtful:
            self._asking = asyncio.create_task(self._ask_leader(generation, doubtful))
        else:
            self._complete()

    async def _ask_leader(self, generation: _Generation, doubtful: list[Entry]) -> None:
        for entry in doubtful:
            try:
                if await self._bucket.read(entry.key) is not None:
                    continue
            except SeatbusError:
                generation.broken = True
                self._wake.set()
                return
            self._vanished(entry)
        if generation is self._generation:
            self._complete()

    def _vanished(self, entry: Entry) -> None:
        if self.entries.get(entry.key) == entry:
            del self.entries[entry.key]
            self._tell(Change(entry.key, None, entry))

    def _complete(self) -> None:
        _loads.inc(bucket=self._bucket.name)
        self._heard = self.loaded_at = self._clock.monotonic()
        self._loaded.set()


async def copy_of(bus: Bus, bucket: str, prefix: str) -> dict[str, Entry]:
    """What a bucket holds below `prefix` now, markers too, in one go. A replica that lags may have sent it:
    what rests on it is a compare-and-set, or a look at the leader. Raises Unavailable.
    """
    watcher = Watcher(bus, bucket, prefix, markers=True)
    try:
        await watcher.start(timeout=5.0)
    finally:
        await watcher.stop()
    return dict(watcher.entries)


class _Generation:
    """One server-side consumer of this watcher."""

    __slots__ = ("broken", "expected", "heard", "highest", "loaded", "number", "received", "seen")

    def __init__(self, number: int) -> None:
        self.number = number
        self.received = 0
        self.expected = 1 << 62
        self.highest = 0
        self.heard = 0.0
        self.loaded = False
        self.broken = False
        self.seen: set[str] = set()
