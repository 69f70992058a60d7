"""The life of a process: settings, connection, application, announcement, drain."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from seatbus_kit import log as logs
from seatbus_kit import metrics
from seatbus_kit.bus import Bus
from seatbus_kit.clock import Clock, SystemClock
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.instances import Instances
from seatbus_kit.probes import Probes
from seatbus_kit.provision import check_durability, ensure
from seatbus_kit.rpc import Channels, RpcServer
from seatbus_kit.rpc.client import set_tracer
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.telemetry import Tracer

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

S = TypeVar("S", bound=ServiceSettings)
_CONNECT_TRY_S = 2.0


class App(Protocol):
    """What a service's `bootstrap` returns."""

    async def start(self) -> None:
        """Takes up work. The RPC server runs already, so that neighbours can answer."""
        ...

    async def drain(self) -> None:
        """Returns when no work is left; it is cancelled after the grace period."""
        ...

    async def stop(self) -> None: ...


@runtime_checkable
class HasLoad(Protocol):
    """An application that says how loaded it is, from 0 to 1."""

    def load(self) -> float: ...


@runtime_checkable
class HasReadiness(Protocol):
    """An application that says why it is not ready; an empty text means it is."""

    def not_ready(self) -> str: ...


@dataclass(slots=True)
class Runtime:
    """What every service is built from. `attributes` go into the announcement (ports, zones)."""

    settings: ServiceSettings
    clock: Clock
    bus: Bus
    instances: Instances
    channels: Channels
    rpc: RpcServer
    tracer: Tracer
    log: FilteringBoundLogger
    attributes: dict[str, str]


async def open_runtime(settings: ServiceSettings) -> Runtime:
    """Connects and provisions. Waits for the bus as long as it takes, and says so."""
    log = logs.get_logger(type(settings).service)
    while True:
        try:
            bus = await Bus.connect(settings, timeout=_CONNECT_TRY_S)
            break
        except Unavailable as error:
            log.warning("waiting for the bus", reason=error.message)
            await asyncio.sleep(0.3)
    await check_durability(settings)
    await ensure(bus, settings.jetstream_replicas)
    clock = SystemClock()
    tracer = Tracer(settings)
    set_tracer(tracer)
    instances = Instances(bus, settings, clock)
    if type(settings).asks_others:
        await instances.start()
    return Runtime(settings, clock, bus, instances, Channels(), RpcServer(settings, tracer), tracer, log, {})


async def close_runtime(runtime: Runtime) -> None:
    await runtime.instances.stop()
    await runtime.rpc.stop()
    await runtime.channels.close()
    await runtime.bus.close()
    await asyncio.to_thread(runtime.tracer.close)


def _load_of(app: object) -> Callable[[], float]:
    return app.load if isinstance(app, HasLoad) else lambda: 0.0


class _Process:
    """One service from start to end."""

    def __init__(self, settings: ServiceSettings, bootstrap: Callable[[Runtime], Awaitable[App]]) -> None:
        self._settings = settings
        self._bootstrap = bootstrap
        self._drain = asyncio.Event()
        self._end = asyncio.Event()
        self._started = False
        self._app: App | None = None
        self._runtime: Runtime | None = None

    def signalled(self, number: signal.Signals) -> None:
        """SIGTERM drains, a second one or SIGINT ends."""
        if number is signal.SIGTERM and not self._drain.is_set():
            self._drain.set()
        else:
            self._end.set()

    def _not_ready(self) -> str:
        if not self._started or self._runtime is None:
            return "starting"
        if self._drain.is_set():
            return "draining"
        app: object = self._app
        if isinstance(app, HasReadiness):
            return app.not_ready()
        return ""

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.signalled, number)
        probes: Probes | None = None
        if self._settings.metrics_port:
            metrics.enable()
            probes = Probes(self._settings.grpc_host, self._settings.metrics_port, self._not_ready)
            await probes.start()
        starting = asyncio.create_task(self._start())
        stop = [asyncio.create_task(self._drain.wait()), asyncio.create_task(self._end.wait())]
        try:
            await asyncio.wait([starting, *stop], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await asyncio.wait(stop, return_when=asyncio.FIRST_COMPLETED)
                await self._drain_app()
        finally:
            for task in (starting, *stop):
                task.cancel()
            await asyncio.gather(starting, *stop, return_exceptions=True)
            await self._stop()
            if probes is not None:
                await probes.stop()

    async def _start(self) -> None:
        runtime = self._runtime = await open_runtime(self._settings)
        app = self._app = await self._bootstrap(runtime)
        port = await runtime.rpc.start()
        await app.start()
        load = _load_of(app)
        await runtime.instances.announce(load, address=runtime.rpc.address, attributes=runtime.attributes)
        self._started = True
        runtime.log.info("ready", address=runtime.rpc.address, port=port)

    async def _drain_app(self) -> None:
        runtime, app = self._runtime, self._app
        if runtime is None or app is None or self._end.is_set():
            return
        runtime.log.info("draining", grace_s=self._settings.drain_grace_s)
        runtime.instances.set_draining()
        await runtime.instances.beat_now()
        await runtime.rpc.drain()
        draining = asyncio.create_task(app.drain())
        end = asyncio.create_task(self._end.wait())
        done, _ = await asyncio.wait(
            [draining, end], timeout=self._settings.drain_grace_s, return_when=asyncio.FIRST_COMPLETED
        )
        end.cancel()
        if draining in done:
            draining.result()
            runtime.log.info("drained")
        else:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
            runtime.log.warning("stopped before the drain was complete")

    async def _stop(self) -> None:
        if self._app is not None:
            await self._app.stop()
        if self._runtime is not None:
            await close_runtime(self._runtime)
            self._runtime.log.info("stopped")


def main(settings_cls: type[S], bootstrap: Callable[[Runtime], Awaitable[App]]) -> None:
    """Runs a service until a signal ends it. Exits with one clear line and a non-zero code when the settings
    are wrong or the start fails.
    """
    from pydantic import ValidationError

    try:
        settings = settings_cls()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        sys.exit(f"{settings_cls.service}: SEATBUS_{name}: {first['msg']} (got {first.get('input')!r})")
    import uvloop

    logs.configure(settings)
    if settings.nice:
        # Before there are threads, which inherit it.
        os.nice(settings.nice)
    try:
        uvloop.run(_Process(settings, bootstrap).run())
    except (SeatbusError, OSError) as error:
        sys.exit(f"{settings_cls.service}: {error}")
