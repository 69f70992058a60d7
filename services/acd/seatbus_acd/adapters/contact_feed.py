"""A tenant's contacts as their records change: for those who serve contacts without a call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.domain.visit import offers_of
from seatbus_kit.errors import ResourceExhausted
from seatbus_kit.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from seatbus_kit.buckets import Entry
    from seatbus_kit.bus import Bus
    from seatbus_kit.watch import Change

# A burst of changes is one update.
_BURST_S: Final = 0.05
# Each is a consumer of the bus.
MOST_STREAMS: Final = 64


class ContactFeed:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._open = 0

    async def follow(
        self, tenant: str, queue_id: str, channel: str, beat_s: float
    ) -> AsyncGenerator[api.ContactsUpdate, None]:
        """Without end. Raises ResourceExhausted, Unavailable."""
        if self._open >= MOST_STREAMS:
            raise ResourceExhausted(f"{MOST_STREAMS} streams of contacts are open", rule="streams")
        self._open += 1
        changed: set[str] = set()
        wake = asyncio.Event()

        def note(change: Change) -> None:
            changed.add(change.key)
            wake.set()

        watcher = Watcher(self._bus, "waiting", f"{tenant}.>", markers=True)
        watcher.subscribe(note)
        try:
            await watcher.start(timeout=5.0)
            changed.clear()
            first = [_status(entry) for entry in watcher.entries.values() if not entry.deleted]
            yield _update([one for one in first if _wanted(one, queue_id, channel)], snapshot=True)
            while True:
                wake.clear()
                if not changed:
                    await _within(beat_s, wake)
                    await asyncio.sleep(_BURST_S if changed else 0)
                seen = [watcher.entries.get(key) for key in sorted(changed)]
                changed.clear()
                found = [_status(entry) for entry in seen if entry is not None and entry.value]
                yield _update([one for one in found if _wanted(one, queue_id, channel)])
        finally:
            self._open -= 1
            await watcher.stop()


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _wanted(status: wire.ContactStatus, queue_id: str, channel: str) -> bool:
    return queue_id in ("", status.queue_id) and channel in ("", status.channel)


def _update(found: list[wire.ContactStatus], *, snapshot: bool = False) -> api.ContactsUpdate:
    found.sort(key=lambda one: one.contact_id)
    return api.ContactsUpdate(
        snapshot=snapshot,
        contacts=[one for one in found if one.state != wire.CONTACT_STATE_ENDED],
        ended=[one for one in found if one.state == wire.CONTACT_STATE_ENDED],
    )


def _status(entry: Entry) -> wire.ContactStatus:
    record = wire.Contact.FromString(entry.value)
    status = wire.ContactStatus(
        contact_id=record.contact_id,
        queue_id=record.queue_id,
        channel=record.channel,
        state=record.state,
        caller=record.caller,
        priority=record.priority,
        enqueued_at=record.enqueued_at,
        interaction_id=record.interaction_id,
        attributes=record.attributes,
        offered=offers_of(record),
        call_id=record.call_id if record.edge_instance else "",
        previous_contact_id=record.previous_contact_id,
    )
    if record.HasField("onward"):
        status.onward.CopyFrom(record.onward)
    if not entry.deleted:
        return status
    status.state = wire.CONTACT_STATE_ENDED
    # The marker keeps the record as it was; its last result is the outcome and, if there was one, who has it.
    result = record.meta.recent[-1].result if record.meta.recent else b""
    if result:
        status.outcome = result[0]  # type: ignore[assignment]
    winner = result[1:].decode()
    del status.offered[:]
    status.offered.extend(made for made in offers_of(record) if made.rid == winner)
    return status
