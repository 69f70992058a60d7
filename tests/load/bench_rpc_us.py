"""CPU of one small unary call between two processes: by the lane, by gRPC, and a bare framed TCP echo beside.

The request has 300 bytes; the service does nothing but what every call passes (validation, deadline, trace).
At 100 and 400 calls a second each call comes alone, as those of a platform do; `hot` is 64 at a time without
a pause. CPU is that of both processes, by the kernel's count; what the caller's own pacing costs is measured
apart and taken off. The echo of 300 bytes is the least that any protocol over TCP can cost here.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import uvloop

from seatbus.acd.v1 import service_pb2, service_pb2_grpc
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import Channels, RpcServer, invoke
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.trace import TraceContext

RATES = (100, 400)
SECONDS = 4.0
HOT = 20_000
HOT_AT_ONCE = 64
BODY = 300
TARGET_US = 150.0

Call = Callable[[], Awaitable[Any]]


class Servicer(service_pb2_grpc.AcdServiceServicer):
    async def Enqueue(self, request: Any, context: Any) -> Any:
        return service_pb2.EnqueueResponse()


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


class Asker(asyncio.Protocol):
    """Sends 300 bytes, is told when 300 have come."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.came = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.came += len(data)
        while self.came >= BODY:
            self.came -= BODY
            self.waiting.pop(0).set_result(None)

    async def ask(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        self.transport.write(b"x" * BODY)  # type: ignore[attr-defined]
        await future


def serve(there: Any) -> None:
    async def main() -> None:
        server = RpcServer(ServiceSettings())
        server.add(service_pb2_grpc.add_AcdServiceServicer_to_server, Servicer())
        await server.start()
        echo = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        there.send((server.address, echo.sockets[0].getsockname()[1]))
        await asyncio.to_thread(there.recv)
        echo.close()
        await server.stop(0)

    uvloop.run(main())


def used(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def paced(call: Call, rate: int) -> int:
    """Calls at a rate, each on its own; how many."""
    loop = asyncio.get_running_loop()
    count = int(rate * SECONDS)
    began = loop.time()
    running: set[asyncio.Future[Any]] = set()
    for number in range(count):
        await asyncio.sleep(max(began + number / rate - loop.time(), 0))
        task = asyncio.ensure_future(call())
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    return count


async def hot(call: Call) -> int:
    async def worker() -> None:
        for _ in range(HOT // HOT_AT_ONCE):
            await call()

    await asyncio.gather(*(worker() for _ in range(HOT_AT_ONCE)))
    return HOT // HOT_AT_ONCE * HOT_AT_ONCE


async def nothing() -> None:
    pass


async def cost(pids: tuple[int, int], work: Callable[[], Awaitable[int]]) -> tuple[float, float]:
    """Microseconds a call at the caller and at the service."""
    before = [used(pid) for pid in pids]
    count = await work()
    here, there = ((used(pid) - at) / count * 1e6 for pid, at in zip(pids, before, strict=True))
    return here, there


async def measure(service: int, address: str, echo_port: int) -> None:
    pids = (os.getpid(), service)
    loop = asyncio.get_running_loop()
    _, asker = await loop.create_connection(Asker, "127.0.0.1", echo_port)
    call_id = uuid7()
    trace = TraceContext.for_call(call_id)
    request = service_pb2.EnqueueRequest(
        context=RequestContext(request_id=uuid7(), tenant_id="acme"),
        call_id=call_id,
        contact_id=uuid7(),
        queue_id="sales",
        edge_instance="sip-edge-0",
    )
    request.attributes["filler"] = "x" * (BODY - request.ByteSize() - 16)
    lanes, plain = Channels(), Channels(lane=None)

    def by(channels: Channels) -> Call:
        stub: Any = service_pb2_grpc.AcdServiceStub(channels.get(address))  # type: ignore[no-untyped-call]
        return lambda: invoke(stub.Enqueue, request, 2.0, trace)

    ways: dict[str, Call] = {"lane": by(lanes), "grpc": by(plain), "echo": asker.ask}
    for call in ways.values():
        for _ in range(3):
            await hot(call) if call is asker.ask else await asyncio.gather(*(call() for _ in range(500)))
    totals: dict[str, float] = {}
    for rate in RATES:
        idle, _ = await cost(pids, lambda rate=rate: paced(nothing, rate))  # type: ignore[misc]
        for name, call in ways.items():
            here, there = await cost(pids, lambda call=call, rate=rate: paced(call, rate))  # type: ignore[misc]
            print(f"rpc_us_{name}_at_{rate} {here - idle:.0f} caller + {there:.0f} service us")
            totals[f"{name}_at_{rate}"] = here - idle + there
    for name, call in ways.items():
        here, there = await cost(pids, lambda call=call: hot(call))  # type: ignore[misc]
        print(f"rpc_us_{name}_hot {here:.0f} caller + {there:.0f} service us")
        totals[f"{name}_hot"] = here + there
    for key in (*(f"at_{rate}" for rate in RATES), "hot"):
        print(f"rpc_us_grpc_over_lane_{key} {totals[f'grpc_{key}'] / totals[f'lane_{key}']:.1f} x")
    print(f"rpc_us {totals['lane_hot']:.0f} us (target {TARGET_US:.0f})")
    await lanes.close()
    await plain.close()


def main() -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    address, echo_port = here.recv()
    try:
        uvloop.run(measure(process.pid or 0, address, echo_port))
    finally:
        here.send("end")
        process.join(5)


if __name__ == "__main__":
    main()
