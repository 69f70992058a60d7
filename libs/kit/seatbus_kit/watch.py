"""A live copy of a bucket.

The client's own watcher stays blind for 19 s after a server restart. This one hears a heartbeat every 0.3 s,
starts anew when three are missing, when a message is, or when the connection comes back, and never goes back
to an older revision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from seatbus_kit.buckets import Bucket, Entry, is_marker
from seatbus_kit.bus import API
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.events import Delivery
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock

HEARTBEAT_S = 0.3
_SILENCE_S = 1.0
_RETRY_S = 0.2
_REMEMBER_GONE = 4096

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

    `loaded_at` is the monotonic time of the last full load, the first or one after a blind phase.
    """

    def __init__(
        self,
        bus: Bus,
        bucket: str,
        prefix: str = ">",
        *,
        clock: Clock | None = None,
        markers: bool = False,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self._bus = bus
        self._bucket = Bucket(bus, bucket)
        self._filter = f"$KV.{bucket}.{prefix}"
        self._strip = len(f"$KV.{bucket}.")
        self._clock = clock or SystemClock()
        self._markers = markers
        self._callbacks: list[Callback] = []
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._loaded = asyncio.Event()
        self._heard = float("-inf")
        self.loaded_at = float("-inf")
        self._generation = _Generation(0)
        self._sub: Subscription | None = None
        self._consumer = ""
        # A lagging replica may still send the value of a key that was purged.
        self._gone: dict[str, int] = {}

    def subscribe(self, callback: Callback) -> None:
        """`callback` hears every change from now on. One that raises is logged and skipped."""
        self._callbacks.append(callback)

    def staleness(self) -> float:
        """Seconds since the bus last confirmed that this copy is complete; infinite before the first load."""
        return self._clock.monotonic() - self._heard if self._heard > float("-inf") else float("inf")

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
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
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

        async def deliver(msg: Msg) -> None:
            if generation is self._generation and not generation.broken:
                await self._deliver(generation, msg)

        self._sub = await self._bus.nc.subscribe(
            inbox, cb=deliver, pending_msgs_limit=1_000_000, pending_bytes_limit=0
        )
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
            await self._finish_load(generation)

    async def _drop_subscription(self) -> None:
        sub, self._sub = self._sub, None
        if sub is None:
            return
        connected = self._bus.connected
        if not self._bus.nc.is_closed:
            await sub.unsubscribe()
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

    async def _deliver(self, generation: _Generation, msg: Msg) -> None:
        generation.heard = self._clock.monotonic()
        if self._loaded.is_set() and generation.loaded:
            self._heard = generation.heard
        headers = msg.headers
        if headers is not None and not msg.data and "Status" in headers:
            await self._control(generation, msg, headers)
            return
        try:
            delivery = Delivery.parse(msg.reply)
        except ValueError:
            return
        if delivery.consumer_seq != generation.received + 1:
            self._reset()
            return
        generation.received += 1
        generation.highest = delivery.stream_seq
        key = msg.subject[self._strip :]
        deleted = is_marker(headers)
        if not generation.loaded:
            generation.seen.add(key)
        self._apply(key, Entry(key, msg.data, delivery.stream_seq, deleted))
        if not generation.loaded and (generation.received >= generation.expected or delivery.pending == 0):
            await self._finish_load(generation)

    async def _control(self, generation: _Generation, msg: Msg, headers: dict[str, str]) -> None:
        if headers["Status"] != "100":
            self._reset()
            return
        if msg.reply:
            await self._bus.nc.publish(msg.reply)
            return
        stalled = headers.get("Nats-Consumer-Stalled")
        if stalled:
            await self._bus.nc.publish(stalled)
            return
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) != generation.received:
            self._reset()

    def _apply(self, key: str, entry: Entry) -> None:
        old = self.entries.get(key)
        if entry.revision <= (old.revision if old is not None else self._gone.get(key, 0)):
            return
        if entry.deleted and not self._markers:
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

    async def _finish_load(self, generation: _Generation) -> None:
        """Drops what vanished while this watcher was blind.

        The replica that served the load may lag: a key newer than everything it sent is asked for at the
        leader before it is believed gone.
        """
        if generation.loaded:
            return
        generation.loaded = True
        for key, entry in list(self.entries.items()):
            if key in generation.seen:
                continue
            if entry.revision > generation.highest:
                try:
                    if await self._bucket.read(key) is not None:
                        continue
                except SeatbusError:
                    self._reset()
                    return
            if self.entries.get(key) is entry:
                del self.entries[key]
                self._tell(Change(key, None, entry))
        generation.seen.clear()
        self._heard = self.loaded_at = self._clock.monotonic()
        self._loaded.set()


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
