"""One-way audio and silence are told once each, and when they are over."""

from __future__ import annotations

import asyncio

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus_sip.sdp import OPUS, PCMA, PCMU, TELEPHONE_EVENT_48K


def alarms(desk):
    return [
        (event.endpoint_id, event.audio_alarm.kind, event.audio_alarm.over)
        for event in desk.events
        if event.HasField("audio_alarm")
    ]


@pytest.mark.parametrize("codecs", [(PCMA,), (OPUS, TELEPHONE_EVENT_48K)])
async def test_silence_and_one_way_audio_are_told_and_taken_back(desk, codecs):
    caller = await desk.caller(*codecs)
    agent = await desk.agent(caller, PCMU)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=agent.id)))
    caller.mouth.silence()
    agent.mouth.play_tone(440, -15.0)
    await desk.wait(lambda event: event.audio_alarm.kind == "silence")
    caller.mouth.play_tone(1000, -15.0)
    await desk.wait(lambda event: event.audio_alarm.over)
    agent.mouth.mute()
    await desk.wait(lambda event: event.audio_alarm.kind == "one_way")
    agent.mouth.play_tone(440, -15.0)
    await asyncio.sleep(0.6)
    await desk.wait(lambda event: event.audio_alarm.kind == "one_way" and event.audio_alarm.over)
    assert alarms(desk) == [
        (caller.id, "silence", False),
        (caller.id, "silence", True),
        (agent.id, "one_way", False),
        (agent.id, "one_way", True),
    ]
