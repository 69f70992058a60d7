"""The wiring of the service."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from seatbus.acd.v1.service_pb2_grpc import add_AcdServiceServicer_to_server
from seatbus.acd.v1.types_pb2 import Contact
from seatbus_acd.adapters.agents import AgentFeed, AgentStateClient
from seatbus_acd.adapters.callbacks import StoredCallbacks
from seatbus_acd.adapters.config import KINDS, TopologyReader
from seatbus_acd.adapters.contact_feed import ContactFeed
from seatbus_acd.adapters.decision_log import DecisionLog
from seatbus_acd.adapters.edges import EdgeClient
from seatbus_acd.adapters.holders import Holders
from seatbus_acd.adapters.left_behind import LeftBehind
from seatbus_acd.adapters.next_visits import NextVisitClient
from seatbus_acd.adapters.routing_memory import RoutingMemory
from seatbus_acd.adapters.sizing import Sizing
from seatbus_acd.adapters.tenancy import TenancyClient
from seatbus_acd.application.router import Router
from seatbus_acd.application.shard import Deps
from seatbus_acd.application.underway import Underway
from seatbus_acd.entrypoints.desk import Desk
from seatbus_acd.entrypoints.grpc import AcdServicer
from seatbus_contracts.hours import schedule_open
from seatbus_kit.buckets import Bucket
from seatbus_kit.config_view import ConfigView
from seatbus_kit.lease import Lease, LeaseView
from seatbus_kit.records import RecordStore
from seatbus_kit.watch import Watcher

if TYPE_CHECKING:
    from seatbus.tenancy.v1.types_pb2 import Route
    from seatbus_acd.domain.model import QueueKey
    from seatbus_acd.settings import Settings
    from seatbus_kit.runtime import App, Runtime


# New objects between two collections of the young.
_YOUNG: Final = 50_000
# The groups are at other replicas by then; what these have not fenced may still be written.
_SETTLE_S: Final = 2.0


class AcdApp:
    def __init__(self, runtime: Runtime) -> None:
        settings = cast("Settings", runtime.settings)
        bus, clock, instances = runtime.bus, runtime.clock, runtime.instances
        self._store = RecordStore(
            bus,
            "waiting",
            Contact,
            "contact",
            lambda contact: contact.tenant_id,
            lambda contact: contact.contact_id,
            settings.instance_id,
            clock=clock,
        )
        self._config = ConfigView(bus, clock=clock)
        self._agents = Watcher(bus, "agents", clock=clock)
        self._leases = Watcher(bus, "leases", clock=clock)
        self._lease_view = LeaseView(self._leases, clock)
        self._left_behind = LeftBehind(self._store)
        # Wall time at the start, carried on by a clock that never jumps: engine time.
        started, mono = clock.now().timestamp(), clock.monotonic()
        deps = Deps(
            self._store,
            AgentStateClient(instances, runtime.channels, Bucket(bus, "agents"), settings.instance_id),
            EdgeClient(instances, runtime.channels, settings.instance_id, lambda: runtime.rpc.address),
            clock,
            lambda: started + clock.monotonic() - mono,
            self._overflow_of,
            self._open_now,
            RoutingMemory(bus, clock),
            NextVisitClient(runtime.channels, settings.instance_id, lambda: runtime.rpc.address),
        )
        holders = Holders(self._leases, instances, runtime.channels)
        self._router = Router(
            deps,
            TopologyReader(self._config).read,
            lambda group: Lease(bus, group, settings.instance_id, clock, view=self._lease_view),
            AgentFeed(self._agents),
            lambda key: self._config.get(key[0], "queue", key[1]) is not None,
            lambda group: holders.vacant(group, settings.instance_id),
            settings.reconcile_s,
            self._left_behind.look,
        )
        self._underway = Underway()
        tenancy = TenancyClient(self._config, instances, runtime.channels)
        runtime.rpc.add(
            add_AcdServiceServicer_to_server,
            AcdServicer(
                Desk(
                    self._router,
                    holders,
                    settings.instance_id,
                    lambda key: self._config.ask(key[0], "queue", key[1]),
                    self._underway,
                ),
                tenancy,
                Sizing(),
                StoredCallbacks(self._store),
                DecisionLog(bus),
                ContactFeed(bus),
            ),
        )

    async def start(self) -> None:
        await self._config.start()
        await self._agents.start()
        await self._leases.start()
        await self._lease_view.start()
        await self._router.start()
        # A collection that walks through everything that lives long holds every decision up for milliseconds.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG, 20, 100)
        self._config.on_change(self._config_changed)

    def _overflow_of(self, key: QueueKey) -> Route | None:
        found = self._config.get(key[0], "queue", key[1])
        if found is None or not found.queue.HasField("overflow"):
            return None
        return found.queue.overflow

    def _open_now(self, tenant: str, schedule_id: str) -> bool:
        """Without a schedule, or one that is lost, it always is."""
        found = self._config.get(tenant, "schedule", schedule_id) if schedule_id else None
        return found is None or schedule_open(found.schedule, datetime.now(UTC))

    def _config_changed(self, _tenant: str, kind: str, _id: str) -> None:
        if kind in KINDS:
            self._router.config_changed()

    async def drain(self) -> None:
        await self._router.drain()
        await self._underway.settle(_SETTLE_S)
        await self._store.flush()

    async def stop(self) -> None:
        await self._router.stop()
        await self._underway.stop()
        await self._left_behind.stop()
        await self._lease_view.stop()
        await self._leases.stop()
        await self._agents.stop()
        await self._config.stop()
        await self._store.close()

    def load(self) -> float:
        return self._router.load


async def bootstrap(runtime: Runtime) -> App:
    return AcdApp(runtime)
