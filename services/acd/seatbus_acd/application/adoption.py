"""Whose contact is it: taking contacts over from another holder, and letting those of other groups go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contacts import spec_of, visit_of
from seatbus_acd.domain.model import ContactArrived, ContactKey, QueueKey
from seatbus_acd.domain.visit import offers_of
from seatbus_kit.ids import uuid7

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_acd.application.shard import Shard


class Adoption:
    """`mine(queue)` says whether contacts of a queue belong to the shard's group."""

    def __init__(self, shard: Shard, mine: Callable[[QueueKey], bool]) -> None:
        self._shard = shard
        self._mine = mine
        # Contacts of other groups, looked at once.
        self._foreign: set[ContactKey] = set()

    def configured(self) -> None:
        self._foreign.clear()

    async def adopt(self, keys: list[ContactKey]) -> None:
        """CAS-rewrites each contact with this epoch, which fences the last holder, then lets it route."""
        shard = self._shard
        adopted = await asyncio.gather(*(self._adopt_record(key) for key in keys))
        for record, revision in sorted((a for a in adopted if a is not None), key=lambda a: a[0].fifo):
            key = (record.tenant_id, record.contact_id)
            if key in shard.visits:
                continue
            visit = shard.visits[key] = visit_of(record)
            shard.apply(ContactArrived(spec_of(record, revision, shard.members((key[0], record.queue_id)))))
            for made in offers_of(record):
                # The last holder may have died before it told the edge.
                shard.start(shard.offers.resume(visit, made))

    async def _adopt_record(self, key: ContactKey) -> tuple[wire.Contact, int] | None:
        shard = self._shard
        present = await shard.contacts.read(key)
        if present is None:
            return None
        if not self._mine((key[0], present.queue_id)):
            self._foreign.add(key)
            return None
        reserved = [
            made.rid
            for made in offers_of(present)
            if await shard.deps.agents.holds((made.agent_tenant_id, made.agent_id), made.rid)
        ]
        request_id = f"adopt/{shard.fence.group}/{shard.fence.epoch}/{uuid7()}"
        return await shard.contacts.adopt(key, reserved, request_id)

    def let_go(self) -> None:
        """Contacts whose queue belongs to another group now are adopted there."""
        shard = self._shard
        for key, visit in list(shard.visits.items()):
            if not self._mine((visit.tenant, visit.queue_id)):
                shard.left(key)

    async def reconcile(self) -> None:
        """Finds contacts that a stale holder wrote after our takeover, and those that ended elsewhere."""
        shard = self._shard
        for tenant in sorted(shard.tenants):
            known = [key for key in shard.visits if key[0] == tenant]
            there = set(await shard.contacts.keys(tenant))
            self._foreign = {key for key in self._foreign if key[0] != tenant or key in there}
            new = there - shard.visits.keys() - self._foreign
            await self.adopt([key for key in new if not shard.contacts.is_ended(key)])
            for key in known:
                if key not in there and key in shard.visits:
                    shard.left(key)
