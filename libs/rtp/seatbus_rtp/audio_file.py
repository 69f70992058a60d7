"""Audio files that people upload: WAV, MP3, FLAC, Ogg with Opus, of any rate, as mono samples.

Which decoder reads the bytes is told by their beginning, never guessed by trying all that a library knows.
"""

from __future__ import annotations

import io
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.errors import AudioError, InvalidInputError
from seatbus_rtp.wav import WavReader

Pcm = NDArray[np.int16]

MAX_SECONDS: Final = 1200
_CHUNK: Final = 8000


def kind_of(data: bytes) -> str:
    """`wav`, `mp3`, `flac`, `ogg`, or empty for what is none of them."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "ogg"
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):
        return "mp3"
    return ""


def read_audio(data: bytes, rate: int = 8000, max_seconds: float = MAX_SECONDS) -> Pcm:
    """The whole file as mono at `rate`. Raises InvalidInputError naming the rule that it breaks."""
    kind = kind_of(data)
    if not kind:
        raise AudioError("file", "must be WAV, MP3, FLAC or Ogg Opus")
    pcm = _wav(data, rate, max_seconds) if kind == "wav" else _decoded(data, kind, rate, max_seconds)
    if not len(pcm):
        raise AudioError("file", "has no sound in it")
    return pcm


def _wav(data: bytes, rate: int, max_seconds: float) -> Pcm:
    from seatbus_rtp.resample import resample

    reader = WavReader(io.BytesIO(data))
    if reader.info.frames > max_seconds * reader.info.rate:
        raise AudioError("file", f"at most {max_seconds:.0f} s", reader.info.frames / reader.info.rate)
    frames = reader.read(reader.info.frames)
    mono = frames[:, 0] if reader.info.channels == 1 else frames.mean(axis=1).astype(np.int16)
    return resample(np.ascontiguousarray(mono), reader.info.rate, rate)


def _decoded(data: bytes, kind: str, rate: int, max_seconds: float) -> Pcm:
    parts: list[Pcm] = []
    samples = 0
    try:
        with av.open(io.BytesIO(data), mode="r", format=kind) as container:
            if not container.streams.audio:
                raise AudioError("file", "has no audio stream")
            resampler: Any = av.AudioResampler(format="s16", layout="mono", rate=rate)
            frames = container.decode(container.streams.audio[0])
            for frame in frames:
                for made in resampler.resample(frame):
                    part = made.to_ndarray()[0]
                    samples += len(part)
                    if samples > max_seconds * rate:
                        raise AudioError("file", f"at most {max_seconds:.0f} s")
                    parts.append(part)
            parts += [made.to_ndarray()[0] for made in resampler.resample(None)]
    except InvalidInputError:
        raise
    except (av.FFmpegError, ValueError, EOFError) as error:
        raise AudioError("file", f"is no readable {kind}: {error}") from error
    whole: Pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    return whole.astype(np.int16, copy=False)
