"""A media instance is lost for good: its calls go on at another one, and what comes back of it is silent."""

from __future__ import annotations

import asyncio
import io
import signal
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import caller_of, reach_queue, wait_level
from .conversations import CALLER, FIRST, HEARD_DBFS, hears, hears_music, talk

pytestmark = pytest.mark.platform

# 2 s are waited for the instance itself; a frozen one is found out later. The rest is a loaded machine's.
BACK_S = 20.0


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("two-media")
    running = Platform.start(folder / "data", "--replicas", "media=2")
    try:
        yield running
    finally:
        running.process.send_signal(signal.SIGCONT)
        running.stop()


def _instances(platform: Platform, tenant: TestTenant) -> list[str]:
    """Where the live calls have their audio."""
    return [str(call["media_instance"]) for call in platform.get(tenant.path("calls"))["calls"]]


def _tones_when_complete(platform: Platform, tenant: TestTenant, recording_id: str) -> tuple[float, float]:
    path = tenant.path(f"recordings/{recording_id}/audio")
    platform.until(lambda: platform.http.get(path).status_code == 200, 60, f"recording {recording_id}")
    return _tones(platform, tenant, recording_id)


def _tones(platform: Platform, tenant: TestTenant, recording_id: str) -> tuple[float, float]:
    """How loud the customer is on the left and the agent on the right, in its first second."""
    answer = platform.http.get(tenant.path(f"recordings/{recording_id}/audio"))
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as file:
        file.setpos(4000)
        pcm = np.frombuffer(file.readframes(4000), dtype="<i2").reshape(-1, 2)
    return goertzel_dbfs(pcm[:, 0], CALLER), goertzel_dbfs(pcm[:, 1], FIRST)


async def test_a_talk_goes_on_at_another_instance_when_its_own_is_frozen(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with talk(tenant) as made:
        lost = str(made.record()["media_instance"])
        before = str(made.record()["recording_id"])
        await hears(made.customer, FIRST)
        await hears(made.first, CALLER)
        await asyncio.sleep(1)
        began = time.monotonic()
        two.kill(lost, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.7)
            made.customer.ears.clear()
            made.first.ears.clear()
            await asyncio.gather(
                hears(made.customer, FIRST, timeout=BACK_S), hears(made.first, CALLER, timeout=BACK_S)
            )
            print(f"media_frozen_to_heard {time.monotonic() - began:.2f} s")
            assert lost not in _instances(two, tenant)
        finally:
            two.kill(lost, signal.SIGCONT)
        await asyncio.sleep(3)
        # Whatever the old one still had to say is not heard, the talk is as it was.
        made.customer.ears.clear()
        await hears(made.customer, FIRST)
        await hears(made.first, CALLER)
        await made.customer.hang_up()
        await made.first.wait_ended(timeout=5)
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)
    after = str(cdr["recording_id"])
    assert after != before
    for recording_id in (before, after):
        levels = await asyncio.to_thread(_tones_when_complete, two, tenant, recording_id)
        assert min(levels) > HEARD_DBFS, f"a voice is missing: {levels}"


async def test_a_talk_and_a_waiting_caller_go_on_when_their_instance_dies_for_good(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with talk(tenant) as made, caller_of(tenant) as second:
        lost = str(made.record()["media_instance"])
        waiting: list[PhoneCall] = []
        # New calls go where there is the least to do: some of them are beside the talk.
        while _instances(two, tenant).count(lost) < 2:
            assert len(waiting) < 6, "no call shares the instance of the talk"
            waiting.append(await reach_queue(second, tenant))
            await wait_level(waiting[-1], -45)
        await hears(made.customer, FIRST)
        two.process.send_signal(signal.SIGSTOP)  # nobody starts it again
        try:
            began = time.monotonic()
            two.kill(lost)
            await asyncio.sleep(0.7)
            made.customer.ears.clear()
            made.first.ears.clear()
            await asyncio.gather(
                hears(made.customer, FIRST, timeout=BACK_S), hears(made.first, CALLER, timeout=BACK_S)
            )
            print(f"media_killed_to_heard {time.monotonic() - began:.2f} s")
            await asyncio.to_thread(
                two.until, lambda: lost not in _instances(two, tenant), BACK_S, f"all calls to leave {lost}"
            )
            for call in waiting:
                call.ears.clear()
                await hears_music(call, timeout=BACK_S)
                await call.hang_up()
            await made.first.hang_up()
            await made.customer.wait_ended(timeout=5)
        finally:
            two.process.send_signal(signal.SIGCONT)
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)
