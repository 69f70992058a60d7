from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp.latch import TRANSITIONS, Latch, LatchInput, LatchState, LatchVerdict

PHONE = ("192.0.2.10", 4000)
SDP = ("10.0.0.5", 4000)
STRANGER = ("203.0.113.66", 6666)


def test_a_phone_behind_nat_is_latched_and_locked() -> None:
    latch = Latch(SDP)
    assert latch.destination == SDP
    assert latch.accept(PHONE, 0.0)
    assert (latch.state, latch.destination, latch.locked) == (LatchState.LATCHING, PHONE, None)
    assert latch.accept(PHONE, 0.6)
    assert (latch.state, latch.locked) == (LatchState.LOCKED, PHONE)


def test_a_peer_that_sends_from_its_signalled_address_is_locked_at_once() -> None:
    latch = Latch(SDP)
    assert latch.accept(SDP, 0.0)
    assert latch.locked == SDP
    assert not latch.accept(STRANGER, 0.01)


def test_the_signalled_address_beats_a_candidate_inside_the_window() -> None:
    latch = Latch(SDP)
    assert latch.accept(STRANGER, 0.0)
    assert latch.accept(SDP, 0.1)
    assert latch.locked == SDP
    assert not latch.accept(STRANGER, 0.2)


def test_a_stranger_takes_over_only_from_a_silent_candidate_inside_the_window() -> None:
    latch = Latch(None)
    assert latch.accept(PHONE, 0.0)
    assert not latch.accept(STRANGER, 0.05)
    assert latch.accept(STRANGER, 0.2)
    assert latch.destination == STRANGER


def test_strangers_are_refused_for_good_after_the_lock() -> None:
    latch = Latch(SDP)
    latch.accept(PHONE, 0.0)
    assert not latch.accept(STRANGER, 10.0)
    assert latch.locked == PHONE
    assert not latch.accept(STRANGER, 3600.0)
    assert not latch.accept(SDP, 3600.0)
    assert latch.accept(PHONE, 3601.0)
    assert latch.refused == 3


def test_the_window_counts_from_the_first_candidate() -> None:
    latch = Latch(None)
    for i in range(10):
        latch.accept((f"192.0.2.{i}", 4000), i * 0.2)
    assert latch.state is LatchState.LOCKED
    assert latch.locked == ("192.0.2.2", 4000)


def test_only_signalling_unlocks() -> None:
    latch = Latch(SDP)
    latch.accept(PHONE, 0.0)
    latch.accept(PHONE, 1.0)
    latch.renegotiated(SDP)
    assert latch.locked == PHONE
    latch.renegotiated(("10.0.0.6", 4000))
    assert (latch.state, latch.destination, latch.locked) == (LatchState.UNLATCHED, ("10.0.0.6", 4000), None)
    assert latch.accept(STRANGER, 2.0)
    latch.release()
    assert latch.accept(PHONE, 2.1)


@pytest.mark.parametrize("state", LatchState)
def test_every_packet_has_an_entry_and_release_is_possible_everywhere(state: LatchState) -> None:
    row = TRANSITIONS[state]
    assert row[LatchInput.RELEASED][0] is LatchState.UNLATCHED
    assert LatchInput.SIGNALLED in row
    assert LatchInput.STRANGER in row


def test_locked_is_left_by_release_alone() -> None:
    left = [
        event
        for event, (after, _) in TRANSITIONS[LatchState.LOCKED].items()
        if after is not LatchState.LOCKED
    ]
    assert left == [LatchInput.RELEASED]
    verdicts = {verdict for _, verdict in TRANSITIONS[LatchState.LOCKED].values()}
    assert LatchVerdict.TAKE not in verdicts


@given(st.lists(st.tuples(st.sampled_from([PHONE, SDP, STRANGER]), st.floats(0, 0.3)), max_size=40))
def test_no_order_of_packets_raises_or_moves_a_lock(arrivals: list[tuple[tuple[str, int], float]]) -> None:
    latch = Latch(SDP)
    now, locked = 0.0, None
    for source, pause in arrivals:
        now += pause
        latch.accept(source, now)
        if locked is not None:
            assert latch.locked == locked
        locked = latch.locked
        assert (latch.state is LatchState.LOCKED) == (locked is not None)
