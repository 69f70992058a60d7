"""The relay path with its shortcut sends, counts and taps the same as the one without."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from seatbus_media.application import lane as lane_module
from seatbus_media.application.lane import Lane
from seatbus_rtp import g711
from seatbus_rtp.packet import build
from seatbus_rtp.quality import ReceiverStats
from seatbus_rtp.rewriter import StreamRewriter


class Way:
    """A lane into a stream; what it did."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.heard: list[tuple[float, bytes]] = []
        self.others: list[bytes] = []
        self.lane = Lane(lambda data, now: self.others.append(data))
        self.lane.audio_types = frozenset({0, 0x80, 8, 0x88})
        self.lane.add_tap(self.heard.append)
        self.stream = StreamRewriter(99, 65000, 2**32 - 90_000)
        self.stream.set_routes({0: (0, None), 8: (0, g711.translation(8, 0)), 101: (101, None)})
        self.lane.route(self.stream, self.sent.append)

    def outcome(self) -> list[object]:
        stats = self.lane.stats
        counted = [getattr(stats, name) for name in ReceiverStats.__slots__]
        return [self.sent, self.heard, self.others, counted, self.stream.state(), self.lane.newest]


def traffic(seed: int) -> Iterator[tuple[bytes, float]]:
    """Steady packets; now and then what breaks them."""
    chance = random.Random(seed)
    sequence, timestamp, now, source, law = 65300, 2**32 - 30_000, 10.0, 1, 0
    held: bytes | None = None
    for _ in range(3000):
        now += 0.02 + chance.uniform(-0.005, 0.005)
        sequence, timestamp = (sequence + 1) & 0xFFFF, (timestamp + 160) & 0xFFFFFFFF
        event = chance.random()
        packet = build(law, sequence, timestamp, source, chance.randbytes(160), event < 0.005)
        if event < 0.01:
            sequence = (sequence + chance.randrange(1, 20)) & 0xFFFF
        elif event < 0.015:
            held = packet
            continue
        elif event < 0.02:
            yield packet, now
        elif event < 0.025:
            source += 1
        elif event < 0.03:
            law = 8 - law
        elif event < 0.035:
            yield build(101, sequence, timestamp, source, bytes(4)), now
            continue
        elif event < 0.04:
            timestamp = (timestamp + chance.randrange(100_000)) & 0xFFFFFFFF
        elif event < 0.045:
            packet = packet[: chance.randrange(172)]
        elif event < 0.05:
            packet = bytes([0x90]) + packet[1:12] + bytes.fromhex("bede0000") + packet[12:]
        yield packet, now
        if held is not None and chance.random() < 0.5:
            yield held, now
            held = None


@pytest.mark.parametrize("seed", range(8))
def test_runs_change_nothing_that_can_be_seen(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fast, slow = Way(), Way()
    packets = list(traffic(seed))
    shortcuts = 0
    for at, (packet, now) in enumerate(packets):
        expected = fast.lane._expected
        fast.lane.receive(packet, now)
        shortcuts += lane_module.head(packet) == expected
        slow.lane.end()
        slow.lane.receive(packet, now)
        if at % 97 == 0:
            for way in (fast, slow):
                way.stream.switch()
                way.sent.append(way.stream.emit(0, bytes(160), now))
        if at % 89 == 0:
            assert fast.outcome() == slow.outcome()
    assert fast.outcome() == slow.outcome()
    assert shortcuts > len(packets) * 0.6


def test_a_lane_that_leads_elsewhere_leaves_its_stream_in_order() -> None:
    way, other = Way(), Way()
    for number in range(1, 11):
        way.lane.receive(build(0, number, number * 160, 5, bytes(160)), number * 0.02)
    way.lane.route(other.stream, other.sent.append)
    assert way.stream.packets == len(way.sent) == 10
    for number in range(11, 15):
        way.lane.receive(build(0, number, number * 160, 5, bytes(160)), number * 0.02)
    assert (way.stream.packets, other.stream.packets, len(other.sent)) == (10, 4, 4)
    way.lane.route(None, None)
    way.lane.receive(build(0, 15, 15 * 160, 5, bytes(160)), 0.3)
    assert len(way.sent) + len(other.sent) == 14
    assert way.lane.stats.packets == 15
