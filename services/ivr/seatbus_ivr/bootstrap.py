"""The one place where `ivr` is put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.ivr.v1.service_pb2_grpc import add_IvrServiceServicer_to_server
from seatbus.ivr.v1.types_pb2 import FlowPosition
from seatbus_ivr.adapters.books import Books
from seatbus_ivr.adapters.sweep import Sweep
from seatbus_ivr.application.calls import Calls
from seatbus_ivr.entrypoints.grpc_service import IvrServicer, journal
from seatbus_kit.config_view import ConfigView
from seatbus_kit.records import RecordStore

if TYPE_CHECKING:
    from seatbus_kit.runtime import Runtime

# Older flows than this may be walked; it is said, not hidden.
STALE_S: Final = 10.0


class IvrApp:
    """Nothing durable is held: a drain has nothing to wait for."""

    def __init__(self, view: ConfigView, positions: RecordStore[FlowPosition], sweep: Sweep) -> None:
        self._view = view
        self._positions = positions
        self._sweep = sweep

    async def start(self) -> None:
        """`bootstrap` loaded the configuration before the first request could come."""
        self._sweep.start()

    async def drain(self) -> None:
        await self._positions.flush()

    async def stop(self) -> None:
        await self._sweep.stop()
        await self._positions.close()
        await self._view.stop()

    def not_ready(self) -> str:
        age = self._view.staleness()
        return f"configuration is {age:.0f} s old" if age > STALE_S else ""


async def bootstrap(runtime: Runtime) -> IvrApp:
    """Returns after a full load of the configuration."""
    view = ConfigView(runtime.bus, clock=runtime.clock)
    books = Books(view)
    await view.start()
    positions = RecordStore(
        runtime.bus,
        "ivr",
        FlowPosition,
        "call",
        lambda position: position.tenant_id,
        lambda position: position.call_id,
        runtime.settings.instance_id,
        clock=runtime.clock,
    )
    calls = Calls(positions, books, runtime.clock, journal)
    runtime.rpc.add(add_IvrServiceServicer_to_server, IvrServicer(calls))
    return IvrApp(view, positions, Sweep(positions, runtime.clock))
