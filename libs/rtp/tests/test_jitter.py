from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp.errors import AudioError
from seatbus_rtp.jitter import JitterBuffer
from seatbus_rtp.tones import Pcm, ToneGenerator, level_dbfs, tone

SOUND = tone([440], 4.0)


def play(
    buffer: JitterBuffer, arrivals: list[tuple[float, int]], first: int, until_ms: int
) -> list[Pcm | None]:
    """Runs a 20 ms ticker over packets given as (arrival in ms, packet number)."""
    waiting = sorted(arrivals)
    out = []
    for now in range(0, until_ms, 20):
        while waiting and waiting[0][0] <= now:
            _, number = waiting.pop(0)
            buffer.put((first + number * 160) & 0xFFFFFFFF, SOUND[number * 160 : number * 160 + 160])
        out.append(buffer.get())
    return out


@given(st.integers(0, 0xFFFFFFFF), st.randoms(use_true_random=False))
def test_jitter_below_the_delay_changes_no_sample(first: int, chance: random.Random) -> None:
    buffer = JitterBuffer(min_ms=60, max_ms=60)
    arrivals = [(i * 20 + chance.random() * 39 * (i > 2), i) for i in range(100)]
    out = [frame for frame in play(buffer, arrivals, first, 2000) if frame is not None]
    whole = np.concatenate(out)
    assert np.array_equal(whole, SOUND[: len(whole)])
    assert len(whole) > 14000
    assert (buffer.late, buffer.missing, buffer.underruns) == (0, 0, 0)


def test_a_lost_packet_is_concealed_in_its_place_and_all_others_are_as_they_came() -> None:
    buffer = JitterBuffer()
    out = play(buffer, [(i * 20, i) for i in range(20) if i != 5], 0, 400)
    whole = np.concatenate([frame for frame in out if frame is not None])
    assert np.array_equal(whole[:800], SOUND[:800])
    # After it, 8 ms are led over.
    assert np.array_equal(whole[1024:1600], SOUND[1024:1600])
    assert level_dbfs(whole[800:1024] - SOUND[800:1024].astype(np.float64)) < level_dbfs(SOUND) - 16
    assert buffer.missing == 160


def test_a_lost_packet_behind_silence_or_before_a_press_is_silence() -> None:
    for hushed, lost, quiet in ((True, 5, range(0)), (False, 5, range(5))):
        buffer = JitterBuffer()
        buffer.hushed = hushed
        out = []
        for number in range(20):
            if number != lost:
                sound = SOUND[number * 160 : number * 160 + 160]
                buffer.put(number * 160, sound * (number not in quiet))
            out.append(buffer.get())
        whole = np.concatenate([frame for frame in out if frame is not None])
        at = lost * 160
        assert not whole[at : at + 160].any()
        assert np.array_equal(whole[at + 224 : 1600], SOUND[at + 224 : 1600])


def test_the_delay_grows_with_late_packets_and_stays_under_the_maximum() -> None:
    buffer = JitterBuffer(min_ms=20, max_ms=120)
    chance = random.Random(3)
    play(buffer, [(i * 20 + chance.random() * 90, i) for i in range(190)], 0, 3800)
    assert 320 <= buffer.target <= 960


def test_unused_delay_is_given_back() -> None:
    buffer = JitterBuffer(min_ms=20, max_ms=200)
    play(buffer, [(0.0 if i < 9 else (i - 8) * 20.0, i) for i in range(190)], 0, 3600)
    assert buffer.bends >= 100
    assert buffer.depth < 8 * 160


@pytest.mark.parametrize("ppm", [-300, 300])
def test_a_sender_with_another_clock_is_followed_without_a_seam(ppm: int) -> None:
    buffer = JitterBuffer(min_ms=40, max_ms=120)
    phone = ToneGenerator([440], -12.0)
    frames: list[Pcm] = []
    sent = 0
    depths = []
    for now in range(0, 400_000, 20):
        while sent * 20 * (1 - ppm / 1e6) <= now + 7:
            buffer.put(sent * 160, phone.frame())
            sent += 1
        frame = buffer.get()
        if frame is not None:
            frames.append(frame)
            depths.append(buffer.depth)
    whole = np.concatenate(frames).astype(np.int32)
    steepest = 2 * np.pi * 440 / 8000 * 32768 * 10 ** (-12 / 20)
    assert np.abs(np.diff(whole)).max() < 1.1 * steepest
    assert (buffer.late, buffer.missing, buffer.underruns, buffer.skipped) == (0, 0, 0, 0)
    assert buffer.bends >= 500
    assert max(depths) < 4 * 160
    assert len(frames) >= 19_990


