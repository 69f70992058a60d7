from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp.errors import AudioError
from seatbus_rtp.mixer import Mixer, everyone
from seatbus_rtp.tones import Pcm, ToneGenerator, goertzel_dbfs, level_dbfs

FRAME = 160
_voice = st.builds(
    lambda seed, peak: np.random.default_rng(seed).integers(-peak - 1, peak, FRAME, np.int16, endpoint=True),
    st.integers(0, 1 << 30),
    st.integers(0, 32767),
)


def run(mixer: Mixer[str], voices: dict[str, ToneGenerator], frames: int = 50) -> dict[str, Pcm]:
    heard: dict[str, list[Pcm]] = {}
    for _ in range(frames):
        rows = mixer.mix({name: voice.frame() for name, voice in voices.items()})
        for name, row in zip(mixer.listeners, rows, strict=True):
            heard.setdefault(name, []).append(row)
    return {name: np.concatenate(parts) for name, parts in heard.items()}


def voices(**hertz: float) -> dict[str, ToneGenerator]:
    return {name: ToneGenerator([hz], -15.0) for name, hz in hertz.items()}


@given(st.dictionaries(st.integers(0, 5), _voice, min_size=2, max_size=6))
def test_each_hears_the_cut_off_sum_of_all_others(frames: dict[int, Pcm]) -> None:
    mixer: Mixer[int] = Mixer()
    mixer.route(everyone(frames))
    mixer.mix({})
    rows = mixer.mix(frames)
    total = sum(frame.astype(np.int64) for frame in frames.values())
    for listener, row in zip(mixer.listeners, rows, strict=True):
        assert np.array_equal(row, np.clip(total - frames[listener], -32768, 32767))


def test_a_conference_of_four_hears_three_tones_each_and_not_itself() -> None:
    hertz = {"a": 400.0, "b": 700.0, "c": 1100.0, "d": 1900.0}
    mixer: Mixer[str] = Mixer()
    mixer.route(everyone(hertz))
    for name, heard in run(mixer, voices(**hertz)).items():
        for other, frequency in hertz.items():
            level = goertzel_dbfs(heard[FRAME:], frequency)
            assert level < -60 if other == name else level == pytest.approx(-15, abs=0.2)


def test_what_is_not_in_the_matrix_is_not_heard_to_the_last_bit() -> None:
    mixer: Mixer[str] = Mixer()
    mixer.route({"agent": {"caller": 1.0, "supervisor": 1.0}, "supervisor": {"caller": 1.0, "agent": 1.0}})
    heard = run(mixer, voices(caller=400, agent=700, supervisor=1100))
    alone = ToneGenerator([400], -15.0)
    mixer.route({"caller": {"agent": 1.0}, "agent": {"caller": 1.0}})
    mixer.mix({})
    rows = mixer.mix({"caller": alone.frame(), "supervisor": np.full(FRAME, 30000, np.int16)})
    assert not rows[mixer.listeners.index("caller")].any()
    assert set(heard) == {"agent", "supervisor"}
    assert level_dbfs(heard["agent"][FRAME:]) == pytest.approx(-12, abs=0.3)


def test_a_change_is_faded_over_one_frame() -> None:
    mixer: Mixer[str] = Mixer()
    full = np.full(FRAME, 10000, np.int16)
    mixer.route({"a": {"b": 1.0}})
    first = mixer.mix({"b": full})[0]
    assert first[0] == 0
    assert mixer.mix({"b": full})[0].min() == 10000
    mixer.route({"a": {"c": 1.0}})
    assert set(mixer.speakers) == {"b", "c"}
    fading = mixer.mix({"b": full})[0].astype(int)
    assert (fading[0], fading[-1]) == (10000, pytest.approx(0, abs=70))
    assert np.abs(np.diff(fading)).max() <= 64
    assert mixer.speakers == ("c",)
    assert not mixer.mix({"b": full}).any()


def test_gains_scale_and_bad_ones_are_refused() -> None:
    mixer: Mixer[str] = Mixer()
    mixer.route({"a": {"b": 0.5, "c": 0.0}})
    assert mixer.speakers == ("b",)
    mixer.mix({})
    assert mixer.mix({"b": np.full(FRAME, 1001, np.int16)})[0][5] in (500, 501)
    for matrix in ({"a": {"a": 1.0}}, {"a": {"b": -1.0}}, {"a": {"b": float("nan")}}, {"a": {"b": 17.0}}):
        with pytest.raises(AudioError):
            mixer.route(matrix)
    assert mixer.listeners == ("a",)


def test_a_listener_without_speakers_hears_silence_and_an_empty_room_gives_nothing() -> None:
    mixer: Mixer[str] = Mixer()
    assert mixer.mix({}).shape == (0, FRAME)
    mixer.route({"a": {}})
    assert mixer.mix({}).shape == (1, FRAME)
    assert not mixer.mix({}).any()
