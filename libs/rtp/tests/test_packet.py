from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp import packet
from seatbus_rtp.errors import PacketError
from seatbus_rtp.packet import RtpPacket

words = st.integers(0, 3).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
packets = st.builds(
    RtpPacket,
    # Payload types 64 to 95 with the marker bit look like RTCP and are not used (RFC 5761 4).
    payload_type=st.integers(0, 127).filter(lambda value: not 64 <= value <= 95),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=st.none() | st.tuples(st.integers(0, 0xFFFF), words),
    padding=st.integers(0, 255),
)


@given(packets)
def test_a_packet_survives_building_and_parsing(one: RtpPacket) -> None:
    data = one.build()
    assert RtpPacket.parse(data) == one
    assert packet.is_rtp(data)
    assert packet.payload(data) == one.payload
    assert packet.sequence(data) == one.sequence
    assert packet.timestamp(data) == one.timestamp
    assert packet.ssrc(data) == one.ssrc
    assert packet.marker(data) == one.marker
    assert packet.payload_type(data) == one.payload_type


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        one = RtpPacket.parse(data)
    except PacketError:
        assert not packet.is_rtp(data)
    else:
        assert len(one.payload) <= len(data) - packet.HEADER_SIZE


@pytest.mark.parametrize(
    ("data", "field"),
    [
        pytest.param(bytes(11), "packet", id="short"),
        pytest.param(bytes([0x40]) + bytes(11), "version", id="version-1"),
        pytest.param(bytes([0x8F]) + bytes(11), "csrc_count", id="csrcs-outside"),
        pytest.param(bytes([0x90]) + bytes(11), "extension", id="extension-header-outside"),
        pytest.param(bytes([0x90]) + bytes(11) + b"\0\0\0\x02", "extension", id="extension-outside"),
        pytest.param(bytes([0xA0]) + bytes(12), "padding", id="padding-zero"),
        pytest.param(bytes([0xA0]) + bytes(11) + b"\x02", "padding", id="padding-into-header"),
    ],
)
def test_a_length_that_leaves_the_packet_is_refused(data: bytes, field: str) -> None:
    with pytest.raises(PacketError) as caught:
        packet.payload_bounds(data)
    assert caught.value.field == field


def test_rtcp_on_a_shared_port_is_told_from_rtp() -> None:
    report = bytes([0x80, 200]) + bytes(10)
    assert packet.is_rtcp(report)
    assert not packet.is_rtp(report)
    assert not packet.is_rtcp(packet.build(0, 1, 2, 3, bytes(160)))


@given(st.integers(0, 0xFFFF), st.integers(-32768, 32767))
def test_sequence_distance_is_right_across_the_wrap(start: int, step: int) -> None:
    assert packet.seq_delta((start + step) & 0xFFFF, start) == step


def test_building_into_a_buffer_gives_the_same_bytes() -> None:
    out = bytearray(64)
    size = packet.build_into(out, 8, 70000, 1, 2, b"abc", marker=True)
    assert bytes(out[:size]) == packet.build(8, 70000, 1, 2, b"abc", marker=True)
    with pytest.raises(PacketError):
        packet.build_into(bytearray(12), 8, 1, 1, 2, b"abc")
