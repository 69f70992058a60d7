"""How many recorded calls of a phone with a browser one core carries: 50 packets a second in and out of each
leg, the browser's under SRTP on the shared port, with its consent checks; both tapped and stored.

The figure is one core's second over the CPU a second of one call, user + system of the whole media process.
Beside it, in the same run, the same with two phones; what a handshake costs; and how long one more call's
packets take through the loaded process, in each direction, less what they take through a bare socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_relay_ratio as relay
import grpc.aio
import psutil
from browser_leg import BrowserLeg, hears

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_sip.sdp import PCMU, TELEPHONE_EVENT, build_offer, parse_sdp
from seatbus_testkit.nats import NatsServer

Target = tuple[str, int]
FORK = multiprocessing.get_context("fork")


def request(call: str, *commands: pb.Command) -> pb.ExecuteRequest:
    context = RequestContext(request_id=uuid7(), tenant_id="bench")
    return pb.ExecuteRequest(context=context, session_id=call, owner="bench", epoch=1, commands=commands)


async def join(stub: Any, phone: relay.Leg, browser: BrowserLeg) -> tuple[list[Target], pb.ExecuteRequest]:
    """One call: where each leg sends to, and the request that starts its recording."""
    call, ends = uuid7(), (uuid7(), uuid7())
    plain = str(build_offer(phone.address, [PCMU, TELEPHONE_EVENT], session_id=1))
    offers = [
        pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=end, sdp=sdp))
        for end, sdp in zip(ends, (plain, browser.offer()), strict=True)
    ]
    bridge = pb.Command(connect=pb.Connect(endpoint_a=ends[0], endpoint_b=ends[1]))
    answers = await stub.Execute(request(call, *offers, bridge), timeout=10)
    targets = [(relay.HOST, parse_sdp(result.sdp).media[0].port) for result in answers.results[:2]]
    await asyncio.to_thread(browser.join, answers.results[1].sdp)
    tape = pb.StartRecording(recording_id=uuid7(), left_endpoint_id=ends[0], right_endpoint_id=ends[1])
    return targets, request(call, pb.Command(start_recording=tape))


class Probe:
    """Sends a packet every 20 ms from one leg and waits for it at the other: milliseconds, None if lost.

    In a process of its own, so that the load's sender does not stand in its way.
    """

    def __init__(self, source: relay.Leg, target: Target, sink: relay.Leg) -> None:
        self._ends = (source, target, sink)
        self._result, self._tell = FORK.Pipe(duplex=False)
        self._over = FORK.Event()
        self._process = FORK.Process(target=self._run, daemon=True)
        self._process.start()

    def _run(self) -> None:
        source, target, sink = self._ends
        favour(psutil.Process())
        sink.sock.setblocking(False)
        sink.drain()
        took: list[float | None] = []
        while not self._over.wait(0.02):
            began = time.perf_counter()
            source.send(target)
            took.append((time.perf_counter() - began) * 1000 if hears(sink, 1.0) else None)
        self._tell.send(took)

    def stop(self) -> list[float | None]:
        self._over.set()
        took: list[float | None] = self._result.recv()
        self._process.join()
        return took


def favour(process: psutil.Process) -> None:
    """Before other work of a shared machine, where allowed: what is asked is what a core does alone."""
    with contextlib.suppress(psutil.AccessDenied):
        process.nice(-15)


def p99(took: list[float | None]) -> float:
    heard = sorted(one for one in took if one is not None)
    return heard[int(len(heard) * 0.99)] if heard else float("inf")


def bare_probe(seconds: float) -> float:
    """The same through the kernel alone, under the same load of the machine."""
    one, other = relay.Leg(1), relay.Leg(2)
    probe = Probe(one, other.address, other)
    time.sleep(seconds)
    return p99(probe.stop())


async def bench(calls: int, seconds: float, rounds: int) -> None:
    processes = []
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        try:
            ports = {"rtp_port_min": 30000, "rtp_port_max": 30000 + 12 * calls + 40}
            media, port = relay.launch("seatbus_media", nats, Path(name), **ports)
            processes.append(media)
            recording, _ = relay.launch("seatbus_recording", nats, Path(name))
            processes.append(recording)
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 30)
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                watched = psutil.Process(media.pid)
                favour(watched)
                plain_us = await _plain(stub, watched, calls, seconds, rounds)
                await _browsers(stub, watched, calls, seconds, rounds, plain_us)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            nats.stop()


async def _plain(stub: Any, media: psutil.Process, calls: int, seconds: float, rounds: int) -> float:
    legs = [relay.Leg(number) for number in range(2 * calls)]
    targets, starts = await relay.connect(stub, legs, recordings=True)
    for start in starts:
        await stub.Execute(start, timeout=10)
    found = await asyncio.to_thread(relay._rounds, {"media": (media, targets)}, legs, seconds, rounds)
    for start in starts:
        await stub.Execute(request(start.session_id, pb.Command(end_session=pb.EndSession())), timeout=10)
    for leg in legs:
        leg.sock.close()
    return statistics.median(cost for cost, _ in found["media"])


async def _browsers(
    stub: Any, media: psutil.Process, calls: int, seconds: float, rounds: int, plain_us: float
) -> None:
    legs: list[relay.Leg] = []
    targets: list[Target] = []
    starts = []
    before = relay.cpu(media)
    for number in range(calls):
        pair = relay.Leg(2 * number), BrowserLeg(2 * number + 1)
        made, start = await join(stub, *pair)
        legs += pair
        targets += made
        starts.append(start)
    joined_ms = (relay.cpu(media) - before) * 1000 / calls
    ends = relay.Leg(9001), BrowserLeg(9002)
    (to_phone, to_browser), start = await join(stub, *ends)
    for one in (*starts, start):
        await stub.Execute(one, timeout=10)
        # Recordings hand over once a second, each at its own moment, as calls that began apart do.
        await asyncio.sleep(1 / calls)
    bare = await asyncio.to_thread(bare_probe, seconds)
    found: dict[str, list[tuple[float, float]]] = {}
    added: dict[str, list[float | None]] = {}
    ways = {"to_browser": (ends[0], to_phone, ends[1]), "to_phone": (ends[1], to_browser, ends[0])}
    for name, way in ways.items():
        probe = Probe(*way)
        load = {"media": (media, targets)}
        found[name] = (await asyncio.to_thread(relay._rounds, load, legs, seconds, rounds))["media"]
        added[name] = probe.stop()
    rows = [row for rows in found.values() for row in rows]
    us = statistics.median(cost for cost, _ in rows)
    print(f"calls {calls} calls of a phone with a browser, {calls * 100} packets/s in")
    print(f"delivered {min(share for _, share in rows):.4f} of 1")
    print(f"join_ms {joined_ms:.2f} ms CPU a call: offers, ICE, handshake")
    print(f"plain_us {plain_us:.2f} us a packet of two phones")
    print(f"webrtc_us {us:.2f} us a packet, half of them decrypted, half encrypted")
    print(f"ratio {us / plain_us:.2f} x")
    print(f"bare_p99_ms {bare:.2f} ms through a bare socket")
    for name, took in added.items():
        lost = sum(one is None for one in took)
        print(f"added_p99_{name}_ms {p99(took) - bare:.2f} ms, lost {lost} of {len(took)}")
    print(f"recorded_webrtc_calls_per_core {1e6 / (us * 100):.0f} calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    asyncio.run(bench(options.calls, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
