"""The calling side of a lane: one framed TCP connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from seatbus_kit.log import get_logger
from seatbus_kit.rpc import frames
from seatbus_kit.rpc.sockets import tune
from seatbus_kit.rpc.status import DETAIL_KEY

if TYPE_CHECKING:
    from seatbus.common.v1 import lane_pb2
    from seatbus_kit.trace import TraceContext

log = get_logger("seatbus.rpc")

_STATUS: Final = {status.value[0]: status for status in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class LaneTimes:
    """A peer that has said nothing for `ping_after_s` and nothing for `pong_within_s` more is given up."""

    connect_s: float = 2.0
    ping_after_s: float = 5.0
    pong_within_s: float = 3.0


class _Waiting(NamedTuple):
    answer: asyncio.Future[Any]
    decode: Callable[[bytes], Any]
    timer: asyncio.TimerHandle | None


def failed(status: grpc.StatusCode, text: str, detail: bytes = b"") -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata((DETAIL_KEY, detail)) if detail else grpc.aio.Metadata()
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), trailing, text)


class Connection(asyncio.Protocol):
    """`open` while calls may be begun. A call that has begun ends by its answer, its deadline or the end of
    the connection, which leaves its outcome unknown.
    """

    def __init__(
        self, peer: str, where: lane_pb2.WhereResponse, times: LaneTimes, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.open = False
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.methods = {name: index for index, name in enumerate(where.methods)}
        self._peer = peer
        self._token = where.token
        self._times = times
        self._loop = loop
        self._splitter = frames.Splitter()
        self._hello: bytearray | None = bytearray()
        self._waiting: dict[int, _Waiting] = {}
        self._last_id = 0
        self._heard = loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._writable: asyncio.Event | None = None
        self._leaving = False
        self._reason = "the peer closed it"
        self._transport: asyncio.Transport

    def begin(
        self,
        method: int,
        message: bytes,
        decode: Callable[[bytes], Any],
        timeout: float | None,
        trace: TraceContext | None,
        metadata: frames.Metadata,
    ) -> tuple[int, asyncio.Future[Any]]:
        """Sends a request. The future has the decoded answer or an AioRpcError."""
        if len(message) > frames.MAX_MESSAGE:
            text = f"a request of {len(message)} bytes, {frames.MAX_MESSAGE} are allowed"
            raise failed(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        if len(self._waiting) >= frames.MAX_CALLS:
            text = f"{frames.MAX_CALLS} calls to {self._peer} are in flight"
            raise failed(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        call_id = self._last_id = (self._last_id + 1) & 0xFFFFFFFF
        answer = self._loop.create_future()
        timer = None if timeout is None else self._loop.call_later(timeout, self._late, call_id)
        self._waiting[call_id] = _Waiting(answer, decode, timer)
        self._transport.write(frames.request_frame(call_id, method, timeout, trace, metadata, message))
        return call_id, answer

    def cancel(self, call_id: int) -> None:
        """Nobody waits for the answer any more: the service is told."""
        waiting = self._waiting.pop(call_id, None)
        if waiting is not None:
            if waiting.timer is not None:
                waiting.timer.cancel()
            self._transport.write(frames.frame(frames.CANCEL, call_id))
            self._leave_if_done()

    def _late(self, call_id: int) -> None:
        waiting = self._waiting.get(call_id)
        if waiting is not None:
            self.cancel(call_id)
            if not waiting.answer.done():
                waiting.answer.set_exception(failed(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer in time"))

    @property
    def writable(self) -> asyncio.Event | None:
        """Set while the peer does not read as fast as we write."""
        return self._writable

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        event, self._writable = self._writable, None
        if event is not None:
            event.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tune(self._transport)
        self._transport.write(frames.greeting(self._token))

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            if self._hello is not None:
                data = self._greeting(data)
            for kind, call_id, body in self._splitter.feed(data):
                if kind == frames.ANSWER:
                    self._answered(call_id, body)
                elif kind == frames.FAILURE:
                    self._refused(call_id, body)
                elif kind == frames.GO_AWAY:
                    self.open, self._leaving = False, True
                    self._leave_if_done()
                elif kind != frames.PONG:
                    raise frames.BrokenFrame(f"a frame of kind {kind} from a service")
        except frames.BrokenFrame as error:
            log.warning("lane closed", peer=self._peer, reason=str(error))
            self._end(str(error))

    def _greeting(self, data: bytes) -> bytes:
        hello = self._hello
        if hello is None:
            return data
        missing = frames.GREETING_BYTES - len(hello)
        hello += data[:missing]
        if len(hello) < frames.GREETING_BYTES:
            return b""
        frames.check_greeting(bytes(hello), self._token)
        self._hello = None
        self.open = True
        self._watch = self._loop.call_later(self._times.ping_after_s, self._look)
        if not self.greeted.done():
            self.greeted.set_result(None)
        return data[missing:]

    def _answered(self, call_id: int, body: bytes) -> None:
        waiting = self._waiting.pop(call_id, None)
        if waiting is None:
            return
        answer, decode, timer = waiting
        if timer is not None:
            timer.cancel()
        if not answer.done():
            try:
                answer.set_result(decode(body))
            except DecodeError:
                answer.set_exception(failed(grpc.StatusCode.INTERNAL, "the answer cannot be read"))
        if self._leaving:
            self._leave_if_done()

    def _refused(self, call_id: int, body: bytes) -> None:
        status, text, detail = frames.parse_failure(body)
        waiting = self._waiting.pop(call_id, None)
        if waiting is None:
            return
        if waiting.timer is not None:
            waiting.timer.cancel()
        if not waiting.answer.done():
            waiting.answer.set_exception(failed(_STATUS.get(status, grpc.StatusCode.UNKNOWN), text, detail))
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if self._leaving and not self._waiting:
            self._transport.close()

    def _look(self) -> None:
        """Asks a peer that has been silent for a while whether it lives."""
        now = self._loop.time()
        silent = now - self._heard
        if silent < self._times.ping_after_s:
            self._watch = self._loop.call_later(self._times.ping_after_s - silent, self._look)
            return
        self._transport.write(frames.frame(frames.PING, 0))
        self._watch = self._loop.call_later(self._times.pong_within_s, self._read_first, now)

    def _read_first(self, asked: float) -> None:
        # If this process itself stood still meanwhile, the answer lies in the socket.
        self._watch = self._loop.call_later(0.1, self._judge, asked)

    def _judge(self, asked: float) -> None:
        if self._heard >= asked:
            self._look()
            return
        reason = f"nothing heard for {self._loop.time() - self._heard:.1f} s"
        log.warning("lane closed", peer=self._peer, reason=reason)
        self._end("the peer does not answer")

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._watch is not None:
            self._watch.cancel()
        self.resume_writing()
        reason = self._reason if error is None else str(error)
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(reason))
        waiting, self._waiting = self._waiting, {}
        for call in waiting.values():
            if call.timer is not None:
                call.timer.cancel()
            if not call.answer.done():
                text = f"the lane to {self._peer} broke: {reason}"
                call.answer.set_exception(failed(grpc.StatusCode.UNAVAILABLE, text))

    def _end(self, reason: str) -> None:
        self.open = False
        self._reason = reason
        self._transport.abort()

    def close(self) -> None:
        self.open = False
        self._reason = "closed here"
        self._transport.close()
