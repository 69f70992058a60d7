"""The bucket `calls`: the owner's view for everybody else. Written after the journal, never waited for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_contracts.subjects import record_key
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_kit.bus import Bus
    from seatbus_sip_edge.domain.model import Call, Phase

log = get_logger("sip_edge.calls")

_SOON_S = 0.06
_LATER_S = 0.25
_RETRY_S = 0.5
# Writes of several calls are due at the same moments: one turn of the loop and one packet for all.
_GRAIN_S = 0.04


@dataclass(slots=True)
class _Slot:
    call: Call
    snapshot: Callable[[], bytes] = bytes
    revision: int = 0
    phase: Phase | None = None  # as written
    dirty: bool = False
    ended: bool = False
    running: bool = False
    timer: asyncio.TimerHandle | None = None


class CallRecords:
    """Changes become one write: those within 60 ms where the call's phase has changed, of 250 ms otherwise,
    and up to 40 ms more, so that calls share a turn. Whoever adopts the call has it as it was so long before.
    """

    def __init__(self, bus: Bus, lost: Callable[[str, str], None] = lambda _call, _owner: None) -> None:
        """`lost(call id, owner)`: another edge has taken the call over."""
        self._bucket = Bucket(bus, "calls")
        self._lost = lost
        self._slots: dict[str, _Slot] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def known(self, call: Call, revision: int) -> None:
        """The record is there already, at this revision."""
        self._slots[call.call_id] = _Slot(call, revision=revision)

    def forget(self, call_id: str) -> None:
        """It is somebody else's."""
        slot = self._slots.pop(call_id, None)
        if slot is not None:
            slot.dirty = slot.ended = False
            if slot.timer is not None:
                slot.timer.cancel()

    def changed(self, call: Call, snapshot: Callable[[], bytes] = bytes) -> None:
        slot = self._slots.get(call.call_id)
        if slot is None:
            slot = self._slots[call.call_id] = _Slot(call)
        slot.snapshot = snapshot
        slot.dirty = True
        if not slot.running:
            self._later(slot)

    def ended(self, call: Call, *, was_stored: bool = False) -> None:
        """The record leaves the bucket. `was_stored`: an earlier process may have written it."""
        slot = self._slots.get(call.call_id)
        if slot is None:
            if not was_stored:
                return
            slot = self._slots[call.call_id] = _Slot(call)
        slot.ended = True
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
        if not slot.running:
            if not slot.revision and not was_stored:
                del self._slots[call.call_id]
                return
            self._start(slot)

    async def stop(self) -> None:
        for slot in self._slots.values():
            if slot.timer is not None:
                slot.timer.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, slot: _Slot) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + (_LATER_S if slot.phase is slot.call.phase else _SOON_S)
        due = ceil(due / _GRAIN_S) * _GRAIN_S
        if slot.timer is not None:
            if slot.timer.when() <= due:
                return
            slot.timer.cancel()
        slot.timer = loop.call_at(due, self._start, slot)

    def _start(self, slot: _Slot) -> None:
        slot.timer = None
        slot.running = True
        task = asyncio.create_task(self._write(slot))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, slot: _Slot) -> None:
        key = record_key(slot.call.tenant_id, slot.call.call_id)
        while slot.dirty or slot.ended:
            try:
                if slot.ended:
                    await self._remove(slot, key)
                    break
                slot.dirty, slot.phase = False, slot.call.phase
                record = slot.call.to_proto()
                record.snapshot = slot.snapshot()
                slot.revision = await self._bucket.put(key, record.SerializeToString(), slot.revision)
            except SeatbusError as error:
                slot.dirty = True
                if not await self._look(slot, key, error):
                    await asyncio.sleep(_RETRY_S)
            else:
                if not slot.ended:
                    break
        slot.running = False
        if slot.ended:
            self._slots.pop(slot.call.call_id, None)
        elif slot.dirty:
            self._later(slot)

    async def _remove(self, slot: _Slot, key: str) -> None:
        if not slot.revision:
            entry = await self._bucket.get(key)
            if entry is None:
                return
            slot.revision = entry.revision
        await self._bucket.purge(key, slot.revision)

    async def _look(self, slot: _Slot, key: str, error: SeatbusError) -> bool:
        """After a refused or unknown write the leader tells the revision; True when it could be asked."""
        try:
            entry = await self._bucket.read(key)
        except SeatbusError:
            return False
        if entry is not None and entry.deleted and slot.revision and not slot.ended:
            # Only an owner removes it, at the end of the call.
            self._is_lost(slot, "")
            return True
        if entry is None or entry.deleted:
            slot.revision = entry.revision if entry is not None else 0
            return isinstance(error, Conflict)
        stored = call_types.Call.FromString(entry.value)
        if stored.epoch > slot.call.epoch:
            self._is_lost(slot, stored.owner)
            return True
        slot.revision = entry.revision
        return True

    def _is_lost(self, slot: _Slot, owner: str) -> None:
        log.error(
            "another edge has taken this call over, it is let go",
            tenant=slot.call.tenant_id,
            call=slot.call.call_id,
            owner=owner,
        )
        slot.dirty = slot.ended = False
        self._lost(slot.call.call_id, owner)
