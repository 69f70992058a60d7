"""CPU of `reporting` for one queued call: rows, call record and board, at 5 and at 20 calls a second.

The service runs as shipped against a real NATS server with `sync_interval: always`. Calls are told by their
events at the pace at which the other services would publish them: 3.7 s from the first ring to the end of the
wrap-up, 200 agents. What the process burns while idle is measured first and taken off; the publisher and NATS
are not counted. `--watch` adds one reader of the board.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psutil
import uvloop

from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import service_pb2_grpc
from seatbus_kit.ids import uuid7
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_reporting.settings import Settings
from seatbus_testkit.nats import NatsServer

AGENTS = 200
RATES = (5.0, 20.0)
SECONDS = 20.0
IDLE_S = 10.0
SETTLE_S = 4.0
INSTANCE = "reporting-bench"


def script_module() -> ModuleType:
    """The calls of the service's own tests."""
    path = Path(__file__).parents[2] / "services/reporting/tests/script_events.py"
    spec = importlib.util.spec_from_file_location("script_events", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["script_events"] = module
    spec.loader.exec_module(module)
    return module


class Load:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._scripts = script_module()
        self._agents = self._scripts.Seqs()
        self._next = 0
        self.tenant = f"t{uuid7()}"
        self.events = 0

    async def call(self) -> None:
        script = self._scripts.CallScript(
            self.tenant, agent=f"a{self._next % AGENTS}", agents=self._agents, queue=f"q{self._next % 4}"
        )
        self._next += 1
        script.arrive().enqueue().offer().wait(0.5).answer().wait(1).hang_up()
        first, began = script.events[0].occurred_at, time.perf_counter()
        for event in script.events:
            left = (event.occurred_at - first).total_seconds() - (time.perf_counter() - began)
            if left > 0:
                await asyncio.sleep(left)
            await self._runtime.bus.publish(event)
        self.events += len(script.events)

    async def run(self, rate: float, seconds: float) -> int:
        start, calls = time.perf_counter(), int(rate * seconds)
        tasks = []
        for index in range(calls):
            await asyncio.sleep(max(0.0, start + index / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(self.call()))
        await asyncio.gather(*tasks)
        return calls


def threads(process: psutil.Process) -> dict[str, float]:
    """CPU seconds by thread name: `python` is the event loop, `chdb` and the rest are the store's."""
    found: dict[str, float] = {}
    for thread in process.threads():
        try:
            name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text().strip()
        except OSError:
            continue
        name = "loop" if thread.id == process.pid else name
        found[name] = found.get(name, 0.0) + thread.user_time + thread.system_time
    return found


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def measure(server: NatsServer, folder: Path, watch: bool) -> float:
    settings = Settings(nats_url=server.url, data_dir=folder, instance_id="bench-publisher")
    runtime = await open_runtime(settings)
    env = os.environ | {
        "SEATBUS_NATS_URL": server.url,
        "SEATBUS_INSTANCE_ID": INSTANCE,
        "SEATBUS_DATA_DIR": str(folder),
        "SEATBUS_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "seatbus_reporting"]
    process = psutil.Popen(command, env=env)
    watcher: asyncio.Task[None] | None = None
    try:
        await until(lambda: runtime.instances.get(INSTANCE) is not None)
        found = runtime.instances.get(INSTANCE)
        if found is None:
            raise RuntimeError("reporting is not there")
        stub = service_pb2_grpc.ReportingServiceStub(runtime.channels.get(found.address))
        load = Load(runtime)
        await load.run(5, 2)
        if watch:
            watcher = asyncio.create_task(read_board(stub, load.tenant))
        await asyncio.sleep(SETTLE_S)
        before = cpu(process)
        await asyncio.sleep(IDLE_S)
        idle = (cpu(process) - before) / IDLE_S
        print(f"reporting_idle_cpu_ms_per_s {idle * 1000:.1f} ms")
        total = 0.0
        for rate in RATES:
            before, split, events = cpu(process), threads(process), load.events
            began = time.perf_counter()
            calls = await load.run(rate, SECONDS)
            await asyncio.sleep(SETTLE_S)
            spent = cpu(process) - before - idle * (time.perf_counter() - began)
            total = spent * 1000 / calls
            for name, seconds in sorted(threads(process).items()):
                part = (seconds - split.get(name, 0.0)) * 1000 / calls
                if part > 0.05:
                    print(f"  of thread {name} (idle not taken off) {part:.2f} ms")
            print(f"events_per_call {(load.events - events) / calls:.1f}")
            print(f"reporting_cpu_ms_at_{rate:.0f} {total:.2f} ms")
        await check(stub, load.tenant, load)
        print(f"load_average {os.getloadavg()[0]:.1f}")
        return total
    finally:
        if watcher is not None:
            watcher.cancel()
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 15)
        except subprocess.TimeoutExpired:
            process.kill()
        await close_runtime(runtime)


async def read_board(stub: service_pb2_grpc.ReportingServiceStub, tenant: str) -> None:
    async for _ in stub.WatchBoard(rpc.GetBoardRequest(tenant_id=tenant)):
        pass


async def check(stub: service_pb2_grpc.ReportingServiceStub, tenant: str, load: Load) -> None:
    """A figure counts only when every call has its record and the board agrees."""
    seen, finals, cursor = 0, 0, ""
    while True:
        request = rpc.ListCdrsRequest(tenant_id=tenant)
        request.page.limit, request.page.cursor = 1000, cursor
        answer = await stub.ListCdrs(request, timeout=10)
        seen += len(answer.cdrs)
        finals += sum(cdr.final for cdr in answer.cdrs)
        cursor = answer.next_cursor
        if not cursor:
            break
    board = await stub.GetBoard(rpc.GetBoardRequest(tenant_id=tenant), timeout=10)
    offered = sum(queue.offered for queue in board.queues)
    metric = await stub.QueryMetric(rpc.QueryMetricRequest(tenant_id=tenant, metric="offered"), timeout=10)
    if not seen == finals == int(metric.values[""]) or board.calls_now:
        print(f"records {seen}, final {finals}, store {metric.values}, board {offered}", file=sys.stderr)
        raise SystemExit("the records are not complete: the figure says nothing")


async def until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, NatsServer.start(Path(folder) / "nats") as server:
        total = uvloop.run(measure(server, Path(folder) / "data", "--watch" in sys.argv))
    print(f"reporting_cpu_ms {total:.2f} ms")


if __name__ == "__main__":
    main()
