"""The bytes of a lane: a greeting, then frames, each with a length, a kind and the number of its call."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

from seatbus_kit.trace import TraceContext

VERSION: Final = 1
MAX_MESSAGE: Final = 4 * 1024 * 1024
# A message with what a frame says besides.
MAX_BODY: Final = MAX_MESSAGE + 16 * 1024
# Calls in flight on one connection.
MAX_CALLS: Final = 4096
TOKEN_BYTES: Final = 16

REQUEST: Final = 1  # deadline, method, trace, metadata, message
ANSWER: Final = 2  # message
FAILURE: Final = 3  # status, text, ErrorDetail
CANCEL: Final = 4
PING: Final = 5
PONG: Final = 6
GO_AWAY: Final = 7  # no new calls; those in progress are still answered

_KINDS: Final = frozenset((REQUEST, ANSWER, FAILURE, CANCEL, PING, PONG, GO_AWAY))
_MAGIC: Final = b"SBLN"
_GREETING: Final = Struct(f"<4sB{TOKEN_BYTES}s")
GREETING_BYTES: Final = _GREETING.size

_HEAD: Final = Struct("<IBI")
_HEAD_BYTES: Final = _HEAD.size
_REQUEST: Final = Struct("<IHB")
_REQUEST_BYTES: Final = _REQUEST.size
_WHOLE_REQUEST: Final = Struct("<IBIIHB")
_FAILURE: Final = Struct("<BH")
_TRACE_BYTES: Final = 24
_TRACED: Final = 1
_WITH_METADATA: Final = 2
_NO_DEADLINE: Final = 0xFFFFFFFF
_METADATA_LENGTH: Final = Struct("<H")

Metadata = tuple[tuple[str, str], ...]


class BrokenFrame(Exception):
    """What came is not a lane's; the connection is of no use any more."""


def greeting(token: bytes) -> bytes:
    """The first bytes of both sides. The token is the one of the process that was asked for its lane."""
    return _GREETING.pack(_MAGIC, VERSION, token)


def check_greeting(data: bytes, token: bytes) -> None:
    """Raises BrokenFrame where `data` is not the greeting of this version and this process."""
    magic, version, theirs = _GREETING.unpack(data)
    if magic != _MAGIC:
        raise BrokenFrame(f"another protocol: {data[:8]!r}")
    if version != VERSION:
        raise BrokenFrame(f"version {version} of the lane, {VERSION} is known")
    if theirs != token:
        raise BrokenFrame("it is meant for another process")


def frame(kind: int, call_id: int, body: bytes = b"") -> bytes:
    return _HEAD.pack(len(body), kind, call_id) + body


def request_frame(
    call_id: int,
    method: int,
    timeout: float | None,
    trace: TraceContext | None,
    metadata: Metadata,
    message: bytes,
) -> bytes:
    millis = _NO_DEADLINE if timeout is None else min(int(timeout * 1000) + 1, _NO_DEADLINE - 1)
    if trace is None and not metadata:
        return (
            _WHOLE_REQUEST.pack(_REQUEST_BYTES + len(message), REQUEST, call_id, millis, method, 0) + message
        )
    flags, extra = 0, b""
    if trace is not None:
        flags = _TRACED
        extra = ((trace.trace_id << 64) | trace.span_id).to_bytes(_TRACE_BYTES, "big")
    if metadata:
        flags |= _WITH_METADATA
        text = "\0".join(word for pair in metadata for word in pair).encode()
        if len(text) > 0x1FFF:
            raise ValueError("8 KiB of metadata is the limit")
        extra += _METADATA_LENGTH.pack(len(text)) + text
    head = _WHOLE_REQUEST.pack(
        _REQUEST_BYTES + len(extra) + len(message), REQUEST, call_id, millis, method, flags
    )
    return head + extra + message


class Request(NamedTuple):
    """The body of a request. `timeout` is in seconds from now, None where the caller set no deadline."""

    method: int
    timeout: float | None
    trace: TraceContext | None
    metadata: Metadata
    message: bytes


def parse_request(body: bytes) -> Request:
    """Raises BrokenFrame."""
    try:
        millis, method, flags = _REQUEST.unpack_from(body)
        at = _REQUEST_BYTES
        trace: TraceContext | None = None
        metadata: Metadata = ()
        if flags & _TRACED:
            both = int.from_bytes(body[at : at + _TRACE_BYTES], "big")
            at += _TRACE_BYTES
            trace = TraceContext(both >> 64, both & 0xFFFFFFFFFFFFFFFF)
        if flags & _WITH_METADATA:
            (length,) = _METADATA_LENGTH.unpack_from(body, at)
            at += _METADATA_LENGTH.size
            words = body[at : at + length].decode().split("\0")
            metadata = tuple(zip(words[::2], words[1::2], strict=True))
            at += length
    except (StructError, ValueError) as error:
        raise BrokenFrame(f"a request that cannot be read: {error}") from None
    if at > len(body) or flags & ~(_TRACED | _WITH_METADATA):
        raise BrokenFrame("a request that cannot be read")
    timeout = None if millis == _NO_DEADLINE else millis / 1000
    return Request(method, timeout, trace, metadata, body[at:])


def failure_frame(call_id: int, status: int, text: str, detail: bytes) -> bytes:
    words = text.encode()[:0x1FFF]
    return frame(FAILURE, call_id, _FAILURE.pack(status, len(words)) + words + detail)


def parse_failure(body: bytes) -> tuple[int, str, bytes]:
    """Status, text, detail. Raises BrokenFrame."""
    try:
        status, length = _FAILURE.unpack_from(body)
    except StructError as error:
        raise BrokenFrame(f"a failure that cannot be read: {error}") from None
    at = _FAILURE.size
    return status, body[at : at + length].decode(errors="replace"), body[at + length :]


class Splitter:
    """Cuts what arrives into frames, however it was chunked. Keeps at most one frame that is not complete."""

    __slots__ = ("_rest", "_wanted")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._wanted = _HEAD_BYTES

    def feed(self, data: bytes) -> Iterable[tuple[int, int, bytes]]:
        """(kind, call, body) of each frame that is complete now. Raises BrokenFrame as soon as a length or a
        kind is read that cannot be, before anything of that frame is kept.
        """
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._wanted:
                return ()
            data = bytes(rest)
            rest.clear()
        found: list[tuple[int, int, bytes]] = []
        at, size = 0, len(data)
        self._wanted = _HEAD_BYTES
        while size - at >= _HEAD_BYTES:
            length, kind, call_id = _HEAD.unpack_from(data, at)
            if length > MAX_BODY or kind not in _KINDS:
                raise BrokenFrame(f"a frame of kind {kind} with {length} bytes")
            end = at + _HEAD_BYTES + length
            if end > size:
                self._wanted = end - at
                break
            found.append((kind, call_id, data[at + _HEAD_BYTES : end]))
            at = end
        if at < size:
            rest += data[at:]
        return found
