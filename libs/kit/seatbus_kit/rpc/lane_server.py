"""The serving side of lanes: unary calls by framed TCP, behind the same guard as gRPC's."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from seatbus.common.v1 import lane_pb2, lane_pb2_grpc
from seatbus_kit.errors import Unavailable
from seatbus_kit.log import get_logger
from seatbus_kit.rpc import frames
from seatbus_kit.rpc.sockets import tune
from seatbus_kit.rpc.status import to_status

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from seatbus_kit.trace import TraceContext

log = get_logger("seatbus.rpc")

_GREET_WITHIN_S: Final = 5.0
_BACKLOG: Final = 512


class LaneContext:
    """What servicers use of `grpc.aio.ServicerContext`, for a call that came by a lane."""

    __slots__ = ("_deadline", "_loop", "_metadata", "refusal", "trace")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout: float | None,
        trace: TraceContext | None,
        metadata: frames.Metadata,
    ) -> None:
        self._loop = loop
        self._deadline = None if timeout is None else loop.time() + timeout
        self._metadata = metadata
        self.trace = trace
        self.refusal: tuple[grpc.StatusCode, str, bytes] | None = None

    def time_remaining(self) -> float | None:
        """Seconds, None where the caller set no deadline."""
        return None if self._deadline is None else max(self._deadline - self._loop.time(), 0.0)

    def invocation_metadata(self) -> frames.Metadata:
        """What the caller sent along; the trace is in `trace`."""
        return self._metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        """What generated methods say before they raise NotImplementedError, which the guard understands."""

    def set_details(self, details: str) -> None:
        """As `set_code`."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: tuple[tuple[str, bytes], ...] = ()
    ) -> NoReturn:
        """Ends the call with a status."""
        self.refusal = (code, details, trailing_metadata[0][1] if trailing_metadata else b"")
        raise grpc.aio.AbortError(details)


class _Method(NamedTuple):
    decode: Callable[[bytes], Message]
    behaviour: Callable[[Message, Any], Awaitable[Message]]
    encode: Callable[[Message], bytes]


