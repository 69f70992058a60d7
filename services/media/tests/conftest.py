"""`media` and `recording` as real processes, and phones with real sockets on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.events_pb2 import MediaEvent
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus.recording.v1 import service_pb2 as rpb
from seatbus.recording.v1.service_pb2_grpc import RecordingServiceStub
from seatbus.recording.v1.types_pb2 import RECORDING_STATE_COMPLETE
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_sip.sdp import (
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    accept_answer,
    build_answer,
    build_offer,
    parse_sdp,
)
from seatbus_testkit.ears import Ears
from seatbus_testkit.nats import NatsServer, free_ports
from seatbus_testkit.voice import RtpSocket

TENANT = "acme"


class Service:
    """A process of a service, started, killed and started again with the same settings."""

    def __init__(self, module: str, directory: Path, **settings: object) -> None:
        self.port = free_ports(1)[0]
        self.settings = settings
        self.directory = directory
        self._module = module
        self._log = directory / f"{module}.log"
        own = {key.upper(): str(value) for key, value in settings.items()}
        self._env = {**os.environ, "SEATBUS_GRPC_PORT": str(self.port), "SEATBUS_DATA_DIR": str(directory)}
        self._env |= {f"SEATBUS_{key}": value for key, value in own.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module], env=self._env, stdout=log, stderr=subprocess.STDOUT
            )

    async def ready(self) -> None:
        for _ in range(400):
            if b'"ready"' in self._log.read_bytes().rpartition(b"stopped")[2]:
                return
            assert self.process is not None
            if self.process.poll() is not None:
                break
            await asyncio.sleep(0.05)
        raise TimeoutError(self.log())

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-6000:]

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(15)
            self.process = None
            with self._log.open("ab") as log:
                log.write(b"stopped\n")


@pytest.fixture(scope="session")
def media_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A bus of our own: on the shared one media may find the recording service of other tests."""
    with NatsServer.start(tmp_path_factory.mktemp("media-nats")) as server:
        yield server


