"""How many recorded two-party calls one core carries: 50 packets a second in and out of each leg, both tapped
and streamed to the recording service.

The figure is one core's second over the CPU a second of one call, user + system of the whole media process as
shipped; beside it what the recording service takes, which runs on another core.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

import bench_relay_ratio as relay
import grpc.aio
import psutil

from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_testkit.nats import NatsServer


async def bench(calls: int, seconds: float, rounds: int) -> None:
    legs = [relay.Leg(number) for number in range(2 * calls)]
    processes = []
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        try:
            ports = {"rtp_port_min": 30000, "rtp_port_max": 30000 + 8 * calls + 10}
            media, port = relay.launch("seatbus_media", nats, Path(name), **ports)
            processes.append(media)
            recording, _ = relay.launch("seatbus_recording", nats, Path(name))
            processes.append(recording)
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 30)
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                targets, starts = await relay.connect(stub, legs, recordings=True)
                for start in starts:
                    await stub.Execute(start, timeout=10)
                watched = {"media": (psutil.Process(media.pid), targets)}
                storing = psutil.Process(recording.pid)
                before = relay.cpu(storing)
                found = await asyncio.to_thread(relay._rounds, watched, legs, seconds, rounds)
                stored = (relay.cpu(storing) - before) / (rounds * seconds + 1.0)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            nats.stop()
    us = statistics.median(cost for cost, _ in found["media"])
    print(f"calls {calls} calls, {calls * 100} packets/s in")
    print(f"delivered {min(share for _, share in found['media']):.4f} of 1")
    print(f"media_us {us:.2f} us a packet")
    print(f"recordings_stored_per_core {calls / max(stored, 1e-9):.0f} calls")
    print(f"recorded_calls_per_core {1e6 / (us * 100):.0f} calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(bench(options.calls, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
