"""What people hear, through real sockets: bridges, prompts, music, hold, digits."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_rtp.receiver import Fault
from seatbus_sip.sdp import PCMA, PCMU
from seatbus_testkit.eventually import eventually

FOREVER = 0xFFFFFFFF


def play(endpoint: str, *items: Audio, play_id: str = "p", **options: object) -> pb.Command:
    playlist = Playlist(items=items, **options)
    return pb.Command(play=pb.Play(endpoint_id=endpoint, play_id=play_id, playlist=playlist))


def connect(a: str, b: str) -> pb.Command:
    return pb.Command(connect=pb.Connect(endpoint_a=a, endpoint_b=b))


async def test_both_tones_cross_a_bridge_of_two_laws_at_their_level_without_a_gap(desk):
    caller = await desk.caller(PCMA)
    agent = await desk.agent(caller, PCMU)
    await desk.execute(connect(caller.id, agent.id))
    caller.mouth.play_tone(440, -12.0)
    agent.mouth.play_tone(1000, -15.0)
    # A window that begins before the tone, or has a hole of a busy machine, is softer.
    assert await agent.ears.wait_tone(440, above_dbfs=-13.0) < -11.0
    assert await caller.ears.wait_tone(1000, above_dbfs=-16.0) < -14.0
    await asyncio.sleep(0.6)
    for phone, speaker in ((caller, agent), (agent, caller)):
        assert phone.ears.longest_gap_ms() <= 60 + speaker.mouth.longest_hole_ms
        assert (
            phone.ears.faults(Fault.SSRC_CHANGED, Fault.LOST, Fault.TIMESTAMP_BACK, Fault.PAYLOAD_TYPE) == []
        )
    (result,) = await desk.execute(pb.Command(end_session=pb.EndSession()))
    assert len(result.endpoints) == 2
    for endpoint in result.endpoints:
        assert endpoint.statistics.packets_lost == 0
        assert endpoint.statistics.packets_received > 30
        assert endpoint.statistics.mos > 4.0
        assert endpoint.statistics.packets_refused == 0


async def test_prompt_music_agent_hold_agent_and_prompt_are_one_stream(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    agent.mouth.play_tone(1000)
    await desk.execute(play(caller.id, Audio(tone="440"), play_id="greeting"))
    await caller.ears.wait_tone(440)
    event = await desk.wait(lambda event: event.HasField("play_finished"))
    assert (event.play_finished.play_id, event.play_finished.reason) == ("greeting", "completed")
    await desk.execute(play(caller.id, Audio(tone="music"), loops=FOREVER, play_id="queue"))
    await asyncio.sleep(0.3)
    await caller.ears.wait_level(-40, window_s=0.2)
    await desk.execute(connect(caller.id, agent.id))
    await caller.ears.wait_tone(1000)
    music = Playlist(items=[Audio(tone="600")], loops=FOREVER)
    await desk.execute(pb.Command(hold=pb.Hold(endpoint_id=caller.id, on=True, music=music)))
    await caller.ears.wait_tone(600)
    assert not await caller.ears.hears_tone(1000, window_s=0.1)
    await desk.execute(pb.Command(hold=pb.Hold(endpoint_id=caller.id, on=False)))
    await caller.ears.wait_tone(1000)
    await desk.execute(play(caller.id, Audio(tone="300"), play_id="farewell"))
    await caller.ears.wait_tone(300)
    assert await agent.ears.hears_tone(1000, window_s=0.1) is False
    await desk.execute(pb.Command(stop_play=pb.StopPlay(endpoint_id=caller.id)))
    await caller.ears.wait_tone(1000)
    assert caller.ears.faults(*(set(Fault) - {Fault.TIMESTAMP_JUMP})) == []


async def test_an_announcement_into_a_talk_is_heard_by_one_side_or_by_both(desk):
    caller = await desk.caller(PCMA)
    agent = await desk.agent(caller, PCMU)
    caller.mouth.play_tone(440)
    agent.mouth.play_tone(1000)
    await desk.execute(connect(caller.id, agent.id))
    await asyncio.gather(agent.ears.wait_tone(440), caller.ears.wait_tone(1000))
    await desk.execute(play(caller.id, Audio(tone="700"), loops=FOREVER))
    await caller.ears.wait_tone(700)
    # The other side goes on hearing its partner, and nothing else.
    agent.ears.clear()
    await agent.ears.wait_tone(440)
    assert not await agent.ears.hears_tone(700, window_s=0.2)
    both = [play(phone.id, Audio(tone="1300")) for phone in (caller, agent)]
    await desk.execute(*both)
    await asyncio.gather(*(phone.ears.wait_tone(1300) for phone in (caller, agent)))
    for _ in both:
        event = await desk.wait(lambda event: event.HasField("play_finished"))
        assert event.play_finished.reason == "completed"
    await asyncio.gather(agent.ears.wait_tone(440), caller.ears.wait_tone(1000))
    for phone in (caller, agent):
        assert phone.ears.faults(*(set(Fault) - {Fault.TIMESTAMP_JUMP})) == []


async def test_a_spoken_text_is_heard_and_a_language_without_voice_is_refused_by_name(desk):
    from seatbus_kit.errors import InvalidArgument

    caller = await desk.caller()
    await desk.execute(play(caller.id, Audio(text="Welcome to the service centre.")))
    await caller.ears.wait_level(-35)
    with pytest.raises(InvalidArgument) as refused:
        await desk.execute(play(caller.id, Audio(text="hello", language="xx-none")))
    assert refused.value.field == "commands[0].play.playlist.items[0].language"


async def test_a_held_leg_hears_music_and_its_partner_silence(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    await desk.execute(connect(caller.id, agent.id))
    caller.mouth.play_tone(440)
    agent.mouth.play_tone(1000)
    await agent.ears.wait_tone(440)
    await desk.execute(pb.Command(hold=pb.Hold(endpoint_id=caller.id, on=True)))
    await asyncio.sleep(0.65)
    await caller.ears.wait_level(-45, window_s=0.4)
    assert not await caller.ears.hears_tone(1000, window_s=0.2)
    await eventually(lambda: agent.ears.level_dbfs(0.4) < -60)
    assert len(agent.ears.tail(0.4)) > 0
    await desk.execute(pb.Command(hold=pb.Hold(endpoint_id=caller.id, on=False)))
    await caller.ears.wait_tone(1000)
    await agent.ears.wait_tone(440)
    await desk.execute(pb.Command(mute=pb.Mute(endpoint_id=agent.id, on=True)))
    await eventually(lambda: caller.ears.level_dbfs(0.3) < -60)
    assert np.count_nonzero(agent.ears.tail(0.3)) > 0
