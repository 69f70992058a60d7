"""Metrics by name. They cost nothing, and import nothing, in a process without a metrics port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_enabled = False


def enable() -> None:
    """Metrics count from now on. Called by the runtime when a metrics port is set."""
    global _enabled
    _enabled = True


class _Metric:
    """Made in the library at its first use."""

    _kind = ""

    def __init__(
        self, name: str, description: str, labels: Sequence[str], buckets: Sequence[float] = ()
    ) -> None:
        self.name = name
        self.description = description
        self.labels = tuple(labels)
        self._buckets = tuple(buckets)
        self._real: Any = None
        self._children: dict[tuple[str, ...], Any] = {}

    def _child(self, values: dict[str, str]) -> Any:
        key = tuple(values[label] for label in self.labels)
        child = self._children.get(key)
        if child is None:
            if self._real is None:
                self._real = self._make()
            child = self._real.labels(*key) if self.labels else self._real
            self._children[key] = child
        return child

    def _make(self) -> Any:
        import prometheus_client

        extra = {"buckets": self._buckets} if self._buckets else {}
        return getattr(prometheus_client, self._kind)(self.name, self.description, self.labels, **extra)


class Counter(_Metric):
    _kind = "Counter"

    def inc(self, amount: float = 1.0, **labels: str) -> None:
        if _enabled:
            self._child(labels).inc(amount)


class Gauge(_Metric):
    _kind = "Gauge"

    def set(self, value: float, **labels: str) -> None:
        if _enabled:
            self._child(labels).set(value)

    def inc(self, amount: float = 1.0, **labels: str) -> None:
        if _enabled:
            self._child(labels).inc(amount)


class Histogram(_Metric):
    _kind = "Histogram"

    def observe(self, value: float, **labels: str) -> None:
        if _enabled:
            self._child(labels).observe(value)


def counter(name: str, description: str, labels: Sequence[str] = ()) -> Counter:
    """A number that only grows; its name ends in `_total`."""
    return Counter(name, description, labels)


def gauge(name: str, description: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(name, description, labels)


def histogram(
    name: str, description: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_BUCKETS
) -> Histogram:
    """Durations in seconds unless the name ends in another unit."""
    return Histogram(name, description, labels, buckets)


def render() -> bytes:
    """All metrics of this process in the text format of Prometheus."""
    import prometheus_client

    return prometheus_client.generate_latest()
