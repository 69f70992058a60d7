"""A service, and a caller of it by either transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from seatbus.acd.v1 import service_pb2, service_pb2_grpc
from seatbus_kit import errors
from seatbus_kit.rpc import Channels, RpcServer, invoke
from seatbus_kit.rpc.channel import LaneChannel
from seatbus_kit.rpc.lane import LaneTimes
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.eventually import eventually


class Acd(service_pb2_grpc.AcdServiceServicer):
    """Does what the test puts into `answer`."""

    def __init__(self) -> None:
        self.answer: Callable[[], Any] = service_pb2.EstimateWaitResponse
        self.snapshot: Callable[[], Any] = service_pb2.SnapshotResponse
        self.contexts: list[Any] = []

    async def EstimateWait(self, request: Any, context: Any) -> Any:
        self.contexts.append(context)
        answer = self.answer()
        return await answer if asyncio.iscoroutine(answer) else answer

    async def Snapshot(self, request: Any, context: Any) -> Any:
        return self.snapshot()

    async def WatchSnapshot(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield service_pb2.SnapshotResponse()
        raise errors.Refused("not_the_owner")


class Held:
    """An answer that takes its time: `started` and `cancelled` say how far the handler came."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self) -> Any:
        self.started.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return service_pb2.EstimateWaitResponse(estimated_wait_s=7)


def estimate_request(**fields: str) -> service_pb2.EstimateWaitRequest:
    return service_pb2.EstimateWaitRequest(**({"tenant_id": "acme", "queue_id": "q"} | fields))


class Bench:
    def __init__(self, servicer: Acd, server: RpcServer, channels: Channels, *, by_lane: bool) -> None:
        self.by_lane = by_lane
        self.servicer = servicer
        self.server = server
        self.channels = channels
        self.stub: Any = service_pb2_grpc.AcdServiceStub(channels.get(server.address))

    async def snapshot(self) -> Any:
        return await invoke(self.stub.Snapshot, service_pb2.SnapshotRequest(tenant_id="acme"), 10)

    async def estimate(self, timeout: float = 30.0, **fields: str) -> Any:
        return await invoke(self.stub.EstimateWait, estimate_request(**fields), timeout)

    async def goes_on(self) -> None:
        """The next call is answered, and by the same transport."""
        self.servicer.answer = service_pb2.EstimateWaitResponse
        await self.estimate()
        assert (type(self.servicer.contexts[-1]).__name__ == "LaneContext") == self.by_lane

    async def held(self, timeout: float = 30.0) -> tuple[Held, asyncio.Task[Any]]:
        """A call that is in its handler."""
        held = Held()
        self.servicer.answer = held
        call = asyncio.create_task(self.estimate(timeout))
        await asyncio.wait_for(held.started.wait(), 30)
        return held, call


async def lane_open(channels: Channels, address: str) -> None:
    """Waits until calls to `address` go by its lane."""
    channel = cast("LaneChannel", channels.get(address))
    await eventually(channel.lane.connection)


@pytest.fixture(params=["lane", "grpc"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    servicer = Acd()
    server = RpcServer(ServiceSettings())
    server.add(service_pb2_grpc.add_AcdServiceServicer_to_server, servicer)
    await server.start()
    by_lane = request.param == "lane"
    channels = Channels(LaneTimes() if by_lane else None)
    if by_lane:
        await lane_open(channels, server.address)
    yield Bench(servicer, server, channels, by_lane=by_lane)
    await channels.close()
    await server.stop(0)
