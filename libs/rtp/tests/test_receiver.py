from __future__ import annotations

import numpy as np
import pytest

from seatbus_rtp import g711, packet, tones
from seatbus_rtp.receiver import Discontinuity, Fault, Gap, StrictReceiver

ONE = [
    packet.build(0, 65530 + i, 0xFFFFFC00 + i * 160, 7, g711.encode_pcmu(frame))
    for i, frame in enumerate(tones.tone([440], 1.0, -12).reshape(-1, 160))
]


def ears(packets: list[bytes]) -> StrictReceiver:
    receiver = StrictReceiver()
    for i, one in enumerate(packets):
        receiver.receive(one, i * 0.02)
    return receiver


def kinds(receiver: StrictReceiver) -> list[Fault]:
    return [one.fault for one in receiver.faults()]


def test_a_good_stream_is_heard_whole_across_both_wraps() -> None:
    receiver = ears(ONE)
    assert receiver.faults() == []
    assert receiver.max_gap_ms() == 0.0
    assert receiver.duration_ms() == 1000
    assert receiver.frequency() == pytest.approx(440, abs=0.5)
    assert receiver.level(0.5) == pytest.approx(-12, abs=0.2)
    assert (receiver.first_at, receiver.last_at) == (0.0, pytest.approx(0.98))


def test_lost_packets_are_a_fault_and_a_gap() -> None:
    receiver = ears(ONE[:10] + ONE[14:])
    assert receiver.faults() == [Discontinuity(Fault.LOST, (65530 + 14) & 0xFFFF, 4)]
    assert receiver.gaps() == [Gap(200.0, 80.0, 4)]
    assert not receiver.segment(0.2, 0.28).any()
    assert receiver.duration_ms() == 1000


def test_reordering_and_duplicates_are_faults_but_no_gap() -> None:
    receiver = ears([ONE[0], ONE[2], ONE[1], ONE[1], *ONE[3:]])
    assert kinds(receiver) == [Fault.REORDERED, Fault.DUPLICATE]
    assert receiver.max_gap_ms() == 0.0
    assert np.array_equal(receiver.audio(), ears(ONE).audio())


def test_a_pause_of_the_sender_is_a_gap_and_without_marker_a_fault() -> None:
    for marker in (True, False):
        late = packet.build(0, 65531, 0xFFFFFC00 + 160 + 800, 7, bytes(160), marker)
        receiver = ears([ONE[0], late])
        assert receiver.gaps(60) == [Gap(20.0, 100.0, 0)]
        assert kinds(receiver) == ([] if marker else [Fault.TIMESTAMP_JUMP])


def test_a_clock_that_stands_still_or_goes_back_is_a_fault() -> None:
    for step in (0, -160):
        receiver = ears([ONE[0], packet.build(0, 65531, 0xFFFFFC00 + step, 7, bytes(160))])
        assert kinds(receiver) == [Fault.TIMESTAMP_BACK]


def test_another_ssrc_a_foreign_type_and_rubbish_are_faults() -> None:
    receiver = ears([ONE[0], packet.build(0, 5, 5, 8, bytes(160)), packet.build(18, 1, 1, 8, b""), b"\x80"])
    assert kinds(receiver) == [Fault.SSRC_CHANGED, Fault.PAYLOAD_TYPE, Fault.MALFORMED]
    assert receiver.ssrcs == [7, 8]
    assert receiver.faults(Fault.MALFORMED) == [Discontinuity(Fault.MALFORMED, -1)]


def test_nothing_heard_is_no_error() -> None:
    receiver = StrictReceiver()
    assert (receiver.frequency(), receiver.level(), receiver.gaps(), receiver.digits) == (0.0, -120.0, [], "")
