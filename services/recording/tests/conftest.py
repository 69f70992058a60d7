"""`recording` as a real process, and media instances that write to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from seatbus.recording.v1 import service_pb2 as pb
from seatbus.recording.v1.service_pb2_grpc import RecordingServiceStub
from seatbus.recording.v1.types_pb2 import RECORDING_STATE_COMPLETE, Recording
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer, free_ports
from seatbus_testkit.otlp import OtlpCollector

TENANT = "acme"


class Store:
    """The service's process, its directory, and what a test asks of it."""

    def __init__(self, directory: Path, nats_url: str, otlp: str) -> None:
        self.directory = directory
        self.files = directory / "files"
        self.port = free_ports(1)[0]
        self._log = directory / "log"
        self._env = os.environ | {
            "SEATBUS_NATS_URL": nats_url,
            "SEATBUS_INSTANCE_ID": f"recording-{uuid7()[-6:]}",
            "SEATBUS_GRPC_PORT": str(self.port),
            "SEATBUS_RECORDING_DIR": str(self.files),
            "SEATBUS_DATA_DIR": str(directory),
            "SEATBUS_OTLP_ENDPOINT": otlp,
            "SEATBUS_TAP_LOST_AFTER_S": "1.2",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seatbus_recording"],
                env=self._env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def ready(self) -> None:
        await eventually(lambda: b'"ready"' in self._log.read_bytes(), 20, 0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Client:
    """Speaks the contract on a channel of its own."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stub: Any = RecordingServiceStub(channel)

    async def send(self, *chunks: pb.Chunk) -> list[pb.ChunkAck]:
        """One stream with these chunks; the acknowledgements."""
        return [ack async for ack in self.stub.Write(iter(chunks), timeout=10)]

    async def get(self, recording_id: str, tenant: str = TENANT) -> Recording:
        request = pb.GetRecordingRequest(tenant_id=tenant, recording_id=recording_id)
        return (await self.stub.GetRecording(request, timeout=20)).recording

    async def known(self, recording_id: str, seconds: float = 20.0) -> None:
        """Returns when the recording has a record."""
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await self.get(recording_id)
                    return
                await asyncio.sleep(0.02)

    async def completed(self, recording_id: str, seconds: float = 20.0) -> Recording:
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    found = await self.get(recording_id)
                    if found.state == RECORDING_STATE_COMPLETE:
                        return found
                await asyncio.sleep(0.05)

    async def download(self, recording_id: str, tenant: str = TENANT) -> list[pb.DownloadPiece]:
        request = pb.DownloadRequest(tenant_id=tenant, recording_id=recording_id)
        return [piece async for piece in self.stub.Download(request, timeout=20)]


@pytest.fixture(scope="session")
def collector() -> Iterator[OtlpCollector]:
    """Takes the spans of `store`."""
    with OtlpCollector() as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def store(
    nats_server: NatsServer, collector: OtlpCollector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    made = Store(tmp_path_factory.mktemp("recording"), nats_server.url, collector.url)
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    await store.ready()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{store.port}") as channel:
        yield Client(channel)


@pytest.fixture
def opening() -> pb.Open:
    made = pb.Open(tenant_id=TENANT, call_id=uuid7(), labels={"queue": "sales"})
    made.started_at.GetCurrentTime()
    return made
