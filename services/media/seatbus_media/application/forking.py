"""A leg's sound on its way to a WebSocket, live. A secret collection is silence there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.room import Voice
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.clips import FRAME
from seatbus_rtp.tones import silence

_RATE: Final = 8000
_NOTHING: Final = silence(FRAME).tobytes()


class Stream(Protocol):
    """The far end of a fork. Nothing here waits."""

    def send(self, frame: bytes) -> None:
        """20 ms of samples. What cannot be sent in time ends the stream."""
        ...

    def close(self) -> None: ...


class Forker(Protocol):
    """Opens streams."""

    def open(self, url: str, about: dict[str, str], ended: Callable[[str], None]) -> Stream:
        """`ended` hears why, once, unless `close` came first. Raises InvalidArgument for what is no url."""
        ...


class Fork:
    """One leg's fork. `secret` says whether digits are being said that nobody may know."""

    def __init__(
        self, endpoint: Endpoint, stream: Stream, secret: Callable[[], bool], ticker: Ticker
    ) -> None:
        self._endpoint = endpoint
        self._stream = stream
        self._secret = secret
        self._ticker = ticker
        self._voice = Voice(endpoint, _RATE)
        endpoint.add_tap(self._voice.tap)
        ticker.add(self)

    def stop(self) -> None:
        self._endpoint.remove_tap(self._voice.tap)
        self._ticker.remove(self)
        self._stream.close()

    def tick(self, now: float) -> bool:
        if self._endpoint.closed:
            self._stream.close()
            return False
        frame = self._voice.frame()
        hidden = frame is None or self._secret()
        self._stream.send(_NOTHING if hidden or frame is None else frame.astype("<i2").tobytes())
        return True

    def skipped(self) -> None:
        """Time without frames is missing there too."""
