"""Calls to other services: cached channels by address, a deadline always, errors as domain errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import grpc
import grpc.aio

from seatbus_kit.errors import SeatbusError
from seatbus_kit.rpc.channel import LaneChannel, LaneMethod
from seatbus_kit.rpc.frames import MAX_MESSAGE
from seatbus_kit.rpc.lane import LaneTimes
from seatbus_kit.rpc.status import from_status
from seatbus_kit.trace import current_trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Coroutine

    from seatbus_kit.telemetry import Tracer
    from seatbus_kit.trace import TraceContext

Request = TypeVar("Request", contravariant=True)
Response = TypeVar("Response", covariant=True)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A restarted neighbour is found again within half a second.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    # This is how long an attempt may take: a busy neighbour greets late.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)
_TIMES: Final = LaneTimes()


class UnaryMethod(Protocol[Request, Response]):
    """A method of a generated stub that takes one message and gives one."""

    def __call__(
        self, request: Request, /, *, timeout: float | None = None, metadata: Any = None
    ) -> Awaitable[Response]: ...


class StreamMethod(Protocol[Request, Response]):
    """A method of a generated stub that gives a stream of messages."""

    def __call__(
        self, request: Request, /, *, timeout: float | None = None, metadata: Any = None
    ) -> AsyncIterator[Response]: ...


class Channels:
    """One channel an address, kept open. Unary calls go by the peer's lane once it is known; with `lane` None
    everything goes by gRPC.
    """

    def __init__(self, lane: LaneTimes | None = _TIMES) -> None:
        self._lane = lane
        self._channels: dict[str, grpc.aio.Channel] = {}

    def get(self, address: str) -> grpc.aio.Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
            if self._lane is not None:
                channel = LaneChannel(address, channel, self._lane)
            self._channels[address] = channel
        return channel

    async def forget(self, address: str) -> None:
        """Closes the channel of an instance that is gone."""
        channel = self._channels.pop(address, None)
        if channel is not None:
            await channel.close()

    async def close(self) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            await channel.close()


_tracer: Tracer | None = None


def set_tracer(tracer: Tracer) -> None:
    """Client calls of this process open their spans with it."""
    global _tracer
    _tracer = tracer


def _name(method: object) -> str:
    if isinstance(method, LaneMethod):
        return method.name
    raw = getattr(method, "_method", b"")
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    service, _, name = text.rpartition("/")
    return f"{service.rpartition('.')[2]}.{name}"


def invoke(
    method: UnaryMethod[Request, Response],
    request: Request,
    timeout: float,
    trace: TraceContext | None = None,
) -> Coroutine[Any, Any, Response]:
    """Calls a unary method of a stub. Raises the SeatbusError that the service raised, DeadlineExceeded after
    `timeout` seconds, Unavailable when the request certainly did not leave, OutcomeUnknown when it may have.
    """
    if _tracer is not None and _tracer.enabled:
        return _traced(_tracer, method, request, timeout, trace)
    return _call(method, request, timeout, trace or current_trace())


async def _traced(
    tracer: Tracer,
    method: UnaryMethod[Request, Response],
    request: Request,
    timeout: float,
    trace: TraceContext | None,
) -> Response:
    with tracer.span(_name(method), trace, kind="client") as span:
        return await _call(method, request, timeout, span.context)


async def _call(
    method: UnaryMethod[Request, Response],
    request: Request,
    timeout: float,
    trace: TraceContext | None,
) -> Response:
    try:
        if isinstance(method, LaneMethod):
            return cast("Response", await method.call(request, timeout, trace))
        metadata = (("traceparent", trace.to_traceparent()),) if trace is not None else None
        return await method(request, timeout=timeout, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        raise _domain_error(error) from None


async def stream(
    method: StreamMethod[Request, Response],
    request: Request,
    timeout: float | None = None,
    trace: TraceContext | None = None,
) -> AsyncIterator[Response]:
    """The messages of a server stream; raises as `invoke` does. Without `timeout` it lasts until it ends."""
    context = trace or current_trace()
    metadata = (("traceparent", context.to_traceparent()),) if context is not None else None
    try:
        async for message in method(request, timeout=timeout, metadata=metadata):
            yield message
    except grpc.aio.AioRpcError as error:
        raise _domain_error(error) from None


def _domain_error(error: grpc.aio.AioRpcError) -> SeatbusError:
    return from_status(error.code(), error.details() or "", error.trailing_metadata())
