"""What an endpoint sends of itself, frame by frame: playlists, silence, digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from seatbus_media.domain.clips import quiet_frame
from seatbus_media.domain.play_cursor import PlayCursor
from seatbus_rtp.codecs import CodecSpec
from seatbus_rtp.dtmf import EventStep, plan_digits

_COMMA_MS: Final = 500

Finished = Callable[[str], None]


class Player:
    """A playlist on its way to one endpoint. `finished` hears how it ended, not that it was replaced."""

    __slots__ = ("barge_in", "cursor", "finished", "origin")

    def __init__(
        self,
        cursor: PlayCursor,
        finished: Finished | None = None,
        *,
        barge_in: bool = False,
        origin: bytes = b"",
    ) -> None:
        """`origin` is the command that asked for it, for a successor of this process."""
        self.origin = origin
        self.cursor = cursor
        self.finished = finished
        self.barge_in = barge_in

    def next_frame(self, codec: CodecSpec) -> bytes | None:
        return self.cursor.next_frame(codec)


class Quiet:
    """Silence for a listener whose partner is muted or on hold: a phone that hears no packets hangs up."""

    __slots__ = ()

    def next_frame(self, codec: CodecSpec) -> bytes:
        return quiet_frame(codec)


QUIET: Final = Quiet()


class Dialer:
    """Digits to send as telephone events; `,` waits half a second."""

    def __init__(self, digits: str, now: float, clock_rate: int = 8000) -> None:
        self._steps = _plan(digits, clock_rate)
        self._begin = now
        self._next: EventStep | None = next(self._steps, None)

    @property
    def done(self) -> bool:
        return self._next is None

    def due(self, now: float) -> EventStep | None:
        """The next step whose time has come."""
        step = self._next
        if step is None or now - self._begin < step.at_ms / 1000:
            return None
        self._next = next(self._steps, None)
        return step


def _plan(digits: str, clock_rate: int) -> Iterator[EventStep]:
    at = 0
    for part in digits.replace(",", " , ").split():
        if part == ",":
            at += _COMMA_MS
            continue
        for step in plan_digits(part, clock_rate=clock_rate):
            yield EventStep(at + step.at_ms, step.payload, step.start, step.digit)
        at += 180 * len(part)
