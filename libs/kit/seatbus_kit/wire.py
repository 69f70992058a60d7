"""The NATS client with a short way in and out.

nats-py gives each message a regular expression, a queue and two task switches, and each write another task.
That was a third of the CPU of a queued call in the services that keep state. This subclass keeps its
connection handling and replaces what runs per message: the parser, the header codec, `publish`, and, for
those who ask for it, the delivery. It leans on inner names of the pinned version; `tests/test_wire.py` fails
when they change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import nats.errors
import orjson
from nats.aio.client import Client as NatsClient

from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

log = get_logger("seatbus.wire")

# subject, reply, payload, raw headers (empty when there are none)
Direct: TypeAlias = Callable[[bytes, bytes, bytes, bytes], None]

_VERSION: Final = "NATS/1.0"
_CRLF: Final = b"\r\n"
_H: Final = ord("H")
_UNSENT_LIMIT: Final = 1 << 20
_LONGEST_LINE: Final = 1 << 20


def parse_headers(raw: bytes) -> dict[str, str]:
    """Headers by name; a status line is given as `Status` and `Description`."""
    lines = raw.decode("utf-8", "replace").split("\r\n")
    found: dict[str, str] = {}
    status, _, description = lines[0][len(_VERSION) :].strip().partition(" ")
    if status.isdigit():
        found["Status"] = status
        if description:
            found["Description"] = description
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip()
    return found


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """Raises BadHeaderError for a name or value that would begin another line."""
    text = "\r\n".join([_VERSION, *[f"{name}: {value}" for name, value in headers.items()], "", ""])
    lines = len(headers) + 2
    if text.count("\n") != lines or text.count("\r") != lines:
        raise nats.errors.BadHeaderError("line break in a header")
    return text.encode()


class WireClient(NatsClient):
    """`send` and `publish` write at once; `subscribe_direct` calls back without a queue or task between."""

    def __init__(self) -> None:
        super().__init__()
        self.direct: dict[int, Direct] = {}
        self._gathered: list[bytes] | None = None
        self._ps = cast("Any", WireParser(self))

    def send(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Raises OutboundBufferLimitError while there is no connection: nothing is buffered for later."""
        if not self.is_connected:
            if self.is_closed:
                raise nats.errors.ConnectionClosedError
            raise nats.errors.OutboundBufferLimitError
        if self.is_draining_pubs:
            raise nats.errors.ConnectionDrainingError
        size = len(payload)
        if size > self._max_payload:
            raise nats.errors.MaxPayloadError
        address = f"{subject} {reply}" if reply else subject
        if not subject or len(address.split()) != (2 if reply else 1):
            raise nats.errors.BadSubjectError
        if headers:
            head = encode_headers(headers)
            line = f"HPUB {address} {len(head)} {len(head) + size}\r\n".encode()
            self._write(b"".join((line, head, payload, _CRLF)))
        else:
            self._write(b"".join((f"PUB {address} {size}\r\n".encode(), payload, _CRLF)))
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += size

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """As `send`, then `settle`."""
        self.send(subject, payload, reply, headers)
        await self.settle()

    async def settle(self) -> None:
        """Waits while more than a megabyte is on its way to the server."""
        transport = self._transport
        writer = getattr(transport, "_io_writer", None)
        if transport is not None and (
            writer is None or writer.transport.get_write_buffer_size() > _UNSENT_LIMIT
        ):
            await cast("Any", transport).drain()

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """What is sent inside leaves in one write at the end: each write wakes the server. Nothing may be
        awaited inside. Raises OutboundBufferLimitError when the connection broke meanwhile.
        """
        gathered = self._gathered = []
        try:
            yield
        finally:
            self._gathered = None
            if gathered:
                self._write(b"".join(gathered))

    def _write(self, data: bytes) -> None:
        if self._gathered is not None:
            self._gathered.append(data)
            return
        transport = self._transport
        if transport is None:
            raise nats.errors.OutboundBufferLimitError
        try:
            if self._pending:
                # What others have queued (a subscription that the answer needs) goes first.
                transport.writelines(self._pending)
                self._pending, self._pending_data_size = [], 0
            transport.write(data)
        except (RuntimeError, OSError) as error:
            raise nats.errors.OutboundBufferLimitError from error

    async def subscribe_direct(self, subject: str, handler: Direct) -> Subscription:
        """`handler` runs inside the read loop: it must be short and must not raise."""
        sub = await self.subscribe(subject)
        self.direct[sub._id] = handler
        return sub

    async def unsubscribe_direct(self, sub: Subscription) -> None:
        self.direct.pop(sub._id, None)
        if not self.is_closed:
            await sub.unsubscribe()

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        return (parse_headers(headers) or None) if headers else None


class WireParser:
    """Cuts the server's stream into messages. One read may hold several, or a part of one."""

    def __init__(self, nc: WireClient) -> None:
        self._nc = nc
        self._rest = b""
        self._generation = 0

    def reset(self) -> None:
        """A new connection begins with a new line."""
        self._rest = b""
        self._generation += 1

    async def parse(self, data: bytes = b"") -> None:
        """Raises ProtocolError for what no server says."""
        generation = self._generation
        buffer = self._rest + data if self._rest else data
        at, size = 0, len(buffer)
        direct = self._nc.direct
        stats = self._nc.stats
        while at < size:
            end = buffer.find(_CRLF, at)
            if end < 0:
                if size - at > _LONGEST_LINE:
                    raise nats.errors.ProtocolError
                break
            first = buffer[at]
            if first not in b"HM":
                line = buffer[at:end]
                at = end + 2
                await self._control(line)
                if generation != self._generation:
                    return
                continue
            parts = buffer[at:end].split()
            with_head = first == _H
            replies = len(parts) - (5 if with_head else 4)
            if replies not in (0, 1):
                raise nats.errors.ProtocolError
            try:
                total = int(parts[-1])
                head = int(parts[-2]) if with_head else 0
                sid = int(parts[2])
            except ValueError:
                raise nats.errors.ProtocolError from None
            start = end + 2
            stop = start + total
            if stop + 2 > size:
                break
            reply = parts[3] if replies else b""
            payload, headers = buffer[start + head : stop], buffer[start : start + head]
            at = stop + 2
            handler = direct.get(sid)
            if handler is None:
                await self._nc._process_msg(sid, parts[1], reply, payload, headers)
                if generation != self._generation:
                    return
                continue
            stats["in_msgs"] += 1
            stats["in_bytes"] += len(payload)
            try:
                handler(parts[1], reply, payload, headers)
            except Exception as error:
                # One bad message must not end the connection for all others.
                log.error("delivery failed", subject=parts[1].decode(), error=repr(error), exc_info=error)
        self._rest = buffer[at:] if at else buffer

    async def _control(self, line: bytes) -> None:
        nc: Any = self._nc
        verb, _, rest = line.partition(b" ")
        match verb.upper():
            case b"PING":
                await nc._process_ping()
            case b"PONG":
                await nc._process_pong()
            case b"+OK":
                return
            case b"-ERR":
                await nc._process_err(rest.strip().decode().lower())
            case b"INFO":
                await nc._process_info(orjson.loads(rest))
            case _:
                raise nats.errors.ProtocolError
