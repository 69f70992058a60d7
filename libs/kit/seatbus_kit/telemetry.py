"""Spans. Without an OTLP endpoint a span costs under a microsecond and nothing of the SDK is imported."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, cast

from seatbus_kit.trace import TraceContext, current_trace, current_trace_var, new_span_id

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.sdk.trace import ReadableSpan

    from seatbus_kit.settings import ServiceSettings

__all__ = ["Span", "TraceContext", "Tracer", "current_trace"]

Value = str | int | float | bool
Kind = Literal["internal", "server", "client", "producer", "consumer"]


class Span(Protocol):
    @property
    def context(self) -> TraceContext | None:
        """What children name as parent; None outside any trace."""
        ...

    def set(self, **attributes: Value) -> None: ...

    def error(self, error: BaseException | str) -> None:
        """Marks the span as failed."""
        ...

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Silent:
    """A span that nobody records: it hands its parent on, so that logs and events keep the trace."""

    __slots__ = ("_token", "context")

    def __init__(self, parent: TraceContext | None) -> None:
        self.context = parent
        self._token: Token[TraceContext | None] | None = None

    def set(self, **attributes: Value) -> None:
        pass

    def error(self, error: BaseException | str) -> None:
        pass

    def __enter__(self) -> _Silent:
        if self.context is not None:
            self._token = _current.set(self.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)


class _Recorded:
    """A span that is exported when it ends."""

    __slots__ = (
        "_attributes",
        "_error",
        "_kind",
        "_name",
        "_parent",
        "_start",
        "_token",
        "_tracer",
        "context",
    )

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        context: TraceContext,
        parent: TraceContext | None,
        kind: Kind,
        attributes: dict[str, Value],
    ) -> None:
        self._tracer = tracer
        self._name = name
        self.context = context
        self._parent = parent
        self._kind: Kind = kind
        self._attributes = attributes
        self._error: str | None = None
        self._start = time.time_ns()
        self._token: Token[TraceContext | None] | None = None

    def set(self, **attributes: Value) -> None:
        self._attributes.update(attributes)

    def error(self, error: BaseException | str) -> None:
        self._error = error if isinstance(error, str) else repr(error)

    def __enter__(self) -> _Recorded:
        self._token = _current.set(self.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if error is not None and self._error is None:
            self.error(error)
        self._tracer.export(
            self._name,
            self.context,
            self._parent,
            self._kind,
            self._start,
            time.time_ns(),
            self._attributes,
            self._error,
        )


_current = current_trace_var()


class Tracer:
    """Makes spans of one service and exports them in batches, from a thread of the SDK."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._service = type(settings).service
        self._instance = settings.instance_id
        self._endpoint = settings.otlp_endpoint
        self._exporter: _Exporter | None = None

    @property
    def enabled(self) -> bool:
        return self._endpoint is not None

    def span(
        self,
        name: str,
        parent: TraceContext | None = None,
        *,
        kind: Kind = "internal",
        context: TraceContext | None = None,
        **attributes: Value,
    ) -> Span:
        """A context manager. The parent defaults to the current span.

        `context` fixes the span's own identity: the owner of a call opens the root of its trace as
        `tracer.span("call", context=TraceContext.for_call(call_id))`.
        """
        if parent is None and context is None:
            parent = _current.get()
        if self._endpoint is None:
            return _Silent(context or parent)
        own = context or (parent.child() if parent is not None else _new_trace())
        return _Recorded(self, name, own, parent, kind, dict(attributes))

    def export(
        self,
        name: str,
        context: TraceContext,
        parent: TraceContext | None,
        kind: Kind,
        start_ns: int,
        end_ns: int,
        attributes: dict[str, Value],
        error: str | None = None,
    ) -> None:
        """Exports a span whose times are known, such as a phase of a call that began in another task."""
        if self._endpoint is None:
            return
        if self._exporter is None:
            self._exporter = _Exporter(self._endpoint, self._service, self._instance)
        self._exporter.add(name, context, parent, kind, start_ns, end_ns, attributes, error)

    def close(self) -> None:
        """Sends what is left; waits for it."""
        if self._exporter is not None:
            self._exporter.close()


def _new_trace() -> TraceContext:
    return TraceContext((new_span_id() << 64) | new_span_id(), new_span_id())


class _Processor(Protocol):
    """The part of the SDK's batch processor that is used here."""

    def on_end(self, span: ReadableSpan) -> None: ...

    def force_flush(self, timeout_millis: int | None = None) -> bool: ...

    def shutdown(self) -> None: ...


class _Exporter:
    """The SDK's batching exporter, imported at the first span."""

    def __init__(self, endpoint: str, service: str, instance: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        self._span = ReadableSpan
        self._span_context = SpanContext
        self._flags = TraceFlags(TraceFlags.SAMPLED)
        self._kinds = {kind.name.lower(): kind for kind in SpanKind}
        self._ok = Status(StatusCode.UNSET)
        self._status = Status
        self._error_code = StatusCode.ERROR
        self._scope = InstrumentationScope("seatbus")
        self._resource = Resource({"service.name": service, "service.instance.id": instance})
        self._processor = cast(
            "_Processor",
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5),
                max_queue_size=8192,
                schedule_delay_millis=1000,
                max_export_batch_size=512,
            ),
        )

    def add(
        self,
        name: str,
        context: TraceContext,
        parent: TraceContext | None,
        kind: Kind,
        start_ns: int,
        end_ns: int,
        attributes: dict[str, Value],
        error: str | None,
    ) -> None:
        self._processor.on_end(
            self._span(
                name=name,
                context=self._span_context(context.trace_id, context.span_id, False, self._flags),
                parent=self._span_context(parent.trace_id, parent.span_id, True, self._flags)
                if parent is not None
                else None,
                resource=self._resource,
                attributes=attributes,
                kind=self._kinds[kind],
                instrumentation_scope=self._scope,
                status=self._ok if error is None else self._status(self._error_code, error),
                start_time=start_ns,
                end_time=end_ns,
            )
        )

    def close(self) -> None:
        self._processor.force_flush(3000)
        self._processor.shutdown()
