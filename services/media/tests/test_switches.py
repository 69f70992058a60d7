"""Endpoints without sockets and with a clock of our own: what a leg is sent while it moves between relay,
mixer and music, judged to the sample by a strict receiver.
"""

from __future__ import annotations

import numpy as np
import pytest

from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.gathering import Gathering
from seatbus_media.application.sources import Player
from seatbus_media.application.udp_port import UdpPort
from seatbus_media.domain.clips import FOREVER, Clip
from seatbus_media.domain.hearing import SuperviseMode
from seatbus_media.domain.play_cursor import PlayCursor
from seatbus_rtp import g711
from seatbus_rtp.packet import build
from seatbus_rtp.receiver import StrictReceiver
from seatbus_rtp.tones import ToneGenerator, goertzel_dbfs, tone
from seatbus_sip.sdp import PCMA, PCMU, TELEPHONE_EVENT, Codec, build_answer, build_offer


class World:
    """The clock, the ticker and the network. A tick comes 3 ms after the phones' packets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.members: dict[object, None] = {}
        self.legs: list[Leg] = []

    def add(self, member: object) -> None:
        self.members[member] = None

    def remove(self, member: object) -> None:
        self.members.pop(member, None)

    def run(self, frames: int) -> None:
        for _ in range(frames):
            for leg in self.legs:
                leg.speak()
            self.now += 0.003
            for member in tuple(self.members):
                if not member.tick(self.now):
                    self.members.pop(member, None)
            self.now += 0.017


class Leg:
    def __init__(self, world: World, number: int, hz: float, law: Codec) -> None:
        self.address = (f"10.0.0.{number}", 4000)
        self.ears = StrictReceiver()
        self.wire = UdpPort("127.0.0.1", 20000 + 2 * number)
        self.wire.opened(self, self)
        self.endpoint = Endpoint(self.wire, world)
        offer = build_offer(self.address, [law, TELEPHONE_EVENT], session_id=1)
        _, agreed = build_answer(offer, ("127.0.0.1", 20000), [law, TELEPHONE_EVENT], session_id=2)
        self.endpoint.negotiated(agreed, world.now)
        self._tone = ToneGenerator([hz], -18.0)
        self._law = law.payload
        self._sequence = 100 * number
        self._ssrc = number
        self._pressed = 0
        self.pressing = False
        self._world = world
        world.legs.append(self)

    def sendto(self, data: bytes, addr: object) -> int:
        assert addr == self.address
        self.ears.receive(data, self._world.now)
        return len(data)

    def close(self) -> None:
        """Nothing to close."""

    def speak(self) -> None:
        self._sequence += 1
        if self.pressing:
            # All packets of a press have the time of its beginning.
            self._pressed = self._pressed or self._sequence
            event = bytes([5, 10]) + ((self._sequence - self._pressed + 1) * 160).to_bytes(2, "big")
            self._send(build(TELEPHONE_EVENT.payload, self._sequence, self._pressed * 160, self._ssrc, event))
            return
        self._pressed = 0
        payload = g711.encode(self._law, self._tone.frame())
        self._send(build(self._law, self._sequence, self._sequence * 160, self._ssrc, payload))

    def _send(self, packet: bytes) -> None:
        self._coming = packet
        self.wire.read(self._world.now)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        return self._coming, self.address

    def level(self, hz: float, seconds: float = 0.4) -> float:
        return goertzel_dbfs(self.ears.segment(-seconds), hz)


@pytest.fixture
def world() -> World:
    return World()


HERTZ = (450.0, 700.0, 1150.0, 1900.0)


def legs(world: World, *laws: Codec) -> list[Leg]:
    return [Leg(world, at + 1, HERTZ[at], law) for at, law in enumerate(laws)]


def arrange(gathering: Gathering, *all_legs: Leg) -> None:
    gathering.arrange([leg.endpoint for leg in all_legs])


def test_live_switching_breaks_nobodys_stream(world: World) -> None:
    caller, agent, boss = everybody = legs(world, PCMU, PCMU, PCMA)
    gathering = Gathering()
    caller.endpoint.connect(agent.endpoint)
    world.run(25)
    for mode in (SuperviseMode.MONITOR, SuperviseMode.WHISPER, SuperviseMode.BARGE, SuperviseMode.MONITOR):
        gathering.supervise(boss.endpoint, agent.endpoint, mode)
        arrange(gathering, *everybody)
        world.run(50)
        whispered, barged = agent.level(HERTZ[2]), caller.level(HERTZ[2])
        assert (whispered > -19) is (mode is not SuperviseMode.MONITOR)
        assert (barged > -19) is (mode is SuperviseMode.BARGE)
        assert whispered > -19 or whispered < -60
        assert barged > -19 or barged < -60
        for listener, hz in ((caller, HERTZ[1]), (agent, HERTZ[0]), (boss, HERTZ[0]), (boss, HERTZ[1])):
            assert listener.level(hz) == pytest.approx(-18, abs=0.5)
    gathering.dismiss(boss.endpoint)
    arrange(gathering, *everybody)
    assert world.members == {}
    world.run(25)
    for leg in everybody:
        assert leg.ears.faults() == []
        assert leg.ears.max_gap_ms() == 0
    # Not one frame too many or too few: a phone's buffer neither runs dry nor over.
    assert caller.ears.duration_ms() == pytest.approx(250 * 20, abs=40)


def test_prompt_music_agent_hold_agent_and_prompt_in_a_row_are_one_stream_without_a_hole(
    world: World,
) -> None:
    caller, agent = legs(world, PCMU, PCMA)
    sounds = {hz: Clip.from_pcm(tone([hz], 0.5, -18.0)) for hz in (300.0, 500.0, 600.0, 900.0)}

    def play(hz: float, times: int) -> None:
        caller.endpoint.play(Player(PlayCursor([sounds[hz]], times)))

    heard = []
    for hz, step in (
        (300.0, lambda: play(300.0, 1)),
        (500.0, lambda: play(500.0, FOREVER)),
        (HERTZ[1], lambda: caller.endpoint.connect(agent.endpoint)),
        (600.0, lambda: (caller.endpoint.hold(True), play(600.0, FOREVER))),
        (HERTZ[1], lambda: (caller.endpoint.hold(False), caller.endpoint.stop_player())),
        (900.0, lambda: play(900.0, 1)),
    ):
        step()
        # Twenty-five frames, the length of a prompt; a change may come at any moment of one.
        world.run(25)
        heard.append((caller.level(hz, 0.4), hz))
    assert all(dbfs == pytest.approx(-18, abs=0.5) for dbfs, _ in heard), heard
    assert caller.ears.faults() == []
    assert caller.ears.max_gap_ms() == 0
    assert caller.ears.duration_ms() == pytest.approx(6 * 500, abs=40)


def test_a_voice_that_moves_from_the_relay_into_a_mixer_has_no_hole(world: World) -> None:
    """The mixer's store has to fill: meanwhile the sound goes on from what was relayed last."""
    caller, agent, boss = everybody = legs(world, PCMU, PCMA, PCMU)
    gathering = Gathering()
    caller.endpoint.connect(agent.endpoint)
    world.run(25)
    gathering.supervise(boss.endpoint, agent.endpoint, SuperviseMode.BARGE)
    boss.endpoint.mute(True)
    arrange(gathering, *everybody)
    world.run(25)
    for listener, hz in ((caller, HERTZ[1]), (agent, HERTZ[0])):
        sound = listener.ears.audio()[1600:]
        parts = [goertzel_dbfs(sound[at : at + 160], hz) for at in range(0, len(sound) - 160, 80)]
        # It fades until the store is full, and is back within 10 ms.
        assert min(parts) > -18 - 8
        assert sum(part < -20 for part in parts) <= 7
        steepest = np.abs(np.diff(sound.astype(np.int32))).max()
        assert steepest < 1.3 * 2 * np.pi * hz / 8000 * 32768 * 10 ** (-18 / 20)
        assert listener.ears.faults() == []


