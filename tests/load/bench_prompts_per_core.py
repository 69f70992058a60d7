"""How many listeners of prompts or music one core serves, and how exactly the 20 ms clock runs meanwhile.

The figure is one core's second over the CPU a second of one listener, user + system of the whole process. The
jitter is how far packets of one leg leave the kernel from where a perfect clock would have sent them, by the
kernel's receive time stamps.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import struct
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import bench_relay_ratio as relay
import grpc.aio
import psutil

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_kit.ids import uuid7
from seatbus_sip.sdp import G722, OPUS, PCMU, Codec, build_offer
from seatbus_testkit.nats import NatsServer

CODECS: Final = {"PCMU": PCMU, "G722": G722, "opus": OPUS}
_STAMP: Final = 35
"""SO_TIMESTAMPNS and its control message on Linux."""


class Listener:
    """A socket that notes when each packet came."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
        self.sock.bind((relay.HOST, 0))
        self.arrived: list[float] = []

    def drain(self) -> None:
        try:
            while True:
                _, control, _, _ = self.sock.recvmsg(2048, 64)
                seconds, nanoseconds = struct.unpack("qq", control[0][2][:16])
                self.arrived.append(seconds + nanoseconds / 1e9)
        except BlockingIOError:
            pass

    def deviations_ms(self) -> list[float]:
        """Of each packet from the clock that fits the leg best."""
        if len(self.arrived) < 10:
            return []
        offsets = [at - number * 0.02 for number, at in enumerate(self.arrived)]
        middle = statistics.median(offsets)
        return [abs(offset - middle) * 1000 for offset in offsets]


async def _begin(stub: Any, listener: Listener, codec: Codec) -> None:
    leg, address = uuid7(), listener.sock.getsockname()
    offer = str(build_offer(address, [codec], session_id=1))
    playlist = Playlist(items=[Audio(tone="music")], loops=0xFFFFFFFF)
    request = pb.ExecuteRequest(
        context=RequestContext(request_id=uuid7(), tenant_id="bench"),
        session_id=uuid7(),
        owner="bench",
        epoch=1,
        commands=[
            pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=leg, sdp=offer)),
            pb.Command(play=pb.Play(endpoint_id=leg, play_id="m", playlist=playlist)),
        ],
    )
    await stub.Execute(request, timeout=20)


async def bench(listeners: int, seconds: float, codec: str) -> tuple[float, float]:
    """(listeners a core, p99 of the jitter in ms)."""
    legs = [Listener() for _ in range(listeners)]
    media = None
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        try:
            media, port = relay.launch(
                "seatbus_media", nats, Path(name), rtp_port_min=30000, rtp_port_max=30000 + 4 * listeners + 10
            )
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 30)
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                for leg in legs:
                    await _begin(stub, leg, CODECS[codec])
                await asyncio.sleep(1.0)
                for leg in legs:
                    leg.drain()
                    leg.arrived.clear()
                process = psutil.Process(media.pid)
                before, began = relay.cpu(process), time.monotonic()
                while time.monotonic() - began < seconds:
                    await asyncio.sleep(0.2)
                    for leg in legs:
                        leg.drain()
                spent = (relay.cpu(process) - before) / (time.monotonic() - began)
        finally:
            if media is not None:
                media.kill()
                media.wait()
            nats.stop()
    expected = listeners * seconds * 50
    heard = sum(len(leg.arrived) for leg in legs)
    deviations = sorted(ms for leg in legs for ms in leg.deviations_ms())
    p99 = deviations[int(len(deviations) * 0.99)] if deviations else float("inf")
    print(f"listeners {listeners} legs of {codec}")
    print(f"delivered {heard / expected:.4f} of 1")
    print(f"cpu {spent:.4f} cores")
    return listeners / spent, p99


def main(last: str = "prompts_per_core") -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--codec", choices=tuple(CODECS), default="PCMU")
    options = parser.parse_args()
    per_core, p99 = asyncio.run(bench(options.listeners, options.seconds, options.codec))
    lines = {
        "prompts_per_core": f"prompts_per_core {per_core:.0f} legs",
        "ticker_jitter_p99_ms": f"ticker_jitter_p99_ms {p99:.2f} ms",
    }
    for name, line in lines.items():
        if name != last:
            print(line)
    print(lines[last])


if __name__ == "__main__":
    main()
