"""G.711 A-law and mu-law by tables (ITU-T G.711, tables 1a to 2b). Samples are int16 numpy arrays.

The 16-bit sample carries the 14-bit (mu) or 13-bit (A) uniform code of the Recommendation in its upper
bits. A negative sample's magnitude is its one's complement, which puts the decision values of both signs in
the same place.
The conversions between the laws go over the uniform code: the decoder's output value, encoded by the other
law.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.errors import AudioError

Pcm = NDArray[np.int16]

_MU_BIAS: Final = 33
_MU_TOP: Final = 0x1FFF


def _decode_tables() -> tuple[Pcm, Pcm]:
    code = np.arange(256, dtype=np.int32)
    inverted = ~code & 0xFF
    exponent = (inverted >> 4) & 7
    magnitude = ((((inverted & 0x0F) << 1) + _MU_BIAS) << exponent) - _MU_BIAS
    mu = np.where(code & 0x80, magnitude, -magnitude) << 2
    even = code ^ 0x55
    segment = (even >> 4) & 7
    step = ((even & 0x0F) << 1) + 1
    magnitude = np.where(segment == 0, step, (step + 32) << np.maximum(segment - 1, 0))
    a = np.where(code & 0x80, magnitude, -magnitude) << 3
    return mu.astype(np.int16), a.astype(np.int16)


def _encode_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Indexed by the sample's 16 bits taken as unsigned."""
    sample = np.arange(65536, dtype=np.uint16).astype(np.int16).astype(np.int32)
    positive = sample >= 0
    magnitude = np.where(positive, sample, ~sample)

    biased = np.minimum((magnitude >> 2) + _MU_BIAS, _MU_TOP)
    exponent = np.floor(np.log2(biased)).astype(np.int32) - 5
    mantissa = (biased >> (exponent + 1)) & 0x0F
    mu = ~((exponent << 4) | mantissa) & 0x7F
    mu = np.where(positive, mu | 0x80, mu)

    linear = magnitude >> 4
    segment = np.maximum(np.floor(np.log2(np.maximum(linear, 1))).astype(np.int32) - 3, 0)
    mantissa = np.where(segment == 0, linear, (linear >> np.maximum(segment - 1, 0))) & 0x0F
    a = (segment << 4) | mantissa
    a = np.where(positive, a | 0x80, a) ^ 0x55
    return mu.astype(np.uint8), a.astype(np.uint8)


_MU_TO_PCM, _A_TO_PCM = _decode_tables()
_PCM_TO_MU, _PCM_TO_A = _encode_tables()

PCMU_TO_PCMA: Final[bytes] = _PCM_TO_A[_MU_TO_PCM.view(np.uint16)].tobytes()
PCMA_TO_PCMU: Final[bytes] = _PCM_TO_MU[_A_TO_PCM.view(np.uint16)].tobytes()
"""Tables for `bytes.translate`."""

PCMU_SILENCE: Final = 0xFF
PCMA_SILENCE: Final = 0xD5


def encode_pcmu(pcm: Pcm) -> bytes:
    return _PCM_TO_MU[np.ascontiguousarray(pcm, dtype=np.int16).view(np.uint16)].tobytes()


def encode_pcma(pcm: Pcm) -> bytes:
    return _PCM_TO_A[np.ascontiguousarray(pcm, dtype=np.int16).view(np.uint16)].tobytes()


def decode_pcmu(data: bytes | bytearray | memoryview) -> Pcm:
    return _MU_TO_PCM[np.frombuffer(data, dtype=np.uint8)]


def decode_pcma(data: bytes | bytearray | memoryview) -> Pcm:
    return _A_TO_PCM[np.frombuffer(data, dtype=np.uint8)]


def encode(payload_type: int, pcm: Pcm) -> bytes:
    """By static payload type: 0 is PCMU, 8 is PCMA. Raises AudioError for others."""
    if payload_type == 0:
        return encode_pcmu(pcm)
    if payload_type == 8:
        return encode_pcma(pcm)
    raise AudioError("payload_type", "must be 0 (PCMU) or 8 (PCMA)", payload_type)


def decode(payload_type: int, data: bytes | bytearray | memoryview) -> Pcm:
    """By static payload type: 0 is PCMU, 8 is PCMA. Raises AudioError for others."""
    if payload_type == 0:
        return decode_pcmu(data)
    if payload_type == 8:
        return decode_pcma(data)
    raise AudioError("payload_type", "must be 0 (PCMU) or 8 (PCMA)", payload_type)


def translation(incoming: int, outgoing: int) -> bytes | None:
    """The table that turns one law's payload into the other's; None where they are the same.

    Raises AudioError if either is no G.711 payload type.
    """
    for name, value in (("incoming", incoming), ("outgoing", outgoing)):
        if value not in (0, 8):
            raise AudioError(name, "must be 0 (PCMU) or 8 (PCMA)", value)
    if incoming == outgoing:
        return None
    return PCMU_TO_PCMA if incoming == 0 else PCMA_TO_PCMU
