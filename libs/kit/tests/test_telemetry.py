"""Spans and trace identity."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from seatbus_kit.ids import uuid7
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.telemetry import TraceContext, Tracer, current_trace
from seatbus_testkit.otlp import OtlpCollector


def test_the_trace_of_a_call_is_its_id() -> None:
    call = uuid7()
    trace = TraceContext.for_call(call)
    assert f"{trace.trace_id:032x}" == call.replace("-", "")
    assert TraceContext.parse(trace.to_traceparent()) == trace


@pytest.mark.parametrize(
    "text", [None, "", "00-zz", f"00-{0:032x}-{1:016x}-01", f"00-{'g' * 32}-{1:016x}-01"]
)
def test_a_malformed_traceparent_is_no_trace(text: str | None) -> None:
    assert TraceContext.parse(text) is None


def test_spans_reach_the_collector_with_parents_attributes_and_errors(otlp_collector: OtlpCollector) -> None:
    tracer = Tracer(ServiceSettings(otlp_endpoint=otlp_collector.url))
    call = TraceContext.for_call(uuid7())
    with tracer.span("call", context=call):
        with tracer.span("queue", queue="sales") as queue:
            queue.set(position=3)
            assert current_trace() == queue.context
        with pytest.raises(ValueError, match="boom"), tracer.span("route"):
            raise ValueError("boom")
    tracer.close()
    spans = {span.name: span for span in otlp_collector.trace(call.trace_id)}
    assert spans["call"].span_id == call.span_id
    assert spans["call"].parent_id == 0
    assert spans["queue"].parent_id == spans["route"].parent_id == call.span_id
    assert spans["queue"].attributes == {"queue": "sales", "position": "3"}
    assert "boom" in spans["route"].error
    assert spans["call"].service == "service"
    assert spans["queue"].end_ns >= spans["queue"].start_ns


def test_a_silent_span_hands_the_trace_on_and_costs_next_to_nothing() -> None:
    tracer = Tracer(ServiceSettings())
    call = TraceContext.for_call(uuid7())
    with tracer.span("call", call) as span:
        assert span.context == call
        assert current_trace() == call
    assert current_trace() is None
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(2000):
            with tracer.span("x"):
                pass
        best = min(best, (time.perf_counter() - began) / 2000)
    assert best < 5e-6


def test_a_process_without_endpoint_imports_neither_the_sdk_nor_prometheus_nor_reflection() -> None:
    code = (
        "import sys, seatbus_kit.runtime;"
        "lazy = ('opentelemetry', 'prometheus_client', 'grpc_reflection.v1alpha');"
        "bad = [m for m in sys.modules if m.startswith(lazy)];"
        "sys.exit(f'imported: {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
