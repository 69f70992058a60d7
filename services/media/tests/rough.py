"""Legs that are lines of the test's own: they send what, when and from where they like."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc.aio
import numpy as np
from numpy.typing import NDArray

from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import EndpointStatistics
from seatbus_kit.ids import uuid7
from seatbus_rtp import g711
from seatbus_rtp.packet import build, sequence
from seatbus_rtp.receiver import StrictReceiver
from seatbus_rtp.tones import goertzel_dbfs, tone
from seatbus_rtp.wav import WavReader
from seatbus_sip.sdp import PCMU, TELEPHONE_EVENT, build_answer, build_offer, parse_sdp
from seatbus_testkit.eventually import eventually

from .conftest import Archive, Desk, Service

Pcm = NDArray[np.int16]
Address = tuple[str, int]

FRAME = 160
FRAME_S = 0.02
HZ = 437.3
"""Not a whole number of periods in a packet, nor in a second: each packet is like no other."""
DBFS = -15.0
CODECS = (PCMU, TELEPHONE_EVENT)


class Line(asyncio.DatagramProtocol):
    """A port; what came to it, in the order of arrival."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> Line:
        """On an even port: reports go to the odd one above, where nobody listens."""
        loop = asyncio.get_running_loop()
        while True:
            _, made = await loop.create_datagram_endpoint(cls, local_addr=(host, 0))
            if made.address[1] % 2 == 0:
                return made
            made.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address: Address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.packets.append(data)

    def heard(self, last: int | None = None) -> StrictReceiver:
        receiver = StrictReceiver()
        for packet in self.packets if last is None else self.packets[-last:]:
            receiver.receive(packet)
        return receiver


class Speaker:
    """A tone in packets whose numbers and timestamps wrap soon."""

    def __init__(self, to: Address, hz: float = HZ) -> None:
        self.to = to
        self.ssrc = random.getrandbits(32)
        # The first sample is not zero, so that the beginning is found in a recording.
        self.coded = g711.encode(0, tone([hz], 20.1, DBFS)[4:])
        self.sent: list[tuple[float, int]] = []

    def payload(self, number: int) -> bytes:
        return self.coded[number * FRAME : (number + 1) * FRAME]

    def pcm(self, count: int) -> Pcm:
        return g711.decode(0, self.coded[: count * FRAME])

    def say(self, line: Line, number: int) -> None:
        stamp = 2**32 - 20 * FRAME + number * FRAME
        packet = build(0, (65_510 + number) & 0xFFFF, stamp & 0xFFFFFFFF, self.ssrc, self.payload(number))
        line.transport.sendto(packet, self.to)
        self.sent.append((asyncio.get_running_loop().time(), number))

    async def speak(self, line: Line, weather: Weather, count: int) -> None:
        """In the order that the delays make, whatever the machine does to the times."""
        loop = asyncio.get_running_loop()
        due = sorted((number * FRAME_S + late, number) for number in range(count) for late in weather(number))
        begin = loop.time()
        for at, number in due:
            if (wait := begin + at - loop.time()) > 0:
                await asyncio.sleep(wait)
            self.say(line, number)


Weather = Callable[[int], Sequence[float]]
"""Delays in seconds of the copies of a packet; none: it is lost."""


def clean(_number: int) -> Sequence[float]:
    return (0.0,)