def test_a_voice_of_long_ago_is_not_heard_again(world: World) -> None:
    members = legs(world, PCMU, PCMU, PCMA)
    gathering = Gathering()
    members[0].endpoint.connect(members[1].endpoint)
    world.run(25)
    world.legs.remove(members[0])
    world.run(10)
    gathering.confer([leg.endpoint for leg in members])
    arrange(gathering, *members)
    world.run(5)
    for leg in members[1:]:
        assert leg.level(HERTZ[0], 0.08) < -60


def test_a_mixer_delays_by_no_more_than_its_buffer(world: World) -> None:
    members = legs(world, PCMU, PCMU, PCMA)
    gathering = Gathering()
    gathering.confer([leg.endpoint for leg in members])
    arrange(gathering, *members)
    world.run(100)
    for leg in members:
        assert leg.ears.faults() == []
        sound = leg.ears.audio()
        first = int(np.argmax(np.abs(sound) > 100)) / 8
        assert first <= 60


def test_what_a_phone_lets_through_of_a_key_is_not_drawn_out(world: World) -> None:
    """Events come in the place of sound; concealed, a few milliseconds of its tone would be a second key."""
    caller, *others = members = legs(world, PCMU, PCMU, PCMA)
    gathering = Gathering()
    gathering.confer([leg.endpoint for leg in members])
    arrange(gathering, *members)
    world.run(25)
    caller.pressing = True
    world.run(10)
    for leg in others:
        # The store of the mixer is played, then it is silent at once.
        assert leg.level(HERTZ[0], 0.14) < -60
    caller.pressing = False
    world.run(25)
    for leg in others:
        assert leg.level(HERTZ[0], 0.2) == pytest.approx(-18, abs=0.5)


