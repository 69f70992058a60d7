"""SRTP goes on in another process: nothing is sent twice under a key, both sides keep their counters."""

from __future__ import annotations

import pytest

from seatbus_rtp.errors import SrtpError
from seatbus_rtp.packet import build
from seatbus_rtp.srtp import SrtpKeys, SrtpProfile
from seatbus_rtp.srtp_place import MAX_INDEX, RESERVED, SrtpPlace, followed, sought

SSRC, PEER = 0x1234, 0xFFFF0001


def packet(source: int, index: int) -> bytes:
    return build(0, index & 0xFFFF, index, source, bytes(160))


@pytest.mark.parametrize("profile", SrtpProfile)
@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_successor_goes_on_after_any_number_of_turns(profile: SrtpProfile, turns: int) -> None:
    ours = SrtpKeys(profile, profile.new_master(), profile.new_master())
    theirs = SrtpKeys(profile, ours.remote, ours.local)
    sender, receiver = ours.sender(), ours.receiver()
    far_sender, far_receiver = theirs.sender(), theirs.receiver()
    place = SrtpPlace()
    first, last = 40_000, 40_000 + turns * 0x10000
    place.sends(SSRC, first - 1)
    for index in (*range(first, last, 1000), last):
        assert far_receiver.unprotect(sender.protect(packet(SSRC, index)) or b"") is not None
        heard = receiver.unprotect(far_sender.protect(packet(PEER, index)) or b"")
        assert heard is not None
        place.look(index & 0xFFFF, receiver, heard)
    place.reports = 3
    reports = [sender.protect_rtcp(b"\x80\xc8\x00\x06" + SSRC.to_bytes(4, "big") + bytes(20)) for _ in "abc"]
    assert all(far_receiver.unprotect_rtcp(one or b"") for one in reports)

    after, hears = place.sender(ours), place.receiver(ours)
    # What the one before may have sent is refused: its keystream is used up.
    assert after.protect(packet(SSRC, last + 1)) is None
    assert after.protect(packet(SSRC, last + RESERVED - 200)) is None
    fresh = after.protect(packet(SSRC, last + RESERVED + 1))
    assert far_receiver.unprotect(fresh or b"") == packet(SSRC, last + RESERVED + 1)
    report = after.protect_rtcp(b"\x80\xc8\x00\x06" + SSRC.to_bytes(4, "big") + bytes(20))
    assert far_receiver.unprotect_rtcp(report or b"") is not None
    missed = far_sender.protect(packet(PEER, last + 60)) or b""
    assert hears.unprotect(missed) == packet(PEER, last + 60)
    assert hears.unprotect(missed) is None


@pytest.mark.parametrize("profile", SrtpProfile)
@pytest.mark.parametrize("turns", [1, 2, 7])
def test_a_peer_is_found_in_whatever_turn_it_is(profile: SrtpProfile, turns: int) -> None:
    keys = SrtpKeys(profile, profile.new_master(), profile.new_master())
    far = SrtpPlace(PEER, (turns << 16) + 50 - RESERVED).sender(SrtpKeys(profile, keys.remote, keys.local))
    packets = [packet(PEER, (turns << 16) + 50 + number) for number in (1, 2)]
    sealed = [far.protect(one) or b"" for one in packets]
    found = sought(keys, sealed[0])
    assert found is not None
    receiver, index, plain = found
    assert (index, plain) == ((PEER, (turns << 16) + 51), packets[0])
    assert receiver.unprotect(sealed[1]) == packets[1]
    other = SrtpKeys(profile, keys.local, profile.new_master())
    assert sought(other, sealed[1]) is None


def test_numbers_are_followed_over_their_turn_and_never_back() -> None:
    assert followed(5, 6) == 6
    assert followed(0xFFF0, 5) == 0x10005
    assert followed(0x1FFF0, 0xFFE0) == 0x1FFF0


def test_a_place_that_no_call_can_reach_is_refused() -> None:
    profile = SrtpProfile.AES_CM_128_HMAC_SHA1_80
    keys = SrtpKeys(profile, profile.new_master(), profile.new_master())
    with pytest.raises(SrtpError, match="packet index"):
        SrtpPlace(SSRC, MAX_INDEX).sender(keys)