class LaneServer(lane_pb2_grpc.LaneServiceServicer):
    """`add` methods, `start`; `stop` lets calls in progress finish. Says by gRPC where it listens."""

    def __init__(self) -> None:
        self.token = secrets.token_bytes(frames.TOKEN_BYTES)
        self.port = 0
        self.methods: list[_Method] = []
        self.stopping = False
        self._names: list[str] = []
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self._deserted = asyncio.Event()
        self._deserted.set()

    def add(self, path: str, handler: grpc.RpcMethodHandler[Any, Any]) -> None:
        """A unary method whose handler passed the guard."""
        decode, encode = handler.request_deserializer, handler.response_serializer
        if decode is None or encode is None or handler.unary_unary is None:
            raise ValueError(f"{path} is not a unary method of messages")
        self._names.append(path)
        self.methods.append(
            _Method(cast("Any", decode), cast("Any", handler.unary_unary), cast("Any", encode))
        )

    async def Where(self, request: lane_pb2.WhereRequest, context: Any) -> lane_pb2.WhereResponse:
        return lane_pb2.WhereResponse(
            port=self.port, token=self.token, methods=self._names, version=frames.VERSION
        )

    async def start(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, loop), host, port, backlog=_BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, grace: float) -> None:
        """New calls are refused from now on; those in progress have `grace` seconds. Clients leave
        after their last answer.
        """
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._open):
            connection.go_away()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._deserted.wait()
        for connection in tuple(self._open):
            connection.close()

    def opened(self, connection: _Connection) -> None:
        self._open.add(connection)
        self._deserted.clear()

    def closed(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if not self._open:
            self._deserted.set()


class _Connection(asyncio.Protocol):
    """One client. Each of its calls is a task, so that the trace and the deadline are the call's own."""

    def __init__(self, server: LaneServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._methods = server.methods
        self._splitter = frames.Splitter()
        self._calls: dict[int, tuple[asyncio.Task[None], asyncio.TimerHandle | None]] = {}
        self._hello: bytearray | None = bytearray()
        self._patience: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        tune(self._transport)
        self._patience = self._loop.call_later(_GREET_WITHIN_S, self._break, "no greeting came")
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            if self._hello is not None:
                data = self._greeted(data)
            for kind, call_id, body in self._splitter.feed(data):
                if kind == frames.REQUEST:
                    self._request(call_id, body)
                elif kind == frames.CANCEL:
                    self._cancel(call_id)
                elif kind == frames.PING:
                    self._transport.write(frames.frame(frames.PONG, call_id))
                else:
                    raise frames.BrokenFrame(f"a frame of kind {kind} from a client")
        except frames.BrokenFrame as error:
            self._break(str(error))

    def _greeted(self, data: bytes) -> bytes:
        """What came after the greeting."""
        hello = self._hello
        if hello is None:
            return data
        missing = frames.GREETING_BYTES - len(hello)
        hello += data[:missing]
        if len(hello) < frames.GREETING_BYTES:
            return b""
        frames.check_greeting(bytes(hello), self._server.token)
        self._hello = None
        if self._patience is not None:
            self._patience.cancel()
        self._transport.write(frames.greeting(self._server.token))
        if self._server.stopping:
            self.go_away()
        return data[missing:]

    def _request(self, call_id: int, body: bytes) -> None:
        request = frames.parse_request(body)
        if request.method >= len(self._methods) or call_id in self._calls:
            raise frames.BrokenFrame(f"call {call_id} of method {request.method}")
        if self._server.stopping:
            self._refuse(call_id, Unavailable("the service is stopping"))
            return
        if len(self._calls) >= frames.MAX_CALLS:
            text = f"{frames.MAX_CALLS} calls are in progress on one connection"
            self._fail(call_id, grpc.StatusCode.RESOURCE_EXHAUSTED, text, b"")
            return
        context = LaneContext(self._loop, request.timeout, request.trace, request.metadata)
        task = self._loop.create_task(
            self._serve(call_id, self._methods[request.method], request.message, context)
        )
        timer = None
        if request.timeout is not None:
            timer = self._loop.call_later(request.timeout, self._cancel, call_id)
        self._calls[call_id] = (task, timer)

    async def _serve(self, call_id: int, method: _Method, message: bytes, context: LaneContext) -> None:
        failure: tuple[grpc.StatusCode, str, bytes] | None = None
        answer = b""
        try:
            answer = method.encode(await method.behaviour(method.decode(message), context))
            if len(answer) > frames.MAX_MESSAGE:
                text = f"an answer of {len(answer)} bytes, {frames.MAX_MESSAGE} are allowed"
                failure = (grpc.StatusCode.RESOURCE_EXHAUSTED, text, b"")
        except DecodeError:
            failure = (grpc.StatusCode.INTERNAL, "the request cannot be read", b"")
        except asyncio.CancelledError:
            # Ours was taken out before; this one is the service's own, and the caller waits.
            failure = (grpc.StatusCode.CANCELLED, "the service gave the call up", b"")
        except Exception as error:
            failure = context.refusal
            if failure is None:
                log.error("internal error", error=repr(error), exc_info=error)
                failure = (grpc.StatusCode.INTERNAL, "internal error", b"")
        entry = self._calls.pop(call_id, None)
        if entry is None:
            return
        if entry[1] is not None:
            entry[1].cancel()
        if failure is None:
            self._transport.write(frames.frame(frames.ANSWER, call_id, answer))
        else:
            self._fail(call_id, *failure)

    def _refuse(self, call_id: int, error: Unavailable) -> None:
        status, detail = to_status(error)
        self._fail(call_id, status, str(error), detail)

    def _fail(self, call_id: int, status: grpc.StatusCode, text: str, detail: bytes) -> None:
        self._transport.write(frames.failure_frame(call_id, status.value[0], text, detail))

    def _cancel(self, call_id: int) -> None:
        """By the client or at the deadline: nobody waits for an answer."""
        entry = self._calls.pop(call_id, None)
        if entry is not None:
            task, timer = entry
            if timer is not None:
                timer.cancel()
            task.cancel()

    def pause_writing(self) -> None:
        # A client that does not read its answers gets no more of its requests read.
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._server.closed(self)
        for call_id in tuple(self._calls):
            self._cancel(call_id)

    def go_away(self) -> None:
        if self._hello is None:
            self._transport.write(frames.frame(frames.GO_AWAY, 0))

    def close(self) -> None:
        """Ends calls that are still in progress without an answer."""
        for call_id in tuple(self._calls):
            self._cancel(call_id)
        self._transport.close()

    def _break(self, reason: str) -> None:
        peer = self._transport.get_extra_info("peername")
        log.warning("lane closed", peer=str(peer), reason=reason)
        self._transport.abort()
