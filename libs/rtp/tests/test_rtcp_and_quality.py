from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp import quality, rtcp
from seatbus_rtp.errors import RtcpError

u32 = st.integers(0, 0xFFFFFFFF)
blocks = st.lists(
    st.builds(
        rtcp.ReportBlock, u32, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), u32, u32, u32, u32
    ),
    max_size=31,
).map(tuple)
items = st.one_of(
    st.builds(rtcp.SenderReport, u32, st.integers(0, (1 << 64) - 1), u32, u32, u32, blocks),
    st.builds(rtcp.ReceiverReport, u32, blocks),
    st.builds(rtcp.Cname, u32, st.text("abc@é.1", min_size=1, max_size=60)),
    st.builds(rtcp.Bye, st.lists(u32, max_size=31).map(tuple)),
)


@given(st.lists(items, min_size=1, max_size=4))
def test_a_compound_survives_building_and_parsing(compound: list[rtcp.RtcpItem]) -> None:
    data = rtcp.build(compound)
    assert len(data) % 4 == 0
    assert rtcp.parse(data) == compound


@given(st.binary(max_size=80).map(lambda tail: b"\x81" + tail))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    with contextlib.suppress(RtcpError):
        rtcp.parse(data)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param(b"", "packet", id="empty"),
        pytest.param(b"\x80\xc8\x00", "header", id="short"),
        pytest.param(b"\x40\xc8\x00\x00", "version", id="version-1"),
        pytest.param(b"\x80\xc8\x00\x09" + bytes(8), "length", id="length-outside"),
        pytest.param(b"\x81\xc9\x00\x01" + bytes(4), "report_blocks", id="block-missing"),
        pytest.param(b"\x80\xc8\x00\x01" + bytes(4), "sender_info", id="sender-info-missing"),
    ],
)
def test_a_broken_compound_names_the_field(data: bytes, field: str) -> None:
    with pytest.raises(RtcpError) as caught:
        rtcp.parse(data)
    assert caught.value.field == field


def test_round_trip_comes_from_the_peers_block_about_us() -> None:
    sent = rtcp.ntp_from_unix(1_800_000_000.25)
    block = rtcp.ReportBlock(1, 0, 0, 0, 0, rtcp.ntp_middle(sent), round(0.5 * 65536))
    trip = rtcp.round_trip_s(block, rtcp.ntp_from_unix(1_800_000_000.25 + 0.5 + 0.08))
    assert trip == pytest.approx(0.08, abs=1e-4)
    assert rtcp.round_trip_s(block, sent) is None
    assert rtcp.round_trip_s(rtcp.ReportBlock(1, 0, 0, 0, 0, 0, 0), sent) is None


def feed(stats: quality.ReceiverStats, numbers: list[int], ssrc: int = 1, jitter: float = 0.0) -> None:
    for i, number in enumerate(numbers):
        late = jitter if i % 2 else 0.0
        stats.receive(ssrc, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 160, number * 0.02 + late)


@given(st.integers(0, 0xFFFF), st.integers(0, 300), st.floats(0, 0.5))
def test_loss_is_what_was_lost_across_the_wrap(start: int, count: int, share: float) -> None:
    chance = random.Random(start)
    numbers = list(range(start, start + count + 2))
    kept = [numbers[0], *(one for one in numbers[1:-1] if chance.random() >= share), numbers[-1]]
    stats = quality.ReceiverStats()
    feed(stats, kept)
    assert stats.expected == len(numbers)
    assert stats.lost == len(numbers) - len(kept)
    assert stats.loss == pytest.approx((len(numbers) - len(kept)) / len(numbers))
    block = stats.report_block(0.0)
    assert block is not None
    assert block.cumulative_lost == stats.lost
    assert block.fraction_lost == min(255, 256 * stats.lost // stats.expected)
    assert block.highest_sequence == numbers[-1]


def test_the_next_block_speaks_of_its_own_interval() -> None:
    stats = quality.ReceiverStats()
    feed(stats, [1, 2, 4, 5])
    stats.report_block(0.0)
    feed(stats, [6, 7, 8, 9])
    block = stats.report_block(0.0)
    assert block is not None
    assert (block.fraction_lost, block.cumulative_lost) == (0, 1)


def test_jitter_converges_to_the_mean_deviation() -> None:
    stats = quality.ReceiverStats()
    feed(stats, list(range(500)), jitter=0.01)
    assert stats.jitter_ms == pytest.approx(10, abs=0.1)
    assert stats.max_jitter_ms >= stats.jitter_ms
    smooth = quality.ReceiverStats()
    feed(smooth, list(range(500)))
    assert smooth.jitter_ms == pytest.approx(0, abs=1e-3)


def test_a_digit_between_audio_is_neither_loss_nor_jitter() -> None:
    stats = quality.ReceiverStats()
    feed(stats, list(range(10)))
    for number in range(10, 18):
        stats.receive(1, number, 1600, 4, number * 0.02, event=True)
    feed(stats, list(range(18, 30)))
    assert (stats.lost, stats.expected) == (0, 30)
    assert stats.jitter_ms == pytest.approx(0, abs=1e-3)


def test_reordered_packets_are_counted_but_not_lost() -> None:
    stats = quality.ReceiverStats()
    feed(stats, [1, 2, 4, 3, 5])
    assert (stats.lost, stats.reordered) == (0, 1)


def test_a_new_source_keeps_the_totals() -> None:
    stats = quality.ReceiverStats()
    feed(stats, [1, 2, 4])
    feed(stats, [60000, 60001], ssrc=2)
    assert (stats.expected, stats.lost, stats.ssrc_changes) == (6, 1, 1)


def test_a_restarted_numbering_is_no_loss() -> None:
    stats = quality.ReceiverStats()
    feed(stats, [1, 2, 3])
    feed(stats, [40000, 40001, 40002])
    assert stats.lost == 0


def test_the_block_answers_the_peers_sender_report() -> None:
    stats = quality.ReceiverStats()
    feed(stats, [1, 2])
    report = rtcp.SenderReport(1, rtcp.ntp_from_unix(1_800_000_000.5), 0, 0, 0)
    stats.sender_report(report, 10.0)
    block = stats.report_block(10.25)
    assert block is not None
    assert (block.last_sr, block.delay_since_last_sr) == (rtcp.ntp_middle(report.ntp), 16384)


def test_mos_falls_with_loss_jitter_and_delay_and_keeps_its_range() -> None:
    clean = quality.mos(0.0, 0.0)
    assert clean == pytest.approx(4.4, abs=0.05)
    assert quality.mos(0.0, 1.0, 20.0) > quality.mos(0.01, 1.0, 20.0) > quality.mos(0.05, 1.0, 20.0)
    assert quality.mos(0.0, 1.0) > quality.mos(0.0, 60.0)
    assert quality.mos(0.0, 1.0, 50) > quality.mos(0.0, 1.0, 600)
    assert quality.mos(1.0, 500, 5000) == 1.0
    assert quality.mos_from_r(93.2) == pytest.approx(4.41, abs=0.01)
    assert quality.mos_from_r(50) == pytest.approx(2.58, abs=0.01)
