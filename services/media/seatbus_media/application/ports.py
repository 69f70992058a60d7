"""What this service needs from outside: small ports, filled by adapters and by fakes in tests."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seatbus.media.v1.events_pb2 import MediaEvent
from seatbus.recording.v1.service_pb2 import Open
from seatbus_media.domain.tap_buffer import TapChunk

Pcm = NDArray[np.int16]
Address = tuple[str, int]


class Datagrams(Protocol):
    """A UDP socket that never waits: what cannot be done at once is an OSError."""

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]: ...

    def sendto(self, data: bytes, addr: Any, /) -> int: ...

    def close(self) -> None: ...


class Speech(Protocol):
    """Text to speech."""

    async def speak(self, text: str, language: str) -> Pcm:
        """8 kHz mono. Raises InvalidArgument for a language without a voice, Unavailable where there is no
        speech at all.
        """
        ...


class Prompts(Protocol):
    """Stored prompts of tenants."""

    async def load(self, tenant: str, prompt_id: str) -> Pcm:
        """8 kHz mono. Raises NotFound, InvalidArgument for a file that is no usable WAV, Unavailable."""
        ...


class Recorder(Protocol):
    """Where taps go. Nothing here waits: what cannot be sent yet is kept."""

    def begin(self, recording_id: str, opening: Open, session_id: str, owner: str) -> None: ...

    def write(self, recording_id: str, chunk: TapChunk) -> None: ...

    def finish(self, recording_id: str) -> None: ...


class EventSink(Protocol):
    """Takes events for the owner of a session."""

    def emit(self, owner: str, event: MediaEvent) -> None: ...
