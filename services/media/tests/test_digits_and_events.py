"""Digits go to one owner once, whatever is lost; owners hear of first packets and of silence."""

from __future__ import annotations

import asyncio
import random

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist


class LossyWay:
    """A transport that loses, doubles and delays packets by a fixed seed."""

    def __init__(self, inner, loss: float, double: float, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)
        self._loss = loss
        self._double = double
        self._late = None

    def sendto(self, data, addr):
        if self._random.random() < self._loss:
            return
        if self._late is None and self._random.random() < 0.1:
            self._late = (data, addr)
            return
        self._inner.sendto(data, addr)
        if self._late is not None:
            self._inner.sendto(*self._late)
            self._late = None
        if self._random.random() < self._double:
            self._inner.sendto(data, addr)


def collect(endpoint, playlist=None, **options):
    settings = {"max_digits": 8, "timeout_ms": 3000, "inter_digit_ms": 1500} | options
    return pb.Command(collect=pb.Collect(endpoint_id=endpoint, collect_id="c", playlist=playlist, **settings))


async def finished(desk, seconds=20.0):
    event = await desk.wait(lambda event: event.HasField("collect_finished"), seconds)
    return event.collect_finished.digits, event.collect_finished.reason


async def test_each_digit_is_collected_once_under_heavy_loss(desk):
    caller = await desk.caller()
    caller.mouth._transport = LossyWay(caller.mouth._transport, loss=0.3, double=0.2, seed=7)
    await desk.execute(collect(caller.id, terminators="#", max_digits=20))
    await caller.mouth.send_dtmf("11905*#")
    assert await finished(desk) == ("11905*", "terminator")
    assert desk.seen("digit_heard") == []


async def test_a_digit_barges_into_the_prompt_and_the_menu_takes_it(desk):
    caller = await desk.caller()
    prompt = Playlist(items=[Audio(tone="music")], barge_in=True)
    await desk.execute(collect(caller.id, prompt, max_digits=1))
    await caller.ears.wait_level(-40)
    await caller.mouth.send_dtmf("1")
    assert await finished(desk) == ("1", "max_digits")
    heard = caller.ears.received
    await asyncio.sleep(0.3)
    assert caller.ears.received <= heard + 1


async def test_the_timeout_runs_from_the_end_of_the_playlist(desk):
    caller = await desk.caller()
    prompt = Playlist(items=[Audio(tone="440")])
    began = asyncio.get_running_loop().time()
    await desk.execute(collect(caller.id, prompt, timeout_ms=300))
    assert await finished(desk) == ("", "timeout")
    assert asyncio.get_running_loop().time() - began >= 1.25


async def test_between_digits_the_shorter_time_counts(desk):
    caller = await desk.caller()
    await desk.execute(collect(caller.id, timeout_ms=5000, inter_digit_ms=200))
    await caller.mouth.send_dtmf("42")
    assert await finished(desk) == ("42", "inter_digit_timeout")


async def test_in_a_conversation_digits_reach_the_partner_and_nobody_else(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=agent.id)))
    caller.mouth.play_tone(440)
    await agent.ears.wait_tone(440)
    await caller.mouth.send_dtmf("12#")
    await agent.ears.wait_digits("12#")
    assert desk.seen("digit_heard") == []
    await desk.execute(collect(caller.id, max_digits=2))
    await caller.mouth.send_dtmf("77")
    assert await finished(desk) == ("77", "max_digits")
    await asyncio.sleep(0.2)
    assert agent.ears.digits == "12#"


async def test_keys_typed_ahead_are_told_to_nobody_and_counted_by_the_next_collection(desk):
    caller = await desk.caller()
    await caller.mouth.send_dtmf("57")
    await asyncio.sleep(0.3)
    assert desk.seen("digit_heard") == []
    menu = Playlist(items=[Audio(tone="music")], barge_in=True)
    await desk.execute(collect(caller.id, menu, max_digits=1))
    assert await finished(desk) == ("5", "max_digits")
    await desk.execute(collect(caller.id, max_digits=2, timeout_ms=400, inter_digit_ms=300))
    await desk.wait(lambda event: event.collect_finished.digits == "7")


async def test_keys_pressed_while_endless_music_plays_are_not_kept_for_a_later_menu(desk):
    caller = await desk.caller()
    await caller.mouth.send_dtmf("5")
    await asyncio.sleep(0.3)
    music = Playlist(items=[Audio(tone="music")], loops=4_294_967_295)
    await desk.execute(pb.Command(play=pb.Play(endpoint_id=caller.id, play_id="music", playlist=music)))
    await desk.execute(collect(caller.id, max_digits=1, timeout_ms=300))
    assert await finished(desk) == ("", "timeout")


async def test_digits_are_sent_to_a_leg(desk):
    caller = await desk.caller()
    await desk.execute(pb.Command(send_dtmf=pb.SendDtmf(endpoint_id=caller.id, digits="9,0")))
    await caller.ears.wait_digits("90")


async def test_the_owner_hears_of_the_first_packet_and_of_each_silence_once(desk):
    caller = await desk.caller()
    await desk.wait(lambda event: event.HasField("first_packet_received"))
    assert len(desk.seen("first_packet_received")) == 1
    caller.mouth.mute()
    event = await desk.wait(lambda event: event.HasField("rtp_timed_out"))
    assert event.endpoint_id == caller.id
    assert event.rtp_timed_out.silent_ms >= 600
    await asyncio.sleep(0.7)
    assert len(desk.seen("rtp_timed_out")) == 1
