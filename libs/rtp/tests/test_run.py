"""A run is a shortcut: whoever takes it says the same as who looks at each packet."""

from __future__ import annotations

import random

import pytest

from seatbus_rtp.packet import TS_MASK, build
from seatbus_rtp.quality import ReceiverStats
from seatbus_rtp.rewriter import StreamRewriter
from seatbus_rtp.run import head, room, step, ticks, without_marker


def header(
    sequence: int, timestamp: int, *, payload_type: int = 0, ssrc: int = 7, marker: bool = False
) -> int:
    return head(build(payload_type, sequence, timestamp, ssrc, bytes(160), marker))


def test_two_successive_packets_say_what_the_next_ones_are() -> None:
    grows = step(header(5, 800), header(6, 960))
    assert ticks(grows) == 160
    assert header(6, 960) + grows == header(7, 1120)
    assert room(header(0xFFFE, 960), grows) == 1
    assert room(header(6, TS_MASK - 320), grows) == 2


@pytest.mark.parametrize(
    "after",
    [
        header(7, 960),
        header(5, 800),
        header(4, 640),
        header(6, 800),
        header(6, 640),
        header(6, 800 + 9601),
        header(6, 960, ssrc=8),
        header(6, 960, payload_type=8),
        header(6, 960, marker=True),
        header(6, 960) | 1 << 92,
        0,
    ],
)
def test_what_is_not_the_successor_begins_no_run(after: int) -> None:
    assert step(header(5, 800), after) == 0


def test_numbers_that_begin_again_begin_no_run() -> None:
    assert step(header(0xFFFF, 800), header(0, 960)) == 0
    assert step(header(5, TS_MASK - 80), header(6, 79)) == 0


def test_statistics_of_a_run_are_those_of_its_packets() -> None:
    one, other = ReceiverStats(), ReceiverStats()
    noise = random.Random(3)
    now, sequence, timestamp = 100.0, 65500, TS_MASK - 4000
    for length in (1, 40, 2, 250, 7):
        stamps = []
        for _ in range(length):
            sequence, timestamp = (sequence + 1) & 0xFFFF, (timestamp + 160) & TS_MASK
            now += 0.02 + noise.uniform(-0.004, 0.004)
            one.receive(7, sequence, timestamp, 160, now)
            stamps.append(now)
            if length == 1:
                other.receive(7, sequence, timestamp, 160, now)
        if length > 1:
            other.run(stamps, 160, 160 * length)
        assert [getattr(other, name) for name in ReceiverStats.__slots__] == [
            getattr(one, name) for name in ReceiverStats.__slots__
        ]
    assert one.jitter_ms > 1
    assert other.newest_is(header(sequence, timestamp))


def test_a_stream_goes_on_behind_a_run_as_behind_its_packets() -> None:
    one, other = StreamRewriter(9, 100, 5000), StreamRewriter(9, 100, 5000)
    now, sent = 50.0, []
    for sequence in range(1, 4):
        packet = build(0, sequence, sequence * 160, 7, bytes(160))
        sent.append((one.relay(packet, now), other.relay(packet, now)))
        now += 0.02
    newest = head(sent[-1][1] or b"")
    ended: list[int] = []

    def end() -> None:
        ended.append(1)
        other.run(20, 160, 20 * 160, now)

    assert not other.may_run(newest + 1, 160, end)
    assert not other.may_run(newest, 1601, end)
    assert other.may_run(without_marker(newest), 160, end)
    for sequence in range(4, 24):
        one.relay(build(0, sequence, sequence * 160, 7, bytes(160)), now)
    late = build(0, 20, 20 * 160, 7, b"late" * 40)
    again = build(0, 24, 24 * 160, 7, bytes(160))
    assert other.relay(late, now) == one.relay(late, now) is not None
    assert ended == [1]
    assert other.relay(again, now) == one.relay(again, now) is not None
    assert other.emit_event(101, b"\1\0\0\0", now, True) == one.emit_event(101, b"\1\0\0\0", now, True)
    assert other.state() == one.state()
    assert ended == [1]
