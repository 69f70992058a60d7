"""Every codec beside every other: by listening, both ways; digits, recordings and prompts with them."""

from __future__ import annotations

import asyncio
import io
import time

import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_kit.ids import uuid7
from seatbus_rtp.receiver import Fault
from seatbus_rtp.tones import dominant_frequency, level_dbfs
from seatbus_rtp.wav import WavReader
from seatbus_sip.sdp import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT_48K, Codec, parse_sdp
from seatbus_testkit.eventually import eventually

CODECS = {"PCMU": PCMU, "PCMA": PCMA, "G722": G722, "opus": OPUS}
BAD = (Fault.SSRC_CHANGED, Fault.LOST, Fault.TIMESTAMP_BACK, Fault.PAYLOAD_TYPE, Fault.DUPLICATE)


def connect(a, b):
    return pb.Command(connect=pb.Connect(endpoint_a=a.id, endpoint_b=b.id))


def with_events(codec):
    return (codec, TELEPHONE_EVENT_48K) if codec.name == OPUS.name else (codec,)


async def pair(desk, one, other):
    caller = await desk.caller(*with_events(one))
    agent = await desk.agent(caller, *with_events(other))
    await desk.execute(connect(caller, agent))
    return caller, agent


async def settles(ears, hz, dbfs):
    """On a busy machine a window may have a hole: one that has none has the right pitch and level."""
    for _ in range(40):
        await asyncio.sleep(0.1)
        found = ears.tone(0.3)
        if found == (pytest.approx(hz, abs=3), pytest.approx(dbfs, abs=1.5)):
            return
    pytest.fail(f"{hz} Hz at {dbfs} dBFS were said, {found[0]:.1f} Hz at {found[1]:.1f} dBFS are heard")


@pytest.mark.parametrize("second", CODECS)
@pytest.mark.parametrize("first", CODECS)
async def test_both_voices_cross_at_their_pitch_and_level(desk, first, second):
    caller, agent = await pair(desk, CODECS[first], CODECS[second])
    caller.mouth.play_tone(440, -12.0)
    agent.mouth.play_tone(1000, -15.0)
    await asyncio.gather(agent.ears.wait_tone(440), caller.ears.wait_tone(1000))
    await asyncio.gather(settles(agent.ears, 440, -12.0), settles(caller.ears, 1000, -15.0))
    for phone in (caller, agent):
        assert phone.ears.faults(*BAD) == []
    session = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    assert {endpoint.codec for endpoint in session.endpoints} == {first, second}
    assert all(endpoint.statistics.mos > 4.0 for endpoint in session.endpoints)


@pytest.mark.parametrize(("first", "second"), [("PCMU", "opus"), ("opus", "G722"), ("opus", "opus")])
async def test_a_digit_crosses_clocks_once_with_its_length(desk, first, second):
    caller, agent = await pair(desk, CODECS[first], CODECS[second])
    await asyncio.gather(caller.mouth.send_dtmf("5"), agent.mouth.send_dtmf("7#"))
    await agent.ears.wait_digits("5")
    await caller.ears.wait_digits("7#")
    await asyncio.sleep(0.2)
    assert (agent.ears.digits, caller.ears.digits) == ("5", "7#")


@pytest.mark.parametrize("name", ["G722", "opus"])
async def test_prompts_music_and_digits_of_ours_are_heard_in_one_stream(desk, name):
    phone = await desk.caller(*with_events(CODECS[name]))
    playlist = Playlist(items=[Audio(tone="700"), Audio(silence_ms=100), Audio(tone="1100")])
    await desk.execute(pb.Command(play=pb.Play(endpoint_id=phone.id, play_id="p", playlist=playlist)))
    await phone.ears.wait_tone(700)
    await phone.ears.wait_tone(1100)
    await desk.wait(lambda event: event.HasField("play_finished"))
    await desk.execute(pb.Command(send_dtmf=pb.SendDtmf(endpoint_id=phone.id, digits="42")))
    await phone.ears.wait_digits("42")
    assert phone.ears.faults(*BAD) == []


