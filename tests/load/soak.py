"""Recorded calls come and go for a while at a steady rate: is memory flat, are all ports back, is no packet
lost inside? `make soak SECONDS=3600`; the last line is `soak ok` or what went wrong.

Lost inside is what media has received on one leg and not sent on the other, by its own counts, or by the
numbers of the packets that arrive there: none may be. What the kernel drops before media or before the peers
(sockets' buffers, when the machine stalls) is counted apart. Half load is half the figure of
`make bench NAME=recorded_calls_per_core`; the peers, all in this process, take about as much as media.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import bench_relay_ratio as relay
import grpc.aio
import psutil

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_sip.sdp import PCMU, build_offer, parse_sdp
from seatbus_testkit.nats import NatsServer

TALK_S: Final = 20.0
_GROWTH: Final = 1.10
# Ended sessions that media remembers: memory settles once there are so many.
_REMEMBERED: Final = 2000
_LOSS: Final = 0.0005
_STEP_S: Final = 0.02
# The calls take turns within these 20 ms; what has come is looked at every so many packets.
_SLOTS: Final = 8
_LISTEN_EVERY: Final = 10
_LATE_S: Final = 5.0
# Wire bytes of a packet, with what the kernel adds, are below 1 KiB: none is dropped at a peer within 2 s.
_BUFFER: Final = 1 << 20


class Peer(relay.Leg):
    """Also looks at the numbers of what it hears."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        # By SSRC: the first and the last number, how many packets. A port that was another call's a moment
        # ago may hear a straggler of that one.
        self._streams: dict[bytes, list[int]] = {}

    def drain(self) -> None:
        recv = self.sock.recv
        try:
            while True:
                data = recv(2048)
                if 192 <= data[1] < 224:
                    # RTCP of a leg whose port is the one below.
                    continue
                number = data[2] << 8 | data[3]
                stream = self._streams.setdefault(data[8:12], [number, number, 0])
                stream[2] += 1
                self.received = max(self.received, stream[2])
                if (number - stream[1]) & 0xFFFF < 0x8000:
                    stream[1] += (number - stream[1]) & 0xFFFF
        except BlockingIOError:
            return

    @property
    def missing(self) -> int:
        """Holes in the numbers from the first to the last packet heard."""
        first, last, count = max(self._streams.values(), key=lambda stream: stream[2], default=[0, -1, 0])
        return last - first + 1 - count


@dataclass(frozen=True)
class Told:
    """Packets of a call that has ended: said by the peers, received and sent by media, heard, and missing."""

    said: int = 0
    received: int = 0
    sent: int = 0
    heard: int = 0
    missing: int = 0

    def __add__(self, other: Told) -> Told:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Told(*(one + two for one, two in pairs))


class Call:
    """Two legs, recorded; packets are counted at both ends and by media."""

    def __init__(self, stub: Any, number: int) -> None:
        self._stub = stub
        self.id = uuid7()
        self.slot = number % _SLOTS
        self.legs = [Peer(2 * number), Peer(2 * number + 1)]
        self._ends = [uuid7(), uuid7()]
        self._targets: list[tuple[str, int]] = []
        self.ends_at = time.monotonic() + TALK_S
        self.sent = 0

    async def execute(self, *commands: pb.Command) -> list[pb.Result]:
        request = pb.ExecuteRequest(
            context=RequestContext(request_id=uuid7(), tenant_id="soak"),
            session_id=self.id,
            owner="soak",
            epoch=1,
            commands=commands,
        )
        return list((await self._stub.Execute(request, timeout=10)).results)

    async def begin(self) -> None:
        offers = [
            pb.Command(
                accept_offer=pb.AcceptOffer(
                    endpoint_id=end, sdp=str(build_offer(leg.address, [PCMU], session_id=1))
                )
            )
            for end, leg in zip(self._ends, self.legs, strict=True)
        ]
        bridge = pb.Command(connect=pb.Connect(endpoint_a=self._ends[0], endpoint_b=self._ends[1]))
        record = pb.StartRecording(
            recording_id=uuid7(), left_endpoint_id=self._ends[0], right_endpoint_id=self._ends[1]
        )
        for result in (await self.execute(*offers, bridge, pb.Command(start_recording=record)))[:2]:
            audio = parse_sdp(result.sdp).audio
            if audio is None:
                raise RuntimeError("media answered without audio")
            self._targets.append((relay.HOST, audio.port))

    def speak(self) -> None:
        for leg, target in zip(self.legs, self._targets, strict=True):
            leg.send(target)
        self.sent += 2
        if self.sent % (2 * _LISTEN_EVERY) == 0:
            self.listen()

    def listen(self) -> None:
        for leg in self.legs:
            leg.drain()

    async def end(self) -> Told:
        """What is late on a busy machine is not lost."""
        until = time.monotonic() + _LATE_S
        while sum(leg.received for leg in self.legs) < self.sent and time.monotonic() < until:
            await asyncio.sleep(_STEP_S)
            self.listen()
        (ended,) = await self.execute(pb.Command(end_session=pb.EndSession()))
        counted = [info.statistics for info in ended.endpoints]
        for leg in self.legs:
            leg.sock.close()
        return Told(
            self.sent,
            sum(one.packets_received for one in counted),
            sum(one.packets_sent for one in counted),
            sum(leg.received for leg in self.legs),
            sum(leg.missing for leg in self.legs),
        )


