"""The one place where everything is put together."""

from __future__ import annotations

from typing import cast

from seatbus.reporting.v1 import service_pb2_grpc
from seatbus_kit.config_view import ConfigView
from seatbus_kit.consumer import Consumer
from seatbus_kit.runtime import App, Runtime
from seatbus_reporting.adapters import sql
from seatbus_reporting.adapters.board_feed import BoardFeed
from seatbus_reporting.adapters.directory import ConfigDirectory
from seatbus_reporting.adapters.edge_journal import EdgeJournal
from seatbus_reporting.adapters.stores import make_store
from seatbus_reporting.application.boards import Boards
from seatbus_reporting.application.calls import Calls
from seatbus_reporting.application.gaps import Gaps
from seatbus_reporting.application.ingest import Ingest
from seatbus_reporting.application.queries import Queries
from seatbus_reporting.application.writer import Writer
from seatbus_reporting.entrypoints.servicer import ReportingServicer
from seatbus_reporting.settings import Settings

DURABLE = "reporting"


class Reporting:
    """Implements `App`."""

    def __init__(self, runtime: Runtime) -> None:
        settings = cast("Settings", runtime.settings)
        bus, clock = runtime.bus, runtime.clock
        self.store = make_store(settings.store)
        self.calls = Calls()
        self.queries = Queries(self.store, sql, self.calls, clock)
        self.writer = Writer(self.store, interval_s=settings.flush_interval_s, max_rows=settings.flush_rows)
        self.gaps = Gaps(EdgeJournal(runtime.instances, runtime.channels), clock)
        self.ingest = Ingest(self.writer, self.queries, self.calls, self.gaps, runtime.tracer)
        self.config = ConfigView(bus, clock=clock)
        self.boards = Boards(
            ConfigDirectory(self.config, lambda tenant: self.boards.names_changed(tenant)),
            clock,
            delta_s=settings.board_delta_s,
            heartbeat_s=settings.board_heartbeat_s,
        )
        self.feed = BoardFeed(bus, self.boards, clock, every_s=settings.board_snapshot_s)
        self.consumers = [
            Consumer(bus, stream, DURABLE, handler, batch=settings.flush_rows)
            for stream, handler in (
                ("CALL", self.ingest.on_calls),
                ("CONTACT", self.ingest.on_contacts),
                ("AGENT", self.ingest.on_agents),
                ("RECORDING", self.ingest.on_recordings),
            )
        ]
        self._ready = False
        runtime.rpc.add(
            service_pb2_grpc.add_ReportingServiceServicer_to_server,
            ReportingServicer(self.queries, self.boards),
        )

    async def start(self) -> None:
        await self.store.open()
        await self.config.start()
        await self.feed.start()
        await self.gaps.start(self.ingest, self.queries)
        for consumer in self.consumers:
            await consumer.start()
        self._ready = True

    def not_ready(self) -> str:
        return "" if self._ready else "the store or the boards are not loaded yet"

    async def drain(self) -> None:
        """Nothing here is lost by stopping; readers of boards choose another replica."""

    async def stop(self) -> None:
        for consumer in self.consumers:
            await consumer.stop()
        await self.gaps.stop()
        await self.writer.close()
        await self.feed.stop()
        await self.config.stop()
        await self.store.close()


async def bootstrap(runtime: Runtime) -> App:
    return Reporting(runtime)