def test_a_silent_source_gives_nothing_and_starts_again() -> None:
    buffer = JitterBuffer()
    out = play(
        buffer, [(i * 20, i) for i in range(10)] + [(1000 + i * 20, 50 + i) for i in range(10)], 0, 1200
    )
    # What was said last dies away in 60 ms, and the beginning grows in 10.
    said = [number for number, frame in enumerate(out) if frame is not None]
    assert said == [*range(1, 14), *range(52, 60)]
    frames = [frame for frame in out if frame is not None]
    assert np.abs(np.concatenate(frames[10:13])[-40:]).max() < np.abs(SOUND).max() // 8
    assert np.array_equal(frames[13][80:], SOUND[8080:8160])
    assert np.array_equal(frames[14], SOUND[8160:8320])
    assert buffer.underruns >= 1


def test_a_clock_that_jumps_starts_over() -> None:
    buffer = JitterBuffer(min_ms=20, max_ms=60)
    buffer.put(0, SOUND[:160])
    buffer.put(1 << 31, SOUND[160:320])
    frame = buffer.get()
    assert frame is not None
    assert np.array_equal(frame, SOUND[160:320])


def test_packets_of_another_length_are_cut_to_frames() -> None:
    buffer = JitterBuffer()
    for at in range(0, 2400, 240):
        buffer.put(at, SOUND[at : at + 240])
    whole = np.concatenate([frame for _ in range(10) if (frame := buffer.get()) is not None])
    assert len(whole) == 1600
    assert buffer.missing == 0


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 400), st.booleans()), max_size=60))
def test_no_order_of_packets_raises(steps: list[tuple[int, int, bool]]) -> None:
    buffer = JitterBuffer()
    for timestamp, size, take in steps:
        buffer.put(timestamp, SOUND[:size])
        if take:
            frame = buffer.get()
            assert frame is None or len(frame) == 160
        assert buffer.depth <= 1 << 14


def test_a_delay_that_cannot_be_held_is_refused() -> None:
    with pytest.raises(AudioError):
        JitterBuffer(max_ms=5000)
    with pytest.raises(AudioError):
        JitterBuffer(min_ms=0)


def _holes(late_s: Callable[[int], Sequence[float]], seconds: int) -> tuple[JitterBuffer, list[int]]:
    """How many frames lacked something in each second. `late_s` gives the delays of a packet's copies."""
    buffer = JitterBuffer(min_ms=40, max_ms=160)
    due = sorted((n * 0.02 + late, n) for n in range(seconds * 50) for late in late_s(n))
    holes = [0] * seconds
    for tick in range(seconds * 50 - 5):
        while due and due[0][0] <= tick * 0.02 + 0.007:
            buffer.put(due.pop(0)[1] * 160, np.full(160, 1000, np.int16))
        missing, underruns = buffer.missing, buffer.underruns
        if buffer.get() is None or buffer.missing - missing > 20 or buffer.underruns > underruns:
            holes[tick // 50] += 1
    return buffer, holes


def test_packets_that_are_regularly_late_are_soon_waited_for() -> None:
    """One in ten is late by more than the store, so that it never runs empty and yet always lacks one."""
    buffer, holes = _holes(lambda n: (0.07 if n % 10 == 6 else 0.0,), 20)
    assert sum(holes[1:]) < 20, holes
    assert buffer.underruns == 0


def test_late_duplicates_are_not_waited_for() -> None:
    buffer, holes = _holes(lambda n: (0.0, *([0.07] if n % 10 == 6 else ())), 5)
    assert sum(holes[1:]) == 0
    assert (buffer.target, buffer.missing) == (320, 0)
    assert buffer.late > 20
