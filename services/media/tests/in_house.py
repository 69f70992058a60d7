"""The service in the process of the test: its objects can be counted, and it reads when the test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.recording.v1.service_pb2 import Open
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import NotFound
from seatbus_kit.ids import uuid7
from seatbus_media.adapters.udp import UdpSockets
from seatbus_media.adapters.websocket_fork import WebSocketForker
from seatbus_media.application.audio import AudioLibrary
from seatbus_media.application.commands import Commands
from seatbus_media.application.hearing_commands import HearingCommands
from seatbus_media.application.hub import Hub
from seatbus_media.application.negotiation import Negotiation
from seatbus_media.application.ports import Pcm
from seatbus_media.application.service import MediaService
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.port_pool import PortPool
from seatbus_media.domain.tap_buffer import TapChunk
from seatbus_media.domain.zones import Zone
from seatbus_testkit.eventually import eventually

from .conftest import TENANT, Desk, Phone

HOST = "127.0.0.19"
"""Nobody else's: its ports are all free."""


def connect(one: str, other: str) -> pb.Command:
    return pb.Command(connect=pb.Connect(endpoint_a=one, endpoint_b=other))


async def talks(*phones: Phone) -> None:
    for phone in phones:
        phone.mouth.play_tone(440.0, -15.0)
    before = [phone.ears.received for phone in phones]
    await eventually(
        lambda: all(one.ears.received > had + 5 for one, had in zip(phones, before, strict=True))
    )


class Nobody:
    """What is not asked for here: words, prompts, a place for recordings."""

    async def speak(self, text: str, language: str) -> Pcm:
        raise NotFound(text)

    async def load(self, tenant: str, prompt_id: str) -> Pcm:
        raise NotFound(prompt_id)

    def begin(self, recording_id: str, opening: Open, session_id: str, owner: str) -> None: ...

    def write(self, recording_id: str, chunk: TapChunk) -> None: ...

    def finish(self, recording_id: str) -> None: ...


class InHouse(Desk):
    """Calls of a service in this process, so that its objects can be counted."""

    def __init__(self, service: MediaService) -> None:
        self.service = service
        self.call_id = uuid7()
        self.phones: list[Phone] = []
        self._watch = None

    async def execute(self, *commands: pb.Command, **_: object) -> list[pb.Result]:  # type: ignore[override]
        request = pb.ExecuteRequest(
            context=RequestContext(request_id=uuid7(), tenant_id=TENANT),
            session_id=self.call_id,
            owner="edge",
            epoch=1,
            commands=commands,
        )
        return list((await self.service.execute(request)).results)

    async def pair(self) -> tuple[Phone, Phone]:
        """Two phones that hear each other."""
        caller = await self.caller()
        agent = await self.agent(caller)
        await self.execute(connect(caller.id, agent.id))
        await talks(caller, agent)
        return caller, agent


@asynccontextmanager
async def serving(nobody: Nobody | None = None) -> AsyncIterator[MediaService]:
    clock, ticker, nobody = SystemClock(), Ticker(), nobody or Nobody()
    loop = asyncio.get_running_loop()
    audio = AudioLibrary(nobody, nobody, language="en", limit=1 << 24, now=loop.time)
    sockets = UdpSockets({"": Zone("", HOST, HOST)}, PortPool(20_000, 29_999, 0.0), ticker, clock)
    commands = Commands(Negotiation(sockets), audio, nobody, clock, HearingCommands(WebSocketForker()))
    made = MediaService(
        commands, Hub(), rtp_timeout_s=10.0, rtcp_interval_s=0.1, orphan_after_s=60.0, alarm_after_s=5.0
    )
    upkeep = asyncio.create_task(made.run())
    yield made
    upkeep.cancel()
    await asyncio.gather(upkeep, return_exceptions=True)
    made.close()
    ticker.stop()
    sockets.stop()
