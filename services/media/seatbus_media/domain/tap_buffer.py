"""What a recording has cut and the store has not acknowledged yet: bounded, and sent again after a break."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from seatbus_media.domain.clips import Law


@dataclass(frozen=True, slots=True)
class TapChunk:
    """Samples of both channels from `offset` on. Without samples it only says that the tap lives or ends."""

    offset: int
    left: bytes
    right: bytes
    law: Law
    width: int = 1
    """Bytes of a sample: 1 is G.711 by `law`, 2 is 16 bits, little-endian."""

    @property
    def samples(self) -> int:
        """In each channel."""
        return len(self.left) // self.width

    @property
    def end(self) -> int:
        return self.offset + self.samples


class TapBuffer:
    """Keeps at most `limit` samples. What is pushed out is lost, and `lost` counts it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[TapChunk] = deque()
        self._unsent = 0
        self._samples = 0
        self.position = 0
        self.lost = 0
        self.closing = False
        self._close_sent = False

    @property
    def pending(self) -> bool:
        """Whether there is anything to send."""
        return self._unsent > 0 or (self.closing and not self._close_sent)

    @property
    def samples(self) -> int:
        return self._samples

    def add(self, chunk: TapChunk) -> None:
        self._chunks.append(chunk)
        self._unsent += 1
        self._samples += chunk.samples
        self.position = max(self.position, chunk.end)
        while self._samples > self._limit and len(self._chunks) > 1:
            old = self._chunks.popleft()
            self._samples -= old.samples
            self.lost += old.samples
            self._unsent = min(self._unsent, len(self._chunks))

    def take(self) -> tuple[TapChunk | None, bool]:
        """The next chunk to send and whether it closes the recording; (None, True) is a bare close."""
        if self._unsent:
            chunk = self._chunks[len(self._chunks) - self._unsent]
            self._unsent -= 1
            last = self.closing and self._unsent == 0
            self._close_sent = self._close_sent or last
            return chunk, last
        if self.closing and not self._close_sent:
            self._close_sent = True
            return None, True
        return None, False

    def acknowledged(self, next_offset: int) -> None:
        """All samples before `next_offset` are stored."""
        while len(self._chunks) > self._unsent and self._chunks[0].end <= next_offset:
            self._samples -= self._chunks.popleft().samples

    def rewind(self) -> None:
        """The stream broke: everything that is not acknowledged goes out again."""
        self._unsent = len(self._chunks)
        self._close_sent = False
