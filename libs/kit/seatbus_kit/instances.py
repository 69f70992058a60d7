"""Who is there: every process announces itself each second, everybody chooses from a watched copy."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from seatbus_kit.buckets import Bucket
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.watch import Change, Watcher

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock
    from seatbus_kit.settings import ServiceSettings

log = get_logger("seatbus.instances")

BEAT_S = 1.0
STALE_S = 5.0
_BLIND_S = 1.5
# A new cluster elects its leaders within ten seconds; one that takes nothing for so long is broken.
_PATIENCE_S: Final = 30.0
_AGAIN_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Instance:
    """A running process of a service. `load` is from 0 (idle) to 1 (full), as the service itself sees it."""

    id: str
    service: str
    address: str
    region: str
    load: float
    draining: bool
    incarnation: str
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)


def _encode(instance: Instance) -> bytes:
    return orjson.dumps(
        {
            "id": instance.id,
            "service": instance.service,
            "address": instance.address,
            "region": instance.region,
            "load": instance.load,
            "draining": instance.draining,
            "incarnation": instance.incarnation,
            "attributes": dict(instance.attributes),
        }
    )


def _decode(value: bytes) -> Instance:
    body = orjson.loads(value)
    return Instance(
        body["id"],
        body["service"],
        body["address"],
        body["region"],
        float(body["load"]),
        bool(body["draining"]),
        body["incarnation"],
        body["attributes"],
    )


@dataclass(slots=True)
class _Seen:
    instance: Instance
    since: float  # monotonic time of this revision's arrival here
    proven: bool  # it has beaten since this process looks
    picks: int = 0


class Instances:
    """The registry. An instance whose revision has not changed for 5 s on our clock counts as gone."""

    def __init__(self, bus: Bus, settings: ServiceSettings, clock: Clock | None = None) -> None:
        self.id = settings.instance_id
        self.incarnation = uuid7()
        self._bucket = Bucket(bus, "instances")
        self._clock = clock or SystemClock()
        self._watcher = Watcher(bus, "instances", clock=self._clock)
        self._service = type(settings).service
        self._region = settings.region
        self._seen: dict[str, _Seen] = {}
        self._callbacks: list[Callable[[str, Instance | None], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._load: Callable[[], float] = lambda: 0.0
        self._address = ""
        self._attributes: dict[str, str] = {}
        self._draining = False
        self._revision = 0
        self._following = False

    async def start(self) -> None:
        """Loads the registry and follows it. Who only announces himself does without."""
        self._following = True
        self._watcher.subscribe(self._changed)
        await self._watcher.start()

    async def stop(self) -> None:
        """Leaves the registry: others see it at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            try:
                if self._revision:
                    await self._bucket.purge(self.id, self._revision)
            except SeatbusError as error:
                log.info("could not leave the registry", reason=error.message)
        await self._watcher.stop()

    async def announce(
        self,
        load: Callable[[], float],
        *,
        address: str = "",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Announces this process now and each second from then on. What was set before is told too.

        Waits while the bus elects a leader. Raises what it says when it takes nothing for 30 s.
        """
        self._load = load
        self._address = address
        self._attributes.update(attributes or {})
        await self._first_beat()
        self._task = asyncio.create_task(self._beats(), name="announce")

    def set_draining(self) -> None:
        """New work goes elsewhere from the next heartbeat on; call `beat_now` to tell at once."""
        self._draining = True

    def set_attributes(self, **attributes: str) -> None:
        self._attributes.update(attributes)

    async def beat_now(self) -> None:
        try:
            await self._beat()
        except SeatbusError as error:
            log.info("heartbeat missed", reason=error.message)

    async def _first_beat(self) -> None:
        began = self._clock.monotonic()
        refused = False
        while True:
            try:
                await self._beat()
                break
            except SeatbusError as error:
                waited_s = self._clock.monotonic() - began
                if not error.retryable or waited_s > _PATIENCE_S:
                    raise
                if not refused:
                    log.warning("not announced yet, the bus takes no write", reason=error.message)
                refused = True
            await asyncio.sleep(_AGAIN_S)
        if refused:
            log.info("announced", waited_s=round(self._clock.monotonic() - began, 1))

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self.beat_now()

    async def _beat(self) -> None:
        value = _encode(
            Instance(
                self.id,
                self._service,
                self._address,
                self._region,
                round(self._load(), 4),
                self._draining,
                self.incarnation,
                self._attributes,
            )
        )
        try:
            self._revision = await self._bucket.put(self.id, value, self._revision)
        except Conflict:
            entry = await self._bucket.read(self.id)
            self._revision = 0 if entry is None else entry.revision
            if entry is not None and not entry.deleted:
                other = _decode(entry.value)
                # UUIDv7 sorts by start: a resumed old process gives way to the one started after it.
                if other.incarnation > self.incarnation:
                    log.error("a newer process has this instance id", other=other.incarnation)
                    return
            self._revision = await self._bucket.put(self.id, value, self._revision)

    def subscribe(self, callback: Callable[[str, Instance | None], None]) -> None:
        """`callback(id, instance)` on every heartbeat, with None on leaving; silence is not told."""
        self._callbacks.append(callback)

    def _changed(self, change: Change) -> None:
        if change.entry is None:
            self._seen.pop(change.key, None)
            instance = None
        else:
            try:
                instance = _decode(change.entry.value)
            except (ValueError, KeyError, TypeError) as error:
                log.warning("unreadable instance", key=change.key, error=repr(error))
                return
            self._seen[change.key] = _Seen(
                instance, self._clock.monotonic(), proven=self._watcher.loaded_at > float("-inf")
            )
        for callback in self._callbacks:
            callback(change.key, instance)

    def _silent_since(self) -> float:
        """Who was not heard after this moment counts as gone."""
        if not self._following:
            raise RuntimeError("the registry is not followed: the service's settings say asks_others = False")
        # While the bus is away, and until everybody had time to beat again, nobody is judged.
        now = self._clock.monotonic()
        if self._watcher.staleness() > _BLIND_S or now - self._watcher.loaded_at < STALE_S:
            return float("-inf")
        return now - STALE_S

    def all(self, service: str) -> list[Instance]:
        """Live instances of a service, draining ones included, by id."""
        silent = self._silent_since()
        found = [
            seen.instance
            for seen in self._seen.values()
            if seen.instance.service == service and seen.since > silent
        ]
        return sorted(found, key=lambda instance: instance.id)

    def get(self, instance_id: str) -> Instance | None:
        """A live instance by id, None when it is unknown or silent."""
        silent = self._silent_since()
        seen = self._seen.get(instance_id)
        return seen.instance if seen is not None and seen.since > silent else None

    def pick(self, service: str, *, key: str | None = None, exclude: Iterable[str] = ()) -> Instance | None:
        """An instance for new work, of the own region where there is one; None when nobody is left.

        With `key` always the same one while the set of instances stays the same (rendezvous hashing),
        otherwise the least loaded. Draining instances get no new work.
        """
        unwanted = frozenset(exclude)
        silent = self._silent_since()
        near = [
            seen
            for seen in self._seen.values()
            if seen.instance.service == service
            and seen.since > silent
            and not seen.instance.draining
            and seen.instance.id not in unwanted
        ]
        if not near:
            return None
        if len(near) > 1:
            # What was there before our first look may be left over from a crash.
            near = [seen for seen in near if seen.proven] or near
            near = [seen for seen in near if seen.instance.region == self._region] or near
        if key is not None:
            return max(near, key=lambda seen: _score(seen.instance.id, key)).instance
        # Between two heartbeats the load does not move, so picks count as a little load.
        best = min(near, key=lambda seen: (seen.instance.load + seen.picks * 0.001, seen.instance.id))
        best.picks += 1
        return best.instance


def _score(instance_id: str, key: str) -> bytes:
    return hashlib.blake2b(f"{instance_id}\0{key}".encode(), digest_size=8).digest()