def test_music_and_announcements_come_and_go_in_a_conference(world: World) -> None:
    members = legs(world, PCMU, PCMA, PCMU, PCMU)
    gathering = Gathering()
    gathering.confer([leg.endpoint for leg in members])
    arrange(gathering, *members)
    world.run(50)
    ended: list[str] = []
    clip = Clip.from_pcm(tone([1500], 0.5, -18.0))
    for leg in members[:2]:
        leg.endpoint.play(Player(PlayCursor([clip]), ended.append))
    world.run(24)
    for leg in members[:2]:
        assert leg.level(1500, 0.3) > -19
        assert leg.level(HERTZ[2], 0.3) < -60
    assert members[2].level(1500) < -60
    world.run(50)
    assert ended == ["completed", "completed"]
    members[3].endpoint.hold(True)
    world.run(50)
    assert members[0].level(HERTZ[3]) < -60
    assert members[0].level(HERTZ[2]) > -19
    for leg in members[:3]:
        assert leg.ears.faults() == []
        assert leg.ears.max_gap_ms() <= 20


def test_a_conference_that_shrinks_to_two_is_relayed_again(world: World) -> None:
    members = legs(world, PCMU, PCMU, PCMA)
    gathering = Gathering()
    gathering.confer([leg.endpoint for leg in members])
    arrange(gathering, *members)
    world.run(50)
    gone = members.pop()
    world.legs.remove(gone)
    gathering.forget(gone.endpoint)
    gone.endpoint.disconnect()
    arrange(gathering, *members)
    assert members[0].endpoint.peer is members[1].endpoint
    assert world.members == {}
    world.run(50)
    assert members[0].level(HERTZ[1]) == pytest.approx(-18, abs=0.5)
    for leg in members:
        assert leg.ears.faults() == []
        assert leg.ears.max_gap_ms() == 0


def test_a_supervisor_follows_its_agent_to_the_next_caller(world: World) -> None:
    first, agent, boss, second = everybody = legs(world, PCMU, PCMU, PCMU, PCMU)
    gathering = Gathering()
    first.endpoint.connect(agent.endpoint)
    gathering.supervise(boss.endpoint, agent.endpoint, SuperviseMode.BARGE)
    arrange(gathering, *everybody)
    world.run(50)
    agent.endpoint.connect(second.endpoint)
    arrange(gathering, *everybody)
    world.run(50)
    assert second.level(HERTZ[2]) > -19
    assert second.level(HERTZ[0]) < -60
    assert boss.level(HERTZ[3]) > -19
    assert boss.level(HERTZ[0]) < -60
    assert first.endpoint.mixed is False


def test_a_supervisor_on_the_other_side_of_a_hold_hears_what_is_said(world: World) -> None:
    caller, agent, boss = everybody = legs(world, PCMU, PCMU, PCMU)
    gathering = Gathering()
    caller.endpoint.connect(agent.endpoint)
    gathering.supervise(boss.endpoint, agent.endpoint, SuperviseMode.WHISPER)
    arrange(gathering, *everybody)
    caller.endpoint.hold(True)
    world.run(50)
    assert agent.level(HERTZ[2]) > -19
    assert agent.level(HERTZ[0]) < -60
    assert boss.level(HERTZ[1]) > -19