@pytest.fixture(scope="session")
def recording_service(media_bus: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(
        "seatbus_recording",
        tmp_path_factory.mktemp("recording"),
        instance_id=f"recording-{uuid7()[-6:]}",
        nats_url=media_bus.url,
    )
    yield service
    service.kill()


@pytest.fixture(scope="session")
def media_service(
    media_bus: NatsServer, recording_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Both services start side by side; who needs the other one waits for it."""
    low = random.randrange(20000, 29000, 200)
    service = Service(
        "seatbus_media",
        tmp_path_factory.mktemp("media"),
        instance_id=f"media-{uuid7()[-6:]}",
        nats_url=media_bus.url,
        rtp_port_min=low,
        rtp_port_max=low + 400,
        rtp_timeout_s=0.6,
        rtcp_interval_s=0.5,
        port_quarantine_s=1.0,
        alarm_after_s=1.0,
        ice_consent_s=1.5,
        metrics_port=free_ports(1)[0],
    )
    yield service
    service.kill()


class Phone:
    """A leg: a real socket with a mouth and ears, and the id of its endpoint."""

    def __init__(self, socket: RtpSocket) -> None:
        self.id = uuid7()
        self.socket = socket
        self.ears = socket.ears
        self.mouth = socket.mouth
        self.version = 0

    def offer(self, *codecs: Codec) -> str:
        listed = (*(codecs or (PCMU, PCMA)), TELEPHONE_EVENT)
        self.description = build_offer(self.socket.address, listed, session_id=1, version=self.version)
        self.version += 1
        return str(self.description)

    def answered(self, sdp: str) -> None:
        self.socket.connect(accept_answer(self.description, parse_sdp(sdp)))

    def answer(self, sdp: str, *codecs: Codec) -> str:
        listed = (*(codecs or (PCMU, PCMA)), TELEPHONE_EVENT)
        answer, agreed = build_answer(parse_sdp(sdp), self.socket.address, listed, session_id=2)
        self.socket.connect(agreed)
        return str(answer)


class Desk:
    """Stands in for the edge: commands, events and phones of one call."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stub: Any = MediaStub(channel)
        self.call_id = uuid7()
        self.owner = f"edge-{self.call_id[-6:]}"
        self.epoch = 1
        self.events: list[MediaEvent] = []
        self.phones: list[Phone] = []
        self._watch: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        stream = self.stub.Watch(pb.WatchRequest(owner=self.owner))

        async def read() -> None:
            async for event in stream:
                self.events.append(event)

        self._watch = asyncio.create_task(read())
        await self.wait(lambda event: event.HasField("hello"))

    async def wait(self, wanted: Any, seconds: float = 20.0) -> MediaEvent:
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                await asyncio.sleep(0.01)

    def seen(self, kind: str) -> list[Any]:
        return [getattr(event, kind) for event in self.events if event.HasField(kind)]

    async def execute(
        self, *commands: pb.Command, request_id: str = "", epoch: int | None = None, tenant: str = TENANT
    ) -> list[pb.Result]:
        request = pb.ExecuteRequest(
            context=RequestContext(request_id=request_id or uuid7(), tenant_id=tenant),
            session_id=self.call_id,
            owner=self.owner,
            epoch=self.epoch if epoch is None else epoch,
            commands=commands,
        )
        return list((await invoke(self.stub.Execute, request, 10.0)).results)

    async def phone(self) -> Phone:
        phone = Phone(await RtpSocket.open("127.0.0.1", Ears()))
        self.phones.append(phone)
        return phone

    async def caller(self, *codecs: Codec) -> Phone:
        """A phone that offers and is answered."""
        phone = await self.phone()
        sdp = phone.offer(*codecs)
        (result,) = await self.execute(pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=phone.id, sdp=sdp)))
        phone.answered(result.sdp)
        return phone

    async def agent(self, like: Phone, *codecs: Codec) -> Phone:
        """A phone that is offered to and answers."""
        phone = await self.phone()
        (result,) = await self.execute(
            pb.Command(make_offer=pb.MakeOffer(endpoint_id=phone.id, like_endpoint_id=like.id))
        )
        answer = phone.answer(result.sdp, *codecs)
        await self.execute(pb.Command(accept_answer=pb.AcceptAnswer(endpoint_id=phone.id, sdp=answer)))
        return phone

    async def close(self) -> None:
        with contextlib.suppress(Exception):
            await self.execute(pb.Command(end_session=pb.EndSession()))
        for phone in self.phones:
            phone.socket.close()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)


@pytest.fixture
async def desk(media_service: Service) -> AsyncIterator[Desk]:
    await media_service.ready()
    async with grpc.aio.insecure_channel(media_service.address) as channel:
        made = Desk(channel)
        await made.watch()
        yield made
        await made.close()


class Archive:
    """The recording service as its readers see it."""

    def __init__(self, service: Service, channel: grpc.aio.Channel) -> None:
        self.service = service
        self.stub: Any = RecordingServiceStub(channel)

    async def completed(self, recording_id: str, seconds: float = 20.0) -> Any:
        """The record once it says complete."""
        request = rpb.GetRecordingRequest(tenant_id=TENANT, recording_id=recording_id)
        async with asyncio.timeout(seconds):
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    found = (await self.stub.GetRecording(request, timeout=20)).recording
                    if found.state == RECORDING_STATE_COMPLETE:
                        return found
                await asyncio.sleep(0.05)

    async def download(self, recording_id: str) -> bytes:
        request = rpb.DownloadRequest(tenant_id=TENANT, recording_id=recording_id)
        return b"".join([piece.data async for piece in self.stub.Download(request, timeout=20)])


@pytest.fixture
async def archive(recording_service: Service) -> AsyncIterator[Archive]:
    await recording_service.ready()
    async with grpc.aio.insecure_channel(recording_service.address) as channel:
        yield Archive(recording_service, channel)


@pytest.fixture(scope="session")
def new_service() -> type[Service]:
    """For tests with a process of their own."""
    return Service


@pytest.fixture(scope="session")
def new_desk() -> type[Desk]:
    return Desk
