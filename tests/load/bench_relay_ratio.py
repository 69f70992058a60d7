"""CPU of the media process per relayed packet, over that of a bare uvloop UDP forwarder in the same run.

Both relay the same packets (172 bytes, 50 a second from each leg) of the same number of calls, in turns.
CPU is user + system of the whole process, so heartbeats and all else of the process as shipped count.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc.aio
import psutil

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_rtp.packet import HEADER, PLAIN
from seatbus_sip.sdp import PCMU, TELEPHONE_EVENT, build_offer, parse_sdp
from seatbus_testkit.nats import NatsServer, free_ports

HOST = "127.0.0.1"
SLOTS = 8
SLOT_S = 0.02 / SLOTS
SOUND = bytes(range(160))


class Leg:
    """One phone: a socket, where it sends to, and how much has come."""

    def __init__(self, number: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind((HOST, 0))
        self.ssrc = 1000 + number
        self.sequence = 0
        self.received = 0

    @property
    def address(self) -> tuple[str, int]:
        return self.sock.getsockname()  # type: ignore[no-any-return]

    def send(self, to: tuple[str, int]) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        header = HEADER.pack(PLAIN, 0, self.sequence, self.sequence * 160, self.ssrc)
        self.sock.sendto(header + SOUND, to)

    def drain(self) -> None:
        try:
            while self.sock.recv(2048):
                self.received += 1
        except BlockingIOError:
            pass


def forward(ports: list[tuple[int, int]]) -> None:
    """The bare forwarder: each pair of (own port, destination port) in turn is one leg, two are a call."""
    import uvloop

    class Forwarder(asyncio.DatagramProtocol):
        def __init__(self, destination: int) -> None:
            self.destination = (HOST, destination)
            self.peer: Any = None
            self.send: Any = None

        def connection_made(self, transport: Any) -> None:
            self.send = transport.sendto

        def datagram_received(self, data: bytes, addr: Any) -> None:
            peer = self.peer
            peer.send(data, peer.destination)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        made = []
        for own, destination in ports:
            _, leg = await loop.create_datagram_endpoint(
                lambda to=destination: Forwarder(to),  # type: ignore[misc]
                local_addr=(HOST, own),
            )
            made.append(leg)
        for one, other in zip(made[::2], made[1::2], strict=True):
            one.peer, other.peer = other, one
        print("ready", flush=True)
        await asyncio.Event().wait()

    uvloop.run(run())


def drive(legs: list[Leg], targets: list[tuple[str, int]], seconds: float) -> int:
    """Sends 50 packets a second from each leg, spread over the 20 ms; returns how many came out."""
    before = sum(leg.received for leg in legs)
    due = time.monotonic()
    for slot in range(int(seconds / SLOT_S)):
        for at in range(slot % SLOTS, len(legs), SLOTS):
            legs[at].send(targets[at])
            legs[at].drain()
        due += SLOT_S
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
    time.sleep(0.05)
    for leg in legs:
        leg.drain()
    return sum(leg.received for leg in legs) - before


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(
    process: psutil.Process, legs: list[Leg], targets: list[tuple[str, int]], seconds: float
) -> tuple[float, float]:
    """(CPU in microseconds per relayed packet, share of packets that arrived)."""
    before = cpu(process)
    relayed = drive(legs, targets, seconds)
    sent = int(seconds / SLOT_S) * len(legs) / SLOTS
    return (cpu(process) - before) * 1e6 / max(1, relayed), relayed / sent


async def connect(
    stub: Any, legs: list[Leg], recordings: bool
) -> tuple[list[tuple[str, int]], list[pb.ExecuteRequest]]:
    """Calls of two legs each on the media service: (where each leg sends, requests that start recordings)."""
    targets: list[tuple[str, int]] = []
    starts = []
    for one, other in zip(legs[::2], legs[1::2], strict=True):
        call, ends = uuid7(), (uuid7(), uuid7())

        def request(*commands: pb.Command, call: str = call) -> pb.ExecuteRequest:
            context = RequestContext(request_id=uuid7(), tenant_id="bench")
            return pb.ExecuteRequest(
                context=context, session_id=call, owner="bench", epoch=1, commands=commands
            )

        offers = [
            pb.Command(
                accept_offer=pb.AcceptOffer(
                    endpoint_id=end,
                    sdp=str(build_offer(leg.address, [PCMU, TELEPHONE_EVENT], session_id=1)),
                )
            )
            for end, leg in zip(ends, (one, other), strict=True)
        ]
        bridge = pb.Command(connect=pb.Connect(endpoint_a=ends[0], endpoint_b=ends[1]))
        answers = await stub.Execute(request(*offers, bridge), timeout=10)
        for result in answers.results[:2]:
            audio = parse_sdp(result.sdp).audio
            if audio is None:
                raise RuntimeError("media answered without audio")
            targets.append((HOST, audio.port))
        if recordings:
            start = pb.StartRecording(
                recording_id=uuid7(), left_endpoint_id=ends[0], right_endpoint_id=ends[1]
            )
            starts.append(request(pb.Command(start_recording=start)))
    return targets, starts


def launch(module: str, nats: NatsServer, directory: Path, **settings: object) -> tuple[Any, int]:
    port = free_ports(1)[0]
    env = os.environ | {
        "SEATBUS_NATS_URL": nats.url,
        "SEATBUS_GRPC_PORT": str(port),
        "SEATBUS_DATA_DIR": str(directory),
        "SEATBUS_LOG_LEVEL": "warning",
    }
    env |= {f"SEATBUS_{key.upper()}": str(value) for key, value in settings.items()}
    return subprocess.Popen([sys.executable, "-m", module], env=env), port


async def bench(calls: int, seconds: float, rounds: int) -> None:
    legs = [Leg(number) for number in range(2 * calls)]
    started: list[Any] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        nats = NatsServer.start(directory / "nats")
        try:
            media, port = launch(
                "seatbus_media", nats, directory, rtp_port_min=30000, rtp_port_max=30000 + 8 * calls + 10
            )
            recording, _ = launch("seatbus_recording", nats, directory)
            own = _udp_ports(2 * calls)
            pairs = [f"{mine}:{leg.address[1]}" for mine, leg in zip(own, legs, strict=True)]
            bare = subprocess.Popen(
                [sys.executable, __file__, "--forward", ",".join(pairs)], stdout=subprocess.PIPE
            )
            started += [media, recording, bare]
            await asyncio.to_thread(bare.stdout.readline)  # type: ignore[union-attr]
            async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 20)
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                targets, starts = await connect(stub, legs, recordings=True)
                bare_targets = [(HOST, port) for port in own]
                watched = {
                    "bare": (psutil.Process(bare.pid), bare_targets),
                    "media": (psutil.Process(media.pid), targets),
                }
                figures = await asyncio.to_thread(_rounds, watched, legs, seconds, rounds)
                for start in starts:
                    await stub.Execute(start, timeout=10)
                before = cpu(psutil.Process(recording.pid))
                recorded = await asyncio.to_thread(
                    _rounds, {"media": watched["media"]}, legs, seconds, rounds
                )
                packets = rounds * seconds * 50 * len(legs)
                storing = (cpu(psutil.Process(recording.pid)) - before) * 1e6 / packets
                _print(figures, recorded["media"], storing, calls)
        finally:
            for process in started:
                process.kill()
                process.wait()
            nats.stop()


def _rounds(
    watched: dict[str, tuple[psutil.Process, list[tuple[str, int]]]],
    legs: list[Leg],
    seconds: float,
    rounds: int,
) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in watched}
    for process, targets in watched.values():
        measure(process, legs, targets, 1.0)
    for _ in range(rounds):
        for name, (process, targets) in watched.items():
            found[name].append(measure(process, legs, targets, seconds))
    return found


def _print(
    figures: dict[str, list[tuple[float, float]]],
    recorded: list[tuple[float, float]],
    storing: float,
    calls: int,
) -> None:
    bare = statistics.median(us for us, _ in figures["bare"])
    plain = statistics.median(us for us, _ in figures["media"])
    taped = statistics.median(us for us, _ in recorded)
    print(f"calls {calls} calls, {calls * 100} packets/s")
    print(f"delivered_bare {min(share for _, share in figures['bare']):.4f} of 1")
    print(f"delivered_media {min(share for _, share in figures['media']):.4f} of 1")
    print(f"delivered_media_recording {min(share for _, share in recorded):.4f} of 1")
    print(f"bare_forward_us {bare:.2f} us")
    print(f"media_relay_us {plain:.2f} us")
    print(f"media_relay_recording_us {taped:.2f} us")
    print(f"recording_service_us {storing:.2f} us")
    print(f"relay_recording_ratio {taped / bare:.2f} x")
    print(f"relay_ratio {plain / bare:.2f} x")


def _udp_ports(count: int) -> list[int]:
    held = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        held.append(sock)
    ports = [int(sock.getsockname()[1]) for sock in held]
    for sock in held:
        sock.close()
    return ports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--forward", default="")
    options = parser.parse_args()
    if options.forward:
        pairs = [tuple(int(port) for port in pair.split(":")) for pair in options.forward.split(",")]
        forward([(own, destination) for own, destination in pairs])
    else:
        asyncio.run(bench(options.calls, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
