"""The wiring of the service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from seatbus.agent.v1.service_pb2_grpc import add_AgentStateServiceServicer_to_server
from seatbus.agent.v1.types_pb2 import AgentState, SeatClaim
from seatbus_agent_state.adapters.config import ConfiguredAgents
from seatbus_agent_state.adapters.contacts import LiveCalls, WaitingContacts
from seatbus_agent_state.adapters.directory import AgentDirectory
from seatbus_agent_state.adapters.edges import EdgeClient, ReplicaShare
from seatbus_agent_state.adapters.seats import SeatClaims
from seatbus_agent_state.adapters.timers import ScheduledTimers
from seatbus_agent_state.application.dismissals import Dismissals
from seatbus_agent_state.application.reconcile import Reconciler
from seatbus_agent_state.application.service import AgentService
from seatbus_agent_state.application.shifts import Shifts
from seatbus_agent_state.entrypoints.deadlines import deadline_consumer
from seatbus_agent_state.entrypoints.grpc import AgentStateServicer
from seatbus_kit.buckets import Bucket
from seatbus_kit.config_view import ConfigView
from seatbus_kit.drain import Drainer
from seatbus_kit.records import RecordStore
from seatbus_kit.watch import Watcher

if TYPE_CHECKING:
    from seatbus_agent_state.settings import Settings
    from seatbus_kit.runtime import App, Runtime


class AgentStateApp:
    def __init__(self, runtime: Runtime) -> None:
        settings = cast("Settings", runtime.settings)
        bus = runtime.bus
        self._store = RecordStore(
            bus,
            "agents",
            AgentState,
            "agent",
            lambda agent: agent.tenant_id,
            lambda agent: agent.agent_id,
            settings.instance_id,
            clock=runtime.clock,
        )
        self._seats = RecordStore(
            bus,
            "seats",
            SeatClaim,
            "agent",
            lambda claim: claim.tenant_id,
            lambda claim: claim.seat_id,
            settings.instance_id,
            clock=runtime.clock,
        )
        self._config = ConfigView(bus, clock=runtime.clock)
        self._watcher = Watcher(bus, "agents", clock=runtime.clock, markers=True)
        directory = AgentDirectory(self._watcher)
        self._timers = ScheduledTimers(bus)
        self._drainer = Drainer(self._store, watcher=self._watcher)
        config = ConfiguredAgents(self._config)
        service = AgentService(
            self._store,
            config,
            WaitingContacts(Bucket(bus, "waiting")),
            directory,
            self._timers,
            SeatClaims(self._seats, self._store, runtime.clock),
            runtime.clock,
        )
        share = ReplicaShare(runtime.instances, settings.instance_id)
        reconciler = Reconciler(
            service,
            directory,
            EdgeClient(runtime.instances, runtime.channels, LiveCalls(Bucket(bus, "calls"))),
            share,
            runtime.clock,
            sweep_s=settings.sweep_s,
            reconcile_s=settings.reconcile_s,
        )
        self._shifts = Shifts(service, config, directory, share, runtime.clock, sweep_s=settings.sweep_s)
        self._dismissals = Dismissals(service, config, directory, share, sweep_s=settings.sweep_s)
        self._config.on_change(self._dismissals.changed)
        self.reconciler = reconciler
        self._deadlines = deadline_consumer(bus, reconciler)
        self._sweeping: list[asyncio.Task[None]] = []
        runtime.rpc.add(add_AgentStateServiceServicer_to_server, AgentStateServicer(service))

    async def start(self) -> None:
        await self._config.start()
        await self._watcher.start()
        await self._drainer.start()
        await self._deadlines.start()
        self._sweeping = [
            asyncio.create_task(self.reconciler.run(), name="sweep agents"),
            asyncio.create_task(self._shifts.run(), name="shifts"),
            asyncio.create_task(self._dismissals.run(), name="dismissals"),
        ]

    async def drain(self) -> None:
        """Any replica serves any agent: only what is on its way to the bus is waited for."""
        await self._timers.flush()
        await self._store.flush()

    async def stop(self) -> None:
        for task in self._sweeping:
            task.cancel()
        await asyncio.gather(*self._sweeping, return_exceptions=True)
        await self._deadlines.stop()
        await self._timers.flush()
        await self._drainer.stop()
        await self._watcher.stop()
        await self._config.stop()
        await self._store.close()
        await self._seats.close()


async def bootstrap(runtime: Runtime) -> App:
    return AgentStateApp(runtime)
