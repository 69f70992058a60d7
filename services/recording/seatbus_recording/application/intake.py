"""Chunks in, acknowledgements out. A recording outlives the stream that brings it, and this process.

Laws: a chunk is acknowledged when it is in the file; the bus is never waited for before that; a recording
whose tap is silent for a minute is completed as incomplete, for somebody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Final

from seatbus.recording.v1.service_pb2 import Chunk, ChunkAck, Open
from seatbus_kit.clock import Clock
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_kit.telemetry import Tracer
from seatbus_kit.trace import TraceContext
from seatbus_recording.adapters.files import FileStore, RecordingFile, width_of
from seatbus_recording.application.ports import Catalogue, Finished
from seatbus_recording.domain.naming import check_recording, object_name

log = get_logger("seatbus.recording")

_RETRY_S: Final = 1.0
_LOOK_S: Final = 1.0
_KEEP_CLOSED: Final = 5000


class _Active:
    """A recording that is being written. `heard_at` is monotonic."""

    def __init__(self, recording_id: str, opening: Open, file: RecordingFile, now: float) -> None:
        self.id = recording_id
        self.opening = opening
        self.file = file
        self.heard_at = now
        self.recorded: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return object_name(self.opening.tenant_id, self.opening.started_at.ToDatetime(UTC), self.id)


class Intake:
    def __init__(
        self,
        files: FileStore,
        catalogue: Catalogue,
        clock: Clock,
        tracer: Tracer,
        *,
        lost_after_s: float,
        max_s: float,
    ) -> None:
        self._files = files
        self._catalogue = catalogue
        self._clock = clock
        self._tracer = tracer
        self._lost_after_s = lost_after_s
        self._max_s = max_s
        self._active: dict[str, _Active] = {}
        self._closed: dict[str, int] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def active(self) -> int:
        return len(self._active)

    def chunk(self, chunk: Chunk) -> ChunkAck:
        """Stores a chunk and says how far the recording is stored now, or why it is refused. Raises
        Unavailable while the process ends: the tap keeps the chunk and sends it to the next one.
        """
        if self._stopped:
            raise Unavailable(
                "the recording service ends, its files wait for the next start", rule="stopping"
            )
        try:
            return self._chunk(chunk)
        except SeatbusError as error:
            current = self._active.get(chunk.recording_id)
            opening = current.opening if current is not None else chunk.open
            log.error(
                "recording refused",
                tenant=opening.tenant_id,
                call=opening.call_id,
                recording=chunk.recording_id,
                code=error.code,
                reason=str(error),
            )
            if current is not None:
                self._finish(current, incomplete=True)
            return ChunkAck(
                recording_id=chunk.recording_id, error=f"{error.rule or error.code}: {error.message}"
            )

    def _chunk(self, chunk: Chunk) -> ChunkAck:
        recording_id = check_recording(chunk.recording_id)
        width = width_of(chunk.encoding)
        end = chunk.offset_samples + len(chunk.left) // width
        done = self._closed.get(recording_id)
        if done is not None:
            # The acknowledgement of the end was lost; audio beyond it comes too late.
            if end > done:
                return _refused(recording_id, "closed", f"it was completed at sample {done}")
            return ChunkAck(recording_id=recording_id, next_offset_samples=done, closed=True)
        active = self._active.get(recording_id)
        if chunk.HasField("open"):
            if active is None:
                active = self._open(recording_id, chunk.open)
            elif active.opening.tenant_id != chunk.open.tenant_id:
                return _refused(recording_id, "tenant", "it belongs to another tenant")
        if active is None:
            return _refused(recording_id, "not_open", "the first chunk on a stream carries open")
        if len(chunk.left) != len(chunk.right):
            return _refused(recording_id, "right", "must be as long as left")
        if chunk.left and not chunk.encoding:
            return _refused(recording_id, "encoding", "audio needs pcmu, pcma or l16")
        if len(chunk.left) % width:
            return _refused(recording_id, "left", "must be whole samples")
        if end > self._max_s * active.file.rate:
            return _refused(recording_id, "too_long", f"at most {self._max_s:.0f} s")
        active.heard_at = self._clock.monotonic()
        if chunk.left:
            active.file.append(chunk.offset_samples, chunk.left, chunk.right, chunk.encoding)
        stored = active.file.stored
        if chunk.close:
            self._finish(active, incomplete=False)
        return ChunkAck(recording_id=recording_id, next_offset_samples=stored, closed=chunk.close)

    def _open(self, recording_id: str, opening: Open) -> _Active:
        file = self._files.create(recording_id, opening)
        active = _Active(recording_id, opening, file, self._clock.monotonic())
        self._active[recording_id] = active
        active.recorded = asyncio.create_task(self._record_opened(active))
        return active

    async def _record_opened(self, active: _Active) -> None:
        await self._until_done(
            active, lambda: self._catalogue.opened(active.id, active.opening, active.name), "opened"
        )

    def _finish(self, active: _Active, *, incomplete: bool) -> None:
        self._active.pop(active.id, None)
        self._closed[active.id] = active.file.stored
        if len(self._closed) > _KEEP_CLOSED:
            del self._closed[next(iter(self._closed))]
        task = asyncio.create_task(self._complete(active, incomplete))
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _complete(self, active: _Active, incomplete: bool) -> None:
        opening = active.opening
        parent = TraceContext.parse(opening.traceparent) or TraceContext.for_call(opening.call_id)
        with self._tracer.span(
            "recording.store", parent, tenant=opening.tenant_id, recording=active.id
        ) as span:
            try:
                size, digest = await asyncio.to_thread(active.file.finish)
            except SeatbusError as error:
                span.error(error)
                log.error(
                    "recording not finished, it is taken up at the next start",
                    tenant=opening.tenant_id,
                    call=opening.call_id,
                    recording=active.id,
                    reason=str(error),
                )
                return
            finished = Finished(
                active.file.stored * 1000 // active.file.rate, size, active.file.channels, digest, incomplete
            )
            span.set(duration_ms=finished.duration_ms, size_bytes=size, incomplete=incomplete)
            if active.recorded is not None:
                await active.recorded
            await self._until_done(
                active,
                lambda: self._catalogue.completed(active.id, opening, active.name, finished),
                "completed",
            )
            self._files.completed(opening.tenant_id, active.id)
        log.info(
            "recording complete",
            tenant=opening.tenant_id,
            call=opening.call_id,
            recording=active.id,
            duration_ms=finished.duration_ms,
            incomplete=incomplete,
        )

    async def _until_done(self, active: _Active, act: Callable[[], Awaitable[None]], what: str) -> None:
        """Repeats a write to the bus until it is done or refused."""
        while True:
            try:
                await act()
                return
            except SeatbusError as error:
                log.warning(
                    "record of a recording not written",
                    tenant=active.opening.tenant_id,
                    call=active.opening.call_id,
                    recording=active.id,
                    what=what,
                    reason=str(error),
                    retry=error.retryable,
                )
                if not error.retryable:
                    return
            await asyncio.sleep(_RETRY_S)

    # -- life ------------------------------------------------------------------------------------------------

    def resume(self) -> int:
        """Takes up every half-written file; their taps have a minute to come back. Returns how many."""
        for recording_id, opening in self._files.unfinished():
            try:
                self._open(recording_id, opening)
            except SeatbusError as error:
                log.error("half-written recording not resumed", recording=recording_id, reason=str(error))
        return len(self._active)

    async def run(self) -> None:
        """Completes recordings whose tap does not come back."""
        while True:
            await asyncio.sleep(min(_LOOK_S, self._lost_after_s / 4))
            self.look()

    def look(self) -> None:
        now = self._clock.monotonic()
        for active in tuple(self._active.values()):
            if now - active.heard_at > self._lost_after_s:
                log.warning(
                    "tap lost, recording completed as incomplete",
                    tenant=active.opening.tenant_id,
                    call=active.opening.call_id,
                    recording=active.id,
                )
                self._finish(active, incomplete=True)

    async def settled(self) -> None:
        """Returns when every recording that was closed is in the catalogue."""
        while self._finishing:
            await asyncio.gather(*self._finishing)

    async def stop(self) -> None:
        """Leaves what is not closed to the next start."""
        self._stopped = True
        for active in self._active.values():
            active.file.close()
            if active.recorded is not None:
                active.recorded.cancel()
        for task in tuple(self._finishing):
            task.cancel()
        await asyncio.gather(*self._finishing, return_exceptions=True)


def _refused(recording_id: str, rule: str, message: str) -> ChunkAck:
    log.warning("chunk refused", recording=recording_id, rule=rule, reason=message)
    return ChunkAck(recording_id=recording_id, error=f"{rule}: {message}")
