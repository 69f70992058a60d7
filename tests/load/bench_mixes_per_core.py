"""How many three-party mixes one core carries: each of three legs hears the two others, 50 packets a second
in and out of each leg.

The figure is one core's second over the CPU a second of one mix, user + system of the whole process as
shipped, heartbeats included. Half the mixes are then watched calls, a supervisor who whispers to the agent,
where the caller is still relayed: `whispers_per_core`.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any

import bench_relay_ratio as relay
import grpc.aio
import psutil

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_sip.sdp import PCMU, TELEPHONE_EVENT, build_offer, parse_sdp
from seatbus_testkit.nats import NatsServer

PARTIES = 3


class Call:
    """A media session of three legs."""

    def __init__(self, stub: Any, legs: list[relay.Leg]) -> None:
        self._stub = stub
        self._id = uuid7()
        self._legs = legs
        self._ends = [uuid7() for _ in legs]
        self.targets: list[tuple[str, int]] = []

    async def _execute(self, *commands: pb.Command) -> list[pb.Result]:
        request = pb.ExecuteRequest(
            context=RequestContext(request_id=uuid7(), tenant_id="bench"),
            session_id=self._id,
            owner="bench",
            epoch=1,
            commands=commands,
        )
        return list((await self._stub.Execute(request, timeout=10)).results)

    async def open(self) -> None:
        offers = []
        for end, leg in zip(self._ends, self._legs, strict=True):
            sdp = str(build_offer(leg.address, [PCMU, TELEPHONE_EVENT], session_id=1))
            offers.append(pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=end, sdp=sdp)))
        for result in await self._execute(*offers):
            audio = parse_sdp(result.sdp).audio
            if audio is None:
                raise RuntimeError("media answered without audio")
            self.targets.append((relay.HOST, audio.port))

    async def confer(self) -> None:
        await self._execute(pb.Command(conference=pb.Conference(endpoint_ids=self._ends)))

    async def whisper(self) -> None:
        caller, agent, boss = self._ends
        await self._execute(
            pb.Command(connect=pb.Connect(endpoint_a=caller, endpoint_b=agent)),
            pb.Command(
                supervise=pb.Supervise(supervisor_endpoint_id=boss, agent_endpoint_id=agent, mode="whisper")
            ),
        )


async def bench(calls: int, seconds: float, rounds: int) -> None:
    legs = [relay.Leg(number) for number in range(PARTIES * calls)]
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        process = None
        try:
            process, port = relay.launch(
                "seatbus_media", nats, Path(name), rtp_port_min=30000, rtp_port_max=30000 + 8 * len(legs)
            )
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 20)
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                made = [Call(stub, legs[at : at + PARTIES]) for at in range(0, len(legs), PARTIES)]
                targets: list[tuple[str, int]] = []
                for call in made:
                    await call.open()
                    targets += call.targets
                watched = psutil.Process(process.pid)
                idle = relay.cpu(watched)
                await asyncio.sleep(2)
                idle = (relay.cpu(watched) - idle) / 2
                found = {}
                for kind in ("confer", "whisper"):
                    for call in made:
                        await getattr(call, kind)()
                    found[kind] = await asyncio.to_thread(_measure, watched, legs, targets, seconds, rounds)
            print(f"mixes {calls} mixes of {PARTIES}, {len(legs) * 50} packets/s in")
            print(f"idle_cpu {idle * 100:.2f} % of a core")
            for kind, figures in found.items():
                share = min(share for _, share in figures)
                print(f"delivered_{kind} {share:.4f} of 1")
            used = {
                kind: statistics.median(cpu for cpu, _ in figures) / calls for kind, figures in found.items()
            }
            print(f"whisper_ms_per_s {used['whisper'] * 1000:.2f} ms")
            print(f"mix_ms_per_s {used['confer'] * 1000:.2f} ms")
            print(f"whispers_per_core {1 / used['whisper']:.0f} calls")
            print(f"mixes_per_core {1 / used['confer']:.0f} mixes")
        finally:
            if process is not None:
                process.kill()
                process.wait()
            nats.stop()


def _measure(
    process: psutil.Process,
    legs: list[relay.Leg],
    targets: list[tuple[str, int]],
    seconds: float,
    rounds: int,
) -> list[tuple[float, float]]:
    """(CPU seconds of each second, packets out over packets in), round by round."""
    relay.drive(legs, targets, 1.0)
    found = []
    for _ in range(rounds):
        before = relay.cpu(process)
        arrived = relay.drive(legs, targets, seconds)
        found.append(((relay.cpu(process) - before) / seconds, arrived / (seconds * 50 * len(legs))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mixes", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(bench(options.mixes, options.seconds, options.rounds))


if __name__ == "__main__":
    main()
