"""The gRPC server of a service.

What interceptors would do to each call (validation, deadline, trace, error table) is wrapped around each
method once, when it is added; a call then costs one plain coroutine more.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

import grpc
import grpc.aio

from seatbus.common.v1.lane_pb2_grpc import add_LaneServiceServicer_to_server
from seatbus_kit import metrics
from seatbus_kit.errors import DeadlineExceeded, InvalidArgument, SeatbusError, Unimplemented
from seatbus_kit.log import get_logger
from seatbus_kit.rpc.frames import MAX_MESSAGE
from seatbus_kit.rpc.lane_server import LaneContext, LaneServer
from seatbus_kit.rpc.status import DETAIL_KEY, to_status
from seatbus_kit.rpc.validation import check
from seatbus_kit.trace import TraceContext, current_trace_var

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from grpc_health.v1.health import aio as health_aio

    from seatbus_kit.settings import ServiceSettings
    from seatbus_kit.telemetry import Tracer

log = get_logger("seatbus.rpc")

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handlers: TypeAlias = "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"

# A unary call that may run longer than this would outlive the patience of every caller.
MAX_UNARY_S: Final = 60.0
_current = current_trace_var()
_seconds = metrics.histogram(
    "seatbus_rpc_seconds", "Time a unary call took here, by its outcome", ("method", "code")
)


class RpcServer:
    """`add` services, then `start`. Without TLS: inside a cluster the mesh or loopback carries it."""

    def __init__(self, settings: ServiceSettings, tracer: Tracer | None = None) -> None:
        self._settings = settings
        self._tracer = tracer if tracer is not None and tracer.enabled else None
        self._server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.so_reuseport", 0),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
                ("grpc.http2.max_ping_strikes", 0),
            )
        )
        self._lane = LaneServer()
        self._services: list[str] = []
        self._health: health_aio.HealthServicer | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """What other services dial; known after `start`."""
        return f"{self._settings.advertise_host or self._settings.grpc_host}:{self.port}"

    def add(self, servicer_adder: Callable[[Any, Any], None], servicer: object) -> None:
        """Adds a service: `add(add_AcdServiceServicer_to_server, servicer)`."""
        servicer_adder(servicer, _Registrar(self))

    def register(self, service: str, handlers: Handlers) -> None:
        """Adds the methods of one service, each wrapped."""
        wrapped = {name: self._wrap(service, name, handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))
        self._services.append(service)
        for name, handler in wrapped.items():
            if handler.unary_unary is not None:
                self._lane.add(f"/{service}/{name}", handler)

    async def start(self) -> int:
        """Serves; returns the port of gRPC. Raises OSError when a configured one is taken."""
        from grpc_health.v1 import health_pb2_grpc
        from grpc_health.v1.health import aio as health_aio

        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._settings.environment == "dev":
            self._server.add_generic_rpc_handlers((_LazyReflection(self._services),))
        self.port = self._server.add_insecure_port(f"{self._settings.grpc_host}:{self._settings.grpc_port}")
        if self.port == 0:
            raise OSError(f"cannot listen on {self._settings.grpc_host}:{self._settings.grpc_port}")
        await self._lane.start(self._settings.grpc_host, self._settings.lane_port)
        add_LaneServiceServicer_to_server(self._lane, self._server)  # type: ignore[no-untyped-call]
        await self._server.start()
        await self._set_health(serving=True)
        return self.port

    async def drain(self) -> None:
        """Tells clients to go elsewhere; calls in progress and late ones are still served."""
        await self._set_health(serving=False)

    async def stop(self, grace: float = 1.0) -> None:
        """Calls in progress have `grace` seconds."""
        await asyncio.gather(self._server.stop(grace), self._lane.stop(grace))

    async def _set_health(self, *, serving: bool) -> None:
        from grpc_health.v1 import health_pb2

        if self._health is not None:
            status = (
                health_pb2.HealthCheckResponse.SERVING
                if serving
                else health_pb2.HealthCheckResponse.NOT_SERVING
            )
            for service in ("", *self._services):
                await self._health.set(service, status)

    def _wrap(
        self, service: str, name: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        guard = _Guard(f"{service.rpartition('.')[2]}.{name}", self._tracer)
        codec = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                cast("Any", guard.unary(cast("Any", handler.unary_unary))), *codec
            )
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(
                cast("Any", guard.streaming(cast("Any", handler.unary_stream), checks=True)), *codec
            )
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(
                cast("Any", guard.collecting(cast("Any", handler.stream_unary))), *codec
            )
        return grpc.stream_stream_rpc_method_handler(
            cast("Any", guard.streaming(cast("Any", handler.stream_stream), checks=False)), *codec
        )


class _Registrar:
    """Stands in for a server in the generated `add_…_to_server` functions."""

    def __init__(self, server: RpcServer) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """The same methods come by `add_registered_method_handlers`."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        self._server.register(service, handlers)


