"""The one place where everything is put together."""

from __future__ import annotations

from typing import cast

from seatbus.reporting.v1 import service_pb2_grpc
from seatbus_kit.config_view import ConfigView
from seatbus_kit.lease import Lease
from seatbus_kit.log import get_logger
from seatbus_kit.runtime import App, Runtime
from seatbus_reporting.adapters import sql
from seatbus_reporting.adapters.board_snapshots import BoardSnapshots
from seatbus_reporting.adapters.dead_letters import DeadLetterStream
from seatbus_reporting.adapters.directory import ConfigDirectory
from seatbus_reporting.adapters.edge_journal import EdgeJournal
from seatbus_reporting.adapters.feed import STREAMS, Feed
from seatbus_reporting.adapters.positions import RowPositions
from seatbus_reporting.adapters.stores import make_store
from seatbus_reporting.application.boards import Boards
from seatbus_reporting.application.calls import Calls
from seatbus_reporting.application.gaps import Gaps
from seatbus_reporting.application.queries import Queries
from seatbus_reporting.application.records import Records
from seatbus_reporting.application.rows import Rows
from seatbus_reporting.entrypoints.servicer import ReportingServicer
from seatbus_reporting.settings import Settings

log = get_logger("reporting")


class Reporting:
    """Implements `App`."""

    def __init__(self, runtime: Runtime) -> None:
        settings = cast("Settings", runtime.settings)
        bus, clock = runtime.bus, runtime.clock
        self.store = make_store(settings.store)
        self.calls = Calls()
        self.queries = Queries(self.store, sql, self.calls, clock)
        self.gaps = Gaps(EdgeJournal(runtime.instances, runtime.channels), clock)
        self.rows = Rows(
            self.store,
            Records(self.queries, self.calls),
            self.calls,
            self.gaps,
            RowPositions(bus, STREAMS),
            DeadLetterStream(bus),
            runtime.tracer,
            interval_s=settings.flush_interval_s if self.store.exclusive else settings.fresh_s,
            fresh_s=settings.fresh_s,
            max_rows=settings.flush_rows,
        )
        self.config = ConfigView(bus, clock=clock)
        self.boards = Boards(
            ConfigDirectory(self.config, lambda tenant: self.boards.names_changed(tenant)),
            clock,
            delta_s=settings.board_delta_s,
            heartbeat_s=settings.board_heartbeat_s,
        )
        self.snapshots = BoardSnapshots(bus, self.boards, every_s=settings.board_snapshot_s)
        self.feed = Feed(bus, self.boards, self.rows, clock, pace_s=settings.read_pace_s)
        self.rows.rewind = self.feed.rewind
        self.lease = Lease(bus, "reporting-rows", runtime.settings.instance_id, clock)
        self.lease.on_acquired(self._acquired)
        self.lease.on_lost(self._lost)
        self._ready = False
        runtime.rpc.add(
            service_pb2_grpc.add_ReportingServiceServicer_to_server,
            ReportingServicer(self.queries, self.boards, self.rows),
        )

    async def start(self) -> None:
        await self.store.open()
        await self.config.start()
        marks = await self.snapshots.load()
        if self.store.exclusive:
            await self.rows.activate()
            await self.gaps.start(self.rows, self.queries)
        await self.feed.start(marks)
        self.boards.start()
        self.snapshots.start()
        if not self.store.exclusive:
            await self.lease.start()
        self._ready = True

    async def _acquired(self, epoch: int) -> None:
        log.info("this replica writes the rows", epoch=epoch)
        await self.rows.activate()
        # At once: an event that came in between would be taken, and those before it never.
        self.feed.rewind(dict(self.rows.positions))
        await self.gaps.start(self.rows, self.queries)

    async def _lost(self) -> None:
        log.info("another replica writes the rows")
        self.rows.deactivate()
        await self.gaps.stop()

    def not_ready(self) -> str:
        if not self._ready:
            return "the store or the boards are not loaded yet"
        return f"rows are not stored: {self.rows.trouble}" if self.rows.trouble else ""

    async def drain(self) -> None:
        """Nothing here is lost by stopping; readers of boards choose another replica."""

    async def stop(self) -> None:
        await self.feed.stop()
        await self.gaps.stop()
        await self.rows.close()
        if not self.store.exclusive:
            await self.lease.release()
        await self.snapshots.stop()
        await self.boards.stop()
        await self.config.stop()
        await self.store.close()


async def bootstrap(runtime: Runtime) -> App:
    return Reporting(runtime)
