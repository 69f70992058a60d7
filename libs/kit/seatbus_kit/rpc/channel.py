"""What `Channels` hand out: unary calls go by the peer's lane, everything else by its gRPC channel.

While there is no lane (not asked yet, the peer has none, the connection broke) a unary call goes by gRPC too,
and the lane is looked for meanwhile. So a lane decides nothing: it only makes unary calls cheap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, cast

import grpc
import grpc.aio

from seatbus.common.v1 import lane_pb2, lane_pb2_grpc
from seatbus_kit.log import get_logger
from seatbus_kit.rpc import frames
from seatbus_kit.rpc.lane import Connection, LaneTimes, failed

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from seatbus_kit.trace import TraceContext

log = get_logger("seatbus.rpc")

# A peer without a lane is asked again after this time: it may have been replaced by one that has.
_ASK_AGAIN_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.5


class Lane:
    """The lane of one address: found when it is first wanted, and again after it broke."""

    def __init__(self, address: str, channel: grpc.aio.Channel, times: LaneTimes) -> None:
        self._address = address
        self._host = address.rpartition(":")[0].strip("[]")
        self._stub: Any = lane_pb2_grpc.LaneServiceStub(channel)  # type: ignore[no-untyped-call]
        self._times = times
        self._connection: Connection | None = None
        self._finding: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._pause = _FIRST_PAUSE_S
        self._closed = False

    def connection(self) -> Connection | None:
        """An open one; None while there is none, and then one is looked for."""
        connection = self._connection
        if connection is not None and connection.open:
            return connection
        if self._finding is None and not self._closed:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._not_before:
                # Its log lines are of no call.
                self._finding = loop.create_task(self._find(loop), name="lane", context=Context())
        return None

    async def _find(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            again_s = await self._connect(loop)
        finally:
            self._finding = None
        if again_s:
            self._not_before = loop.time() + again_s
        else:
            self._pause = _FIRST_PAUSE_S

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> float:
        """0 when the lane is open, else after how many seconds it is worth another look."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self._times.connect_s):
                where = await self._stub.Where(lane_pb2.WhereRequest(), timeout=self._times.connect_s)
                if where.version != frames.VERSION:
                    return _ASK_AGAIN_S
                _, connection = await loop.create_connection(
                    lambda: Connection(self._address, where, self._times, loop), self._host, where.port
                )
                await connection.greeted
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return _ASK_AGAIN_S
            reason = f"{error.code().name}: {error.details()}"
        except (OSError, TimeoutError) as error:
            if connection is not None:
                connection.close()
            reason = repr(error)
        else:
            self._connection = connection
            return 0.0
        log.debug("no lane", peer=self._address, reason=reason)
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE_S)
        return pause

    async def close(self) -> None:
        self._closed = True
        if self._finding is not None:
            self._finding.cancel()
            await asyncio.gather(self._finding, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()


class LaneMethod:
    """A unary method of a stub: by the lane where it is open and serves the method, else by gRPC."""

    __slots__ = ("_decode", "_encode", "_grpc", "_lane", "_path", "name")

    def __init__(
        self,
        lane: Lane,
        path: str,
        by_grpc: Any,
        encode: Callable[[Any], bytes],
        decode: Callable[[bytes], Any],
    ) -> None:
        self._lane = lane
        self._path = path
        self._grpc = by_grpc
        self._encode = encode
        self._decode = decode
        service, _, name = path.rpartition("/")
        self.name = f"{service.rpartition('.')[2]}.{name}"

    async def __call__(
        self, request: Any, *, timeout: float | None = None, metadata: Any = None, **more: Any
    ) -> Any:
        """As the method of a gRPC stub does; `more` is of use to gRPC alone."""
        found = self._found()
        if found is None:
            return await self._grpc(request, timeout=timeout, metadata=metadata, **more)
        return await self._by_lane(*found, request, timeout, None, tuple(metadata or ()))

    def call(self, request: Any, timeout: float, trace: TraceContext | None) -> Awaitable[Any]:
        """The same with the trace as it is. Raises AioRpcError."""
        found = self._found()
        if found is None:
            metadata = (("traceparent", trace.to_traceparent()),) if trace is not None else None
            return cast("Awaitable[Any]", self._grpc(request, timeout=timeout, metadata=metadata))
        return self._by_lane(*found, request, timeout, trace, ())

    def _found(self) -> tuple[Connection, int] | None:
        connection = self._lane.connection()
        if connection is None:
            return None
        index = connection.methods.get(self._path)
        return None if index is None else (connection, index)

    async def _by_lane(
        self,
        connection: Connection,
        index: int,
        request: Any,
        timeout: float | None,
        trace: TraceContext | None,
        metadata: frames.Metadata,
    ) -> Any:
        if timeout is not None and timeout <= 0:
            raise failed(grpc.StatusCode.DEADLINE_EXCEEDED, "the time was up before the call")
        message = self._encode(request)
        if connection.writable is not None:
            left = await self._wait(connection, timeout)
            if not connection.open:
                raise failed(grpc.StatusCode.UNAVAILABLE, "failed to connect to it: its lane closed")
            timeout = left
        call_id, answer = connection.begin(index, message, self._decode, timeout, trace, metadata)
        try:
            return await answer
        except asyncio.CancelledError:
            connection.cancel(call_id)
            raise

    async def _wait(self, connection: Connection, timeout: float | None) -> float | None:
        """Until the peer reads again; what is left of the timeout."""
        loop = asyncio.get_running_loop()
        ends = None if timeout is None else loop.time() + timeout
        try:
            async with asyncio.timeout_at(ends):
                while (event := connection.writable) is not None:
                    await event.wait()
        except TimeoutError:
            raise failed(grpc.StatusCode.DEADLINE_EXCEEDED, "the peer does not read") from None
        return None if ends is None else max(ends - loop.time(), 0.001)


class LaneChannel(grpc.aio.Channel):  # type: ignore[misc]
    """What generated stubs take: unary methods go by the lane, everything else to the gRPC channel."""

    def __init__(self, address: str, channel: grpc.aio.Channel, times: LaneTimes) -> None:
        self._channel = channel
        self.lane = Lane(address, channel, times)

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        by_grpc = self._channel.unary_unary(
            method, request_serializer, response_deserializer, _registered_method
        )
        if request_serializer is None or response_deserializer is None:
            return by_grpc
        return LaneMethod(self.lane, method, by_grpc, request_serializer, response_deserializer)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.unary_stream(*args, **kwargs)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.stream_unary(*args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._channel.stream_stream(*args, **kwargs)

    async def close(self, grace: float | None = None) -> None:
        await self.lane.close()
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> Awaitable[None]:
        return cast("Awaitable[None]", self._channel.wait_for_state_change(last_observed_state))

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()

    async def __aenter__(self) -> LaneChannel:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
