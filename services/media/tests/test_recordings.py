"""The tap: both voices in their channels, and nothing lost when the recording service is killed."""

from __future__ import annotations

import asyncio
import hashlib
import io
import signal
import time

import numpy as np
import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus.recording.v1.service_pb2 import Open
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instance
from seatbus_kit.rpc import Channels
from seatbus_media.adapters.recorder import GrpcRecorder
from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap_buffer import TapChunk
from seatbus_rtp.g711 import decode_pcmu, encode_pcmu
from seatbus_rtp.tones import dominant_frequency, goertzel_dbfs, level_dbfs, tone
from seatbus_rtp.wav import WavReader
from seatbus_sip.sdp import G722, PCMA, PCMU

from .conftest import TENANT

RATE = 8000


async def talking(desk, left_law=PCMU, right_law=PCMU):
    caller = await desk.caller(left_law)
    agent = await desk.agent(caller, right_law)
    caller.mouth.play_tone(440)
    agent.mouth.play_tone(1000)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=agent.id)))
    await caller.ears.wait_tone(1000)
    await agent.ears.wait_tone(440)
    return caller, agent


def start(recording_id, caller, agent):
    return pb.Command(
        start_recording=pb.StartRecording(
            recording_id=recording_id,
            left_endpoint_id=caller.id,
            right_endpoint_id=agent.id,
            labels={"queue": "sales"},
        )
    )


def stop(recording_id):
    return pb.Command(stop_recording=pb.StopRecording(recording_id=recording_id))


def samples(data):
    reader = WavReader(io.BytesIO(data))
    assert (reader.info.channels, reader.info.rate) == (2, RATE)
    return reader.read(reader.info.frames)


def quiet_windows(channel, hz):
    """Starts, in seconds, of 10 ms that are not full of sound, and of 60 ms that have not the tone. A leg
    that is moved on the recording's clock has all its sound, and a step in its phase.
    """
    short, third = RATE // 100, RATE // 50
    found = [at for at in range(0, len(channel) - short, short) if level_dbfs(channel[at : at + short]) < -14]
    for at in range(0, len(channel) - 3 * third, 3 * third):
        parts = [channel[at + part : at + part + third] for part in (0, third, 2 * third)]
        if max(goertzel_dbfs(part, hz) for part in parts) < -15:
            found.append(at)
    return [at / RATE for at in found]


