"""The service in this process, on a real NATS server and a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from seatbus.reporting.v1 import service_pb2_grpc
from seatbus_kit.bus import Bus
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_reporting.bootstrap import Reporting
from seatbus_reporting.settings import Settings
from seatbus_testkit.nats import NatsServer


class Served:
    """A running service and a client of it."""

    def __init__(self, runtime: Runtime, app: Reporting) -> None:
        self.runtime = runtime
        self.app = app
        self.bus: Bus = runtime.bus
        channel = runtime.channels.get(runtime.rpc.address)
        self.rpc = service_pb2_grpc.ReportingServiceStub(channel)  # type: ignore[no-untyped-call]


Start = Callable[..., Awaitable[Served]]


@asynccontextmanager
async def serving(url: str, data_dir: Path, **more: object) -> AsyncIterator[Served]:
    settings = Settings(
        nats_url=url,
        data_dir=data_dir,
        flush_interval_s=0.1,
        board_snapshot_s=0.3,
        log_level="warning",
        **more,  # type: ignore[arg-type]
    )
    runtime = await open_runtime(settings)
    app = Reporting(runtime)
    await runtime.rpc.start()
    await app.start()
    try:
        yield Served(runtime, app)
    finally:
        await app.stop()
        await close_runtime(runtime)


@pytest.fixture(scope="session")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # One embedded engine a process: all tests share its directory, each has a tenant of its own.
    return tmp_path_factory.mktemp("reporting")


@pytest.fixture
async def start(nats_server: NatsServer, store_dir: Path) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def run(**more: object) -> Served:
            return await stack.enter_async_context(serving(nats_server.url, store_dir, **more))

        yield run
