"""The configuration in the bucket `config`: a watched copy to decide on, atomic batches to write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import nats.errors

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.subjects import config_key, config_version_key
from seatbus_kit.buckets import Bucket, Entry, Write
from seatbus_kit.errors import Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.records import RecordStore
from seatbus_tenancy.application.ports import Base, Holder

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock
    from seatbus_kit.config_view import ConfigView
    from seatbus_tenancy.domain.change import Plan

log = get_logger("seatbus.tenancy")

# The copy follows the leader within milliseconds; a blind one is back within two seconds.
CATCH_UP_S: Final = 3.0
_PAGE: Final = 64


class ConfigLedger:
    """`view` is the snapshot. Version records are the outbox of ConfigChanged events."""

    def __init__(self, bus: Bus, view: ConfigView, producer: str, clock: Clock) -> None:
        self._bucket = Bucket(bus, "config")
        self._view = view
        self.versions = RecordStore(
            bus,
            "config",
            tenancy.ConfigVersion,
            "config",
            lambda record: record.tenant_id,
            lambda record: record.tenant_id,
            producer,
            clock=clock,
        )
        self._waiting: dict[str, list[tuple[int, asyncio.Event]]] = {}
        view.on_version(self._arrived)

    @property
    def snapshot(self) -> ConfigView:
        return self._view

    def acknowledged(self, tenant: str) -> int:
        return self.versions.published(tenant, tenant)

    async def base(self, tenant: str) -> Base:
        entry = await self._bucket.read(config_version_key(tenant))
        if entry is None:
            return Base(tenancy.ConfigVersion(tenant_id=tenant), 0)
        base = Base(self.versions.parse(entry.value), entry.revision)
        if not await self._caught_up(tenant, base.version, CATCH_UP_S):
            raise Unavailable(
                f"the copy of tenant {tenant}'s configuration lags behind version {base.version}"
            )
        return base

    async def _caught_up(self, tenant: str, version: int, timeout: float) -> bool:
        if self._view.version(tenant) >= version:
            return True
        arrived = asyncio.Event()
        waiters = self._waiting.setdefault(tenant, [])
        waiters.append((version, arrived))
        try:
            async with asyncio.timeout(timeout):
                await arrived.wait()
        except TimeoutError:
            return self._view.version(tenant) >= version
        finally:
            waiters.remove((version, arrived))
            if not waiters:
                self._waiting.pop(tenant, None)
        return True

    def _arrived(self, tenant: str, version: int) -> None:
        for wanted, event in self._waiting.get(tenant, ()):
            if version >= wanted:
                event.set()

    async def holders(self, keys: Sequence[str]) -> list[Holder]:
        found: list[Holder] = []
        for start in range(0, len(keys), _PAGE):
            entries = await asyncio.gather(*(self._bucket.read(key) for key in keys[start : start + _PAGE]))
            for entry in entries:
                if entry is None:
                    found.append(Holder("", 0))
                else:
                    found.append(Holder("" if entry.deleted else entry.value.decode(), entry.revision))
        return found

    async def read(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None:
        entry = await self._bucket.get(config_key(tenant, kind, id))
        return tenancy.ConfigObject.FromString(entry.value) if entry is not None else None

    async def commit(
        self,
        base: Base,
        record: tenancy.ConfigVersion,
        plan: Plan,
        claimed: Sequence[tuple[str, str, int]],
        released: Sequence[tuple[str, int]],
    ) -> None:
        tenant = record.tenant_id
        # Objects go without a revision of their own: the version's, last in the batch, guards them all.
        writes = [
            Write(
                config_key(tenant, item.WhichOneof("object") or "", item.id), item.SerializeToString(), None
            )
            for item in plan.written
        ]
        writes += [Write(config_key(tenant, kind, id), None, None) for kind, id in plan.removed]
        writes += [Write(key, owner.encode(), revision) for key, owner, revision in claimed]
        writes += [Write(key, None, revision) for key, revision in released]
        key, value = config_version_key(tenant), record.SerializeToString()
        writes.append(Write(key, value, base.revision))
        try:
            revision = await self._bucket.commit(writes, uuid7())
        except nats.errors.Error as error:
            # Before the message that commits: what was sent of the batch is dropped by the server.
            raise Unavailable(f"the batch could not be sent: {error!r}") from error
        self.versions.publish_pending(Entry(key, value, revision))
        # Whoever asks this replica next sees the change.
        if not await self._caught_up(tenant, plan.version, CATCH_UP_S):
            log.warning("copy of the configuration lags", tenant=tenant, version=plan.version)