async def test_each_voice_is_in_its_own_channel_whatever_its_law(desk, archive):
    caller, agent = await talking(desk, PCMA, PCMU)
    recording_id = uuid7()
    began = time.monotonic()
    await desk.execute(start(recording_id, caller, agent))
    await asyncio.sleep(1.15)
    await desk.execute(stop(recording_id))
    lasted = time.monotonic() - began
    record = await archive.completed(recording_id)
    data = await archive.download(recording_id)
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    assert record.size_bytes == len(data)
    assert record.duration_ms == pytest.approx(lasted * 1000, abs=150)
    assert (record.call_id, dict(record.labels), record.incomplete) == (
        desk.call_id,
        {"queue": "sales"},
        False,
    )
    both = samples(data)
    assert dominant_frequency(both[RATE // 2 :, 0]) == pytest.approx(440, abs=3)
    assert dominant_frequency(both[RATE // 2 :, 1]) == pytest.approx(1000, abs=3)
    assert goertzel_dbfs(both[RATE // 2 :, 0], 1000) < -50
    assert goertzel_dbfs(both[RATE // 2 :, 1], 440) < -50


async def test_a_call_with_a_wideband_leg_is_stored_at_its_rate(desk, archive):
    caller, agent = await talking(desk, G722, PCMU)
    recording_id = uuid7()
    await desk.execute(start(recording_id, caller, agent))
    await asyncio.sleep(1.15)
    await desk.execute(stop(recording_id))
    record = await archive.completed(recording_id)
    assert record.sample_rate == 2 * RATE
    reader = WavReader(io.BytesIO(await archive.download(recording_id)))
    assert (reader.info.channels, reader.info.rate) == (2, 2 * RATE)
    both = reader.read(reader.info.frames)
    assert record.duration_ms == pytest.approx(len(both) / 16, abs=1)
    later = both[RATE:]
    for side, own, other in ((0, 440, 1000), (1, 1000, 440)):
        assert dominant_frequency(later[:, side], 2 * RATE) == pytest.approx(own, abs=3)
        assert goertzel_dbfs(later[:, side], other, 2 * RATE) < -50


async def test_a_kill_of_the_recording_service_in_the_middle_loses_nothing(desk, archive):
    caller, agent = await talking(desk)
    recording_id = uuid7()
    await desk.execute(start(recording_id, caller, agent))
    await asyncio.sleep(1.2)
    # Not on the loop, which speaks.
    await asyncio.to_thread(archive.service.kill)
    await asyncio.to_thread(archive.service.start)
    await archive.service.ready()
    await asyncio.sleep(0.3)
    await desk.execute(stop(recording_id))
    record = await archive.completed(recording_id)
    assert not record.incomplete
    both = samples(await archive.download(recording_id))
    assert len(both) > 1.5 * RATE
    # The ends are cut where no packet is complete; between them every window has its tone.
    inner = both[800:-800]
    assert quiet_windows(inner[:, 0], 440) == []
    assert quiet_windows(inner[:, 1], 1000) == []


async def test_what_is_said_during_a_pause_or_a_mask_is_not_kept(desk, archive):
    """Each is silent at its edges and has a tone of its own. A mask takes its time, a pause none."""
    caller, agent = await talking(desk)
    recording_id = uuid7()

    async def mode(value, hz):
        if value:
            control = pb.ControlRecording(recording_id=recording_id, mode=value)
            await desk.execute(pb.Command(control_recording=control))
        caller.mouth.play_tone(hz)
        await asyncio.sleep(0.25)
        caller.mouth.silence()
        await asyncio.sleep(0.15)

    caller.mouth.silence()
    await asyncio.sleep(0.15)
    began = time.monotonic()
    await desk.execute(start(recording_id, caller, agent))
    await mode(0, 600)
    await mode(pb.RECORDING_MODE_MASKED, 850)
    await mode(pb.RECORDING_MODE_ON, 1250)
    await mode(pb.RECORDING_MODE_PAUSED, 1650)
    await mode(pb.RECORDING_MODE_ON, 2150)
    await desk.execute(stop(recording_id))
    at_most_s = time.monotonic() - began - 0.4
    record = await archive.completed(recording_id)
    assert 1600 - 100 <= record.duration_ms <= at_most_s * 1000 + 100
    left = samples(await archive.download(recording_id))[:, 0]
    size = RATE // 20
    windows = [left[at : at + size] for at in range(0, len(left) - size, size)]
    for hz in (600, 1250, 2150):
        assert max(goertzel_dbfs(window, hz) for window in windows) > -20, hz
    for hz in (850, 1650):
        assert max(goertzel_dbfs(window, hz) for window in windows) < -40, hz


async def test_stalls_of_the_process_over_a_cut_lose_nothing(desk, archive, media_service):
    caller, agent = await talking(desk)
    recording_id = uuid7()
    await desk.execute(start(recording_id, caller, agent))
    # The cuts are one second apart: the first stall lies over the first, the second over the next.
    for before, stall_s in ((0.7, 0.45), (0.3, 0.9)):
        await asyncio.sleep(before)
        media_service.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(stall_s)
        media_service.process.send_signal(signal.SIGCONT)
    await asyncio.sleep(0.5)
    await desk.execute(stop(recording_id))
    await archive.completed(recording_id)
    inner = samples(await archive.download(recording_id))[800:-800]
    assert quiet_windows(inner[:, 0], 440) == []
    assert quiet_windows(inner[:, 1], 1000) == []


async def test_a_recording_that_is_refused_is_told_to_the_owner(desk, archive):
    caller, agent = await talking(desk)
    recording_id = uuid7()
    await desk.execute(start(recording_id, caller, agent))
    await asyncio.sleep(0.3)
    await desk.execute(stop(recording_id))
    await archive.completed(recording_id)
    # The same name again: what is complete takes no more.
    await desk.execute(start(recording_id, caller, agent))
    event = await desk.wait(lambda event: event.HasField("recording_failed"))
    failed = event.recording_failed
    assert (failed.recording_id, failed.reason.partition(":")[0]) == (recording_id, "closed")


class Away:
    """A registry that finds the recording service when it is told where it is."""

    def __init__(self) -> None:
        self.found: Instance | None = None

    def pick(self, service: str, *, key: str | None = None) -> Instance | None:
        return self.found


class Failures:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def recording_refused(self, session_id: str, recording_id: str, reason: str) -> None:
        raise AssertionError(reason)

    def recording_failed(self, session_id: str, recording_id: str, reason: str) -> None:
        self.told.append((recording_id, reason))


async def test_thirty_seconds_wait_for_a_recording_service_and_the_loss_of_more_is_told_once(archive):
    registry, failures, channels = Away(), Failures(), Channels()
    recorder = GrpcRecorder("media-x", registry, channels)
    recorder.failures = failures
    running = asyncio.create_task(recorder.run())
    kept, full = uuid7(), uuid7()
    sound = {second: encode_pcmu(tone([400.0 + 20 * second], 1.0)) for second in range(33)}
    for recording_id, seconds in ((kept, 30), (full, 33)):
        opening = Open(tenant_id=TENANT, call_id=uuid7())
        opening.started_at.GetCurrentTime()
        recorder.begin(recording_id, opening, "session", "owner")
        for second in range(seconds):
            chunk = TapChunk(second * RATE, sound[second], sound[second], Law.PCMU)
            recorder.write(recording_id, chunk)
        recorder.finish(recording_id)
    assert failures.told == [(full, "recording_service_away")]
    registry.found = Instance("recording", "recording", archive.service.address, "", 0.0, False, "")
    await asyncio.wait_for(recorder.wait_idle(), 20)
    for recording_id, lost, seconds in ((kept, 0, 30), (full, 3, 33)):
        assert (await archive.completed(recording_id)).duration_ms == seconds * 1000
        both = samples(await archive.download(recording_id))
        assert not both[: lost * RATE].any()
        for second in range(lost, seconds):
            part = both[second * RATE : (second + 1) * RATE]
            assert np.array_equal(part[:, 0], decode_pcmu(sound[second]))
            assert np.array_equal(part[:, 1], part[:, 0])
    running.cancel()
    await channels.close()
