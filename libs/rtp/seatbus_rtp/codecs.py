"""The four codecs behind one small port: 20 ms of int16 in, a payload out, and back.

G.711 is tables; G.722 and Opus are those of libavcodec (PyAV). Encoders and decoders are streams: one for
each direction of a leg, fed in order. Laws: G.722's RTP clock says 8000 though it has 16,000 samples a second
(RFC 3551 4.5.2); Opus always counts 48,000 a second, whatever the rate of what is encoded (RFC 7587 4.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from seatbus_rtp import g711
from seatbus_rtp.errors import AudioError
from seatbus_rtp.polyphase import FrameResampler

Pcm = NDArray[np.int16]

FRAMES_PER_S: Final = 50
OPUS_BITRATE: Final = 28_000
"""Below 25,000 libopus leaves forward error correction out of wideband sound, whatever it is asked for."""
_OPUS_RATES: Final = (8000, 16_000, 48_000)
_OPUS_EFFORT: Final = 4
"""Complexity 0 to 10: above 4 little is heard of it in speech, and it costs twice the time."""
_MAX_PAYLOAD: Final = 1500
_DTX_LEVEL: Final = 16
"""Peak of a frame that is taken for silence, -66 dBFS: the noise of an encoder, not that of a room."""
_DTX_AFTER: Final = 10
_DTX_EVERY: Final = 20
"""After 200 ms of silence one frame in 400 ms is sent, as libopus does (RFC 6716 2.1.9)."""


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """`clock_rate` counts RTP timestamps, `rate` the samples that the codec carries."""

    name: str
    clock_rate: int
    rate: int
    static_type: int | None = None
    impairment: float = 0.0
    """Ie of the E-model."""
    robustness: float = 25.1
    """Bpl of the E-model."""

    @property
    def frame_ticks(self) -> int:
        """RTP time of 20 ms."""
        return self.clock_rate // FRAMES_PER_S

    @property
    def is_g711(self) -> bool:
        return self.static_type in (0, 8)


# Ie and Bpl: G.711 by ITU-T G.113 appendix I (with concealment). It has no narrow-band figures for the
# others; that they are no worse than G.711, and lose about as gracefully, is an assumption of ours.
PCMU: Final = CodecSpec("PCMU", 8000, 8000, 0)
PCMA: Final = CodecSpec("PCMA", 8000, 8000, 8)
G722: Final = CodecSpec("G722", 8000, 16_000, 9, 0.0, 20.0)
OPUS: Final = CodecSpec("opus", 48_000, 48_000, None, 0.0, 25.1)

BY_NAME: Final[Mapping[str, CodecSpec]] = {spec.name.upper(): spec for spec in (PCMU, PCMA, G722, OPUS)}


def named(name: str) -> CodecSpec | None:
    """The codec of this encoding name, whatever its case."""
    return BY_NAME.get(name.upper())


def alike(one: CodecSpec, other: CodecSpec) -> bool:
    """Whether packets of the one can be heard by who takes the other, as they are or by a table."""
    return one is other or (one.is_g711 and other.is_g711)


def translation(said: CodecSpec, heard: CodecSpec) -> bytes | None:
    """The table from one codec to another that is alike, None where packets are sound as they are."""
    if said is heard or said.static_type is None or heard.static_type is None:
        return None
    return g711.translation(said.static_type, heard.static_type)


class Encoder(Protocol):
    def encode(self, pcm: Pcm) -> bytes:
        """20 ms at the encoder's rate as one payload; empty where nothing is to be sent (Opus DTX)."""
        ...


class Decoder(Protocol):
    def decode(self, payload: bytes) -> Pcm:
        """The payload's samples at the decoder's rate; none for what cannot be decoded."""
        ...


class _G711:
    __slots__ = ("_law", "_scale")

    def __init__(self, law: int, scale: FrameResampler | None) -> None:
        self._law = law
        self._scale = scale

    def encode(self, pcm: Pcm) -> bytes:
        return g711.encode(self._law, pcm if self._scale is None else self._scale.feed(pcm))

    def decode(self, payload: bytes) -> Pcm:
        pcm = g711.decode(self._law, payload)
        return pcm if self._scale is None else self._scale.feed(pcm)