async def soak(calls: int, seconds: float) -> str:
    media = recording = None
    low = random.randrange(10_000, 20_000, 2)  # other benchmarks may run beside this one for an hour
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        try:
            media, port = relay.launch(
                "seatbus_media",
                nats,
                Path(name),
                rtp_port_min=low,
                rtp_port_max=low + 16 * calls,
                port_quarantine_s=2,
            )
            recording, _ = relay.launch("seatbus_recording", nats, Path(name))
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 30)
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                return await _run(stub, psutil.Process(media.pid), calls, seconds)
        finally:
            for process in (media, recording):
                if process is not None:
                    process.kill()
                    process.wait()
            nats.stop()


async def _run(stub: Any, process: psutil.Process, calls: int, seconds: float) -> str:
    idle_sockets = len(process.net_connections(kind="udp"))
    began = time.monotonic()
    live: list[Call] = []
    endings: set[asyncio.Task[Told]] = set()
    ended, over = Told(), 0
    number, turn, due, settled_rss, told = 0, 0, began, 0, began
    cpu_before = relay.cpu(process)
    while time.monotonic() - began < seconds:
        now = time.monotonic()
        for call in [call for call in live if now >= call.ends_at]:
            live.remove(call)
            endings.add(asyncio.create_task(call.end()))
        # New calls are spread over the first talk, so that ends are, too.
        if len(live) < min(calls, calls * (now - began) / TALK_S + 1):
            call = Call(stub, number)
            number += 1
            await call.begin()
            live.append(call)
        for call in live:
            if call.slot == turn % _SLOTS:
                call.speak()
        turn += 1
        for task in [task for task in endings if task.done()]:
            endings.remove(task)
            ended, over = ended + task.result(), over + 1
        if not settled_rss and over > _REMEMBERED and now - began > seconds / 3:
            settled_rss = process.memory_info().rss
        if now - told > 30:
            told = now
            print(
                f"at {now - began:.0f} s: {number} calls, {process.memory_info().rss >> 20} MiB", flush=True
            )
        due = max(due + _STEP_S / _SLOTS, now - 0.5)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    busy = (relay.cpu(process) - cpu_before) / (time.monotonic() - began)
    for one in await asyncio.gather(*(call.end() for call in live), *endings):
        ended, over = ended + one, over + 1
    rss = process.memory_info().rss
    await asyncio.sleep(1.0)
    sockets = len(process.net_connections(kind="udp"))
    listed = await stub.ListSessions(pb.ListSessionsRequest(owner="soak"), timeout=5)
    print(f"calls {over} calls, {len(live)} at once at the end, media {busy:.2f} of a core")
    print(f"packets {ended.said} said, {ended.received} received by media, {ended.sent} sent", end=", ")
    print(f"{ended.heard} heard")
    settled = f"{settled_rss >> 20} MiB settled" if settled_rss else "not settled yet"
    print(f"memory {settled}, {rss >> 20} MiB at the end")
    print(f"sockets {idle_sockets} before, {sockets} after")
    faults = _lost(ended)
    if settled_rss and rss > settled_rss * _GROWTH:
        faults.append(f"memory grew from {settled_rss >> 20} to {rss >> 20} MiB")
    if sockets > idle_sockets or listed.sessions:
        faults.append(f"{sockets - idle_sockets} sockets and {len(listed.sessions)} sessions were left")
    return "; ".join(faults)


def _lost(ended: Told) -> list[str]:
    faults = []
    inside = ended.received - ended.sent
    # Sent and not heard was dropped at a peer; holes beyond that were made inside.
    holes = ended.missing - (ended.sent - ended.heard)
    if inside > 0 or holes > 0:
        faults.append(f"lost inside: {inside} not sent, {holes} holes in the numbers")
    print(f"dropped by the kernel {ended.said - ended.received} before media,", end=" ")
    print(f"{ended.sent - ended.heard} before the peers")
    if ended.said - ended.received > ended.said * _LOSS:
        faults.append(f"media did not read {ended.said - ended.received} packets in time")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    faults = asyncio.run(soak(options.calls, options.seconds))
    print(f"soak {faults or 'ok'}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
