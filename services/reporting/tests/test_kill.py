"""The service as a process, killed with SIGKILL: nothing is lost or doubled, and soon it is complete."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import service_pb2_grpc
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.subjects import config_key
from seatbus_kit.buckets import Bucket
from seatbus_kit.ids import uuid7
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_reporting.settings import Settings
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .script_events import CallScript, answered_call

# From the start of the process to the last final record.
COMPLETE_WITHIN_S = 10.0

# The service as shipped, but for this: after the inserts, before the position is saved, it dies.
DIES_AFTER_INSERT = """
import os, signal
from seatbus_reporting.adapters.positions import RowPositions

async def die(self, seqs):
    os.kill(os.getpid(), signal.SIGKILL)

RowPositions.save = die
from seatbus_kit.runtime import main
from seatbus_reporting.bootstrap import bootstrap
from seatbus_reporting.settings import Settings
main(Settings, bootstrap)
"""


class Killed:
    """A service that is started and killed, and what is asked of it."""

    def __init__(self, runtime: Runtime, tenant: str, folder: Path) -> None:
        self.runtime = runtime
        self.tenant = tenant
        self.process: subprocess.Popen[bytes] | None = None
        self._instance = f"kill-{tenant}"
        self._env = os.environ | {
            "SEATBUS_NATS_URL": runtime.settings.nats_url,
            "SEATBUS_INSTANCE_ID": self._instance,
            "SEATBUS_DATA_DIR": str(folder),
            "SEATBUS_FLUSH_INTERVAL_S": "0.15",
            "SEATBUS_BOARD_SNAPSHOT_S": "0.2",
            "SEATBUS_LOG_LEVEL": "warning",
        }

    def start(self, *command: str) -> None:
        arguments = command or ("-m", "seatbus_reporting")
        self.process = subprocess.Popen([sys.executable, *arguments], env=self._env)

    async def dead(self) -> int:
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 60)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.dead()

    async def publish(self, script: CallScript) -> None:
        for event in script.events:
            await self.runtime.bus.publish(event)

    def stub(self) -> service_pb2_grpc.ReportingServiceStub | None:
        found = self.runtime.instances.get(self._instance)
        if found is None:
            return None
        return service_pb2_grpc.ReportingServiceStub(self.runtime.channels.get(found.address))

    async def complete(self, calls: int, timeout: float) -> None:
        """Waits until every call has one final record; then board and store must say the same."""
        request = rpc.ListCdrsRequest(tenant_id=self.tenant)
        request.page.limit = 1000
        seen = "nobody answered"
        try:
            async with asyncio.timeout(timeout):
                while True:
                    stub = self.stub()
                    if stub is not None:
                        try:
                            answer = await stub.ListCdrs(request, timeout=2)
                        except grpc.aio.AioRpcError as error:
                            seen = str(error.code())
                        else:
                            final = sum(cdr.final for cdr in answer.cdrs)
                            seen = f"{len(answer.cdrs)} records, {final} final"
                            ids = {cdr.call_id for cdr in answer.cdrs}
                            assert len(ids) == len(answer.cdrs) <= calls
                            if final == calls:
                                break
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not complete after {timeout} s: {seen}")
        await self._agree(calls)

    async def _agree(self, calls: int) -> None:
        stub = self.stub()
        assert stub is not None
        asked = rpc.GetBoardRequest(tenant_id=self.tenant)
        board = await stub.GetBoard(asked, timeout=20)

        async def all_told() -> bool:
            """The other streams of the last call may be a moment behind its record."""
            nonlocal board
            board = await stub.GetBoard(asked, timeout=20)
            talking = any(agent.state == "talking" for agent in board.agents)
            return not talking and sum(queue.answered for queue in board.queues) >= calls

        await eventually(all_told, 20, 0.1)
        assert board.calls_now == 0
        for metric, shown in (
            ("offered", sum(queue.offered for queue in board.queues)),
            ("answered", sum(queue.answered for queue in board.queues)),
        ):
            request = rpc.QueryMetricRequest(tenant_id=self.tenant, metric=metric)
            answer = await stub.QueryMetric(request, timeout=20)
            assert answer.values[""] == shown == calls, metric


@pytest.fixture
async def killed(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Killed]:
    settings = Settings(nats_url=nats_server.url, instance_id="kill-test", grpc_port=0)
    runtime = await open_runtime(settings)
    service = Killed(runtime, f"t{uuid7()}", tmp_path)
    # A board shows the queues that are configured.
    queue = tenancy.ConfigObject(tenant_id=service.tenant, id="q1", queue=tenancy.Queue(name="Queue"))
    key = config_key(service.tenant, "queue", "q1")
    await Bucket(runtime.bus, "config").create(key, queue.SerializeToString())
    try:
        yield service
    finally:
        if service.process is not None:
            service.process.kill()
            await service.dead()
        await close_runtime(runtime)


async def test_killed_in_the_middle_of_ingest_nothing_is_lost_or_doubled(killed: Killed) -> None:
    scripts = [answered_call(killed.tenant, agent=f"a{i}") for i in range(60)]
    killed.start()
    for i, script in enumerate(scripts):
        await killed.publish(script)
        await asyncio.sleep(0.02)
        if i in (30, 45):
            if i == 30:
                await asyncio.sleep(2.0)
            await killed.kill()
            killed.start()
    await killed.complete(60, COMPLETE_WITHIN_S)


async def test_killed_between_insert_and_acknowledgement_it_is_complete_within_ten_seconds(
    killed: Killed,
) -> None:
    started = [answered_call(killed.tenant, agent=f"a{i}") for i in range(20)]
    killed.start("-c", DIES_AFTER_INSERT)
    for script in started:
        await killed.publish(script)
    # Half of a call is stored when the process dies, half comes after.
    half = answered_call(killed.tenant, agent="half")
    first, rest = half.events[:9], half.events[9:]
    for event in first:
        await killed.runtime.bus.publish(event)
    assert await killed.dead() == -signal.SIGKILL
    for event in rest:
        await killed.runtime.bus.publish(event)
    killed.start("-c", DIES_AFTER_INSERT)
    assert await killed.dead() == -signal.SIGKILL
    await killed.publish(answered_call(killed.tenant, agent="late"))
    killed.start()
    await killed.complete(22, COMPLETE_WITHIN_S)
