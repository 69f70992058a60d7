from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp import g711, packet
from seatbus_rtp.dtmf import plan_digits
from seatbus_rtp.errors import AudioError
from seatbus_rtp.packet import RtpPacket
from seatbus_rtp.receiver import StrictReceiver
from seatbus_rtp.rewriter import StreamRewriter

ROUTES = {0: (0, None), 8: (0, g711.PCMA_TO_PCMU), 101: (96, None)}
starts = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))


def source(ssrc: int, seq: int, ts: int, count: int, payload_type: int = 0) -> list[bytes]:
    return [
        packet.build(payload_type, seq + i, ts + i * 160, ssrc, bytes([i & 0x7F]) * 160) for i in range(count)
    ]


def relayed(rewriter: StreamRewriter, data: bytes, now: float) -> RtpPacket:
    out = rewriter.relay(data, now)
    assert out is not None
    return RtpPacket.parse(out)


@given(
    starts,
    st.lists(st.tuples(starts, st.integers(1, 12), st.integers(0, 3), st.booleans()), min_size=1, max_size=6),
)
def test_any_run_of_sources_leaves_as_one_clean_stream(
    first: tuple[int, int], runs: list[tuple[tuple[int, int], int, int, bool]]
) -> None:
    rewriter = StreamRewriter(0xABCD, *first, routes=ROUTES)
    ears = StrictReceiver()
    now = 0.0
    for index, ((seq, ts), count, ssrc, local) in enumerate(runs):
        rewriter.switch()
        for i, data in enumerate(source(ssrc, seq, ts, count)):
            out = rewriter.emit(0, bytes(160), now) if local else rewriter.relay(data, now)
            assert out is not None
            ears.receive(out, now)
            assert packet.marker(out) == (i == 0), index
            now += 0.02
    assert ears.faults() == []
    assert ears.max_gap_ms() == 0.0
    assert ears.ssrcs == [0xABCD]
    assert rewriter.packets == sum(run[1] for run in runs)
    assert rewriter.octets == 160 * rewriter.packets


def test_silence_between_two_sources_is_on_the_clock() -> None:
    rewriter = StreamRewriter(1, 0, 0)
    first = RtpPacket.parse(rewriter.emit(0, bytes(160), 10.0))
    second = relayed(rewriter, packet.build(0, 900, 77, 5, bytes(160)), 12.003)
    assert second.sequence == first.sequence + 1
    assert second.timestamp - first.timestamp == 16000
    assert second.marker


def test_sequence_and_timestamp_wrap() -> None:
    rewriter = StreamRewriter(1, 0xFFFE, 0xFFFFFF00)
    seen = [relayed(rewriter, data, i * 0.02) for i, data in enumerate(source(7, 0xFFFD, 0xFFFFFFF0, 6))]
    assert [one.sequence for one in seen] == [0xFFFE, 0xFFFF, 0, 1, 2, 3]
    assert seen[2].timestamp == (0xFFFFFF00 + 320) & 0xFFFFFFFF


def test_loss_and_reordering_of_a_source_pass_through() -> None:
    rewriter = StreamRewriter(1, 100, 0)
    data = source(7, 10, 0, 6)
    order = [data[0], data[1], data[4], data[3], data[5]]
    assert [relayed(rewriter, one, i * 0.02).sequence for i, one in enumerate(order)] == [
        100,
        101,
        104,
        103,
        105,
    ]


def test_a_late_packet_of_the_old_source_does_not_reuse_a_number() -> None:
    rewriter = StreamRewriter(1, 100, 0)
    for one in source(7, 10, 0, 3):
        rewriter.relay(one, 0.0)
    new = source(8, 500, 0, 3)
    assert relayed(rewriter, new[1], 0.1).sequence == 103
    assert rewriter.relay(new[0], 0.11) is None
    assert relayed(rewriter, new[2], 0.12).sequence == 104
    assert rewriter.late == 1


def test_a_duplicate_is_dropped() -> None:
    rewriter = StreamRewriter(1, 100, 0)
    one = source(7, 10, 0, 1)[0]
    assert rewriter.relay(one, 0.0) is not None
    assert rewriter.relay(one, 0.0) is None


def test_a_source_that_restarts_its_numbers_is_taken_after_two_in_sequence() -> None:
    rewriter = StreamRewriter(1, 100, 0)
    for i, one in enumerate(source(7, 10, 0, 5)):
        rewriter.relay(one, i * 0.02)
    jumped = source(7, 30000, 9_000_000, 3)
    assert rewriter.relay(jumped[0], 0.10) is None
    after = relayed(rewriter, jumped[1], 0.12)
    assert (after.sequence, after.timestamp, after.marker) == (105, 4 * 160 + 2 * 160, True)
    assert relayed(rewriter, jumped[2], 0.14).sequence == 106


