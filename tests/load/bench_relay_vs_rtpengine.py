"""CPU of the media process per relayed packet, without recording, over that of rtpengine in user space.

Both relay the same calls in turns in the same run, one thread of traffic each; rtpengine is told of the calls
by its ng protocol. Where it is not installed the benchmark says so and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_relay_ratio as relay
import grpc.aio
import psutil

from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_sip.sdp import PCMU, build_offer, parse_sdp
from seatbus_testkit.nats import NatsServer, free_ports


def bencode(value: str | dict[str, Any]) -> bytes:
    if isinstance(value, dict):
        parts = b"".join(bencode(key) + bencode(value[key]) for key in sorted(value))
        return b"d" + parts + b"e"
    data = value.encode()
    return b"%d:%s" % (len(data), data)


def bdecode(data: bytes) -> dict[str, Any]:
    def value(at: int) -> tuple[Any, int]:
        kind = data[at : at + 1]
        if kind == b"d":
            found: dict[str, Any] = {}
            at += 1
            while data[at : at + 1] != b"e":
                key, at = value(at)
                found[key], at = value(at)
            return found, at + 1
        if kind == b"l":
            items: list[Any] = []
            at += 1
            while data[at : at + 1] != b"e":
                item, at = value(at)
                items.append(item)
            return items, at + 1
        if kind == b"i":
            end = data.index(b"e", at)
            return int(data[at + 1 : end]), end + 1
        colon = data.index(b":", at)
        size = int(data[at:colon])
        return data[colon + 1 : colon + 1 + size].decode(), colon + 1 + size

    return dict(value(0)[0])


class Engine:
    """One rtpengine in user space."""

    def __init__(self, low: int, high: int) -> None:
        self._port = free_ports(1)[0]
        command = [
            "rtpengine",
            "--table=-1",
            "--foreground",
            "--log-stderr",
            "--log-level=3",
            "--num-threads=1",
            f"--interface={relay.HOST}",
            f"--listen-ng={relay.HOST}:{self._port}",
            f"--port-min={low}",
            f"--port-max={high}",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(1.0)

    def ask(self, **message: Any) -> dict[str, Any]:
        cookie = uuid7()[-8:].encode()
        for _ in range(10):
            try:
                self._sock.sendto(cookie + b" " + bencode(message), (relay.HOST, self._port))
                data = self._sock.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                time.sleep(0.2)
                continue
            if data.startswith(cookie):
                return bdecode(data[len(cookie) + 1 :])
        raise RuntimeError("rtpengine does not answer")

    def call(self, one: relay.Leg, other: relay.Leg) -> list[tuple[str, int]]:
        """Where each of the legs has to send."""
        call = uuid7()
        ports = []
        for kind, leg in (("offer", one), ("answer", other)):
            tags = {"from-tag": "a"} if kind == "offer" else {"from-tag": "a", "to-tag": "b"}
            sdp = str(build_offer(leg.address, [PCMU], session_id=1))
            answer = self.ask(**{"command": kind, "call-id": call, "sdp": sdp, **tags})
            if answer.get("result") != "ok":
                raise RuntimeError(f"rtpengine refuses: {answer}")
            audio = parse_sdp(answer["sdp"]).audio
            if audio is None:
                raise RuntimeError("rtpengine answered without audio")
            ports.append((relay.HOST, audio.port))
        # The answer to the offer is where the other one sends, and the other way round.
        return [ports[1], ports[0]]


async def bench(calls: int, seconds: float, rounds: int) -> None:
    legs = [relay.Leg(number) for number in range(2 * calls)]
    engine = Engine(40000, 40000 + 16 * calls + 20)
    media = None
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        try:
            media, port = relay.launch(
                "seatbus_media", nats, Path(name), rtp_port_min=30000, rtp_port_max=30000 + 8 * calls + 10
            )
            theirs = [to for at in range(0, len(legs), 2) for to in engine.call(legs[at], legs[at + 1])]
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 20)
                ours, _ = await relay.connect(
                    MediaStub(channel),  # type: ignore[no-untyped-call]
                    legs,
                    recordings=False,
                )
                watched = {
                    "rtpengine": (psutil.Process(engine.process.pid), theirs),
                    "media": (psutil.Process(media.pid), ours),
                }
                found = await asyncio.to_thread(relay._rounds, watched, legs, seconds, rounds)
        finally:
            engine.process.kill()
            engine.process.wait()
            if media is not None:
                media.kill()
                media.wait()
            nats.stop()
    cost = {who: statistics.median(us for us, _ in figures) for who, figures in found.items()}
    print(f"calls {calls} calls, {calls * 100} packets/s")
    for who, figures in found.items():
        print(f"delivered_{who} {min(share for _, share in figures):.4f} of 1")
        print(f"{who}_us {cost[who]:.2f} us")
    print(f"relay_vs_rtpengine {cost['media'] / cost['rtpengine']:.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("rtpengine") is None:
        print("relay_vs_rtpengine not installed")
        return
    asyncio.run(bench(options.calls, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
