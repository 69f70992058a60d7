"""Trace identity (W3C Trace Context). One call is one trace, so the call's id is its trace id."""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

_SPAN_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a span hangs: 128 bits of trace, 64 bits of span, as numbers."""

    trace_id: int
    span_id: int

    def to_traceparent(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-01"

    @classmethod
    def parse(cls, traceparent: str | None) -> TraceContext | None:
        """The context in a `traceparent` header; None when missing or malformed (it is then ignored)."""
        if not traceparent or len(traceparent) < 55 or traceparent[:2] == "ff":
            return None
        try:
            trace_id = int(traceparent[3:35], 16)
            span_id = int(traceparent[36:52], 16)
        except ValueError:
            return None
        if trace_id == 0 or span_id == 0:
            return None
        return cls(trace_id, span_id)

    @classmethod
    def for_call(cls, call_id: str) -> TraceContext:
        """The root of a call's trace: the trace id is the call id, the root span its low 64 bits.

        Every service can hang its spans below the root without having seen it. Raises ValueError for an id
        that is not a UUID.
        """
        value = UUID(call_id).int
        return cls(value, value & _SPAN_MASK)

    def child(self) -> TraceContext:
        """A new span in the same trace."""
        return TraceContext(self.trace_id, new_span_id())


def new_span_id() -> int:
    return secrets.randbits(64) or 1


_current: ContextVar[TraceContext | None] = ContextVar("seatbus_trace", default=None)


def current_trace() -> TraceContext | None:
    """The span this task works in, None outside any."""
    return _current.get()


def current_trace_var() -> ContextVar[TraceContext | None]:
    """The variable itself, for those who set it (RPC server, tracer, consumers)."""
    return _current
