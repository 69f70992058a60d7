"""From bytes to messages, within limits, and without trusting anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seatbus_sip.errors import SipParseError
from seatbus_sip.headers import canonical_name, is_token
from seatbus_sip.known_headers import CANONICAL as _CANONICAL
from seatbus_sip.known_headers import METHODS
from seatbus_sip.message import Message, Request, Response

_FOLD = re.compile(r"\r\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what is read from the network, in bytes and headers."""

    datagram: int = 65_535
    headers: int = 128
    line: int = 8_192


DEFAULT_LIMITS = Limits()


class _Folded(Exception):
    # Not an error: a line goes on in the next one.
    pass


def _unusual(line: str, longest: int) -> tuple[str, str]:
    # A name that is not known as written, no blank behind the colon, or something wrong.
    name, colon, value = line.partition(":")
    if not colon:
        raise SipParseError("header", "must be a name, a colon and a value")
    if len(line) > longest:
        raise SipParseError("header", f"is at most {longest} bytes long", 513)
    return canonical_name(name), value


def _cut_body(message: Message) -> None:
    # RFC 3261 section 18.3: bytes beyond Content-Length are discarded, missing ones are an error.
    body = message.body
    try:
        length = message.integer("Content-Length", 0, DEFAULT_LIMITS.datagram)
        if length is None:
            return
        if length > len(body):
            raise SipParseError("Content-Length", "is not above the bytes that follow")
        message.body = body[:length]
    except SipParseError as defect:
        message.defect = message.defect or defect


def _start(line: str) -> Request | Response:
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if version == "SIP/2.0" and method in METHODS and uri and " " not in uri and "\t" not in uri:
        return Request(method, uri)
    if line[:4].upper() == "SIP/":
        return _status(method, rest)
    if not version:
        # Blanks at the end: readable, and refused.
        uri, _, version = uri.rstrip(" \t").rpartition(" ")
        uri += " "
    if not is_token(method) or not uri.strip() or version[:4].upper() != "SIP/":
        raise SipParseError("request line", "must be method, address and SIP/2.0")
    request = Request(method, uri)
    if version.upper() != "SIP/2.0":
        request.defect = SipParseError("SIP-Version", "is SIP/2.0", 505)
    elif " " in uri or "\t" in uri:
        request.defect = SipParseError("Request-URI", "must be one address with one space on either side")
    return request


def _status(version: str, rest: str) -> Response:
    code, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0" or not (len(code) == 3 and code.isascii() and code.isdigit()):
        raise SipParseError("status line", "must be SIP/2.0, a three-digit code and a reason")
    status = int(code)
    if not 100 <= status <= 699:
        raise SipParseError("status line", "code lies between 100 and 699")
    response = Response(status, reason or "?")
    response.reason = reason
    return response


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Start line and header index of one datagram.

    Raises `SipParseError` for what cannot be answered. A request that can be answered but is malformed comes
    back with `defect` set; call `validate()` before trusting a message. Values are read on access only.
    """
    if len(data) > limits.datagram:
        raise SipParseError("message", f"is at most {limits.datagram} bytes long", 513)
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise SipParseError("message", "ends its headers with an empty line")
    head = data[:end].decode("utf-8", "surrogateescape")
    try:
        message = _read_head(head, limits)
    except _Folded:
        message = _read_head(_FOLD.sub(" ", head), limits)
    message.body = body = data[end + 4 :]
    if message._headers.get("Content-Length") != str(len(body)):
        _cut_body(message)
    return message


def _read_head(head: str, limits: Limits) -> Request | Response:
    lines = head.split("\r\n")
    # A lone CR or LF may be a line break to the next hop: that is how headers are smuggled.
    text = "".join(lines)
    if "\n" in text or "\r" in text or ("\0" in text and "\0" in text.replace("\\\0", "")):
        raise SipParseError("message", "uses CR and LF only as a pair, and NUL only quoted, before its body")
    start = lines.pop(0)
    if len(lines) > limits.headers:
        if _FOLD.search(head):
            raise _Folded
        raise SipParseError("message", f"has at most {limits.headers} headers", 513)
    known = _CANONICAL
    if len(head) > limits.line:
        if len(start) > limits.line:
            raise SipParseError("start line", f"is at most {limits.line} bytes long", 414)
        if any(len(line) > limits.line for line in lines):
            # Each line is looked at then.
            known = {}
    message = _start(start)
    headers = message._headers
    for line in lines:
        name, _, value = line.partition(": ")
        try:
            key = known[name]
        except KeyError:
            if line[:1] in (" ", "\t"):
                raise _Folded from None
            try:
                key, value = _unusual(line, limits.line)
            except SipParseError as defect:
                message.defect = message.defect or defect
                continue
        value = value.strip(" \t")
        if key in headers:
            before = headers[key]
            headers[key] = [before, value] if isinstance(before, str) else [*before, value]
        else:
            headers[key] = value
    return message
