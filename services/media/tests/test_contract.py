"""Fencing, idempotence, order, refusals that name the command and the field."""

from __future__ import annotations

import asyncio
import io
import socket

import av
import numpy as np
import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_kit.bus import Bus
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, StaleEpoch
from seatbus_kit.ids import uuid7
from seatbus_kit.provision import PROMPTS
from seatbus_kit.settings import ServiceSettings
from seatbus_rtp import rtcp
from seatbus_rtp.packet import build
from seatbus_rtp.tones import tone
from seatbus_sip.sdp import Codec, Direction, build_offer, parse_sdp
from seatbus_testkit.eventually import eventually


async def test_a_repeated_request_gets_the_same_answer_and_no_second_endpoint(desk):
    phone = await desk.phone()
    offer = pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=phone.id, sdp=phone.offer()))
    first = await desk.execute(offer, request_id="same")
    again = await desk.execute(offer, request_id="same")
    assert first == again
    end = pb.Command(end_session=pb.EndSession())
    assert await desk.execute(end, request_id="end") == await desk.execute(end, request_id="end")


async def test_a_lower_epoch_and_another_owner_at_the_same_one_are_refused(desk):
    caller = await desk.caller()
    mute = pb.Command(mute=pb.Mute(endpoint_id=caller.id, on=True))
    await desk.execute(mute, epoch=3)
    with pytest.raises(StaleEpoch) as stale:
        await desk.execute(mute, epoch=2)
    assert stale.value.current == 3
    desk.owner, owner = "edge-other", desk.owner
    with pytest.raises(Refused):
        await desk.execute(mute, epoch=3)
    await desk.execute(mute, epoch=4)
    desk.owner, desk.epoch = owner, 5
    with pytest.raises(NotFound):
        await desk.execute(mute, tenant="globex")


async def test_the_first_command_that_fails_is_named_and_stops_the_rest(desk):
    caller = await desk.caller()
    fork = pb.Command(fork=pb.Fork(endpoint_id=caller.id, url="http://x"))
    mute = pb.Command(mute=pb.Mute(endpoint_id=caller.id, on=True))
    with pytest.raises(InvalidArgument) as refused:
        await desk.execute(mute, fork, pb.Command(end_session=pb.EndSession()))
    assert refused.value.field == "commands[1].fork.url"
    found = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    assert len(found.endpoints) == 1
    with pytest.raises(NotFound) as unknown:
        await desk.execute(pb.Command(stop_play=pb.StopPlay(endpoint_id=uuid7())))
    assert unknown.value.field == "commands[0].stop_play.endpoint_id"
    listed = await desk.stub.ListSessions(pb.ListSessionsRequest(owner=desk.owner), timeout=20)
    assert [session.session_id for session in listed.sessions] == [desk.call_id]


async def test_bad_and_unacceptable_descriptions_are_told_apart(desk):
    for sdp, kind in (
        ("nonsense", InvalidArgument),
        (
            str(build_offer(("127.0.0.1", 4000), [Codec(18, "G729")], session_id=1)),
            Refused,
        ),
    ):
        with pytest.raises(kind) as refused:
            await desk.execute(pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=uuid7(), sdp=sdp)))
        assert refused.value.field == "commands[0].accept_offer.sdp"
    with pytest.raises(NotFound):
        await desk.execute(pb.Command(end_session=pb.EndSession()))


async def test_a_phone_that_holds_by_reinvite_gets_no_audio_until_it_resumes(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=agent.id)))
    agent.mouth.play_tone(1000)
    await caller.ears.wait_tone(1000)

    async def reinvite(direction):
        offer = build_offer(caller.socket.address, session_id=1, version=caller.version, direction=direction)
        caller.version += 1
        command = pb.AcceptOffer(endpoint_id=caller.id, sdp=str(offer))
        (result,) = await desk.execute(pb.Command(accept_offer=command))
        return parse_sdp(result.sdp)

    first = await reinvite(Direction.SENDONLY)
    assert first.audio.direction is Direction.RECVONLY
    await asyncio.sleep(0.2)
    heard = caller.ears.received
    await asyncio.sleep(0.3)
    assert caller.ears.received == heard
    second = await reinvite(Direction.SENDRECV)
    assert second.audio.port == first.audio.port
    assert second.origin.version == first.origin.version + 1
    await caller.ears.wait_tone(1000)


