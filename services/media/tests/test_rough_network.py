"""Calls over a network that loses, doubles, delays and turns round, and among strangers: what is heard on the
far side, over the relay and over the mixer, and what is in the recording and in the leg's figures.

All calls are made at the same time; what is sent follows from fixed seeds. A leg that sends RTCP and no RTP
is in `test_contract.py` (`reports_without_audio`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_rtp.packet import payload, ssrc
from seatbus_rtp.receiver import Fault
from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.eventually import eventually

from . import rough
from .rough import DBFS, FRAME, FRAME_S, HZ, Call, Line, Pcm, Speaker, Weather, longest_silence, numbered

COUNT = 150
WORST_OF_MIX = -40.0
"""dBFS beside the tone. G.711 leaves some -53, one wrong packet in a tenth of a second more than -30."""
WORST_OF_CONCEALED = -33.0
"""The same where packets are lost. A hole of one packet leaves some -20, as does a click of 2 ms."""
TENTHS = range(0, 7201, 800)
TRIES = 8


# -- the relay -------------------------------------------------------------------------------------------


async def relay(call: Call, weather: Weather) -> SimpleNamespace:
    near, far = await call.line(), await call.line()
    caller, to = await call.offers(near)
    agent, _ = await call.answers(far, caller)
    await call.desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller, endpoint_b=agent)))
    recording = await call.record(caller, agent)
    speaker = Speaker(to)
    talk = asyncio.create_task(speaker.speak(near, weather, COUNT))
    jitters = []
    while not talk.done():
        await asyncio.sleep(0.2)
        now = await call.statistics(caller)
        jitters.append((now.packets_received, now.jitter_ms))
    await talk
    figures = await call.arrived(caller, len(speaker.sent))
    lost = {number for number in range(COUNT) if not weather(number)}
    await eventually(lambda: len(set(far.packets)) >= COUNT - len(lost))
    assert figures.packets_lost == len(lost)
    jitters.append((figures.packets_received, figures.jitter_ms))
    _relayed_as_it_came(far, speaker, lost)
    _recorded_in_its_places((await call.recorded(recording))[:, 0], speaker, lost)
    return SimpleNamespace(figures=figures, jitters=jitters, sent=speaker.sent)


def _relayed_as_it_came(far: Line, speaker: Speaker, lost: set[int]) -> None:
    """All that came and nothing else, in one stream, each packet with its number; holes where they were."""
    for number, packet in zip(numbered(far.packets), far.packets, strict=True):
        assert payload(packet) == speaker.payload(number)
    assert set(range(COUNT)) - set(numbered(far.packets)) == lost
    heard = far.heard()
    assert heard.faults(Fault.SSRC_CHANGED, Fault.TIMESTAMP_BACK, Fault.MALFORMED) == []
    expected = speaker.pcm(COUNT).copy()
    for number in lost:
        expected[number * FRAME : (number + 1) * FRAME] = 0
    assert np.array_equal(heard.audio(), expected)
    assert [round(gap.length_ms) for gap in heard.gaps()] == _runs_ms(lost)
    whole = next(n for n in range(COUNT) if not lost & set(range(n, n + 12)))
    part = heard.segment(whole * FRAME_S, (whole + 12) * FRAME_S)
    assert goertzel_dbfs(part, HZ) == pytest.approx(DBFS, abs=0.5)
    assert rough.impurity(part) < WORST_OF_MIX


def _runs_ms(lost: set[int]) -> list[int]:
    """Lengths of the holes."""
    starts = sorted(number for number in lost if number - 1 not in lost)
    return [20 * next(n for n in range(1, COUNT) if start + n not in lost) for start in starts]


def _recorded_in_its_places(left: Pcm, speaker: Speaker, lost: set[int]) -> None:
    """Each packet's sound is where its timestamp puts it, once; silence elsewhere. The whole may be moved
    while the leg's clock is learned from arrivals (a busy machine's are late), by a little.
    """
    at = int(np.flatnonzero(left)[0])
    sound = speaker.pcm(COUNT)
    shifts: list[int] = []
    whole = sorted(set(range(COUNT)) - lost)
    for number in whole:
        place = at + number * FRAME
        frame = sound[number * FRAME : (number + 1) * FRAME]
        first = max(0, place - 3200)
        around = left[first : place + FRAME + 3200]
        if len(around) < FRAME:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(around, FRAME)
        found = np.flatnonzero((windows == frame).all(axis=1)) + first - place
        if len(found):
            # A tone comes round to the same samples: where it was looked for goes before.
            current = shifts[-1] if shifts else 0
            shifts.append(min((int(shift) for shift in found), key=lambda shift: abs(shift - current)))
    assert len(shifts) >= 0.93 * len(whole), f"only {len(shifts)} packets are whole"
    assert sum(a != b for a, b in pairwise(shifts)) <= 6, f"moved about: {shifts}"
    assert np.count_nonzero(left) <= (COUNT - len(lost)) * FRAME


# -- the mixer -------------------------------------------------------------------------------------------


async def mixed(call: Call, weather: Weather) -> SimpleNamespace:
    """The talk goes on until a second of it was heard as it should be."""
    near, far, third = await call.line(), await call.line(), await call.line()
    caller, to = await call.offers(near)
    others = [(await call.answers(line, caller))[0] for line in (far, third)]
    await call.desk.execute(pb.Command(conference=pb.Conference(endpoint_ids=[caller, *others])))
    speaker = Speaker(to)
    talk = asyncio.create_task(speaker.speak(near, weather, 1000))
    lossy = any(not weather(number) for number in range(1000))
    worst: list[tuple[float, float, int, int]] = []

    def good() -> bool:
        """Nothing but the tone at its level, also where packets were lost: no hole, no click."""
        pcm = far.heard(100).segment(-1.0)
        if len(speaker.sent) < 70 or len(pcm) < 8000:
            return False
        levels = [20 * np.log10(np.std(pcm[at : at + 800] / 32768) * np.sqrt(2) + 1e-6) for at in TENTHS]
        deviation = max(abs(level - DBFS) for level in levels)
        silent, purity = longest_silence(pcm), rough.impurity(pcm)
        worst.append((round(purity, 1), round(deviation, 1), silent, len(speaker.sent)))
        if silent >= 8:
            return False
        return bool(purity < (WORST_OF_CONCEALED if lossy else WORST_OF_MIX) and deviation < 1)

    try:
        while not good():
            assert not talk.done(), f"never as it was said (impurity, level, silence, at): {worst[-20:]}"
            await asyncio.sleep(0.1)
    finally:
        talk.cancel()
    assert far.heard().faults(*(set(Fault) - {Fault.TIMESTAMP_JUMP})) == []
    return SimpleNamespace(sent=len(speaker.sent))


# -- strangers, and phones that move ---------------------------------------------------------------------


async def a_move_within_the_window_is_followed(call: Call) -> None:
    """The described address never speaks. The window is half a second of media's clock: if the machine was
    too slow for it, the phone did not move within it, and there is another leg.
    """
    described, first, second = await call.line(), await call.line(), await call.line()
    for _ in range(TRIES):
        far = await call.line()
        caller, to = await call.offers(described)
        agent, _remote = await call.answers(far, caller)
        await call.desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller, endpoint_b=agent)))
        speaker = Speaker(to)
        speaker.say(first, 0)
        speaker.say(first, 1)
        await asyncio.sleep(0.15)
        for number in range(2, 10):
            speaker.say(second, number)

        async def all_read(caller: str = caller) -> bool:
            found = await call.statistics(caller)
            return found.packets_received + found.packets_refused == 10

        await eventually(all_read)
        if (await call.statistics(caller)).packets_refused == 0:
            break
    else:
        pytest.fail("a leg that moved within the window was never followed")
    await eventually(lambda: len(far.packets) == 10)
    assert [payload(packet) for packet in far.packets] == [speaker.payload(n) for n in range(10)]
    await _hears(call, caller, second, first, described)
    # The window is over by now, or soon: then nobody else is believed.
    await asyncio.sleep(0.6)
    speaker.say(second, 10)
    for number in range(11, 15):
        speaker.say(first, number)
    await call.arrived(caller, 11, 4)
    await _hears(call, caller, second, first, described)


async def a_move_after_the_lock_is_followed_when_signalled(call: Call) -> None:
    far, home, away = await call.line(), await call.line(), await call.line()
    caller, to = await call.offers(home)
    agent, _ = await call.answers(far, caller)
    await call.desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller, endpoint_b=agent)))
    speaker = Speaker(to)
    for number in range(10):
        speaker.say(home, number)
    await call.arrived(caller, 10)
    for number in range(10, 20):
        speaker.say(away, number)
    await call.arrived(caller, 10, 10)
    await _hears(call, caller, home, away)
    for number in range(10, 20):
        speaker.say(home, number)
    await call.arrived(caller, 20, 10)
    await call.offers(away, caller, version=1)
    for number in range(20, 30):
        speaker.say(away, number)
    await call.arrived(caller, 30, 10)
    for number in range(30, 35):
        speaker.say(home, number)
    await call.arrived(caller, 30, 15)
    await _hears(call, caller, away, home)
    await eventually(lambda: len(far.packets) == 30)
    assert far.heard().faults() == []
    assert [payload(packet) for packet in far.packets] == [speaker.payload(n) for n in range(30)]


async def _hears(call: Call, caller: str, one: Line, *others: Line) -> None:
    """What is said to the leg comes to this line alone."""
    for line in (one, *others):
        line.packets.clear()
    playlist = Playlist(items=[Audio(tone="700")], loops=0xFFFFFFFF)
    await call.desk.execute(pb.Command(play=pb.Play(endpoint_id=caller, play_id="p", playlist=playlist)))
    await eventually(lambda: len(one.packets) >= 12)
    await call.desk.execute(pb.Command(stop_play=pb.StopPlay(endpoint_id=caller)))
    assert goertzel_dbfs(one.heard().segment(0.0, 0.2), 700) > -20
    assert [line.packets for line in others] == [[] for _ in others]


async def strangers_are_never_heard(call: Call) -> None:
    """One with another address and a stream of its own, one who knows the stream and its numbers."""
    far, home, forger, stranger = [
        await call.line(host) for host in ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.9")
    ]
    caller, to = await call.offers(home)
    agent, back = await call.answers(far, caller)
    await call.desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller, endpoint_b=agent)))
    recording = await call.record(caller, agent)
    speaker, answer = Speaker(to), Speaker(back, 1100.0)
    forged, strange = Speaker(to, 2511.0), Speaker(to, 1733.0)
    forged.ssrc = speaker.ssrc
    for number in range(60):
        speaker.say(home, number)
        answer.say(far, number)
        forged.say(forger, number + 1)
        strange.say(stranger, number)
        await asyncio.sleep(FRAME_S)
    figures = await call.arrived(caller, 60, 120)
    assert figures.packets_lost == 0
    await eventually(lambda: len(far.packets) == len(home.packets) == 60)
    assert {ssrc(packet) for packet in far.packets} != {speaker.ssrc}
    assert far.heard().faults() == home.heard().faults() == []
    assert np.array_equal(far.heard().audio(), speaker.pcm(60))
    assert np.array_equal(home.heard().audio(), answer.pcm(60))
    assert forger.packets == stranger.packets == []
    both = await call.recorded(recording)
    for sound in (far.heard().audio(), both[:, 0], both[:, 1]):
        assert goertzel_dbfs(sound, 2511.0) < -60
        assert goertzel_dbfs(sound, 1733.0) < -60
    assert rough.loudest(both[:, 0], HZ) == pytest.approx(DBFS, abs=1)
    assert rough.loudest(both[:, 1], 1100.0) == pytest.approx(DBFS, abs=1)


# -- the calls, and what came of each --------------------------------------------------------------------

WEATHERS = ("clean", "loss", "reorder", "jitter", "duplicates")
CASES: dict[str, Callable[[Call], Any]] = {
    **{f"relay-{name}": lambda call, name=name: relay(call, getattr(rough, name)) for name in WEATHERS},
    **{f"mixed-{name}": lambda call, name=name: mixed(call, getattr(rough, name)) for name in WEATHERS},
    "moves-within-the-window": a_move_within_the_window_is_followed,
    "moves-after-the-lock": a_move_after_the_lock_is_followed_when_signalled,
    "strangers": strangers_are_never_heard,
}


@pytest.fixture(scope="module")
def calls(media_service, recording_service) -> dict[str, Any]:
    """What each call came to: its outcome, or what was wrong."""

    async def one(case: Callable[[Call], Any]) -> Any:
        async with rough.new_call(media_service, recording_service) as call:
            return await case(call)

    async def every() -> list[Any]:
        await asyncio.gather(media_service.ready(), recording_service.ready())
        return await asyncio.gather(*map(one, CASES.values()), return_exceptions=True)

    return dict(zip(CASES, asyncio.run(every()), strict=True))


def outcome(calls: dict[str, Any], case: str) -> Any:
    if isinstance(calls[case], BaseException):
        raise calls[case]
    return calls[case]


@pytest.mark.parametrize("case", CASES)
def test_a_call_over_a_rough_network_has_its_right_outcome(calls, case):
    outcome(calls, case)


def test_loss_costs_quality_and_nothing_else_does(calls):
    mos = {name: outcome(calls, f"relay-{name}").figures.mos for name in WEATHERS}
    assert mos["loss"] < min(mos["clean"], mos["reorder"], mos["duplicates"], mos["jitter"])
    figures = outcome(calls, "relay-loss").figures
    assert figures.packets_lost / (figures.packets_lost + figures.packets_received) == pytest.approx(
        0.05, abs=0.01
    )


def test_the_jitter_told_is_that_of_rfc_3550(calls):
    """Of the same packets by the times when they were sent: media's own delays are in it, too, so that one
    look of many has to agree.
    """
    outcome_ = outcome(calls, "relay-jitter")
    values, jitter = [0.0], 0.0
    for (at, number), (then, next_) in pairwise(outcome_.sent):
        jitter += (abs((then - at) * 1000 - (next_ - number) * 20) - jitter) / 16
        values.append(jitter)
    looks = [(told, values[count - 1]) for count, told in outcome_.jitters if count >= 60]
    assert min(abs(told - true) for told, true in looks) < 2.5, looks
    assert min(told for told, _ in looks) > 8, looks