class _Guard:
    """What every call of one method passes."""

    def __init__(self, name: str, tracer: Tracer | None) -> None:
        self.name = name
        self.tracer = tracer

    def unary(
        self, behaviour: Callable[[Message, Context], Awaitable[Message]]
    ) -> Callable[[Message, Context], Awaitable[Message]]:
        async def plain(request: Message, context: Context) -> Message:
            began = time.perf_counter()
            try:
                remaining = context.time_remaining()
                if remaining is None:
                    raise InvalidArgument("a call needs a deadline", field="grpc-timeout", rule="required")
                check(request)
                if remaining <= MAX_UNARY_S:
                    answer = await behaviour(request, context)
                else:
                    answer = await self._capped(behaviour, request, context)
            except Exception as error:  # noqa: BLE001 - the one place where any error becomes a status
                code = error.code if isinstance(error, SeatbusError) else SeatbusError.code
                _seconds.observe(time.perf_counter() - began, method=self.name, code=code)
                await self.refuse(context, error)
            _seconds.observe(time.perf_counter() - began, method=self.name, code="ok")
            return answer

        return self._traced(plain)

    async def _capped(
        self,
        behaviour: Callable[[Message, Context], Awaitable[Message]],
        request: Message,
        context: Context,
    ) -> Message:
        try:
            async with asyncio.timeout(MAX_UNARY_S):
                return await behaviour(request, context)
        except TimeoutError:
            raise DeadlineExceeded(f"{self.name} took more than {MAX_UNARY_S:.0f} s") from None

    def collecting(
        self, behaviour: Callable[[AsyncIterator[Message], Context], Awaitable[Message]]
    ) -> Callable[[AsyncIterator[Message], Context], Awaitable[Message]]:
        async def plain(requests: AsyncIterator[Message], context: Context) -> Message:
            try:
                return await behaviour(_checked(requests), context)
            except Exception as error:  # noqa: BLE001 - as above
                await self.refuse(context, error)

        return self._traced(plain)

    def streaming(
        self, behaviour: Callable[[Any, Context], AsyncIterator[Message]], *, checks: bool
    ) -> Callable[[Any, Context], AsyncIterator[Message]]:
        async def plain(request: Any, context: Context) -> AsyncIterator[Message]:
            _adopt(context)
            try:
                if checks:
                    check(request)
                else:
                    request = _checked(request)
                answers = behaviour(request, context)
                if inspect.isawaitable(answers):
                    # A coroutine that writes to the context itself.
                    await answers
                    return
                async for answer in answers:
                    yield answer
            except Exception as error:  # noqa: BLE001 - as above
                await self.refuse(context, error)

        return plain

    def _traced(
        self, plain: Callable[[Any, Context], Awaitable[Message]]
    ) -> Callable[[Any, Context], Awaitable[Message]]:
        tracer = self.tracer
        if tracer is None:

            async def silent(request: Any, context: Context) -> Message:
                _adopt(context)
                return await plain(request, context)

            return silent

        async def recorded(request: Any, context: Context) -> Message:
            with tracer.span(self.name, _adopt(context), kind="server"):
                return await plain(request, context)

        return recorded

    async def refuse(self, context: Context, error: Exception) -> NoReturn:
        """Ends the call with the status of `error`."""
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, NotImplementedError):
            error = Unimplemented(f"{self.name} is not served by this version")
        if not isinstance(error, SeatbusError):
            log.error("internal error", method=self.name, error=repr(error), exc_info=error)
            error = SeatbusError(f"internal error in {self.name}")
        else:
            log.debug("refused", method=self.name, code=error.code, error=str(error))
        status, detail = to_status(error)
        await context.abort(status, str(error), ((DETAIL_KEY, detail),))
        raise error


def _adopt(context: Context) -> TraceContext | None:
    """The caller's trace becomes this task's; each call runs in a task of its own."""
    if isinstance(context, LaneContext) and context.trace is not None:
        _current.set(context.trace)
        return context.trace
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent" and isinstance(value, str):
            trace = TraceContext.parse(value)
            _current.set(trace)
            return trace
    return None


async def _checked(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        check(request)
        yield request


class _LazyReflection:
    """Server reflection (a generic handler), imported when the first tool asks for it."""

    def __init__(self, services: list[str]) -> None:
        self._services = services
        self._handlers: list[Any] = []

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        if not call.method.startswith("/grpc.reflection."):
            return None
        if not self._handlers:
            from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

            names = [*self._services, "grpc.health.v1.Health", reflection.SERVICE_NAME]
            servicer = reflection.aio.ReflectionServicer(names)
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, _Collector(self._handlers))
        for handler in self._handlers:
            found = handler.service(call)
            if found is not None:
                return cast("grpc.RpcMethodHandler[Any, Any]", found)
        return None


class _Collector:
    """Takes handlers in place of the running server, which takes no more."""

    def __init__(self, into: list[Any]) -> None:
        self._into = into

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._into.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        """The generic handlers serve them."""