def loss(number: int) -> Sequence[float]:
    """5 %, seldom two in a row; neither the first nor the last of 150 or 1000."""
    block = random.Random(number // 100 + 7).sample(range(1, 99), 5)
    return () if number % 100 in block and number != 149 else (0.0,)


def reorder(number: int) -> Sequence[float]:
    """Neighbours change places, and one is overtaken by three."""
    return ({3: 0.03, 6: 0.07}.get(number % 10, 0.0),)


def jitter(number: int) -> Sequence[float]:
    """It begins when the mixer has settled on less."""
    return (random.Random(number * 7919).uniform(0.0, 0.06) if number >= 25 else 0.0,)


def duplicates(number: int) -> Sequence[float]:
    """Every fifth at once again, and some of them once more when three others have come."""
    return (0.0, *([0.0] if number % 5 == 1 else ()), *([0.07] if number % 25 == 11 else ()))


class Call:
    def __init__(self, desk: Desk, archive: Archive) -> None:
        self.desk = desk
        self.archive = archive
        self.lines: list[Line] = []

    async def line(self, host: str = "127.0.0.1") -> Line:
        self.lines.append(await Line.open(host))
        return self.lines[-1]

    async def offers(self, described: Line, endpoint: str = "", version: int = 0) -> tuple[str, Address]:
        """(endpoint, where media listens) of a leg that is described with this line's address."""
        sdp = str(build_offer(described.address, CODECS, session_id=1, version=version))
        command = pb.AcceptOffer(endpoint_id=endpoint or uuid7(), sdp=sdp)
        (result,) = await self.desk.execute(pb.Command(accept_offer=command))
        audio = parse_sdp(result.sdp).audio
        assert audio is not None
        return command.endpoint_id, (audio.host or "", audio.port)

    async def answers(self, line: Line, like: str) -> tuple[str, Address]:
        made = pb.MakeOffer(endpoint_id=uuid7(), like_endpoint_id=like)
        (result,) = await self.desk.execute(pb.Command(make_offer=made))
        answer, agreed = build_answer(parse_sdp(result.sdp), line.address, CODECS, session_id=2)
        accept = pb.AcceptAnswer(endpoint_id=made.endpoint_id, sdp=str(answer))
        await self.desk.execute(pb.Command(accept_answer=accept))
        return made.endpoint_id, agreed.remote

    async def statistics(self, endpoint: str) -> EndpointStatistics:
        request = pb.GetSessionRequest(session_id=self.desk.call_id)
        found = await self.desk.stub.GetSession(request, timeout=20)
        return next(one.statistics for one in found.endpoints if one.endpoint_id == endpoint)

    async def arrived(self, endpoint: str, count: int, refused: int = 0) -> EndpointStatistics:
        """Waits until so many packets have come and so many were refused."""
        found = EndpointStatistics()

        async def check() -> bool:
            nonlocal found
            found = await self.statistics(endpoint)
            return found.packets_received + found.packets_refused >= count + refused

        await eventually(check, every=0.03)
        assert (found.packets_received, found.packets_refused) == (count, refused)
        return found

    async def record(self, left: str, right: str, mono: bool = False) -> str:
        command = pb.StartRecording(
            recording_id=uuid7(), left_endpoint_id=left, right_endpoint_id=right, mono=mono
        )
        await self.desk.execute(pb.Command(start_recording=command))
        return command.recording_id

    async def recorded(self, recording_id: str) -> Any:
        """(frames, channels)"""
        stop = pb.StopRecording(recording_id=recording_id)
        await self.desk.execute(pb.Command(stop_recording=stop))
        await self.archive.completed(recording_id)
        reader = WavReader(io.BytesIO(await self.archive.download(recording_id)))
        assert reader.info.rate == 8000
        return reader.read(reader.info.frames).reshape(-1, reader.info.channels)


@asynccontextmanager
async def new_call(media: Service, recording: Service) -> AsyncIterator[Call]:
    async with (
        grpc.aio.insecure_channel(media.address) as channel,
        grpc.aio.insecure_channel(recording.address) as shelf,
    ):
        desk = Desk(channel)
        await desk.watch()
        call = Call(desk, Archive(recording, shelf))
        try:
            yield call
        finally:
            await desk.close()
            for line in call.lines:
                line.transport.close()


def numbered(packets: Sequence[bytes]) -> list[int]:
    """Sequence numbers from that of the first."""
    first = sequence(packets[0])
    return [((sequence(packet) - first + 0x8000) & 0xFFFF) - 0x8000 for packet in packets]


def impurity(pcm: Pcm, hz: float = HZ) -> float:
    """dBFS of all that is not the tone (within 2 %: a mixed voice is bent while its clock is followed), in
    the worst tenth of a second.
    """
    worst = -120.0
    shape = np.hanning(800)
    frequencies = np.fft.rfftfreq(800, 1 / 8000)
    other = abs(frequencies - hz) > 0.02 * hz + 30
    for at in range(0, len(pcm) - 799, 400):
        spectrum = np.fft.rfft(pcm[at : at + 800] * shape / 32768)
        power = 4 * float((abs(spectrum[other]) ** 2).sum()) / (800 * float((shape**2).sum()))
        worst = max(worst, float(10 * np.log10(max(power, 1e-12))))
    return worst


def loudest(pcm: Pcm, hz: float) -> float:
    """dBFS of the tone in the tenth of a second where it is loudest."""
    parts = [pcm[at : at + 800] for at in range(0, len(pcm) - 799, 400)]
    return max((goertzel_dbfs(part, hz) for part in parts), default=-120.0)


def longest_silence(pcm: Pcm) -> int:
    """Samples of the longest run of exact zeros."""
    edges = np.flatnonzero(np.concatenate(([True], pcm != 0, [True])))
    return int(np.diff(edges).max()) - 1
