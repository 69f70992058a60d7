"""Supervision and conferences, heard through real sockets: who hears whom, who does not, and that nobody's
stream breaks when it changes.
"""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus_kit.errors import InvalidArgument, Refused
from seatbus_kit.ids import uuid7
from seatbus_media.domain.hearing import SuperviseMode, Supervision, matrix, mixed
from seatbus_rtp.receiver import Fault
from seatbus_rtp.wav import WavReader
from seatbus_sip.sdp import PCMA, PCMU

CALLER, AGENT, BOSS, FOURTH = 437, 709, 1103, 1931
"""Hz. No difference or double of them is one of them: what G.711 makes of a sum has all of those in it."""
NOT_HEARD = -60.0


def connect(a, b) -> pb.Command:
    return pb.Command(connect=pb.Connect(endpoint_a=a.id, endpoint_b=b.id))


def supervise(boss, agent, mode: str) -> pb.Command:
    return pb.Command(
        supervise=pb.Supervise(supervisor_endpoint_id=boss.id, agent_endpoint_id=agent.id, mode=mode)
    )


def conference(*phones) -> pb.Command:
    return pb.Command(conference=pb.Conference(endpoint_ids=[phone.id for phone in phones]))


def loudness(pcm, hz: int) -> float:
    """dBFS of a tone within 1.5 %: a voice in a mixer is bent while its clock is followed."""
    if len(pcm) < 400:
        return -120.0
    window = np.hanning(len(pcm))
    spectrum = np.abs(np.fft.rfft(pcm * window, 16384)) * 2 / window.sum()
    at = np.fft.rfftfreq(16384, 1 / 8000)
    peak = spectrum[abs(at - hz) <= max(8.0, 0.015 * hz)].max()
    return float(20 * np.log10(max(peak, 1e-6) / 32768))


def level(phone, hz: int, window_s: float = 0.3) -> float:
    return loudness(phone.ears.tail(window_s), hz)


async def heard(phones: dict, expected: dict[int, set[int]]) -> None:
    """Each of `phones` (by its own tone) comes to hear exactly the tones of `expected`, as loud as they were
    sent. A busy machine tears holes that ring in every frequency: one whole window is proof enough.
    """
    await asyncio.sleep(0.35)
    for _ in range(40):
        found = {own: {hz: round(level(phone, hz), 1) for hz in phones} for own, phone in phones.items()}
        wrong = [
            (own, hz)
            for own in phones
            for hz in phones
            if not (abs(found[own][hz] + 18) < 1.5 if hz in expected[own] else found[own][hz] < NOT_HEARD)
        ]
        if not wrong:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"wrong are {wrong}: {found}")


def unbroken(*phones) -> None:
    for phone in phones:
        assert phone.ears.faults(*(set(Fault) - {Fault.TIMESTAMP_JUMP})) == []


async def test_monitor_whisper_and_barge_are_heard_by_whom_they_should_and_by_nobody_else(desk, archive):
    caller = await desk.caller(PCMU)
    agent = await desk.agent(caller, PCMU)
    boss = await desk.agent(caller, PCMA)
    phones = {CALLER: caller, AGENT: agent, BOSS: boss}
    recording = uuid7()
    start = pb.StartRecording(recording_id=recording, left_endpoint_id=caller.id, right_endpoint_id=agent.id)
    await desk.execute(connect(caller, agent), pb.Command(start_recording=start))
    for hz, phone in phones.items():
        phone.mouth.play_tone(hz, -18.0)
    await desk.execute(supervise(boss, agent, "monitor"))
    await heard(phones, {CALLER: {AGENT}, AGENT: {CALLER}, BOSS: {CALLER, AGENT}})
    await desk.execute(supervise(boss, agent, "whisper"))
    await heard(phones, {CALLER: {AGENT}, AGENT: {CALLER, BOSS}, BOSS: {CALLER, AGENT}})
    await desk.execute(supervise(boss, agent, "barge"))
    await heard(phones, {CALLER: {AGENT, BOSS}, AGENT: {CALLER, BOSS}, BOSS: {CALLER, AGENT}})
    await desk.execute(supervise(boss, agent, "off"))
    await asyncio.sleep(0.1)
    silent_since = boss.ears.received
    await heard({CALLER: caller, AGENT: agent}, {CALLER: {AGENT}, AGENT: {CALLER}})
    assert boss.ears.received == silent_since
    unbroken(caller, agent, boss)
    await desk.execute(pb.Command(stop_recording=pb.StopRecording(recording_id=recording)))
    await archive.completed(recording)
    reader = WavReader(io.BytesIO(await archive.download(recording)))
    sound = reader.read(reader.info.frames)[2000:-2000]
    for channel, own, other in ((0, CALLER, AGENT), (1, AGENT, CALLER)):
        voice = sound[:, channel]
        assert loudness(voice[:8000], own) == pytest.approx(-18, abs=1.5)
        assert loudness(voice, other) < NOT_HEARD
        assert loudness(voice, BOSS) < NOT_HEARD


