"""Whose contact is it: taking contacts over from another holder, and letting those of other groups go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.application.contact_forms import spec_of, visit_of
from seatbus_acd.domain.model import ContactArrived, ContactKey, QueueKey, QueuesMove
from seatbus_acd.domain.visit import offers_of
from seatbus_kit.errors import SeatbusError, StaleEpoch
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_acd.application.shard import Shard
    from seatbus_kit.buckets import Entry

_AT_ONCE: Final = 64
_AGAIN_S: Final = 0.3

log = get_logger("acd.adoption")


class Adoption:
    """`mine(queue)` says whether contacts of a queue belong to the shard's group."""

    def __init__(self, shard: Shard, mine: Callable[[QueueKey], bool]) -> None:
        self._shard = shard
        self.mine = mine
        # Contacts of other groups, looked at once.
        self._foreign: set[ContactKey] = set()

    def configured(self) -> None:
        self._foreign.clear()

    async def adopt(self, keys: list[ContactKey]) -> None:
        """CAS-rewrites each contact with this epoch, which fences the last holder, then lets it route.

        Those whose turn comes first are let route while the others are still being written.
        """
        shard = self._shard
        found: dict[ContactKey, tuple[wire.Contact, Entry]] = {}
        for record, entry in await shard.contacts.load(keys):
            key = (record.tenant_id, record.contact_id)
            if self.mine((key[0], record.queue_id)):
                found[key] = record, entry
            else:
                self._foreign.add(key)
        specs = (spec_of(record, entry.revision) for record, entry in found.values())
        turns = [spec.key for spec in shard.engine.in_turn(specs)]
        for start in range(0, len(turns), _AT_ONCE):
            some = turns[start : start + _AT_ONCE]
            adopted = await asyncio.gather(*(self._adopt_record(key, *found[key]) for key in some))
            for record, revision in (made for made in adopted if made is not None):
                self._arrived(record, revision)

    def _arrived(self, record: wire.Contact, revision: int) -> None:
        shard = self._shard
        key = (record.tenant_id, record.contact_id)
        # A queue that has moved on meanwhile is looked through by who has it now.
        if key in shard.visits or not self.mine((key[0], record.queue_id)):
            return
        visit = shard.visits[key] = visit_of(record)
        if record.HasField("onward"):
            shard.start(shard.departures.resume(visit, record))
            return
        shard.apply(ContactArrived(spec_of(record, revision, shard.members((key[0], record.queue_id)))))
        for made in offers_of(record):
            # The last holder may have died before it told the edge.
            shard.start(shard.offers.resume(visit, made))

    async def _adopt_record(
        self, key: ContactKey, present: wire.Contact, entry: Entry
    ) -> tuple[wire.Contact, int] | None:
        shard = self._shard
        reserved = [
            made.rid
            for made in offers_of(present)
            if await shard.deps.agents.holds((made.agent_tenant_id, made.agent_id), made.rid)
        ]
        if not self.mine((key[0], present.queue_id)):
            return None
        request_id = f"adopt/{shard.fence.group}/{shard.fence.epoch}/{uuid7()}"
        return await shard.contacts.adopt(key, reserved, request_id, entry)

    def let_go(self) -> None:
        """Contacts whose queue belongs to another group now are adopted there."""
        shard = self._shard
        for key, visit in list(shard.visits.items()):
            if not self.mine((visit.tenant, visit.queue_id)):
                shard.left(key)

    async def regain(self) -> None:
        """The holder of another group, who knew of another configuration, may have taken contacts of ours."""
        shard = self._shard
        taken = {
            (record.tenant_id, record.contact_id): (record.tenant_id, record.queue_id)
            for record, _ in await shard.contacts.load(list(shard.visits))
            if record.group != shard.fence.group
        }
        # Nobody overtakes them meanwhile.
        queues = frozenset(taken.values())
        shard.apply(QueuesMove(queues, here=False))
        for key in taken:
            shard.left(key)
        try:
            await self._adopt_for_certain(list(taken))
        finally:
            shard.apply(QueuesMove(queues, here=True))

    async def _adopt_for_certain(self, keys: list[ContactKey]) -> None:
        """Raises StaleEpoch."""
        shard = self._shard
        while shard.alive:
            try:
                await self.adopt(keys)
                return
            except StaleEpoch:
                raise
            except SeatbusError as error:
                log.info("contacts not taken back yet", group=shard.fence.group, reason=str(error))
            await asyncio.sleep(_AGAIN_S)

    async def reconcile(self) -> None:
        """Finds contacts that a stale holder wrote after our takeover, and those that ended elsewhere."""
        shard = self._shard
        known = [key for key in shard.visits if key[0] in shard.tenants]
        there: set[ContactKey] = set()
        for tenant in sorted(shard.tenants):
            there.update(await shard.contacts.keys(tenant))
        self._foreign &= there
        new = there - shard.visits.keys() - self._foreign
        await self.adopt([key for key in new if not shard.contacts.is_ended(key)])
        for key in known:
            if key not in there and key in shard.visits:
                shard.left(key)
