"""A killed media process comes back with its calls; one that stood still waits to be told what is its own."""

from __future__ import annotations

import asyncio
import io
import random
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc.aio
import numpy as np
import orjson
import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_kit.buckets import Bucket
from seatbus_kit.bus import Bus
from seatbus_kit.ids import uuid7
from seatbus_kit.settings import ServiceSettings
from seatbus_rtp.receiver import Fault
from seatbus_rtp.srtp import SrtpProfile
from seatbus_rtp.wav import WavReader
from seatbus_sip.sdp import OPUS, PCMA, PCMU, TELEPHONE_EVENT_48K
from seatbus_testkit.eventually import eventually
from seatbus_testkit.secure_voice import SdesPhone, WebPhone

FOREVER = 0xFFFFFFFF
BROKEN = (Fault.SSRC_CHANGED, Fault.TIMESTAMP_BACK, Fault.PAYLOAD_TYPE, Fault.DUPLICATE, Fault.REORDERED)


@pytest.fixture(scope="module")
def own_media(
    new_service: Any, media_bus: Any, recording_service: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    low = random.randrange(30000, 39000, 200)
    service = new_service(
        "seatbus_media",
        tmp_path_factory.mktemp("reclaim"),
        instance_id=f"media-{uuid7()[-6:]}",
        nats_url=media_bus.url,
        rtp_port_min=low,
        rtp_port_max=low + 100,
        port_quarantine_s=0.5,
    )
    yield service
    service.kill()


@pytest.fixture
async def desk(new_desk: Any, own_media: Any) -> AsyncIterator[Any]:
    await own_media.ready()
    async with grpc.aio.insecure_channel(own_media.address) as channel:
        made = new_desk(channel)
        await made.watch()
        yield made
        await made.close()


def connect(a, b):
    return pb.Command(connect=pb.Connect(endpoint_a=a.id, endpoint_b=b.id))


async def killed(service: Any, desk: Any, after_s: float = 0.0) -> None:
    service.kill(signal.SIGKILL)
    await asyncio.sleep(after_s)
    service.start()
    await service.ready()
    desk.events.clear()
    await desk.watch()


async def confirm(desk: Any, *calls: str) -> None:
    await desk.stub.Confirm(pb.ConfirmRequest(owner=desk.owner, session_ids=calls), timeout=20)


@pytest.mark.parametrize("codecs", [(PCMU, PCMA), (OPUS, PCMU)])
async def test_a_call_goes_on_after_kill_9_with_its_ports_streams_and_recording(
    own_media, desk, archive, codecs
):
    first, second = codecs
    caller = await desk.caller(first, *((TELEPHONE_EVENT_48K,) if first is OPUS else ()))
    agent = await desk.agent(caller, second)
    recording = uuid7()
    await desk.execute(
        connect(caller, agent),
        pb.Command(
            start_recording=pb.StartRecording(
                recording_id=recording, left_endpoint_id=caller.id, right_endpoint_id=agent.id
            )
        ),
    )
    caller.mouth.play_tone(440, -12.0)
    agent.mouth.play_tone(1000, -15.0)
    await agent.ears.wait_tone(440)
    await caller.ears.wait_tone(1000)
    sources = [set(phone.socket.sources) for phone in (caller, agent)]
    await asyncio.sleep(0.3)
    await killed(own_media, desk)
    await confirm(desk, desk.call_id)
    # Both are heard again: after the gap, and without a hole in what is heard last.
    for phone, hz in ((agent, 440), (caller, 1000)):
        await eventually(lambda phone=phone: phone.ears.longest_gap_ms() > 60)
        heard = phone.ears.received
        await eventually(lambda phone=phone, heard=heard: phone.ears.received > heard + 40)
        await phone.ears.wait_tone(hz, window_s=0.5)
    assert [set(phone.socket.sources) for phone in (caller, agent)] == sources
    for phone in (caller, agent):
        assert phone.ears.faults(*BROKEN) == []
        assert phone.ears.longest_gap_ms() > 60
    await desk.execute(pb.Command(stop_recording=pb.StopRecording(recording_id=recording)))
    await archive.completed(recording)
    reader = WavReader(io.BytesIO(await archive.download(recording)))
    frames = reader.read(reader.info.frames)
    assert np.abs(frames[-4000:-1000, 0]).max() > 3000
    assert np.abs(frames[-4000:-1000, 1]).max() > 3000
    (ended,) = await desk.execute(pb.Command(end_session=pb.EndSession()))
    assert len(ended.endpoints) == 2


async def test_music_and_a_conference_go_on_after_kill_9(own_media, desk):
    waiting = await desk.caller(PCMU)
    playlist = Playlist(items=[Audio(tone="700")], loops=FOREVER)
    three = [await desk.caller(PCMU) for _ in range(3)]
    await desk.execute(
        pb.Command(play=pb.Play(endpoint_id=waiting.id, play_id="music", playlist=playlist)),
        pb.Command(conference=pb.Conference(endpoint_ids=[phone.id for phone in three])),
    )
    three[0].mouth.play_tone(440, -15.0)
    await three[2].ears.wait_tone(440)
    await waiting.ears.wait_tone(700)
    await asyncio.sleep(0.3)
    await killed(own_media, desk)
    await confirm(desk, desk.call_id)
    await three[1].ears.wait_tone(440)
    await waiting.ears.wait_tone(700)
    assert await three[0].ears.hears_tone(440, window_s=0.3) is False
    repeated = await desk.execute(pb.Command(end_session=pb.EndSession()))
    assert len(repeated[0].endpoints) == 4


async def test_a_process_that_stood_still_sends_nothing_until_its_calls_are_confirmed(own_media, desk):
    caller = await desk.caller(PCMU)
    agent = await desk.agent(caller, PCMU)
    await desk.execute(connect(caller, agent))
    caller.mouth.play_tone(440)
    await agent.ears.wait_tone(440)
    process = own_media.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(2.5)
    agent.ears.clear()
    process.send_signal(signal.SIGCONT)
    await asyncio.sleep(0.7)
    assert agent.ears.received == 0
    await desk.watch()
    await confirm(desk, desk.call_id)
    await agent.ears.wait_tone(440)
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(2.5)
    process.send_signal(signal.SIGCONT)
    await asyncio.sleep(0.5)
    agent.ears.clear()
    await confirm(desk)
    await asyncio.sleep(0.3)
    assert agent.ears.received == 0
    listed = await desk.stub.ListSessions(pb.ListSessionsRequest(owner=desk.owner), timeout=20)
    assert list(listed.sessions) == []


async def test_calls_of_a_process_that_was_away_for_long_are_silent_until_their_owner_speaks(own_media, desk):
    caller = await desk.caller(PCMU)
    agent = await desk.agent(caller, PCMU)
    await desk.execute(connect(caller, agent))
    caller.mouth.play_tone(440)
    await agent.ears.wait_tone(440)
    await killed(own_media, desk, 1.6)
    agent.ears.clear()
    await asyncio.sleep(0.3)
    assert agent.ears.received == 0
    await desk.execute(pb.Command(mute=pb.Mute(endpoint_id=caller.id)))
    await agent.ears.wait_tone(440)


async def test_encrypted_legs_go_on_after_kill_9_under_their_keys(own_media: Any, desk: Any) -> None:
    """A phone with keys in its description and a browser talk; neither negotiates again."""
    phone, browser = await SdesPhone.open(SrtpProfile.AES_CM_128_HMAC_SHA1_80), await WebPhone.start()
    ids = []
    for one in (phone, browser):
        ids.append(uuid7())
        accept = pb.AcceptOffer(endpoint_id=ids[-1], sdp=one.offer())
        (answer,) = await desk.execute(pb.Command(accept_offer=accept))
        one.answered(answer.sdp)
    browser_answer = answer.sdp
    await eventually(lambda: browser.connected)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=ids[0], endpoint_b=ids[1])))
    voices = (phone.socket, browser)
    phone.socket.mouth.play_tone(440, -12.0)
    browser.mouth.play_tone(1000, -15.0)
    for voice, hz in zip(voices, (1000, 440), strict=True):
        await voice.ears.wait_tone(hz)
    folder = next(own_media.directory.glob("*/keys"))
    # The handshake's keys are written down with the next look at all sessions.
    await eventually(lambda: len(list(folder.iterdir())) == 1)
    await asyncio.sleep(0.3)
    for _ in range(2):
        await killed(own_media, desk)
        for voice in voices:
            voice.ears.clear()
        await confirm(desk, desk.call_id)
        for voice, hz in zip(voices, (1000, 440), strict=True):
            await voice.ears.wait_tone(hz)
            assert voice.ears.faults(Fault.SSRC_CHANGED, Fault.DUPLICATE, Fault.TIMESTAMP_BACK) == []
        # A process that is killed again before it has written anything down takes its calls along.
        table = next(own_media.directory.glob("*/sessions.log"))
        await eventually(lambda table=table: desk.call_id.encode() in table.read_bytes())
    assert phone.socket.refused == 0
    # What the browser offers now gets the description that it knows, so that it does not begin anew.
    (again,) = await desk.execute(
        pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=ids[1], sdp=browser.offer()))
    )
    assert fingerprint(again.sdp) == fingerprint(browser_answer)
    browser.ears.clear()
    await browser.ears.wait_tone(440)
    await desk.execute(pb.Command(end_session=pb.EndSession()))
    assert list(folder.iterdir()) == []
    for one in (phone.socket, browser):
        one.close()


