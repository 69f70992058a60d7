"""Records of recordings in the bucket `recordings`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from seatbus.recording.v1.events_pb2 import RecordingCompleted, RecordingDeleted, RecordingStarted
from seatbus.recording.v1.service_pb2 import Open
from seatbus.recording.v1.types_pb2 import (
    RECORDING_STATE_COMPLETE,
    RECORDING_STATE_DELETED,
    RECORDING_STATE_OPEN,
    Recording,
)
from seatbus_contracts.subjects import record_key
from seatbus_kit.bus import Bus
from seatbus_kit.clock import Clock
from seatbus_kit.drain import Drainer
from seatbus_kit.errors import NotFound, Refused
from seatbus_kit.records import Change, RecordStore
from seatbus_kit.trace import TraceContext
from seatbus_kit.watch import Watcher
from seatbus_recording.adapters.files import RATE
from seatbus_recording.adapters.shelf import Shelf
from seatbus_recording.application.ports import Finished

_REMEMBERED: Final = 1000
"""Records that may be written again soon: those of the calls that are on."""


class BusCatalogue:
    """`copy` is the file for what is listed."""

    def __init__(self, bus: Bus, instance_id: str, clock: Clock, copy: Path) -> None:
        self._clock = clock
        self._instance_id = instance_id
        self._store: RecordStore[Recording] = RecordStore(
            bus,
            "recordings",
            Recording,
            "recording",
            lambda record: record.tenant_id,
            lambda record: record.recording_id,
            instance_id,
            clock=clock,
            remembered=_REMEMBERED,
        )
        # One copy of the catalogue for both, on disk: it grows for ever.
        self._shelf = Shelf(copy)
        self._watcher = Watcher(bus, "recordings", clock=clock, markers=True, entries=self._shelf)
        self._drainer: Drainer[Recording] = Drainer(self._store, watcher=self._watcher)

    async def start(self) -> None:
        await self._watcher.start()
        await self._drainer.start()

    async def stop(self) -> None:
        await self._store.flush(2.0)
        await self._drainer.stop()
        await self._watcher.stop()
        await self._store.close()
        self._shelf.close()

    async def opened(self, recording_id: str, opening: Open, object_name: str) -> None:
        def decide(present: Recording | None) -> Change[Recording]:
            if present is not None:
                return Change(present, write=False)
            record = self._fresh(recording_id, opening, object_name)
            started = RecordingStarted(
                call_id=opening.call_id, started_at=opening.started_at, labels=dict(opening.labels)
            )
            return Change(record, [started])

        await self._store.mutate(
            record_key(opening.tenant_id, recording_id),
            decide,
            request_id=f"open/{recording_id}",
            trace=TraceContext.parse(opening.traceparent),
            expect_new=True,
        )

    def _fresh(self, recording_id: str, opening: Open, object_name: str) -> Recording:
        return Recording(
            tenant_id=opening.tenant_id,
            recording_id=recording_id,
            call_id=opening.call_id,
            state=RECORDING_STATE_OPEN,
            started_at=opening.started_at,
            channels=1 if opening.mono else 2,
            sample_rate=opening.sample_rate or RATE,
            object_name=object_name,
            labels=dict(opening.labels),
            instance_id=self._instance_id,
        )

    async def completed(self, recording_id: str, opening: Open, object_name: str, finished: Finished) -> None:
        def decide(present: Recording | None) -> Change[Recording]:
            record = present or self._fresh(recording_id, opening, object_name)
            if record.state != RECORDING_STATE_OPEN:
                return Change(record, write=False)
            record.state = RECORDING_STATE_COMPLETE
            record.completed_at.FromDatetime(self._clock.now())
            record.duration_ms = finished.duration_ms
            record.size_bytes = finished.size_bytes
            record.channels = finished.channels
            record.sha256 = finished.sha256
            record.incomplete = finished.incomplete
            event = RecordingCompleted(
                call_id=record.call_id,
                duration_ms=finished.duration_ms,
                size_bytes=finished.size_bytes,
                channels=finished.channels,
                sha256=finished.sha256,
                incomplete=finished.incomplete,
            )
            return Change(record, [event])

        await self._store.mutate(
            record_key(opening.tenant_id, recording_id),
            decide,
            request_id=f"complete/{recording_id}",
            trace=TraceContext.parse(opening.traceparent),
        )

    async def get(self, tenant: str, recording_id: str) -> Recording:
        found = await self._store.read(record_key(tenant, recording_id))
        if found is None:
            # The same words for another tenant's recording and for none: ids are not to be probed.
            raise NotFound(f"no recording {recording_id} of tenant {tenant}", field="recording_id")
        return found[0]

    def listed(self, tenant: str, call_id: str, cursor: str, limit: int) -> tuple[list[Recording], str]:
        found = self._shelf.listed(tenant, call_id, cursor, limit + 1)
        return found[:limit], found[limit - 1].recording_id if len(found) > limit else ""

    async def deleted(self, tenant: str, recording_id: str, request_id: str, reason: str) -> None:
        def decide(present: Recording | None) -> Change[Recording]:
            if present is None:
                raise NotFound(f"no recording {recording_id} of tenant {tenant}", field="recording_id")
            check_deletable(present)
            present.state = RECORDING_STATE_DELETED
            return Change(present, [RecordingDeleted(call_id=present.call_id, reason=reason)])

        await self._store.mutate(record_key(tenant, recording_id), decide, request_id=request_id)


def check_deletable(record: Recording) -> None:
    """Raises Refused or NotFound with the rule that keeps the recording."""
    if record.state == RECORDING_STATE_DELETED:
        raise NotFound(f"recording {record.recording_id} is deleted", field="recording_id")
    if record.state != RECORDING_STATE_COMPLETE:
        raise Refused("recording_open", "the recording still runs", field="recording_id")
    if record.legal_hold:
        raise Refused("legal_hold", "a legal hold keeps this recording", field="recording_id")
