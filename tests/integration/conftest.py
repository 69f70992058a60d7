"""One platform for all tests here, started by `seatbus up`; each test has a company of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seatbus_testkit.otlp import OtlpCollector
from seatbus_testkit.platform import Platform


@pytest.fixture(scope="session")
def collector() -> Iterator[OtlpCollector]:
    with OtlpCollector() as running:
        yield running


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, collector: OtlpCollector) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("platform")
    # The machine of the tests may stand still for longer than callers should wait for ivr.
    patient = {"SEATBUS_NO_IVR_TIMEOUT_S": "4"}
    running = Platform.start(folder / "data", "--otlp", collector.url, "--log-level", "info", env=patient)
    try:
        yield running
    finally:
        running.stop()
