"""One stream to the recording service carries all taps of this instance.

Laws: audio waits here until it is acknowledged, at most 30 s of it for a recording; after a break everything
that is not acknowledged is sent again on the new stream, beginning with `open`; a refused recording is ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc.aio

from seatbus.recording.v1.service_pb2 import Chunk, ChunkAck, ChunkAckBatch, ChunkBatch, Open
from seatbus.recording.v1.service_pb2_grpc import RecordingServiceStub
from seatbus_kit.instances import Instance
from seatbus_kit.log import get_logger
from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap import RATE
from seatbus_media.domain.tap_buffer import TapBuffer, TapChunk

log = get_logger("seatbus.media")

BUFFER_S: Final = 30
_RETRY_S: Final = 0.25
_BATCH_CHUNKS: Final = 64
_GATHER_S: Final = 0.05
_BATCH_BYTES: Final = 1 << 18
_OVER: Final = "closed: it was completed before its end"
_ENCODING: Final = {Law.PCMU: "pcmu", Law.PCMA: "pcma"}


class Registry(Protocol):
    def pick(self, service: str, *, key: str | None = None) -> Instance | None: ...


class ChannelCache(Protocol):
    def get(self, address: str) -> grpc.aio.Channel: ...


class FailureSink(Protocol):
    def recording_refused(self, session_id: str, recording_id: str, reason: str) -> None: ...

    def recording_failed(self, session_id: str, recording_id: str, reason: str) -> None: ...


@dataclass(slots=True)
class _Tap:
    recording_id: str
    opening: Open
    session_id: str
    buffer: TapBuffer
    opened: bool = False
    queued: bool = False
    loss_told: bool = False


class GrpcRecorder:
    """The port `Recorder` over RecordingService.Write."""

    def __init__(self, instance_id: str, registry: Registry, channels: ChannelCache) -> None:
        self._key = instance_id
        self._registry = registry
        self._channels = channels
        self._taps: dict[str, _Tap] = {}
        self._ready: deque[_Tap] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.failures: FailureSink | None = None

    @property
    def taps(self) -> int:
        """Recordings that are not closed and acknowledged yet."""
        return len(self._taps)

    async def wait_idle(self) -> None:
        """Returns when everything is stored."""
        await self._idle.wait()

    def begin(self, recording_id: str, opening: Open, session_id: str, owner: str) -> None:
        tap = self._taps[recording_id] = _Tap(
            recording_id, opening, session_id, TapBuffer(BUFFER_S * (opening.sample_rate or RATE))
        )
        self._idle.clear()
        self._queue(tap)

    def write(self, recording_id: str, chunk: TapChunk) -> None:
        tap = self._taps.get(recording_id)
        if tap is None:
            return
        tap.buffer.add(chunk)
        if tap.buffer.lost and not tap.loss_told:
            tap.loss_told = True
            self._tell_loss(tap)
        self._queue(tap)

    def finish(self, recording_id: str) -> None:
        tap = self._taps.get(recording_id)
        if tap is not None:
            tap.buffer.closing = True
            self._queue(tap)

    def _tell_loss(self, tap: _Tap) -> None:
        log.error(
            "recording loses audio",
            tenant=tap.opening.tenant_id,
            call=tap.session_id,
            recording=tap.recording_id,
            reason="no recording service has taken it for 30 s",
            remedy="start the recording service",
        )
        if self.failures is not None:
            self.failures.recording_failed(tap.session_id, tap.recording_id, "recording_service_away")

    def _queue(self, tap: _Tap) -> None:
        if not tap.queued:
            tap.queued = True
            self._ready.append(tap)
            self._wake.set()

    async def run(self) -> None:
        """Keeps a stream up while there is anything to send; ends by cancellation only."""
        away = False
        while True:
            while not self._taps:
                self._wake.clear()
                await self._wake.wait()
            target = self._registry.pick("recording", key=self._key)
            if target is None:
                if not away:
                    log.warning("no recording service, taps wait", recordings=len(self._taps))
                    away = True
                await asyncio.sleep(_RETRY_S)
                continue
            away = False
            try:
                await self._stream(target)
                reason = "the stream was ended"
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
                reason = repr(error)
            log.warning("recording stream broke", to=target.id, reason=reason, recordings=len(self._taps))
            await asyncio.sleep(_RETRY_S)

    async def _stream(self, target: Instance) -> None:
        stub: Any = RecordingServiceStub  # the generated class has no types
        call = stub(self._channels.get(target.address)).WriteBatches()
        for tap in self._taps.values():
            tap.buffer.rewind()
            tap.opened = False
            self._queue(tap)
        reader = asyncio.create_task(self._read(call))
        writer = asyncio.create_task(self._write(call))
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                task.cancel()
            call.cancel()
            results = await asyncio.gather(reader, writer, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _write(self, call: grpc.aio.StreamStreamCall[ChunkBatch, ChunkAckBatch]) -> None:
        while True:
            while batch := self._batch():
                await call.write(ChunkBatch(chunks=batch))
            self._wake.clear()
            await self._wake.wait()
            # Cuts are spread over the second: a message for each would cost more than what is in it.
            await asyncio.sleep(_GATHER_S)

    def _batch(self) -> list[Chunk]:
        """What waits to be sent, as much as one message takes."""
        batch: list[Chunk] = []
        size = 0
        while self._ready and len(batch) < _BATCH_CHUNKS and size < _BATCH_BYTES:
            tap = self._ready[0]
            chunk = self._next(tap)
            if chunk is None:
                self._ready.popleft()
                tap.queued = False
                continue
            batch.append(chunk)
            size += len(chunk.left) + len(chunk.right)
        return batch

    @staticmethod
    def _next(tap: _Tap) -> Chunk | None:
        if tap.opened and not tap.buffer.pending:
            return None
        chunk, last = tap.buffer.take()
        message = Chunk(recording_id=tap.recording_id, close=last)
        if not tap.opened:
            tap.opened = True
            message.open.CopyFrom(tap.opening)
        if chunk is None:
            message.offset_samples = tap.buffer.position
        else:
            message.offset_samples = chunk.offset
            if chunk.left:
                message.left, message.right = chunk.left, chunk.right
                message.encoding = _ENCODING[chunk.law] if chunk.width == 1 else "l16"
        return message

    async def _read(self, call: grpc.aio.StreamStreamCall[ChunkBatch, ChunkAckBatch]) -> None:
        async for batch in call:
            self._acknowledged(batch.acks)

    def _acknowledged(self, acks: Iterable[ChunkAck]) -> None:
        for ack in acks:
            tap = self._taps.get(ack.recording_id)
            if tap is None:
                continue
            error = ack.error
            if ack.closed and not tap.buffer.closing:
                # Of a recording of the same name that is over, or of one whose tap was away for too long.
                error = error or _OVER
            if error:
                log.error(
                    "recording refused",
                    tenant=tap.opening.tenant_id,
                    call=tap.session_id,
                    recording=ack.recording_id,
                    reason=error,
                )
                self._drop(tap)
                if self.failures is not None:
                    self.failures.recording_refused(tap.session_id, ack.recording_id, error)
                continue
            tap.buffer.acknowledged(ack.next_offset_samples)
            if ack.closed:
                self._drop(tap)

    def _drop(self, tap: _Tap) -> None:
        self._taps.pop(tap.recording_id, None)
        if not self._taps:
            self._idle.set()
