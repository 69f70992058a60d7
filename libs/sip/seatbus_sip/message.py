"""Requests and responses: parsed to a start line and a header index, structured on access."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from seatbus_sip.errors import HeaderInjectionError, SipParseError
from seatbus_sip.headers import (
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
from seatbus_sip.known_headers import CANONICAL as _CANONICAL
from seatbus_sip.known_headers import LIST_HEADERS
from seatbus_sip.reasons import REASONS
from seatbus_sip.uri import Uri, parse_uri

_M = TypeVar("_M", bound="Message")


def _guard(field: str, value: str) -> str:
    # A NUL in a quoted pair is legal, and starts no other header (RFC 3261 section 25.1).
    if "\n" in value or "\r" in value or ("\0" in value and "\0" in value.replace("\\\0", "")):
        raise HeaderInjectionError(field)
    return value


def _first(value: str, field: str) -> str:
    parts = split_list(value)
    if not parts:
        raise SipParseError(field, "holds more than commas")
    return parts[0]


class Message:
    """Headers and body. Header names may be given in any spelling; values are raw text.

    A value set here is refused with `HeaderInjectionError` if it would break out of its header.
    `defect` is what made a parsed message malformed while its headers stayed readable enough to answer 400.
    """

    __slots__ = ("_headers", "_structured", "body", "defect")

    def __init__(self, body: bytes = b"") -> None:
        # One line of a header is its text, several are a list: most headers have one, and a list costs.
        self._headers: dict[str, str | list[str]] = {}
        # Values as they were read, by header: Via, CSeq or NameAddr, all of them immutable.
        self._structured: dict[str, Any] = {}
        self.body = body
        self.defect: SipParseError | None = None

    def _lines(self, key: str) -> list[str]:
        # Lines of a header by its canonical name. A copy.
        found = self._headers.get(key)
        if found is None:
            return []
        return [found] if isinstance(found, str) else list(found)

    # ---- raw access -------------------------------------------------------------------------------------
    def get(self, name: str) -> str | None:
        """First value of the header, raw, or None."""
        found = self._headers.get(_CANONICAL.get(name) or canonical_name(name))
        return found[0] if isinstance(found, list) else found

    def get_all(self, name: str) -> list[str]:
        """Header lines of this name, top first, raw. A copy."""
        return self._lines(_CANONICAL.get(name) or canonical_name(name))

    def values(self, name: str) -> list[str]:
        """Values with comma lists taken apart, for the headers that are lists."""
        key = _CANONICAL.get(name) or canonical_name(name)
        lines = self._lines(key)
        if key not in LIST_HEADERS:
            return lines
        return [value for line in lines for value in split_list(line)]

    def tokens(self, name: str) -> frozenset[str]:
        """Values of an option list (Supported, Require, Allow ...) in lower case."""
        return frozenset(value.lower() for value in self.values(name))

    def _raw(self, key: str) -> str:
        # As `require`, for names known to be canonical.
        found = self._headers.get(key)
        if found is None:
            raise SipParseError(key, "is required")
        return found if isinstance(found, str) else found[0]

    def require(self, name: str) -> str:
        """First value. Raises `SipParseError(name, "is required")`."""
        value = self.get(name)
        if value is None:
            raise SipParseError(canonical_name(name), "is required")
        return value

    def __contains__(self, name: str) -> bool:
        return (_CANONICAL.get(name) or canonical_name(name)) in self._headers

    def names(self) -> Iterator[str]:
        """Canonical names of the headers present."""
        return iter(self._headers)

    # ---- building ---------------------------------------------------------------------------------------
    def set(self, name: str, *values: object) -> None:
        """Replace all values of the header; none removes it."""
        key = _CANONICAL.get(name) or canonical_name(name)
        self._structured.pop(key, None)
        if len(values) == 1:
            self._headers[key] = _guard(key, str(values[0]))
        elif values:
            self._headers[key] = [_guard(key, str(value)) for value in values]
        else:
            self._headers.pop(key, None)

    def add(self, name: str, value: object) -> None:
        """Append a value below those present."""
        key = _CANONICAL.get(name) or canonical_name(name)
        self._structured.pop(key, None)
        text, lines = _guard(key, str(value)), self._lines(key)
        self._headers[key] = [*lines, text] if lines else text

    def prepend(self, name: str, value: object) -> None:
        """Insert a value above those present (Via, Route, Record-Route)."""
        key = _CANONICAL.get(name) or canonical_name(name)
        self._structured.pop(key, None)
        text, lines = _guard(key, str(value)), self._lines(key)
        self._headers[key] = [text, *lines] if lines else text

    def remove(self, name: str) -> None:
        """Drop the header if present."""
        self.set(name)

    def copy_from(self, other: Message, *names: str) -> None:
        """Take over these headers as written there."""
        for name in names:
            key = _CANONICAL.get(name) or canonical_name(name)
            found = other._headers.get(key)
            if found is not None:
                self._headers[key] = found if isinstance(found, str) else list(found)
                # What was read there is immutable and need not be read again here.
                read = other._structured.get(key)
                if read is not None:
                    self._structured[key] = read
                else:
                    self._structured.pop(key, None)

    def set_body(self, body: bytes | str, content_type: str) -> None:
        """Body and its Content-Type. Content-Length is written when serialised."""
        self.body = body.encode() if isinstance(body, str) else body
        self.set("Content-Type", content_type)

    # ---- structured access ------------------------------------------------------------------------------
    @property
    def via(self) -> Via:
        """Topmost Via."""
        found: Via | None = self._structured.get("Via")
        if found is None:
            raw = self._headers.get("Via")
            if not isinstance(raw, str):
                raw = self._raw("Via")
            found = self._structured["Via"] = parse_via(_first(raw, "Via") if "," in raw else raw)
        return found

    def replace_top_via(self, via: Via) -> None:
        """Write back the topmost Via (received and rport, RFC 3581)."""
        first, *below = self._lines("Via")
        text = _guard("Via", str(via))
        if "," in first:
            text = ", ".join([text, *split_list(first)[1:]])
        self._headers["Via"] = [text, *below] if below else text
        self._structured["Via"] = via

    def _address(self, name: str) -> NameAddr:
        raw = self._headers.get(name)
        if not isinstance(raw, str):
            raw = self._raw(name)
        found = self._structured[name] = parse_name_addr(raw, name)
        return found

    @property
    def from_(self) -> NameAddr:
        """From."""
        return self._structured.get("From") or self._address("From")

    @property
    def to(self) -> NameAddr:
        """To."""
        return self._structured.get("To") or self._address("To")

    @property
    def call_id(self) -> str:
        """Call-ID."""
        found = self._headers.get("Call-ID")
        return found if isinstance(found, str) else self._raw("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        found: CSeq | None = self._structured.get("CSeq")
        if found is None:
            found = self._structured["CSeq"] = parse_cseq(self._raw("CSeq"))
        return found

    def addresses(self, name: str) -> list[NameAddr]:
        """Values of Contact, Route, Record-Route, Path, P-Asserted-Identity ... `Contact: *` is refused."""
        key = _CANONICAL.get(name) or canonical_name(name)
        return [parse_name_addr(value, key) for value in self.values(key)]

    @property
    def contact(self) -> NameAddr | None:
        """First Contact that is an address, or None."""
        found: NameAddr | None = self._structured.get("Contact")
        if found is None:
            raw = self._headers.get("Contact")
            if not isinstance(raw, str):
                if raw is None:
                    return None
                raw = raw[0]
            if raw == "*":
                return None
            found = parse_name_addr(_first(raw, "Contact") if "," in raw else raw, "Contact")
            self._structured["Contact"] = found
        return found

    def integer(self, name: str, low: int = 0, high: int = 2**32 - 1) -> int | None:
        """Value of a numeric header (parameters ignored), or None if absent."""
        raw = self.get(name)
        if raw is None:
            return None
        digits = (raw.partition(";")[0] if ";" in raw else raw).strip()
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
        if list in map(type, headers.values()):
            for name in SINGLE_HEADERS:
                if isinstance(headers.get(name), list):
                    raise SipParseError(name, "appears once")
        if not self._raw("Call-ID"):
            raise SipParseError("Call-ID", "is not empty")
        _ = self.via, self.from_, self.to, self.cseq
        top = self._raw("Via")
        if "," in top:
            for value in top.split(","):
                parse_via(value.strip())

    # ---- wire -------------------------------------------------------------------------------------------
    def start_line(self) -> str:
        """First line of the message."""
        raise TypeError("a message is a request or a response")

    def to_bytes(self) -> bytes:
        """The message as sent. Via first, Content-Length last and always true."""
        lines = [self.start_line()]
        lines += [f"Via: {value}" for value in self._lines("Via")]
        for name, found in self._headers.items():
            if name not in {"Via", "Content-Length"}:
                if isinstance(found, str):
                    lines.append(f"{name}: {found}")
                else:
                    lines += [f"{name}: {value}" for value in found]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def __bytes__(self) -> bytes:
        return self.to_bytes()

    def _copy_into(self, other: _M) -> _M:
        other._headers = {
            name: found if isinstance(found, str) else list(found) for name, found in self._headers.items()
        }
        other._structured = dict(self._structured)
        other.body = self.body
        return other


class Request(Message):
    """A request. `uri` is the Request-URI as text; `target` reads it."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str | Uri, body: bytes = b"") -> None:
        # As the base does, without the call: this is made for every message that comes in.
        self._headers = {}
        self._structured = {}
        self.body = body
        self.defect = None
        self.method = method
        self.uri = uri if isinstance(uri, str) else str(uri)

    @property
    def target(self) -> Uri:
        """Request-URI. Raises `SipParseError`, status 416 for a foreign scheme."""
        return parse_uri(self.uri, "Request-URI", services=True)

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

    def __init__(self, status: int, reason: str = "", body: bytes = b"") -> None:
        super().__init__(body)
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
