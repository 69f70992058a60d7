"""What legs were worth, as metrics of the process."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus_testkit.eventually import eventually

from .conftest import Service
from .rough import Speaker, new_call

COUNT = 100


async def measured(media: Service) -> dict[str, float]:
    """The samples of media's own metrics."""
    url = f"http://127.0.0.1:{media.settings['metrics_port']}/metrics"

    def read() -> str:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read().decode()

    lines = (await asyncio.to_thread(read)).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line.startswith("seatbus_media_"))
    }


async def test_a_leg_is_measured_once_at_its_end_and_a_silent_one_alarms(
    media_service: Service, recording_service: Service
) -> None:
    await media_service.ready()
    before = await measured(media_service)

    async def more(name: str) -> float:
        now = await measured(media_service)
        return now.get(f"seatbus_media_{name}", 0.0) - before.get(f"seatbus_media_{name}", 0.0)

    async with new_call(media_service, recording_service) as call:
        near, far = await call.line(), await call.line()
        caller, to = await call.offers(near)
        agent, _ = await call.answers(far, caller)
        await call.desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller, endpoint_b=agent)))
        speaker = Speaker(to)
        for number in range(COUNT):
            if number % 10 != 5:
                speaker.say(near, number)
                await asyncio.sleep(0.004)
        await call.arrived(caller, 90)
        assert await more('leg_mos_count{codec="pcmu"}') == 0

        async def silent() -> bool:
            # The agent's phone has said nothing at all, the caller's is silent now.
            return await more('alarms_total{kind="rtp_timeout"}') == 2

        await eventually(silent, every=0.2)
        await call.desk.execute(pb.Command(end_session=pb.EndSession()))
    # Of the two legs the one that said something.
    assert await more('leg_mos_count{codec="pcmu"}') == 1
    assert await more('leg_loss_ratio_sum{codec="pcmu"}') == pytest.approx(0.1, abs=0.01)
    assert await more('leg_loss_ratio_bucket{codec="pcmu",le="0.05"}') == 0
    assert 2.5 < await more('leg_mos_sum{codec="pcmu"}') < 3.7
    assert 0 < await more('leg_jitter_seconds_sum{codec="pcmu"}') < 1