async def test_a_conference_of_four_grows_out_of_a_call_and_shrinks_back_into_one(desk):
    caller = await desk.caller(PCMU)
    agent = await desk.agent(caller, PCMU)
    third = await desk.agent(caller, PCMA)
    fourth = await desk.agent(caller, PCMU)
    phones = {CALLER: caller, AGENT: agent, BOSS: third, FOURTH: fourth}
    await desk.execute(connect(caller, agent))
    for hz, phone in phones.items():
        phone.mouth.play_tone(hz, -18.0)
    await agent.ears.wait_tone(CALLER)
    await desk.execute(conference(*phones.values()))
    await heard(phones, {own: set(phones) - {own} for own in phones})
    # Muted: heard by nobody, hears all.
    await desk.execute(pb.Command(mute=pb.Mute(endpoint_id=third.id, on=True)))
    await heard(phones, {own: set(phones) - {own, BOSS} for own in phones})
    for leaving in (fourth, third):
        await desk.execute(pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=leaving.id)))
    await heard({CALLER: caller, AGENT: agent}, {CALLER: {AGENT}, AGENT: {CALLER}})
    unbroken(caller, agent)


async def test_a_digit_of_a_conference_is_told_to_the_owner(desk):
    members = [await desk.caller(), await desk.caller(), await desk.caller()]
    await desk.execute(conference(*members))
    await members[2].mouth.send_dtmf("7")
    event = await desk.wait(lambda event: event.HasField("digit_heard"))
    assert (event.endpoint_id, event.digit_heard.digit) == (members[2].id, "7")


async def test_keys_reach_the_far_leg_while_a_supervisor_is_in_the_call(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    boss = await desk.agent(caller)
    await desk.execute(connect(caller, agent), supervise(boss, agent, "barge"))
    for phone in (caller, agent, boss):
        phone.mouth.play_tone(CALLER, -18.0)
    await caller.ears.wait_tone(CALLER)
    await agent.mouth.send_dtmf("42")
    await caller.ears.wait_digits("42", 3.0)
    assert desk.seen("digit_heard") == []


async def test_what_cannot_be_supervised_or_conferred_is_refused_by_name(desk):
    caller = await desk.caller()
    agent = await desk.agent(caller)
    boss = await desk.agent(caller)
    with pytest.raises(InvalidArgument) as itself:
        await desk.execute(supervise(agent, agent, "monitor"))
    assert itself.value.field == "commands[0].supervise.agent_endpoint_id"
    with pytest.raises(InvalidArgument) as twice:
        await desk.execute(conference(caller, agent, caller))
    assert twice.value.field == "commands[0].conference.endpoint_ids[2]"
    await desk.execute(supervise(boss, agent, "monitor"))
    with pytest.raises(Refused) as chain:
        await desk.execute(supervise(caller, boss, "monitor"))
    assert chain.value.rule == "agent_supervises"


def test_supervisors_hear_what_their_agent_hears_and_are_heard_by_mode():
    pairs = {"caller": "agent", "agent": "caller"}
    modes = [
        Supervision("quiet", "agent", SuperviseMode.MONITOR),
        Supervision("coach", "agent", SuperviseMode.WHISPER),
        Supervision("boss", "agent", SuperviseMode.BARGE),
    ]
    hears = {listener: set(speakers) for listener, speakers in matrix(pairs, (), modes).items()}
    assert hears == {
        "caller": {"agent", "boss"},
        "agent": {"caller", "coach", "boss"},
        "quiet": {"agent", "caller", "coach", "boss"},
        "coach": {"agent", "caller", "boss"},
        "boss": {"agent", "caller", "coach"},
    }


def test_only_who_hears_more_than_its_partner_is_mixed():
    pairs = {"caller": "agent", "agent": "caller"}
    assert mixed(matrix(pairs, (), ()), pairs) == {}
    for mode, wanted in (
        (SuperviseMode.MONITOR, {"boss"}),
        (SuperviseMode.WHISPER, {"boss", "agent"}),
        (SuperviseMode.BARGE, {"boss", "agent", "caller"}),
    ):
        assert set(mixed(matrix(pairs, (), [Supervision("boss", "agent", mode)]), pairs)) == wanted
    assert set(mixed(matrix({}, "abcd", ()), {})) == set("abcd")
