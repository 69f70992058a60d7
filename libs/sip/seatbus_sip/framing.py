"""Cutting a byte stream (TCP, TLS) into SIP messages, without I/O: bytes and time in, messages out.

A connection's framing is a `Codec`; `websocket.py` has the other one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from seatbus_sip.errors import SipParseError

PING = b"\r\n\r\n"
"""The keep-alive of RFC 5626 section 4.4.1; a single CRLF answers it."""

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FramingLimits:
    """Caps for one connection. `head`, `message` and `line` in bytes.

    `message_s`: seconds from the first byte of a message (or of a handshake) to its last.
    """

    head: int = 16_384
    message: int = 65_535
    line: int = 8_192
    message_s: float = 10.0


DEFAULT_FRAMING = FramingLimits()


class FramingError(SipParseError):
    """The stream cannot be read on and has to be closed. `head`, if any, can still be answered."""

    def __init__(self, field: str, rule: str, status: int = 400, head: bytes = b"") -> None:
        super().__init__(field, rule, status)
        self.head = head


class Codec(Protocol):
    """The framing of one connection. `error` and `ended` say that it is to be closed once flushed."""

    error: FramingError | None

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Messages that are complete now. Never raises for what is in them."""

    def encode(self, message: bytes) -> bytes:
        """One message as it goes on the wire; empty if none can go now."""

    def outgoing(self) -> bytes:
        """What the framing itself has to say (handshake, pong, close); emptied by this call."""

    def ping(self) -> None:
        """Queue a keep-alive that a living peer answers."""

    def close(self) -> None:
        """Queue a farewell, where there is one."""

    @property
    def opened(self) -> bool:
        """Whether messages may be sent."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""

    @property
    def deadline(self) -> float | None:
        """When what has begun must be complete; None while nothing has begun."""


class StreamFramer:
    """RFC 3261 section 18.3: on a stream each message says its length, and whoever does not is cut off."""

    def __init__(self, limits: FramingLimits = DEFAULT_FRAMING) -> None:
        self.error: FramingError | None = None
        self._limits = limits
        self._buffer = bytearray()
        # Bytes searched for the end of a head; length of the message once its head is known.
        self._searched = 0
        self._wanted = 0
        self._since: float | None = None
        self._pings = 0

    # ---- receiving --------------------------------------------------------------------------------------
    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Messages and pings that are complete now, in order. Sets `error` where the stream breaks."""
        if self.error is not None:
            return []
        self._buffer += data
        found: list[bytes] = []
        try:
            while (message := self._next()) is not None:
                found.append(message)
        except FramingError as error:
            self.error = error
            self._buffer.clear()
        if not self._buffer or self._buffer == b"\r\n":
            self._since = None
        elif found or self._since is None:
            self._since = now
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        while not self._wanted:
            if buffer[:1] == b"\r" and b"\r\n\r\n".startswith(buffer[:4]):
                # Half a ping looks like a whole pong: which one it is, the next bytes tell.
                return self._cut(4) if len(buffer) >= 4 else None
            if buffer[:2] == b"\r\n":
                del buffer[:2]
                continue
            if not buffer or not self._read_head():
                return None
        return self._cut(self._wanted) if len(buffer) >= self._wanted else None

    def _cut(self, length: int) -> bytes:
        message = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._searched = self._wanted = 0
        return message

    def _read_head(self) -> bool:
        buffer, limits = self._buffer, self._limits
        if not 0x20 < buffer[0] < 0x7F:
            raise FramingError("start line", "begins with a letter")
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        first = buffer.find(b"\r\n", 0, limits.line + 2)
        if first >= 0 and b"SIP/" not in buffer[:first].upper():
            raise FramingError("start line", "names SIP/2.0")
        if first < 0 and len(buffer) >= limits.line + 2:
            raise FramingError("start line", f"is at most {limits.line} bytes long", 414)
        if (end if end >= 0 else len(buffer)) > limits.head:
            raise FramingError("message", f"has at most {limits.head} bytes of headers", 513)
        self._searched = len(buffer)
        if end < 0:
            return False
        head = bytes(buffer[: end + 4])
        self._wanted = len(head) + self._body_length(head)
        return True

    def _body_length(self, head: bytes) -> int:
        found = _LENGTH.findall(head[:-2])
        if not found:
            raise FramingError("Content-Length", "is required on a stream", head=head)
        # Two lengths are how a message is smuggled past whoever reads the other one.
        if len(found) > 1:
            raise FramingError("Content-Length", "appears once", head=head)
        digits = found[0].strip(b" \t\r\n")
        if not digits.isdigit() or len(digits) > 10:
            raise FramingError("Content-Length", "is a number", head=head)
        length = int(digits)
        if len(head) + length > self._limits.message:
            raise FramingError("message", f"is at most {self._limits.message} bytes long", 513, head)
        return length

    # ---- sending ----------------------------------------------------------------------------------------
    def encode(self, message: bytes) -> bytes:
        """As it is: `Message.to_bytes` always tells its length."""
        return message

    def ping(self) -> None:
        """RFC 5626: the client's business; a server has the probes of TCP."""
        self._pings += 1

    def outgoing(self) -> bytes:
        """The pings that are due. Pongs come from the layer."""
        count, self._pings = self._pings, 0
        return PING * count

    def close(self) -> None:
        """A stream is closed without a word."""

    @property
    def opened(self) -> bool:
        """Always, until the stream broke."""
        return self.error is None

    @property
    def ended(self) -> bool:
        """Whether the stream broke."""
        return self.error is not None

    @property
    def deadline(self) -> float | None:
        """When the unfinished message must be complete."""
        return None if self._since is None else self._since + self._limits.message_s
