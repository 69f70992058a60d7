"""A service inside the test's own process, on a real bus and behind its real gRPC port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Self

from seatbus_kit.bus import Bus
from seatbus_kit.rpc import Channels
from seatbus_kit.runtime import App, Runtime, close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings


class InProcess:
    """One instance. A service's tests derive from it: its settings, its `bootstrap`, and its calls."""

    settings: ClassVar[type[ServiceSettings]]
    bootstrap: ClassVar[Callable[[Runtime], Awaitable[App]]]

    def __init__(self, runtime: Runtime, app: Any) -> None:
        self.runtime = runtime
        self.app = app
        self.channels = Channels()

    @classmethod
    async def start(cls, nats_url: str, **more: Any) -> Self:
        runtime = await open_runtime(cls.settings(nats_url=nats_url, **more))
        app = await cls.bootstrap(runtime)
        await runtime.rpc.start()
        await app.start()
        return cls(runtime, app)

    @property
    def bus(self) -> Bus:
        return self.runtime.bus

    async def stop(self) -> None:
        await self.channels.close()
        await self.app.stop()
        await close_runtime(self.runtime)
