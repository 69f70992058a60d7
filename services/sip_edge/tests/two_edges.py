"""A second edge beside the world's own, in the same process."""

from __future__ import annotations

from typing import Any

from seatbus_kit.runtime import close_runtime, open_runtime
from seatbus_sip_edge.bootstrap import SipEdge, bootstrap
from seatbus_sip_edge.settings import Settings
from seatbus_testkit.platform import free_port_base

_PORTS = {"UDP": 0, "TCP": 0, "WS": 1}


class Second:
    """Another edge of the same platform."""

    def __init__(self, app: SipEdge, runtime: Any, port: int) -> None:
        self.app = app
        self.edge = app.edge
        self.runtime = runtime
        self.port = port

    @classmethod
    async def start(cls, world: Any, name: str, **more: Any) -> Second:
        port = free_port_base()
        settings = world.env(
            instance_id=f"{world.instance_id}-{name}",
            data_dir=world.directory / name,
            sip_tcp_port=port,
            sip_ws_port=port + 1,
            **{"sip_port": port, **more},
        )
        runtime = await open_runtime(Settings(**settings))
        app = await bootstrap(runtime)
        await runtime.rpc.start()
        await app.start()
        await runtime.instances.announce(app.load, address=runtime.rpc.address, attributes=runtime.attributes)
        return cls(app, runtime, port)

    def at(self, transport: str) -> tuple[str, int]:
        return "127.0.0.1", self.port + _PORTS[transport]

    async def stop(self) -> None:
        await self.app.stop()
        await close_runtime(self.runtime)
