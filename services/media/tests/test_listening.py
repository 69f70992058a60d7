"""What media hears in sound, by real legs: keys, speech, faxes, who answers; forks; playing under control."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from websockets.asyncio.server import serve

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Comfort, Playlist
from seatbus_kit.errors import InvalidArgument, Refused
from seatbus_media.adapters.speech import EspeakSpeech
from seatbus_media.adapters.websocket_fork import WebSocketForker
from seatbus_rtp.inband import InbandReceiver
from seatbus_rtp.jitter import JitterBuffer
from seatbus_rtp.tones import dominant_frequency, dtmf_frequencies, goertzel_dbfs, silence, tone
from seatbus_sip.sdp import PCMA, PCMU
from seatbus_testkit.eventually import eventually

TALK = (
    "Thank you for calling. Our office hours are from nine to five, Monday to Friday. If you know the "
    "extension of the person you want to reach, say it now. Otherwise stay on the line, we will help you.",
    "I would like to talk about my invoice of last month, number seven seven three oh nine. It says eighty "
    "four dollars and sixteen cents, but we agreed on less. Please have a look at it. Yes, I can wait.",
    "Eeny, meeny, miny, moe, catch a tiger by the toe. She sells sea shells by the sea shore. You who, too.",
)


def listen(phone, **wishes):
    return pb.Command(listen=pb.Listen(endpoint_id=phone.id, **wishes))


def keys(digits, ms=60, gap_ms=60):
    parts = [
        part
        for digit in digits
        for part in (tone(list(dtmf_frequencies(digit)), ms / 1000, -16.0), silence(gap_ms * 8))
    ]
    return np.concatenate(parts)


def over_a_lossy_way(pcm):
    """With what is made in place of every tenth packet."""
    buffer, heard = JitterBuffer(), []
    for number in range(len(pcm) // 160):
        if number % 10 != 7:
            buffer.put(number * 160, pcm[number * 160 : (number + 1) * 160])
        heard.append(buffer.get())
    assert buffer.missing > len(pcm) // 11
    return np.concatenate([frame for frame in heard if frame is not None])


async def test_two_minutes_of_speech_press_no_key():
    speech = EspeakSpeech()
    try:
        for text, language in [
            *((text, "en") for text in TALK),
            ("请稍等，我们马上为您接通客服人员。" * 4, "zh"),
        ]:
            pcm = await speech.speak(text, language)
            for gain in (0.3, 1.0, 2.5):
                louder = np.clip(pcm * gain, -32768, 32767).astype(np.int16)
                assert InbandReceiver().feed(louder) == [], text
            assert InbandReceiver().feed(over_a_lossy_way(pcm)) == [], text
    finally:
        speech.close()


async def test_keys_in_the_sound_are_collected_like_any_others(desk):
    caller = await desk.caller(PCMA)
    await desk.execute(listen(caller, inband_dtmf=True))
    await desk.execute(
        pb.Command(
            collect=pb.Collect(
                endpoint_id=caller.id,
                collect_id="c",
                max_digits=6,
                terminators="#",
                timeout_ms=6000,
                inter_digit_ms=4000,
            )
        )
    )
    await caller.mouth.play_pcm(keys("31415#"))
    event = await desk.wait(lambda event: event.HasField("collect_finished"))
    assert (event.collect_finished.digits, event.collect_finished.reason) == ("31415", "terminator")
    assert desk.seen("digit_heard") == []


async def test_speech_silence_levels_and_who_answers_are_told(desk):
    caller = await desk.caller(PCMU)
    await desk.execute(listen(caller, voice=True, machine=True, level_every_ms=200))
    await asyncio.sleep(0.3)
    await caller.mouth.play_pcm(tone([300.0, 800.0], 0.6, -18.0))
    await desk.wait(lambda event: event.speech_detected.kind == "human", 4)
    assert next(event.kind for event in desk.seen("speech_detected")) == "speech"
    await desk.wait(lambda event: event.speech_detected.kind == "silence")
    loudest = max(event.dbfs for event in desk.seen("level_measured"))
    assert loudest == pytest.approx(-15, abs=2)
    await desk.execute(listen(caller))
    await asyncio.sleep(0.1)
    before = len(desk.seen("level_measured"))
    await asyncio.sleep(0.5)
    assert len(desk.seen("level_measured")) == before


CNG = np.tile(np.concatenate([tone([1100.0], 0.5, -15.0), silence(1600)]), 3)
CED = tone([2100.0], 2.6, -15.0)


@pytest.mark.parametrize(("said", "kind"), [(CNG, "fax_calling"), (CED, "fax_answering")])
async def test_a_fax_is_told_once(desk, said, kind):
    caller = await desk.caller(PCMU)
    await desk.execute(listen(caller, fax=True))
    told = asyncio.create_task(desk.wait(lambda event: event.speech_detected.kind == kind))
    while not told.done():
        # A busy machine tears holes into it: then the machine calls, or answers, again.
        await caller.mouth.play_pcm(said)
        await asyncio.wait([told], timeout=0.5)
    await told
    assert len(desk.seen("speech_detected")) == 1


async def test_a_fork_is_the_legs_sound_and_hides_secret_digits(desk):
    said, heard = [], []

    async def take(socket):
        async for message in socket:
            (said if isinstance(message, str) else heard).append(message)

    async with serve(take, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/leg"
        caller = await desk.caller(PCMA)
        caller.mouth.play_tone(800, -14.0)
        await desk.execute(pb.Command(fork=pb.Fork(endpoint_id=caller.id, url=url)))
        await eventually(lambda: len(heard) > 45)
        pcm = np.frombuffer(b"".join(heard[15:]), "<i2")
        assert json.loads(said[0])["endpoint_id"] == caller.id
        assert {len(frame) for frame in heard} == {320}
        assert dominant_frequency(pcm) == pytest.approx(800, abs=3)
        assert goertzel_dbfs(pcm, 800) == pytest.approx(-14, abs=1)
        secret = pb.Collect(endpoint_id=caller.id, collect_id="s", max_digits=4, timeout_ms=9000, secret=True)
        await desk.execute(pb.Command(collect=secret))
        await asyncio.sleep(0.3)
        heard.clear()
        await eventually(lambda: len(heard) > 10)
        assert not any(np.frombuffer(b"".join(heard), "<i2"))
        await desk.execute(pb.Command(fork=pb.Fork(endpoint_id=caller.id)))
        await asyncio.sleep(0.1)
        heard.clear()
        await asyncio.sleep(0.2)
        assert heard == []


async def test_a_fork_whose_far_end_goes_is_told(desk):
    async def leave(socket):
        await socket.recv()

    async with serve(leave, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/leg"
        caller = await desk.caller(PCMU)
        await desk.execute(pb.Command(fork=pb.Fork(endpoint_id=caller.id, url=url)))
        event = await desk.wait(lambda event: event.HasField("fork_ended"))
    assert (event.endpoint_id, event.fork_ended.reason) == (caller.id, "closed")


async def test_a_fork_waits_five_seconds_for_a_slow_far_end_and_no_longer():
    ended = []
    over = asyncio.Event()
    async with serve(lambda _: over.wait(), "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/leg"
        stream = WebSocketForker().open(url, {"session_id": "s"}, ended.append)
        for number in range(252):
            assert ended == ([] if number < 251 else ["too_slow"])
            stream.send(bytes(320))
        stream.send(bytes(320))
        over.set()
    assert ended == ["too_slow"]


async def test_a_fork_that_nobody_takes_is_told_and_one_elsewhere_refused(desk):
    caller = await desk.caller(PCMU)
    await desk.execute(pb.Command(fork=pb.Fork(endpoint_id=caller.id, url="ws://127.0.0.1:9/none")))
    event = await desk.wait(lambda event: event.HasField("fork_ended"))
    assert (event.endpoint_id, event.fork_ended.reason) == (caller.id, "refused")
    with pytest.raises(InvalidArgument) as refused:
        await desk.execute(pb.Command(fork=pb.Fork(endpoint_id=caller.id, url="file:///etc/passwd")))
    assert refused.value.field == "commands[0].fork.url"


async def test_a_playlist_is_paused_moved_and_made_softer(desk):
    caller = await desk.caller(PCMU)

    def control(action, **options):
        return pb.Command(control_play=pb.ControlPlay(endpoint_id=caller.id, action=action, **options))

    with pytest.raises(Refused):
        await desk.execute(control("pause"))
    playlist = Playlist(items=[*([Audio(tone="500")] * 4), *([Audio(tone="1500")] * 4)])
    await desk.execute(pb.Command(play=pb.Play(endpoint_id=caller.id, play_id="p", playlist=playlist)))
    await caller.ears.wait_tone(500)
    await desk.execute(control("pause"))
    await eventually(lambda: caller.ears.level_dbfs(0.2) < -60)
    await desk.execute(control("resume"), control("seek", position_ms=5000), control("gain", gain_db=-20))
    await caller.ears.wait_tone(1500)
    await eventually(lambda: caller.ears.tone(0.2)[1] == pytest.approx(-32, abs=1.5))
    await desk.execute(control("seek", position_ms=60_000))
    event = await desk.wait(lambda event: event.HasField("play_finished"))
    assert event.play_finished.reason == "completed"


async def test_comfort_messages_are_mixed_into_the_music_by_schedule(desk):
    caller = await desk.caller(PCMU)
    playlist = Playlist(
        items=[Audio(tone="500")],
        loops=0xFFFFFFFF,
        comfort=Comfort(items=[Audio(tone="1500")], first_s=1, every_s=3),
    )
    await desk.execute(pb.Command(play=pb.Play(endpoint_id=caller.id, play_id="m", playlist=playlist)))
    await asyncio.sleep(4.6)
    pcm = caller.ears.pcm()

    def levels(second):
        part = pcm[int(second * 8000) : int((second + 0.6) * 8000)]
        return goertzel_dbfs(part, 500), goertzel_dbfs(part, 1500)

    for second, speaks in ((0.2, False), (1.2, True), (2.3, False), (4.2, True)):
        if len(pcm) < (second + 0.3) * 8000:
            continue
        music, message = levels(second)
        assert (message > -16) is speaks, second
        assert (music < -22) is speaks, second
