"""pytest fixtures: real servers, started once a session and only when a test asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from seatbus_testkit.properties import load_profile

if TYPE_CHECKING:
    from seatbus_testkit.clock import FakeClock
    from seatbus_testkit.nats import NatsServer
    from seatbus_testkit.otlp import OtlpCollector


def pytest_configure() -> None:
    load_profile()


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A NATS server with JetStream for the whole session. Tests share it: use ids of your own.

    A test that kills or pauses a server starts one for itself with `NatsServer.start(tmp_path)`.
    """
    from seatbus_testkit.nats import NatsServer

    with NatsServer.start(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def fake_clock() -> FakeClock:
    from seatbus_testkit.clock import FakeClock

    return FakeClock()


@pytest.fixture
def otlp_collector() -> Iterator[OtlpCollector]:
    """A collector of spans on a free port; its `url` is a service's otlp_endpoint."""
    from seatbus_testkit.otlp import OtlpCollector

    with OtlpCollector() as collector:
        yield collector