async def test_a_browser_that_comes_after_kill_9_meets_another_certificate(own_media: Any, desk: Any) -> None:
    fingerprints = []
    for _ in range(2):
        browser = await WebPhone.start()
        accept = pb.AcceptOffer(endpoint_id=uuid7(), sdp=browser.offer())
        (answer,) = await desk.execute(pb.Command(accept_offer=accept))
        browser.answered(answer.sdp)
        await eventually(lambda browser=browser: browser.connected)
        fingerprints.append(fingerprint(answer.sdp))
        await desk.execute(pb.Command(end_session=pb.EndSession()))
        browser.close()
        await killed(own_media, desk)
        desk.call_id = uuid7()
    assert fingerprints[0] != fingerprints[1]


async def test_one_that_is_told_to_end_keeps_its_call_and_goes_with_it(own_media, desk, media_bus):
    """The last of these tests: the process is over."""
    bus = await Bus.connect(ServiceSettings(nats_url=media_bus.url, instance_id="test"))
    bucket, name = Bucket(bus, "instances"), own_media.settings["instance_id"]

    async def announced():
        entry = await bucket.read(name)
        return orjson.loads(entry.value)

    async def loaded():
        return (await announced())["load"] > before["load"]

    async def draining():
        return (await announced())["draining"]

    before = await announced()
    assert not before["draining"]
    caller = await desk.caller(PCMU)
    agent = await desk.agent(caller, PCMA)
    await desk.execute(connect(caller, agent))
    caller.mouth.play_tone(440)
    await agent.ears.wait_tone(440)
    await eventually(loaded)
    process = own_media.process
    process.send_signal(signal.SIGTERM)
    await eventually(draining)
    agent.ears.clear()
    await agent.ears.wait_tone(440)
    # What is here may still grow.
    third = await desk.agent(caller, PCMU)
    conference = pb.Conference(endpoint_ids=[caller.id, agent.id, third.id])
    await desk.execute(pb.Command(conference=conference))
    await third.ears.wait_tone(440)
    assert process.poll() is None
    await desk.execute(pb.Command(end_session=pb.EndSession()))
    await eventually(lambda: process.poll() is not None)
    assert process.returncode == 0
    await bus.close()


def fingerprint(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=fingerprint:"))