async def test_a_stranger_that_sends_to_our_port_is_not_heard(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=agent.id)))
    caller.mouth.play_tone(440)
    await agent.ears.wait_tone(440)
    found = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    port = next(end.local_port for end in found.endpoints if end.endpoint_id == caller.id)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(20):
            stranger.sendto(build(0, number, number * 160, 99, b"\x00" * 160), ("127.0.0.1", port))
        stranger.sendto(b"\x80", ("127.0.0.1", port))
    await asyncio.sleep(0.1)
    found = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    mine = next(end for end in found.endpoints if end.endpoint_id == caller.id)
    assert mine.statistics.packets_refused == 21
    assert await agent.ears.hears_tone(440)


async def test_reports_are_sent_and_the_round_trip_is_learned(desk):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        phone = await desk.phone()
        control.bind(("127.0.0.1", phone.socket.address[1] + 1))
        control.setblocking(False)
        (result,) = await desk.execute(
            pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=phone.id, sdp=phone.offer()))
        )
        phone.answered(result.sdp)
        playlist = Playlist(items=[Audio(tone="music")])
        await desk.execute(pb.Command(play=pb.Play(endpoint_id=phone.id, play_id="p", playlist=playlist)))
        loop = asyncio.get_running_loop()
        report: rtcp.RtcpItem | None = None
        async with asyncio.timeout(20):
            # The first may be of the time before anything was played.
            while not isinstance(report, rtcp.SenderReport):
                data, source = await loop.sock_recvfrom(control, 2000)
                report, name = rtcp.parse(data)
        assert report.packets > 0
        assert isinstance(name, rtcp.Cname)
        block = rtcp.ReportBlock(report.ssrc, 0, 0, 0, 0, rtcp.ntp_middle(report.ntp), 0)
        await asyncio.sleep(0.05)
        control.sendto(rtcp.build([rtcp.ReceiverReport(7, (block,))]), source)
        await asyncio.sleep(0.1)
        (ended,) = await desk.execute(pb.Command(end_session=pb.EndSession()))
        assert 45 <= ended.statistics.round_trip_ms < 10_000


async def test_reports_without_audio_are_read_and_the_leg_is_silent_all_the_same(desk):
    """Who sends RTCP alone is there and says nothing: that is told, and nothing of it is refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        phone = await desk.phone()
        control.bind(("127.0.0.1", phone.socket.address[1] + 1))
        command = pb.AcceptOffer(endpoint_id=phone.id, sdp=phone.offer())
        (result,) = await desk.execute(pb.Command(accept_offer=command))
        audio = parse_sdp(result.sdp).audio
        silent = asyncio.create_task(desk.wait(lambda event: event.HasField("rtp_timed_out")))
        while not silent.done():
            control.sendto(rtcp.build([rtcp.ReceiverReport(7, ())]), (audio.host, audio.port + 1))
            await asyncio.sleep(0.05)
        assert (await silent).endpoint_id == phone.id
        (ended,) = await desk.execute(pb.Command(end_session=pb.EndSession()))
    assert (ended.statistics.packets_received, ended.statistics.packets_refused) == (0, 0)


def stored(kind, codec, rate, form, hz):
    """A second of a tone as a file of this kind, in two channels."""
    file = io.BytesIO()
    pcm = np.repeat(tone([hz], 1.0, -12.0, rate).astype(np.int16), 2)
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(pcm[None, :], "s16", "stereo")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size or 1024
        for part in av.AudioResampler(form, "stereo", rate, size).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


async def test_a_stored_prompt_of_any_kind_and_rate_is_played_and_an_unknown_one_is_named(desk, media_bus):
    bus = await Bus.connect(ServiceSettings(nats_url=media_bus.url, instance_id="test"))
    store = await bus.js.object_store(PROMPTS)
    prompts = {
        "welcome": (700.0, ("wav", "pcm_s16le", 44_100, "s16")),
        "music": (900.0, ("mp3", "mp3", 48_000, "fltp")),
        "menu": (1100.0, ("flac", "flac", 96_000, "s16")),
        "bye": (1300.0, ("ogg", "libopus", 48_000, "flt")),
    }
    for name, (hz, form) in prompts.items():
        await store.put(f"acme/{name}", stored(*form, hz))
    await bus.close()
    caller = await desk.caller()

    def play(prompt):
        playlist = Playlist(items=[Audio(prompt_id=prompt)], loops=0xFFFFFFFF)
        return pb.Command(play=pb.Play(endpoint_id=caller.id, play_id="p", playlist=playlist))

    for name, (hz, _) in prompts.items():
        await desk.execute(play(name))
        loud = (pytest.approx(hz, abs=3), pytest.approx(-12, abs=1))
        await eventually(lambda loud=loud: caller.ears.tone(0.2) == loud)
    with pytest.raises(NotFound) as refused:
        await desk.execute(play("nothing"))
    assert refused.value.field == "commands[0].play.playlist.items[0].prompt_id"
