"""Two legs whose clocks drift apart are stored side by side, in real time and by the real processes; the
accelerated one is services/media/tests/test_alignment.py. SEATBUS_ALIGNMENT_S: how long they talk.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import bench_relay_ratio as relay
import grpc.aio
import numpy as np
import pytest

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_rtp.wav import WavLimits, WavReader
from seatbus_testkit.drifting import DriftingSpeaker, marks
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

TALK_S = float(os.environ.get("SEATBUS_ALIGNMENT_S", "1800"))
MARK_EVERY_S = 10.0
PPM = (100.0, 0.0)


@pytest.mark.timeout(TALK_S + 300)
async def test_a_drifting_call_is_stored_with_both_channels_within_20_ms(tmp_path: Path) -> None:
    low = random.randrange(10_000, 20_000, 2)
    legs = [relay.Leg(number) for number in range(2)]
    nats = NatsServer.start(tmp_path / "nats")
    processes = []
    try:
        media, port = relay.launch("seatbus_media", nats, tmp_path, rtp_port_min=low, rtp_port_max=low + 20)
        processes.append(media)
        recording, _ = relay.launch("seatbus_recording", nats, tmp_path)
        processes.append(recording)
        async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
            await asyncio.wait_for(channel.channel_ready(), 60)
            stub = MediaStub(channel)  # type: ignore[no-untyped-call]
            targets, (start,) = await relay.connect(stub, legs, recordings=True)
            await stub.Execute(start, timeout=20)
            await asyncio.to_thread(talk, legs, targets)
            end = pb.ExecuteRequest(
                context=RequestContext(request_id=uuid7(), tenant_id="bench"),
                session_id=start.session_id,
                owner="bench",
                epoch=1,
                commands=[pb.Command(end_session=pb.EndSession())],
            )
            await stub.Execute(end, timeout=20)
            await eventually(lambda: not list(tmp_path.glob("recordings/.open/*")), 60)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        nats.stop()
    (stored,) = tmp_path.glob("recordings/bench/**/*.wav")
    with stored.open("rb") as file:
        reader = WavReader(file, WavLimits(max_seconds=TALK_S + 60))
        both = reader.read(reader.info.frames)
    heard = [marks(np.abs(both[:, side].astype(np.int32)) > 5000) for side in (0, 1)]
    assert len(heard[0]) == len(heard[1]) >= int(TALK_S / MARK_EVERY_S) - 1
    apart_ms = np.abs(heard[0] - heard[1]) / 8
    print(f"apart: median {np.median(apart_ms):.1f} ms, most {apart_ms.max():.1f} ms in {TALK_S:.0f} s")
    assert apart_ms.max() <= 20


def talk(legs: list[relay.Leg], targets: list[tuple[str, int]]) -> None:
    speakers = [DriftingSpeaker(ppm, seed + 1, MARK_EVERY_S) for seed, ppm in enumerate(PPM)]
    began = time.monotonic()
    while (now := time.monotonic() - began) < TALK_S:
        for leg, target, speaker in zip(legs, targets, speakers, strict=True):
            for _, packet in speaker.said_before(now):
                leg.sock.sendto(packet, target)
            leg.drain()
        time.sleep(0.002)
