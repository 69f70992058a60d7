"""A small OTLP/HTTP collector: takes spans as services export them and keeps them for the test to look at."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """One exported span. `parent_id` 0 is a root; times are nanoseconds since 1970."""

    service: str
    name: str
    trace_id: int
    span_id: int
    parent_id: int
    start_ns: int
    end_ns: int
    error: str
    attributes: dict[str, str] = field(default_factory=dict)


class OtlpCollector:
    """Listens on a free port of the loopback from construction to `close`."""

    def __init__(self) -> None:
        self._spans: list[SeenSpan] = []
        self._lock = threading.Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: tests print enough."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, body: bytes) -> None:
        """Keeps the spans of one export request."""
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        found: list[SeenSpan] = []
        for resource in request.resource_spans:
            service = ""
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    service = attribute.value.string_value
            for scope in resource.scope_spans:
                for span in scope.spans:
                    found.append(
                        SeenSpan(
                            service,
                            span.name,
                            int.from_bytes(span.trace_id),
                            int.from_bytes(span.span_id),
                            int.from_bytes(span.parent_span_id),
                            span.start_time_unix_nano,
                            span.end_time_unix_nano,
                            span.status.message if span.status.code == 2 else "",
                            {item.key: _text(item.value) for item in span.attributes},
                        )
                    )
        with self._lock:
            self._spans.extend(found)

    @property
    def spans(self) -> list[SeenSpan]:
        with self._lock:
            return list(self._spans)

    def trace(self, trace_id: int) -> list[SeenSpan]:
        """The spans of one trace by start time; a call's trace id is its call id as a number."""
        return sorted((s for s in self.spans if s.trace_id == trace_id), key=lambda span: span.start_ns)

    def wait(self, condition: Callable[[list[SeenSpan]], bool], timeout: float = 30.0) -> list[SeenSpan]:
        """All spans as soon as `condition(spans)` holds. Raises TimeoutError naming what was seen."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            spans = self.spans
            if condition(spans):
                return spans
            time.sleep(0.02)
        seen = sorted({f"{span.service}:{span.name}" for span in self.spans})
        raise TimeoutError(f"spans seen: {seen}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def __enter__(self) -> OtlpCollector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _text(value: object) -> str:
    kind = getattr(value, "WhichOneof", lambda _: None)("value")
    return str(getattr(value, kind)) if kind else ""
