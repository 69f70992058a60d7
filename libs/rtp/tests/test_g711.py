from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_rtp import g711
from seatbus_rtp.errors import AudioError

EVERY = bytes(range(256))


def mu_edges() -> list[int]:
    # G.711 table 2a, 14-bit units: 0, 1, 3, 5, ... 31 | 35, 39, ... 95 | 103, ... | ... 8159.
    edges = [0, *range(1, 32, 2)]
    width = 4
    while len(edges) < 128:
        edges += [edges[-1] + width * i for i in range(1, 17)]
        width *= 2
    return edges[:128]


def a_edges() -> list[int]:
    # G.711 table 1a, 13-bit units: 0, 2, 4, ... 64 | 68, ... 128 | 136, ... | ... 4096.
    edges = list(range(0, 66, 2))
    width = 4
    while len(edges) < 128:
        edges += [edges[-1] + width * i for i in range(1, 17)]
        width *= 2
    return edges[:128]


def test_mu_law_encodes_every_sample_by_the_decision_values_of_the_recommendation() -> None:
    samples = np.arange(32768, dtype=np.int16)
    interval = np.searchsorted(np.array(mu_edges()), samples.astype(int) >> 2, side="right") - 1
    assert np.array_equal(np.frombuffer(g711.encode_pcmu(samples), np.uint8), 0xFF - interval)
    mirrored = np.frombuffer(g711.encode_pcmu(~samples), np.uint8)
    assert np.array_equal(mirrored, 0x7F - interval)


def test_a_law_encodes_every_sample_by_the_decision_values_of_the_recommendation() -> None:
    samples = np.arange(32768, dtype=np.int16)
    interval = np.searchsorted(np.array(a_edges()), samples.astype(int) >> 3, side="right") - 1
    assert np.array_equal(np.frombuffer(g711.encode_pcma(samples), np.uint8), (0x80 + interval) ^ 0x55)
    mirrored = np.frombuffer(g711.encode_pcma(~samples), np.uint8)
    assert np.array_equal(mirrored, interval ^ 0x55)


def test_decoders_give_the_quantized_values_of_the_recommendation() -> None:
    edges = np.array([*mu_edges(), 8159])
    middle = (edges[:-1] + edges[1:]) // 2
    middle[0] = 0
    assert np.array_equal(g711.decode_pcmu(EVERY[255:127:-1]), middle * 4)
    assert np.array_equal(g711.decode_pcmu(EVERY[127::-1]), -middle * 4)
    edges = np.array([*a_edges(), 4096])
    middle = (edges[:-1] + edges[1:]) // 2
    codes = bytes((0x80 + i) ^ 0x55 for i in range(128))
    assert np.array_equal(g711.decode_pcma(codes), middle * 8)
    assert np.array_equal(g711.decode_pcma(bytes(code ^ 0x80 for code in codes)), -middle * 8)


def test_every_code_survives_decoding_and_encoding() -> None:
    assert g711.encode_pcma(g711.decode_pcma(EVERY)) == EVERY
    # Mu-law has two zeros; the negative one comes back as the positive.
    assert g711.encode_pcmu(g711.decode_pcmu(EVERY)) == EVERY.replace(b"\x7f", b"\xff")


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_quantisation_error_stays_within_half_a_step(values: list[int]) -> None:
    pcm = np.array(values, dtype=np.int16)
    for payload_type in (0, 8):
        back = g711.decode(payload_type, g711.encode(payload_type, pcm)).astype(int)
        assert np.all(np.abs(back - pcm) <= np.maximum(np.abs(pcm.astype(int)) / 16, 16) + 1)


def test_translation_is_decoding_and_encoding_and_stays_put_after_one_round() -> None:
    assert EVERY.translate(g711.PCMU_TO_PCMA) == g711.encode_pcma(g711.decode_pcmu(EVERY))
    assert EVERY.translate(g711.PCMA_TO_PCMU) == g711.encode_pcmu(g711.decode_pcma(EVERY))
    once = EVERY.translate(g711.PCMU_TO_PCMA).translate(g711.PCMA_TO_PCMU)
    assert once.translate(g711.PCMU_TO_PCMA).translate(g711.PCMA_TO_PCMU) == once


def test_translation_names_what_it_cannot_do() -> None:
    assert g711.translation(0, 0) is None
    assert g711.translation(8, 0) == g711.PCMA_TO_PCMU
    with pytest.raises(AudioError) as caught:
        g711.translation(0, 9)
    assert caught.value.field == "outgoing"