class _AvEncoder:
    """An encoder of libavcodec."""

    __slots__ = ("_at", "_context", "_dtx", "_quiet", "_rate", "_scale")

    def __init__(
        self, codec: str, rate: int, options: dict[str, str], scale: FrameResampler | None, dtx: bool = False
    ) -> None:
        context: Any = av.CodecContext.create(codec, "w")
        context.sample_rate = rate
        context.layout = "mono"
        context.format = "s16"
        context.time_base = Fraction(1, rate)
        if codec == "libopus":
            context.bit_rate = OPUS_BITRATE
        context.options = options
        self._context = context
        self._rate = rate
        self._scale = scale
        self._at = 0
        self._dtx = dtx
        self._quiet = 0

    def encode(self, pcm: Pcm) -> bytes:
        if self._scale is not None:
            pcm = self._scale.feed(pcm)
        if self._dtx and self._skips(pcm):
            return b""
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm))
        frame.sample_rate = self._rate
        frame.pts = self._at
        self._at += len(pcm)
        frame.planes[0].update(np.ascontiguousarray(pcm, dtype=np.int16).tobytes())
        return b"".join(bytes(packet) for packet in self._context.encode(frame))

    def _skips(self, pcm: Pcm) -> bool:
        # libavcodec does not pass on libopus's own switch.
        if len(pcm) and max(int(pcm.max()), -int(pcm.min())) > _DTX_LEVEL:
            self._quiet = 0
            return False
        self._quiet += 1
        return self._quiet > _DTX_AFTER and (self._quiet - _DTX_AFTER) % _DTX_EVERY != 0


class _AvDecoder:
    """A decoder of libavcodec."""

    __slots__ = ("_context", "_scale", "broken")

    def __init__(self, codec: str, rate: int, scale: FrameResampler | None) -> None:
        context: Any = av.CodecContext.create(codec, "r")
        context.sample_rate = rate
        context.layout = "mono"
        self._context = context
        self._scale = scale
        self.broken = 0

    def decode(self, payload: bytes) -> Pcm:
        if not payload or len(payload) > _MAX_PAYLOAD:
            return np.zeros(0, np.int16)
        try:
            frames = self._context.decode(av.Packet(payload))
        except (av.FFmpegError, ValueError):
            # Bytes of the network: counted, never raised.
            self.broken += 1
            return np.zeros(0, np.int16)
        parts = [frame.to_ndarray() for frame in frames]
        if not parts:
            return np.zeros(0, np.int16)
        pcm: Pcm = np.concatenate([part[0] for part in parts]).astype(np.int16, copy=False)
        if self._scale is None:
            return pcm
        try:
            return self._scale.feed(pcm)
        except AudioError:
            self.broken += 1
            return np.zeros(0, np.int16)


def _scale(rate_in: int, rate_out: int) -> FrameResampler | None:
    return None if rate_in == rate_out else FrameResampler(rate_in, rate_out)


def make_encoder(codec: CodecSpec, rate: int = 8000, *, fec: bool = True, dtx: bool = False) -> Encoder:
    """An encoder for frames of `rate`. Raises AudioError for a rate it cannot take.

    `fec` and `dtx` are Opus's, as the peer asked for them (RFC 7587 7).
    """
    if codec.static_type is not None and codec.is_g711:
        return _G711(codec.static_type, _scale(rate, codec.rate))
    if codec is G722:
        return _AvEncoder("g722", codec.rate, {}, _scale(rate, codec.rate))
    if rate not in _OPUS_RATES:
        raise AudioError("rate", f"one of {_OPUS_RATES}", rate)
    options = {
        "application": "voip",
        "frame_duration": "20",
        "vbr": "on",
        "compression_level": str(_OPUS_EFFORT),
        "fec": str(int(fec)),
        "packet_loss": "5" if fec else "0",
    }
    return _AvEncoder("libopus", rate, options, None, dtx)


def make_decoder(codec: CodecSpec, rate: int = 8000) -> Decoder:
    """A decoder whose samples have `rate`. Raises AudioError for a rate it cannot give."""
    if codec.static_type is not None and codec.is_g711:
        return _G711(codec.static_type, _scale(codec.rate, rate))
    name = "g722" if codec is G722 else "libopus"
    return _AvDecoder(name, codec.rate, _scale(codec.rate, rate))


def ticks_of(codec: CodecSpec, payload: bytes) -> int:
    """RTP time that a payload covers; 0 for a broken one."""
    if codec is not OPUS:
        return len(payload)
    if not payload:
        return 0
    # RFC 6716 3.1 and 3.2: the configuration gives the frame's length, the code the number of frames.
    configuration, code = payload[0] >> 3, payload[0] & 3
    if configuration < 12:
        frame = (480, 960, 1920, 2880)[configuration & 3]
    elif configuration < 16:
        frame = (480, 960)[configuration & 1]
    else:
        frame = (120, 240, 480, 960)[configuration & 3]
    if code < 3:
        return frame * (1, 2, 2)[code]
    return frame * (payload[1] & 0x3F) if len(payload) > 1 else 0