def test_a_source_that_moves_only_its_clock_keeps_our_clock() -> None:
    rewriter = StreamRewriter(1, 100, 0)
    relayed(rewriter, packet.build(0, 1, 0, 7, bytes(160)), 0.0)
    moved = relayed(rewriter, packet.build(0, 2, 3_000_000_000, 7, bytes(160)), 0.02)
    assert (moved.sequence, moved.timestamp, moved.marker) == (101, 160, True)
    assert relayed(rewriter, packet.build(0, 3, 3_000_000_160, 7, bytes(160)), 0.04).timestamp == 320


def test_a_long_silence_of_a_source_is_no_restart() -> None:
    rewriter = StreamRewriter(1, 100, 0)
    relayed(rewriter, packet.build(0, 1, 0, 7, bytes(160)), 0.0)
    after = relayed(rewriter, packet.build(0, 2, 40_000, 7, bytes(160), marker=True), 5.0)
    assert (after.timestamp, rewriter.restarts) == (40_000, 0)


def test_payload_types_are_mapped_translated_or_refused() -> None:
    rewriter = StreamRewriter(1, 0, 0, routes=ROUTES)
    law = bytes(range(160))
    assert relayed(rewriter, packet.build(8, 1, 1, 7, law), 0).payload == law.translate(g711.PCMA_TO_PCMU)
    assert relayed(rewriter, packet.build(101, 2, 161, 7, b"1234"), 0).payload_type == 96
    assert rewriter.relay(packet.build(18, 3, 321, 7, law), 0) is None
    assert rewriter.relay(b"\x80\0", 0) is None
    assert (rewriter.refused, rewriter.malformed) == (1, 1)
    with pytest.raises(AudioError):
        rewriter.set_routes({0: (0, b"short")})


def test_extension_csrcs_and_padding_are_taken_off() -> None:
    rewriter = StreamRewriter(1, 0, 0)
    dressed = RtpPacket(0, 1, 1, 7, b"x" * 160, csrcs=(1, 2), extension=(0xBEDE, bytes(8)), padding=4)
    assert relayed(rewriter, dressed.build(), 0).payload == b"x" * 160


@given(st.binary(max_size=40))
def test_no_bytes_from_the_network_raise(data: bytes) -> None:
    StreamRewriter(1, 0, 0).relay(data, 0.0)


def test_relay_into_writes_what_relay_returns() -> None:
    one, two = StreamRewriter(1, 5, 9, routes=ROUTES), StreamRewriter(1, 5, 9, routes=ROUTES)
    out = bytearray(1500)
    for i, data in enumerate(source(7, 65530, 0, 20, payload_type=8)):
        size = two.relay_into(data, out, i * 0.02)
        assert one.relay(data, i * 0.02) == bytes(out[:size])
    assert two.relay_into(b"", out, 1.0) == 0


def test_own_digits_between_two_prompts_share_the_stream() -> None:
    rewriter = StreamRewriter(1, 65530, 0xFFFFFF00)
    ears = StrictReceiver()
    for i in range(5):
        ears.receive(rewriter.emit(0, bytes(160), i * 0.02))
    for step in plan_digits("5#"):
        ears.receive(rewriter.emit_event(101, step.payload, 0.1 + step.at_ms / 1000, step.start))
    ears.receive(rewriter.emit(0, bytes(160), 0.46))
    assert ears.digits == "5#"
    assert ears.faults() == []
    assert ears.max_gap_ms() <= 80


def test_own_digits_inside_relayed_audio_take_no_number_twice() -> None:
    rewriter = StreamRewriter(1, 10, 0)
    ears = StrictReceiver()
    steps = {step.at_ms: step for step in plan_digits("7")}
    data = source(9, 65530, 0xFFFFFE00, 30)
    for i, one in enumerate(data):
        now = i * 0.02
        out = rewriter.relay(one, now)
        assert out is not None
        ears.receive(out, now)
        step = steps.get(i * 20 - 100)
        if step is not None:
            ears.receive(rewriter.emit_event(101, step.payload, now, step.start), now)
    # From before the digit: its number is gone.
    assert rewriter.relay(data[5], 0.7) is None
    assert ears.digits == "7"
    assert ears.faults() == []
    assert len(ears.audio()) == 30 * 160


def test_a_shuffled_lossy_source_never_yields_a_number_twice() -> None:
    chance = random.Random(4)
    rewriter = StreamRewriter(1, 65000, 0)
    seen: set[int] = set()
    now = 0.0
    for ssrc in range(6):
        data = source(ssrc, chance.randrange(65536), chance.randrange(1 << 32), 200)
        data = [one for one in data if chance.random() > 0.1]
        place = {one: i + chance.random() * 3 for i, one in enumerate(data)}
        data.sort(key=place.__getitem__)
        for one in data:
            now += 0.02
            out = rewriter.relay(one, now)
            if out is not None:
                assert packet.sequence(out) not in seen
                seen.add(packet.sequence(out))
    assert len(seen) > 1000
