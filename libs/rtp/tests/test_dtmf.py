from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp.dtmf import DIGITS, DtmfEvent, DtmfReceiver, plan_digits
from seatbus_rtp.errors import DtmfError
from seatbus_rtp.packet import RtpPacket
from seatbus_rtp.rewriter import StreamRewriter

strings = st.text(alphabet=DIGITS, min_size=1, max_size=12)


def sent(digits: str, first_timestamp: int = 0, tone_ms: int = 100, gap_ms: int = 80) -> list[RtpPacket]:
    rewriter = StreamRewriter(7, 65530, first_timestamp)
    return [
        RtpPacket.parse(rewriter.emit_event(101, step.payload, step.at_ms / 1000, step.start))
        for step in plan_digits(digits, tone_ms=tone_ms, gap_ms=gap_ms)
    ]


def heard(packets: list[RtpPacket]) -> str:
    receiver = DtmfReceiver()
    found = (receiver.receive(one.payload, one.timestamp, one.marker, one.ssrc) for one in packets)
    return "".join(digit for digit in found if digit)


@given(st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF))
def test_an_event_survives_building_and_parsing(event: int, end: bool, volume: int, duration: int) -> None:
    one = DtmfEvent(event, end, volume, duration)
    assert DtmfEvent.parse(one.build()) == one


def test_a_digit_is_a_start_updates_and_three_equal_ends() -> None:
    packets = sent("9")
    events = [DtmfEvent.parse(one.payload) for one in packets]
    assert [one.marker for one in packets] == [True] + [False] * 7
    assert [event.duration for event in events] == [160, 320, 480, 640, 800, 800, 800, 800]
    assert [event.end for event in events] == [False] * 5 + [True] * 3
    assert len({one.timestamp for one in packets}) == 1
    assert [one.sequence for one in packets] == [(65530 + i) & 0xFFFF for i in range(8)]


@given(strings, st.integers(0, 0xFFFFFFFF))
def test_every_digit_arrives_once(digits: str, first: int) -> None:
    assert heard(sent(digits, first)) == digits


@given(strings, st.integers(0, 0xFFFFFFFF), st.randoms(use_true_random=False))
def test_every_digit_arrives_once_under_loss_duplicates_and_reordering(
    digits: str, first: int, chance: random.Random
) -> None:
    by_digit: dict[int, list[RtpPacket]] = {}
    for one in sent(digits, first):
        by_digit.setdefault(one.timestamp, []).append(one)
    arriving: list[RtpPacket] = []
    for group in by_digit.values():
        # At least one packet of each digit survives; which ones is chance (often all the ends are lost).
        kept = [one for one in group if chance.random() > 0.5] or [chance.choice(group)]
        arriving += [copy for one in kept for copy in [one] * chance.choice((1, 1, 2))]
    place = [(i + chance.random() * 3, one) for i, one in enumerate(arriving)]
    # Within a digit any order; a digit's first packet must not be overtaken by the next digit.
    seen: list[RtpPacket] = [one for _, one in sorted(place, key=lambda pair: pair[0])]
    firsts = list(dict.fromkeys(one.timestamp for one in seen))
    if firsts == list(by_digit):
        assert heard(seen) == digits
    else:
        assert len(heard(seen)) <= len(digits)


def test_the_same_digit_twice_is_two_digits_even_without_ends_and_markers() -> None:
    packets = [one for one in sent("55") if not DtmfEvent.parse(one.payload).end and not one.marker]
    assert heard(packets) == "55"


def test_a_sender_that_moves_the_timestamp_in_one_press_is_one_digit() -> None:
    payloads = [DtmfEvent(5, False, 10, 160 * (i + 1)).build() for i in range(5)]
    payloads += [DtmfEvent(5, True, 10, 800).build()] * 3
    packets = [RtpPacket(101, i, 160 * i, 7, payload, marker=i == 0) for i, payload in enumerate(payloads)]
    assert heard(packets) == "5"


def test_a_straggler_of_the_digit_before_is_not_a_digit() -> None:
    packets = sent("12")
    order = packets[:6] + packets[8:10] + packets[6:8] + packets[10:]
    assert heard(order) == "12"


def test_a_press_of_ten_seconds_in_segments_is_one_digit() -> None:
    receiver = DtmfReceiver()
    assert receiver.receive(DtmfEvent(1, False, 10, 0xFFFF).build(), 1000, True) == "1"
    assert receiver.receive(DtmfEvent(1, False, 10, 160).build(), 1000 + 0xFFFF) is None
    assert receiver.pressed == "1"
    assert receiver.receive(DtmfEvent(1, True, 10, 14465).build(), 1000 + 0xFFFF) is None
    assert receiver.pressed is None


def test_a_new_source_or_a_restarted_clock_does_not_lose_a_digit() -> None:
    receiver = DtmfReceiver()
    end = DtmfEvent(1, True, 10, 800).build()
    assert receiver.receive(end, 4_000_000, ssrc=1) == "1"
    assert receiver.receive(end, 100, ssrc=2) == "1"
    assert receiver.receive(end, 100 - 200_000 & 0xFFFFFFFF, ssrc=2) == "1"


@pytest.mark.parametrize("payload", [b"", b"\x01\x80\x03", b"\x10\x80\x03\x20", b"\xff\xff\xff\xff"])
def test_what_is_no_digit_is_counted_and_ignored(payload: bytes) -> None:
    receiver = DtmfReceiver()
    assert receiver.receive(payload, 5) is None
    assert receiver.ignored == 1


@pytest.mark.parametrize(
    ("digits", "tone_ms", "gap_ms", "field"),
    [
        ("12x", 100, 80, "digits"),
        ("1", 90, 80, "tone_ms"),
        ("1", 9000, 80, "tone_ms"),
        ("1", 100, 40, "gap_ms"),
    ],
)
def test_a_plan_that_cannot_be_sent_names_field_and_rule(
    digits: str, tone_ms: int, gap_ms: int, field: str
) -> None:
    with pytest.raises(DtmfError) as caught:
        plan_digits(digits, tone_ms=tone_ms, gap_ms=gap_ms)
    assert caught.value.field == field
    assert caught.value.rule