async def test_a_recording_of_unlike_legs_has_both_voices(desk, archive):
    caller, agent = await pair(desk, OPUS, G722)
    recording = uuid7()
    began = time.monotonic()
    await desk.execute(
        pb.Command(
            start_recording=pb.StartRecording(
                recording_id=recording, left_endpoint_id=caller.id, right_endpoint_id=agent.id
            )
        )
    )
    caller.mouth.play_tone(440, -12.0)
    agent.mouth.play_tone(1000, -15.0)
    await asyncio.sleep(1.6)
    await desk.execute(pb.Command(stop_recording=pb.StopRecording(recording_id=recording)))
    longest = time.monotonic() - began
    await archive.completed(recording)
    reader = WavReader(io.BytesIO(await archive.download(recording)))
    frames = reader.read(reader.info.frames)
    # One of them is wideband, so both are kept at its rate.
    assert reader.info.rate == 16_000
    # From the one command to the other: a busy machine sleeps longer, and the recording is as long.
    assert 1.35 <= reader.info.seconds <= longest + 0.1
    for channel, hz, level in ((0, 440, -12.0), (1, 1000, -15.0)):
        steady = frames[8000:20_000, channel]
        assert dominant_frequency(steady, reader.info.rate) == pytest.approx(hz, abs=3)
        # By power: a leg's clock may be moved by some ms here, which a phase would show.
        assert level_dbfs(steady) == pytest.approx(level, abs=1.5)


async def test_who_asks_for_it_gets_next_to_no_packets_of_silence_and_speech_at_once(desk):
    asks = Codec(111, "opus", 48_000, 2, "useinbandfec=1;usedtx=1")
    sparing, agent = await pair(desk, asks, PCMU)
    plain = await desk.agent(sparing, OPUS, TELEPHONE_EVENT_48K)
    await desk.execute(pb.Command(conference=pb.Conference(endpoint_ids=[sparing.id, agent.id, plain.id])))
    for phone in (sparing, agent, plain):
        phone.mouth.silence()
    await eventually(lambda: plain.ears.received > 50)
    begun = plain.ears.received, sparing.ears.received
    await eventually(lambda: plain.ears.received - begun[0] >= 100)
    assert 1 <= sparing.ears.received - begun[1] <= 12
    agent.mouth.play_tone(1000, -15.0)
    await sparing.ears.wait_tone(1000)
    await settles(sparing.ears, 1000, -15.0)
    assert sparing.ears.faults(*BAD) == []


async def test_a_codec_changes_by_reinvite_and_the_stream_goes_on(desk):
    caller, agent = await pair(desk, PCMU, PCMU)
    caller.mouth.play_tone(440)
    agent.mouth.play_tone(1000)
    await agent.ears.wait_tone(440)
    await caller.ears.wait_tone(1000)
    for codec in (G722, OPUS, PCMA):
        sdp = caller.offer(*with_events(codec))
        (result,) = await desk.execute(
            pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=caller.id, sdp=sdp))
        )
        assert result.codec == codec.name
        caller.answered(result.sdp)
        caller.ears.clear()
        agent.ears.clear()
        await agent.ears.wait_tone(440)
        await caller.ears.wait_tone(1000)
        assert agent.ears.faults(*BAD) == []


async def test_legs_with_something_in_common_are_never_transcoded(desk):
    """The answer names what can be relayed, whatever the phone likes best."""
    caller = await desk.caller(PCMA)
    agent = await desk.agent(caller, OPUS, TELEPHONE_EVENT_48K, PCMU)
    await desk.execute(connect(caller, agent))
    again = agent.offer(OPUS, TELEPHONE_EVENT_48K, G722, PCMU)
    (result,) = await desk.execute(pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=agent.id, sdp=again)))
    assert result.codec == "PCMU"
    answer = parse_sdp(result.sdp).audio
    assert answer is not None
    assert [codec.name for codec in answer.codecs if not codec.is_dtmf] == ["PCMU"]


async def test_the_order_of_a_trunk_goes_before_the_offers(desk):
    phone = await desk.phone()
    sdp = phone.offer(PCMU, G722)
    (result,) = await desk.execute(
        pb.Command(
            accept_offer=pb.AcceptOffer(endpoint_id=phone.id, sdp=sdp, codecs=["G722", "PCMA", "PCMU"])
        )
    )
    assert result.codec == "G722"
