"""The pure parts: ports, collections, playlists, the recording clock, the buffer of a tap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_media.domain.clips import FOREVER, Clip, Law
from seatbus_media.domain.collect import Collected, Collector, CollectReason, CollectRules
from seatbus_media.domain.melody import compose
from seatbus_media.domain.play_cursor import PlayCursor
from seatbus_media.domain.port_pool import PortPool
from seatbus_media.domain.tap import HOLD_BACK, TapMode, Timeline
from seatbus_media.domain.tap_buffer import TapBuffer, TapChunk
from seatbus_rtp.codecs import PCMA, PCMU
from seatbus_rtp.packet import build
from seatbus_rtp.tones import level_dbfs, tone


def test_a_freed_pair_rests_before_it_is_used_again():
    pool = PortPool(2001, 2006, 10.0)
    assert [pool.acquire(0.0), pool.acquire(0.0), pool.acquire(0.0)] == [2002, 2004, None]
    pool.release(2004, 1.0)
    pool.release(2004, 1.0)
    assert pool.acquire(10.9) is None
    assert pool.acquire(11.0) == 2004
    assert pool.acquire(11.0) is None


@given(st.lists(st.tuples(st.sampled_from("0123456789*#"), st.floats(0.0, 4.0))), st.booleans())
def test_a_collection_ends_once_and_never_holds_more_than_allowed(presses, playing):
    rules = CollectRules(max_digits=4, min_digits=2, terminators="#", timeout_s=3.0, inter_digit_s=2.0)
    collector = Collector(rules, playing=playing, now=0.0)
    now, outcomes = 0.0, []
    for digit, wait in presses:
        now += wait
        outcomes += [outcome for outcome in (collector.expire(now),) if outcome]
        outcomes += [outcome for outcome in (collector.digit(digit, now),) if outcome]
    assert len(outcomes) <= 1
    for outcome in outcomes:
        assert len(outcome.digits) <= 4
        assert "#" not in outcome.digits
        if outcome.reason is CollectReason.TERMINATOR:
            assert len(outcome.digits) >= 2
        assert collector.deadline is None


def test_the_timeout_waits_for_the_playlist_and_a_digit_without_barge_in_is_dropped():
    rules = CollectRules(max_digits=1, timeout_s=3.0, barge_in=False)
    collector = Collector(rules, playing=True, now=0.0)
    assert collector.digit("1", 1.0) is None
    assert collector.deadline is None
    collector.playlist_ended(5.0)
    assert collector.expire(7.9) is None
    assert collector.expire(8.0) == Collected("", CollectReason.TIMEOUT)
    assert collector.digit("1", 8.1) is None


def test_a_playlist_runs_as_often_as_asked():
    clip = Clip.from_pcm(np.zeros(170, np.int16))
    cursor = PlayCursor([clip, clip], 2)
    frames = 0
    while cursor.next_frame(PCMA) is not None:
        frames += 1
    assert frames == 8
    endless = PlayCursor([clip], FOREVER)
    assert all(endless.next_frame(PCMU) for _ in range(50))
    assert PlayCursor([], FOREVER).next_frame(PCMU) is None


def test_the_music_is_quiet_whole_and_loops_without_a_step():
    music = compose()
    assert -40 < level_dbfs(music) < -15
    assert np.abs(music).max() < 8000
    assert abs(int(music[0]) - int(music[-1])) < 1500


def speech(timeline, channel, first, count, at, source=7, value=0x11):
    """`count` packets of 20 ms from number `first`; `at` is the arrival of each."""
    for number in range(first, first + count):
        packet = build(0, number, number * 160, source, bytes([value]) * 160)
        channel.hear((at(number), packet))


def test_both_channels_have_one_length_and_loss_is_silence():
    timeline = Timeline(Law.PCMU, 100.0)
    speech(timeline, timeline.left, 0, 50, lambda number: 100.0 + number * 0.02)
    speech(timeline, timeline.right, 0, 10, lambda number: 100.0 + number * 0.02)
    speech(timeline, timeline.right, 20, 30, lambda number: 100.0 + number * 0.02)
    offset, left, right = timeline.cut(101.0)
    assert (offset, len(left), len(right)) == (0, 8000 - HOLD_BACK, 8000 - HOLD_BACK)
    assert set(left) == {0x11}
    assert set(right[1600:3200]) == {0xFF}
    assert set(right[3200:]) == {0x11}


def test_jitter_and_late_packets_leave_no_trace_in_the_recording():
    timeline = Timeline(Law.PCMU, 0.0)
    numbers = [*range(30), 32, 31, 30, *range(33, 60)]
    for number in numbers:
        late = 0.05 if number % 7 == 3 else 0.0
        packet = build(0, number, number * 160, 7, bytes([number + 1]) * 160)
        timeline.left.hear((number * 0.02 + late, packet))
    _, left, _ = timeline.cut(1.2, final=True)
    assert left == b"".join(bytes([number + 1]) * 160 for number in range(60))


def test_a_stall_that_ends_in_a_burst_is_put_back_in_place():
    timeline = Timeline(Law.PCMU, 0.0)
    for number in range(50):
        arrival = number * 0.02 if not 20 <= number < 35 else 0.7
        packet = build(0, number, number * 160, 7, bytes([number + 1]) * 160)
        timeline.left.hear((arrival, packet))
    _, left, _ = timeline.cut(1.0, final=True)
    assert left == b"".join(bytes([number + 1]) * 160 for number in range(50))


@pytest.mark.parametrize("behind", [1, 3, 7, 20])
@pytest.mark.parametrize("lost", [(), (3,), (2, 3)])
def test_a_first_packet_that_was_read_late_moves_nothing(behind, lost):
    """The process was behind when the recording began: what came on time says where the leg is."""
    timeline = Timeline(Law.PCMU, 0.0)
    numbers = [number for number in range(90) if number not in lost]
    for number in numbers:
        arrival = max(number, behind) * 0.02 + 1e-6
        packet = build(0, number, number * 160, 7, bytes([number + 1]) * 160)
        timeline.left.hear((arrival, packet))
        if number == 60:
            first = timeline.cut(1.2)
    _, left, _ = timeline.cut(1.8, final=True)
    heard = first[1] + left
    assert heard == b"".join(bytes([number + 1 if number in numbers else 0xFF]) * 160 for number in range(90))


@given(st.lists(st.floats(0.1, 1.5), min_size=1, max_size=8))
def test_cuts_follow_each_other_without_hole_or_overlap(waits):
    timeline = Timeline(Law.PCMU, 0.0)
    now, position, sent = 0.0, 0, 0
    for wait in waits:
        now += wait
        while sent * 0.02 <= now:
            speech(timeline, timeline.left, sent, 1, lambda number: number * 0.02)
            sent += 1
        cut = timeline.cut(now)
        if cut is not None:
            assert cut[0] == position
            assert set(cut[1]) == {0x11}
            position += len(cut[1])


def test_a_pause_takes_no_time_and_a_mask_takes_its_time_in_silence():
    timeline = Timeline(Law.PCMU, 0.0)
    speech(timeline, timeline.left, 0, 50, lambda number: number * 0.02)
    assert len(timeline.switch(TapMode.PAUSED, 1.0)[1]) == 8000
    speech(timeline, timeline.left, 50, 50, lambda number: number * 0.02)
    assert timeline.cut(2.0) is None
    assert timeline.switch(TapMode.MASKED, 3.0) is None
    speech(timeline, timeline.left, 150, 25, lambda number: number * 0.02)
    offset, left, _ = timeline.switch(TapMode.ON, 3.5)
    assert (offset, len(left), set(left)) == (8000, 4000, {0xFF})
    speech(timeline, timeline.left, 175, 25, lambda number: number * 0.02)
    offset, left, _ = timeline.cut(4.0, final=True)
    assert (offset, len(left), set(left)) == (12000, 4000, {0x11})


def chunk(offset, size=100):
    return TapChunk(offset, b"l" * size, b"r" * size, Law.PCMU)


def test_after_a_break_all_that_is_not_acknowledged_goes_out_again():
    buffer = TapBuffer(1000)
    for offset in (0, 100, 200):
        buffer.add(chunk(offset))
    assert [buffer.take()[0].offset for _ in range(3)] == [0, 100, 200]
    buffer.acknowledged(100)
    buffer.closing = True
    assert buffer.take() == (None, True)
    assert not buffer.pending
    buffer.rewind()
    assert [buffer.take() for _ in range(2)] == [(chunk(100), False), (chunk(200), True)]
    assert buffer.lost == 0


def test_a_full_buffer_loses_the_oldest_and_says_how_much():
    buffer = TapBuffer(250)
    for offset in (0, 100, 200, 300):
        buffer.add(chunk(offset))
    assert buffer.lost == 200
    assert buffer.take()[0].offset == 200
    buffer.acknowledged(10_000)
    assert buffer.samples == 100


@pytest.mark.parametrize("gain", [-6, 6])
def test_a_gain_changes_the_level_by_as_much(gain):
    plain = Clip.from_pcm(tone([440.0], 1.0, -18.0))
    assert level_dbfs(plain.with_gain(gain).pcm) == pytest.approx(-18 + gain, abs=0.3)


def test_the_session_table_gives_back_what_lives_and_stays_small(tmp_path, monkeypatch):
    from seatbus_media.adapters import ledger_log

    monkeypatch.setattr(ledger_log, "_LARGE", 20_000)
    ledger = ledger_log.LedgerLog(tmp_path)
    for turn in range(100):
        for name in ("a", "b"):
            ledger.save(name, {"id": name, "turn": turn, "sound": "x" * 400})
    ledger.forget("a")
    ledger.beat(12.5)
    file = tmp_path / "sessions.log"
    assert file.stat().st_size < 30_000
    with file.open("ab") as torn:
        torn.write(b'{"id": "b", "tu')
    successor = ledger_log.LedgerLog(tmp_path)
    assert [(record["id"], record["turn"]) for record in successor.load()] == [("b", 99)]
    assert successor.last_beat == 12.5
    assert successor.load() == []


def test_keys_are_kept_apart_and_go_with_their_session(tmp_path):
    from seatbus_media.adapters.ledger_log import LedgerLog

    ledger = LedgerLog(tmp_path)
    for name in ("a", "b", "c"):
        ledger.save(name, {"id": name, "secrets": {"leg": {"keys": f"of {name}"}}})
    ledger.save("d", {"id": "d", "secrets": {}})
    files = sorted((tmp_path / "keys").iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert b"of a" not in (tmp_path / "sessions.log").read_bytes()
    ledger.forget("a")
    assert len(list((tmp_path / "keys").iterdir())) == 2
    # Keys that are not those of the record are not used.
    torn = next(file for file in (tmp_path / "keys").iterdir() if b"of c" in file.read_bytes())
    torn.write_bytes(b"{}")
    (tmp_path / "keys" / "left-over").write_bytes(b"{}")
    successor = LedgerLog(tmp_path)
    found = {record["id"]: record["secrets"] for record in successor.load()}
    assert found == {"b": {"leg": {"keys": "of b"}}, "d": {}}
    assert len(list((tmp_path / "keys").iterdir())) == 1
    successor.forget("b")
    assert list((tmp_path / "keys").iterdir()) == []
