"""Sound to the sample: a recording that is masked, one of a single channel, a playlist that was paused."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_kit.bus import Bus
from seatbus_kit.provision import PROMPTS
from seatbus_kit.settings import ServiceSettings
from seatbus_rtp import wav
from seatbus_rtp.tones import goertzel_dbfs, tone
from seatbus_testkit.eventually import eventually

from .rough import DBFS, FRAME, HZ, Speaker, clean, loudest, new_call

OTHER_HZ = 1103.7
MASK_S = 0.6
LATE_S = 0.08
"""Between the sending of a packet and its reading, on a busy machine."""
TONES = tuple(range(400, 2400, 200))
TONE_FRAMES = 8


async def test_a_masked_recording_is_exact_silence_as_long_as_the_mask_and_a_mono_one_has_both(
    desk, media_service, recording_service
):
    """The first call is recorded in two channels and masked, the second in one."""
    await recording_service.ready()
    async with new_call(media_service, recording_service) as call:
        ends = []
        for hz in (HZ, OTHER_HZ, HZ, OTHER_HZ):
            line = await call.line()
            endpoint, to = await call.offers(line)
            ends.append((endpoint, line, Speaker(to, hz)))
        for (one, *_), (two, *_) in (ends[:2], ends[2:]):
            await call.desk.execute(pb.Command(connect=pb.Connect(endpoint_a=one, endpoint_b=two)))
        talks = [asyncio.create_task(speaker.speak(line, clean, 1000)) for _, line, speaker in ends]
        speaker = ends[0][2]
        await eventually(lambda: len(speaker.sent) > 5)
        masked = await call.record(ends[0][0], ends[1][0])
        mono = await call.record(ends[2][0], ends[3][0], mono=True)
        before = [len(end[2].sent) for end in ends]
        await eventually(lambda: len(speaker.sent) > before[0] + 25)

        async def mode(value: pb.RecordingMode) -> None:
            control = pb.ControlRecording(recording_id=masked, mode=value)
            await call.desk.execute(pb.Command(control_recording=control))

        clock = asyncio.get_running_loop().time
        asked = clock()
        await mode(pb.RECORDING_MODE_MASKED)
        masked_at = clock()
        await asyncio.sleep(MASK_S)
        lifted = clock()
        await mode(pb.RECORDING_MODE_ON)
        on_at = clock()
        since = len(speaker.sent)
        await eventually(lambda: len(speaker.sent) > since + 25)
        two, one = await call.recorded(masked), await call.recorded(mono)
        for talk in talks:
            talk.cancel()
    assert (two.shape[1], one.shape[1]) == (2, 1)
    for side, (_, _, speaker) in enumerate(ends[:2]):
        hz = (HZ, OTHER_HZ)[side]
        inner = [(at, size) for at, size in _silences(two[:, side]) if at > 0 and at + size < len(two)]
        at, size = max(inner, key=lambda silence: silence[1])
        # From the last packet that was surely heard before to the first that surely was afterwards.
        before_at = max(time for time, _ in speaker.sent if time < asked) + FRAME / 8000
        after_at = min(time for time, _ in speaker.sent if time > on_at)
        assert size >= (lifted - masked_at) * 8000 - FRAME
        assert size <= (after_at - before_at + LATE_S) * 8000
        for part in (two[:at, side], two[at + size :, side]):
            assert loudest(part, hz) == pytest.approx(DBFS, abs=1)
    # The one channel is the sum: where one is heard the other is, too.
    parts = [one[at : at + 800, 0] for at in range(0, len(one) - 799, 400)]
    together = max(min(goertzel_dbfs(part, hz) for hz in (HZ, OTHER_HZ)) for part in parts)
    assert together == pytest.approx(DBFS, abs=1)


def _silences(pcm):
    """(start, length) of the runs of exact zeros."""
    edges = np.flatnonzero(np.diff((pcm == 0).astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


async def test_a_playlist_goes_on_after_a_pause_at_the_sample_where_it_stopped(desk, media_bus):
    said = [tone([float(hz)], TONE_FRAMES * 0.02, -12.0) for hz in TONES]
    bus = await Bus.connect(ServiceSettings(nats_url=media_bus.url, instance_id="test"))
    store = await bus.js.object_store(PROMPTS)
    half = len(TONES) // 2
    for name, part in (("low", said[:half]), ("high", said[half:])):
        file = io.BytesIO()
        writer = wav.WavWriter(file, 1, 8000)
        writer.write(np.concatenate(part).astype(np.int16))
        writer.finish()
        await store.put(f"acme/{name}", file.getvalue())
    await bus.close()
    caller = await desk.caller()

    async def control(action: str) -> None:
        command = pb.ControlPlay(endpoint_id=caller.id, action=action)
        await desk.execute(pb.Command(control_play=command))

    playlist = Playlist(items=[Audio(prompt_id="low"), Audio(prompt_id="high")])
    await desk.execute(pb.Command(play=pb.Play(endpoint_id=caller.id, play_id="p", playlist=playlist)))
    await eventually(lambda: len(_frames(caller)) > 1.5 * TONE_FRAMES)
    await control("pause")
    await eventually(lambda: len(caller.ears.tail(0.2)) > 0 and caller.ears.level_dbfs(0.2) < -60)
    paused = len(_frames(caller))
    assert 1.5 * TONE_FRAMES < paused < len(TONES) * TONE_FRAMES
    await asyncio.sleep(0.1)
    assert len(_frames(caller)) == paused
    await control("resume")
    event = await desk.wait(lambda event: event.HasField("play_finished"))
    assert event.play_finished.reason == "completed"
    await eventually(lambda: len(_frames(caller)) == len(TONES) * TONE_FRAMES)
    heard = np.concatenate(_frames(caller)).reshape(len(TONES), -1)
    assert [max(TONES, key=lambda hz: goertzel_dbfs(part, hz)) for part in heard] == list(TONES)
    expected = np.concatenate(said).astype(np.float64)
    error = heard.reshape(-1) - expected
    assert np.std(error) < np.std(expected) / 50


def _frames(phone):
    """What was heard, without the packets of silence."""
    pcm = phone.ears.pcm()
    return [
        pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME) if pcm[at : at + FRAME].any()
    ]
