"""Requests and responses: parsed to a start line and a header index, structured on access."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar, cast

from seatbus_sip.errors import HeaderInjectionError, SipParseError
from seatbus_sip.headers import (
    _CANONICAL,
    LIST_HEADERS,
    SINGLE_HEADERS,
    CSeq,
    NameAddr,
    Via,
    canonical_name,
    is_token,
    parse_cseq,
    parse_name_addr,
    parse_via,
    split_list,
)
from seatbus_sip.reasons import REASONS
from seatbus_sip.uri import Uri, parse_uri

_FOLD = re.compile(r"\r\n[ \t]+")
_M = TypeVar("_M", bound="Message")


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on what is read from the network, in bytes and headers."""

    datagram: int = 65_535
    headers: int = 128
    line: int = 8_192


DEFAULT_LIMITS = Limits()


def _guard(field: str, value: str) -> str:
    if "\n" in value or "\r" in value or "\0" in value:
        raise HeaderInjectionError(field)
    return value


class Message:
    """Headers and body. Header names may be given in any spelling; values are raw text.

    A value set here is refused with `HeaderInjectionError` if it would break out of its header.
    `defect` is what made a parsed message malformed while its headers stayed readable enough to answer 400.
    """

    __slots__ = ("_headers", "_structured", "body", "defect")

    def __init__(self, headers: dict[str, list[str]] | None = None, body: bytes = b"") -> None:
        self._headers: dict[str, list[str]] = {} if headers is None else headers
        self._structured: dict[str, object] = {}
        self.body = body
        self.defect: SipParseError | None = None

    # ---- raw access -------------------------------------------------------------------------------------
    def get(self, name: str) -> str | None:
        """First value of the header, raw, or None."""
        values = self._headers.get(_CANONICAL.get(name) or canonical_name(name))
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """Header lines of this name, top first, raw. A copy."""
        return list(self._headers.get(_CANONICAL.get(name) or canonical_name(name), ()))

    def values(self, name: str) -> list[str]:
        """Values with comma lists taken apart, for the headers that are lists."""
        key = _CANONICAL.get(name) or canonical_name(name)
        lines = self._headers.get(key, [])
        if key not in LIST_HEADERS:
            return list(lines)
        return [value for line in lines for value in split_list(line)]

    def tokens(self, name: str) -> frozenset[str]:
        """Values of an option list (Supported, Require, Allow ...) in lower case."""
        return frozenset(value.lower() for value in self.values(name))

    def _raw(self, key: str) -> str:
        # As `require`, for names known to be canonical.
        values = self._headers.get(key)
        if not values:
            raise SipParseError(key, "is required")
        return values[0]

    def require(self, name: str) -> str:
        """First value. Raises `SipParseError(name, "is required")`."""
        value = self.get(name)
        if value is None:
            raise SipParseError(canonical_name(name), "is required")
        return value

    def __contains__(self, name: str) -> bool:
        return canonical_name(name) in self._headers

    def names(self) -> Iterator[str]:
        """Canonical names of the headers present."""
        return iter(self._headers)

    # ---- building ---------------------------------------------------------------------------------------
    def set(self, name: str, *values: object) -> None:
        """Replace all values of the header; none removes it."""
        key = canonical_name(name)
        self._structured.pop(key, None)
        if values:
            self._headers[key] = [_guard(key, str(value)) for value in values]
        else:
            self._headers.pop(key, None)

    def add(self, name: str, value: object) -> None:
        """Append a value below those present."""
        key = canonical_name(name)
        self._structured.pop(key, None)
        self._headers.setdefault(key, []).append(_guard(key, str(value)))

    def prepend(self, name: str, value: object) -> None:
        """Insert a value above those present (Via, Route, Record-Route)."""
        key = canonical_name(name)
        self._structured.pop(key, None)
        self._headers.setdefault(key, []).insert(0, _guard(key, str(value)))

    def remove(self, name: str) -> None:
        """Drop the header if present."""
        self.set(name)

    def copy_from(self, other: Message, *names: str) -> None:
        """Take over these headers as written there."""
        for name in names:
            key = canonical_name(name)
            values = other._headers.get(key)
            if values:
                self._structured.pop(key, None)
                self._headers[key] = list(values)

    def set_body(self, body: bytes | str, content_type: str) -> None:
        """Body and its Content-Type. Content-Length is written when serialised."""
        self.body = body.encode() if isinstance(body, str) else body
        self.set("Content-Type", content_type)

    # ---- structured access ------------------------------------------------------------------------------
    @property
    def via(self) -> Via:
        """Topmost Via."""
        found = self._structured.get("Via")
        if found is None:
            found = self._structured["Via"] = parse_via(split_list(self._raw("Via"))[0])
        return cast(Via, found)

    def replace_top_via(self, via: Via) -> None:
        """Write back the topmost Via (received and rport, RFC 3581)."""
        lines = self._headers["Via"]
        rest = split_list(lines[0])[1:]
        lines[0] = _guard("Via", ", ".join([str(via), *rest]))
        self._structured["Via"] = via

    def _address(self, name: str) -> NameAddr:
        found = self._structured.get(name)
        if found is None:
            found = self._structured[name] = parse_name_addr(self._raw(name), name)
        return cast(NameAddr, found)

    @property
    def from_(self) -> NameAddr:
        """From."""
        return self._address("From")

    @property
    def to(self) -> NameAddr:
        """To."""
        return self._address("To")

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return self._raw("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        found = self._structured.get("CSeq")
        if found is None:
            found = self._structured["CSeq"] = parse_cseq(self._raw("CSeq"))
        return cast(CSeq, found)

    def addresses(self, name: str) -> list[NameAddr]:
        """Values of Contact, Route, Record-Route, Path, P-Asserted-Identity ... `Contact: *` is refused."""
        key = canonical_name(name)
        return [parse_name_addr(value, key) for value in self.values(key)]

    @property
    def contact(self) -> NameAddr | None:
        """First Contact that is an address, or None."""
        lines = self._headers.get("Contact")
        if not lines or lines[0] == "*":
            return None
        found = self._structured.get("Contact")
        if found is None:
            found = self._structured["Contact"] = parse_name_addr(split_list(lines[0])[0], "Contact")
        return cast(NameAddr, found)

    def integer(self, name: str, low: int = 0, high: int = 2**32 - 1) -> int | None:
        """Value of a numeric header (parameters ignored), or None if absent."""
        raw = self.get(name)
        if raw is None:
            return None
        digits = raw.partition(";")[0].strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and low <= int(digits) <= high):
            raise SipParseError(canonical_name(name), f"must be a number between {low} and {high}")
        return int(digits)

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; empty if absent."""
        return (self.get("Content-Type") or "").partition(";")[0].strip().lower()

    def validate(self) -> None:
        """Raise `SipParseError` unless the headers every message needs are there and readable."""
        if self.defect is not None:
            raise self.defect
        headers = self._headers
        for name in SINGLE_HEADERS:
            if len(headers.get(name, ())) > 1:
                raise SipParseError(name, "appears once")
        if not self.require("Call-ID"):
            raise SipParseError("Call-ID", "is not empty")
        _ = self.via, self.from_, self.to, self.cseq

    # ---- wire -------------------------------------------------------------------------------------------
    def start_line(self) -> str:
        """First line of the message."""
        raise TypeError("a message is a request or a response")

    def to_bytes(self) -> bytes:
        """The message as sent. Via first, Content-Length last and always true."""
        lines = [self.start_line()]
        headers = self._headers
        lines.extend(f"Via: {value}" for value in headers.get("Via", ()))
        for name, values in headers.items():
            if name not in {"Via", "Content-Length"}:
                for value in values:
                    lines.append(f"{name}: {value}")
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def _copy_into(self, other: _M) -> _M:
        other._headers = {name: list(values) for name, values in self._headers.items()}
        other.body = self.body
        return other


class Request(Message):
    """A request. `uri` is the Request-URI as text; `target` reads it."""

    __slots__ = ("method", "uri")

    def __init__(
        self, method: str, uri: str | Uri, headers: dict[str, list[str]] | None = None, body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri if isinstance(uri, str) else str(uri)

    @property
    def target(self) -> Uri:
        """Request-URI. Raises `SipParseError`, status 416 for a foreign scheme."""
        return parse_uri(self.uri, "Request-URI")

    def start_line(self) -> str:
        if not is_token(self.method):
            raise SipParseError("method", "must be a token")
        if " " in _guard("Request-URI", self.uri):
            raise SipParseError("Request-URI", "must not contain spaces")
        return f"{self.method} {self.uri} SIP/2.0"

    def validate(self) -> None:
        super().validate()
        if self.cseq.method != self.method:
            raise SipParseError("CSeq", "method is that of the request")
        if self.uri[:1] == "<" or ":" not in self.uri:
            raise SipParseError("Request-URI", "must be an address without angle brackets")
        self.integer("Max-Forwards", 0, 255)

    def copy(self) -> Request:
        """An independent copy."""
        return self._copy_into(Request(self.method, self.uri))

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri} {self.get('CSeq')} {self.get('Call-ID')}>"


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    # RFC 3261 sections 12.1.1 and 16.6: only responses that can make a dialog carry the recorded route.
    _ECHO: ClassVar[tuple[str, ...]] = ("Via", "From", "To", "Call-ID", "CSeq")

    def __init__(
        self, status: int, reason: str = "", headers: dict[str, list[str]] | None = None, body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason or REASONS.get(status, "Unknown")

    @classmethod
    def to_request(cls, request: Request, status: int, reason: str = "", tag: str | None = None) -> Response:
        """The response to `request` (RFC 3261 section 8.2.6); `tag` goes into To if it has none."""
        response = cls(status, reason)
        response.copy_from(request, *cls._ECHO)
        if status == 100:
            response.copy_from(request, "Timestamp")
        elif tag is not None:
            response.give_tag(tag)
        if 100 < status < 300:
            response.copy_from(request, "Record-Route")
        return response

    def give_tag(self, tag: str) -> None:
        """Put a tag into To if it has none. A To that cannot be read (it gets a 400) is left as it is."""
        raw = self.require("To")
        if "tag" in raw.lower():
            try:
                if self.to.tag is not None:
                    return
            except SipParseError:
                return
        # Without angle brackets a parameter would still be one of the header.
        self.set("To", f"{raw};tag={tag}")

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {_guard('reason phrase', self.reason)}"

    def copy(self) -> Response:
        """An independent copy."""
        return self._copy_into(Response(self.status, self.reason))

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason} {self.get('CSeq')} {self.get('Call-ID')}>"


def _index(lines: list[str], message: Message, longest: int | None) -> None:
    # `longest` is None if no line can be too long.
    headers = message._headers
    known = _CANONICAL.get
    for line in lines:
        name, colon, value = line.partition(":")
        key = known(name)
        if key is None or (longest is not None and len(line) > longest):
            try:
                if not colon:
                    raise SipParseError("header", "must be a name, a colon and a value")
                if longest is not None and len(line) > longest:
                    raise SipParseError("header", f"is at most {longest} bytes long", 513)
                key = canonical_name(name)
            except SipParseError as defect:
                message.defect = message.defect or defect
                continue
        if key in headers:
            headers[key].append(value.strip(" \t"))
        else:
            headers[key] = [value.strip(" \t")]


def _cut_body(message: Message, rest: bytes) -> None:
    # RFC 3261 section 18.3: bytes beyond Content-Length are discarded, missing ones are an error.
    message.body = rest
    try:
        length = message.integer("Content-Length", 0, DEFAULT_LIMITS.datagram)
        if length is not None and length != len(rest):
            if length > len(rest):
                raise SipParseError("Content-Length", "is not above the bytes that follow")
            message.body = rest[:length]
    except SipParseError as defect:
        message.defect = message.defect or defect


def _start(line: str) -> Request | Response:
    if line[:4].upper() == "SIP/":
        version, _, rest = line.partition(" ")
        code, _, reason = rest.partition(" ")
        if version.upper() != "SIP/2.0" or not (len(code) == 3 and code.isascii() and code.isdigit()):
            raise SipParseError("status line", "must be SIP/2.0, a three-digit code and a reason")
        if not 100 <= int(code) <= 699:
            raise SipParseError("status line", "code lies between 100 and 699")
        response = Response(int(code), "?")
        response.reason = reason
        return response
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not is_token(method) or not uri or version[:4].upper() != "SIP/":
        raise SipParseError("request line", "must be method, address and SIP/2.0")
    request = Request(method, uri)
    if version.upper() != "SIP/2.0":
        request.defect = SipParseError("SIP-Version", "is SIP/2.0", 505)
    elif " " in uri or "\t" in uri:
        request.defect = SipParseError("Request-URI", "must be one address without spaces")
    return request


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
    if "\r\n " in head or "\r\n\t" in head:
        head = _FOLD.sub(" ", head)
    lines = head.split("\r\n")
    breaks = len(lines) - 1
    # A lone CR or LF may be a line break to the next hop: that is how headers are smuggled.
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise SipParseError("message", "uses CR and LF only as a pair, and no NUL, before its body")
    if breaks > limits.headers:
        raise SipParseError("message", f"has at most {limits.headers} headers", 513)
    if len(lines[0]) > limits.line:
        raise SipParseError("start line", f"is at most {limits.line} bytes long", 414)
    message = _start(lines.pop(0))
    _index(lines, message, limits.line if len(head) > limits.line else None)
    _cut_body(message, data[end + 4 :])
    return message
