"""What a call of the edge costs before any SIP: its datagrams, commits, questions and bus messages alone.

A process of its own, with the kit as every service uses it, does for each call what the edge does for one of
`b2bua_cpu_ms`: 6 datagrams in and 7 out, 10 commits of 5.7 kB to a file that syncs each, 11 unary calls over
lanes, 4 facts and 3 records. It parses nothing, decides nothing and holds nothing: an edge with the same
promises, in this language and on this machine, costs that and its own work.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import orjson
import psutil

from seatbus.call.v1.events_pb2 import CallAnswered
from seatbus.common.v1 import types_pb2 as common
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import service_pb2_grpc as media_grpc
from seatbus_kit.buckets import Bucket
from seatbus_kit.bus import Bus
from seatbus_kit.events import OutEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instances
from seatbus_kit.rpc import Channels, invoke
from seatbus_kit.settings import ServiceSettings

TALK_S = 1.0
# Of each datagram that comes in: answers, commits, questions, facts and records.
STEPS = ((2, 2, 2, 1, 0), (1, 2, 2, 1, 0), (1, 2, 2, 0, 1), (1, 2, 2, 0, 1), (1, 1, 2, 1, 0), (1, 1, 1, 1, 1))
_STATE = {f"leg{number}": {f"field{each}": "value of it" * 2 for each in range(20)} for number in range(8)}
_DATAGRAM = bytes(700)


class _Settings(ServiceSettings):
    service = "floor"


class _Traffic(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def __init__(self, bus: Bus, stub: Any, file: int) -> None:
        self._bus = bus
        self._bucket = Bucket(bus, "dialogs")
        self._stub = stub
        self._file = file
        self._tasks: set[asyncio.Task[None]] = set()
        self._ask = media.ExecuteRequest(
            context=common.RequestContext(request_id=uuid7(), tenant_id="t"),
            session_id=uuid7(),
            owner="floor",
            epoch=1,
            commands=[media.Command(end_session=media.EndSession())],
        )
        self._fact = CallAnswered().SerializeToString()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        task = asyncio.create_task(self._step(data[:12].decode(), data[12], addr))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if (error := task.exception()) is not None:
            print(f"the floor's traffic was refused, its figure says nothing: {error!r}", file=sys.stderr)
            os._exit(1)

    async def _step(self, call: str, number: int, addr: Any) -> None:
        answers, commits, questions, facts, records = STEPS[number]
        for turn in range(2):
            if turn < commits:
                os.write(self._file, orjson.dumps(_STATE))
            if turn < answers:
                self.transport.sendto(_DATAGRAM, addr)
            if turn < questions:
                await invoke(self._stub.Execute, self._ask, 5.0)
        for _ in range(facts):
            name = CallAnswered.DESCRIPTOR.full_name
            fact = OutEvent("t", "call", call, number + 1, name, self._fact, datetime.now(UTC), "floor")
            await self._bus.publish(fact)
        for _ in range(records):
            await self._bucket.put(f"floor.{call}-{number}", _DATAGRAM, 0, ttl_s=60)


async def _serve(nats_url: str, port: int, path: str, ready: Event) -> None:
    settings = _Settings(nats_url=nats_url, instance_id="floor")
    bus = await Bus.connect(settings)
    instances = Instances(bus, settings)
    await instances.start()
    while (found := instances.pick("media")) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    stub = media_grpc.MediaStub(Channels().get(found.address))  # type: ignore[no-untyped-call]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_DSYNC, 0o600)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Traffic(bus, stub, file), local_addr=("127.0.0.1", port))
    ready.set()
    await asyncio.Event().wait()


def _run(nats_url: str, port: int, path: str, ready: Event) -> None:
    import uvloop

    uvloop.run(_serve(nats_url, port, path, ready))


@dataclass
class Floor:
    process: psutil.Process
    socket: socket.socket
    calls: int = 0

    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        self.calls += 1
        for number in range(len(STEPS)):
            # Set up and ended in bunches, as calls are.
            after = number * 0.01 + (TALK_S if number >= 4 else 0.0)
            loop.call_later(after, self.socket.send, b"%012d%c" % (self.calls, number) + _DATAGRAM)

    async def cost_ms(self, rate: float, seconds: float, idle_share: float) -> float:
        """What a call's traffic costs at this rate; what the process uses without calls is taken off."""
        loop = asyncio.get_running_loop()
        began, before, made = loop.time(), self.cpu_s(), self.calls
        while (now := loop.time() - began) < seconds:
            while self.calls - made < now * rate:
                self._call(loop)
            await asyncio.sleep(0.002)
        await asyncio.sleep(TALK_S + 1.0)
        spent = self.cpu_s() - before - idle_share * (loop.time() - began)
        return spent / (self.calls - made) * 1e3


@asynccontextmanager
async def floor(nats_url: str, port: int, directory: Path) -> AsyncIterator[Floor]:
    """Beside a bus and neighbours that answer."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    path = str(directory / "floor")
    process = context.Process(target=_run, args=(nats_url, port, path, ready), daemon=True)
    process.start()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if not await asyncio.to_thread(ready.wait, 60):
            raise TimeoutError("the floor's process did not start")
        sock.connect(("127.0.0.1", port))
        if process.pid is None:
            raise RuntimeError("the floor's process has no id")
        yield Floor(psutil.Process(process.pid), sock)
    finally:
        process.terminate()
        sock.close()
