"""Recorded calls come and go for a while at a steady rate: is memory flat, are all ports back, is no packet
lost inside? `make soak SECONDS=3600`; the last line is `soak ok` or what went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
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
_LOSS: Final = 0.0005
_STEP_S: Final = 0.02
_LATE_S: Final = 5.0


class Call:
    """Two legs, recorded; packets are counted at both ends."""

    def __init__(self, stub: Any, number: int) -> None:
        self._stub = stub
        self.id = uuid7()
        self.legs = [relay.Leg(2 * number), relay.Leg(2 * number + 1)]
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
            leg.drain()
            self.sent += 1

    async def end(self) -> tuple[int, int]:
        """(packets said, packets heard). What is late on a busy machine is not lost."""
        until = time.monotonic() + _LATE_S
        while sum(leg.received for leg in self.legs) < self.sent and time.monotonic() < until:
            await asyncio.sleep(_STEP_S)
            for leg in self.legs:
                leg.drain()
        await self.execute(pb.Command(end_session=pb.EndSession()))
        for leg in self.legs:
            leg.sock.close()
        return self.sent, sum(leg.received for leg in self.legs)


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
    endings: set[asyncio.Task[tuple[int, int]]] = set()
    ended: list[tuple[int, int]] = []
    number, due, settled_rss, told = 0, began, 0, began
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
            call.speak()
        for task in [task for task in endings if task.done()]:
            endings.remove(task)
            ended.append(task.result())
        if not settled_rss and now - began > max(TALK_S * 2, seconds / 3):
            settled_rss = process.memory_info().rss
        if now - told > 30:
            told = now
            print(
                f"at {now - began:.0f} s: {number} calls, {process.memory_info().rss >> 20} MiB", flush=True
            )
        due = max(due + _STEP_S, now - 0.5)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    ended += [await call.end() for call in live]
    ended += await asyncio.gather(*endings)
    rss = process.memory_info().rss
    await asyncio.sleep(1.0)
    said, heard = sum(pair[0] for pair in ended), sum(pair[1] for pair in ended)
    sockets = len(process.net_connections(kind="udp"))
    listed = await stub.ListSessions(pb.ListSessionsRequest(owner="soak"), timeout=5)
    print(f"calls {len(ended)} calls")
    print(f"packets {said} said, {heard} heard")
    print(f"memory {settled_rss >> 20} MiB settled, {rss >> 20} MiB at the end")
    print(f"sockets {idle_sockets} before, {sockets} after")
    faults = []
    if said - heard > said * _LOSS:
        faults.append(f"{said - heard} packets were lost inside")
    if settled_rss and rss > settled_rss * _GROWTH:
        faults.append(f"memory grew from {settled_rss >> 20} to {rss >> 20} MiB")
    if sockets > idle_sockets or listed.sessions:
        faults.append(f"{sockets - idle_sockets} sockets and {len(listed.sessions)} sessions were left")
    return "; ".join(faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    faults = asyncio.run(soak(options.calls, options.seconds))
    print(f"soak {faults or 'ok'}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
