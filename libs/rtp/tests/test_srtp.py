from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_rtp.errors import SrtpError
from seatbus_rtp.packet import MAX_PACKET, build
from seatbus_rtp.rtcp import Cname, ReceiverReport
from seatbus_rtp.rtcp import build as build_rtcp
from seatbus_rtp.srtp import MAX_SOURCES, SrtpKeys, SrtpProfile, SrtpReceiver, SrtpSender, profile_named
from seatbus_testkit.properties import examples

CM = SrtpProfile.AES_CM_128_HMAC_SHA1_80


def pair(profile: SrtpProfile = CM) -> tuple[SrtpSender, SrtpReceiver]:
    master = profile.new_master()
    return SrtpSender(profile, master), SrtpReceiver(profile, master)


def packet(sequence: int = 1, ssrc: int = 7, payload: bytes = bytes(160)) -> bytes:
    return build(0, sequence, sequence * 160, ssrc, payload)


@pytest.mark.parametrize("profile", SrtpProfile)
def test_what_one_protects_the_other_reads_and_nobody_else(profile: SrtpProfile) -> None:
    sender, receiver = pair(profile)
    _, stranger = pair(profile)
    plain = packet(payload=b"a caller's card number" * 7)
    secret = sender.protect(plain)
    assert secret is not None
    assert b"card" not in secret
    assert stranger.unprotect(secret) is None
    assert receiver.unprotect(secret) == plain


@pytest.mark.parametrize("profile", SrtpProfile)
def test_reports_are_protected_too(profile: SrtpProfile) -> None:
    sender, receiver = pair(profile)
    compound = build_rtcp((ReceiverReport(9, ()), Cname(9, "x@seatbus")))
    secret = sender.protect_rtcp(compound)
    assert secret is not None
    assert b"seatbus" not in secret
    assert receiver.unprotect_rtcp(secret) == compound
    assert receiver.unprotect_rtcp(secret) is None


def test_a_packet_is_read_once() -> None:
    sender, receiver = pair()
    secret = sender.protect(packet())
    assert secret is not None
    assert receiver.unprotect(secret) is not None
    assert receiver.unprotect(secret) is None


def test_late_packets_and_the_turn_of_the_sequence_number_are_read() -> None:
    sender, receiver = pair()
    plain = [packet(number & 0xFFFF) for number in range(65500, 65600)]
    secret = [sender.protect(one) for one in plain]
    order = [*range(0, 100, 2), *range(1, 100, 2)]
    assert [receiver.unprotect(secret[at] or b"") for at in order] == [plain[at] for at in order]


def test_a_peer_cannot_make_us_keep_sources_without_limit() -> None:
    sender, receiver = pair()
    secrets = [sender.protect(packet(ssrc=number)) or b"" for number in range(MAX_SOURCES + 5)]
    assert [receiver.unprotect(one) is not None for one in secrets] == [True] * MAX_SOURCES + [False] * 5
    assert receiver.unprotect(sender.protect(packet(2, ssrc=0)) or b"") is not None


def test_forged_sources_do_not_use_up_the_places_of_the_peer() -> None:
    sender, receiver = pair()
    for number in range(1000, 1000 + 3 * MAX_SOURCES):
        assert receiver.unprotect(packet(ssrc=number, payload=bytes(170))) is None
    assert receiver.unprotect(sender.protect(packet()) or b"") is not None


def test_a_key_of_the_wrong_length_is_named() -> None:
    with pytest.raises(SrtpError, match="must be 30 bytes") as caught:
        SrtpSender(CM, bytes(16))
    assert caught.value.value == 16


def test_sizes_are_limited() -> None:
    sender, receiver = pair()
    assert sender.protect(bytes([0x80]) + bytes(MAX_PACKET)) is None
    assert sender.protect(b"short") is None
    assert receiver.unprotect(bytes([0x80]) + bytes(3000)) is None
    assert receiver.unprotect_rtcp(b"") is None


def test_suites_are_found_by_their_sdes_names() -> None:
    assert profile_named("AES_CM_128_HMAC_SHA1_32") is SrtpProfile.AES_CM_128_HMAC_SHA1_32
    assert profile_named("F8_128_HMAC_SHA1_80") is None


def test_keys_fit_both_ways() -> None:
    one, other = CM.new_master(), CM.new_master()
    here, there = SrtpKeys(CM, one, other), SrtpKeys(CM, other, one)
    secret = here.sender().protect(packet())
    assert there.receiver().unprotect(secret or b"") == packet()


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_whatever_comes_is_refused_without_an_exception(data: bytes, tail: bytes) -> None:
    _, receiver = pair()
    assert receiver.unprotect(data) is None
    assert receiver.unprotect(bytes([0x80, 0]) + data + tail) is None
    assert receiver.unprotect_rtcp(bytes([0x80, 200]) + data) is None


@settings(max_examples=examples(100), deadline=None)
@given(st.data())
def test_a_flipped_bit_is_noticed(data: st.DataObject) -> None:
    sender, receiver = pair()
    secret = bytearray(sender.protect(packet()) or b"")
    at = data.draw(st.integers(0, len(secret) * 8 - 1))
    secret[at // 8] ^= 1 << at % 8
    assert receiver.unprotect(bytes(secret)) is None
