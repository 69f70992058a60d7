"""Header names and the structures inside header values (RFC 3261 sections 7.3, 20, 25)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from seatbus_sip.errors import SipParseError
from seatbus_sip.known_headers import CANONICAL as _CANONICAL
from seatbus_sip.known_headers import METHODS
from seatbus_sip.uri import Uri, parse_uri

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+\Z", re.ASCII)
# Runs of blanks are bounded: unbounded neighbours would make matching quadratic in hostile input.
_VIA = re.compile(
    r"SIP\s{0,9}/\s{0,9}(\d\.\d)\s{0,9}/\s{0,9}([A-Za-z0-9\-.]+)\s{1,9}(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-_.]+)"
    r"\s{0,9}(?::\s{0,9}(\d{1,5}))?\s{0,9}(;.*)?\Z",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
# The shape of nearly every request's topmost Via; anything else takes the long way.
_plain_via = re.compile(
    r"SIP/2\.0/([A-Z]+) ([A-Za-z0-9\-.]+)(?::([1-9]\d{0,3}))?"
    r"(;rport)?;branch=([A-Za-z0-9\-.!%*_+`'~]+)(;rport)?\Z",
    re.ASCII,
).match
# The same for addresses: "name" <uri>;tag=token.
_plain_address = re.compile(
    r'\A(?:"([^"\\]*)" ?)?<([!#-;=?-~]+)>(?:;tag=([A-Za-z0-9\-.!%*_+`\'~]+))?\Z', re.ASCII
).findall
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?=<)', re.DOTALL)
_CSEQ = re.compile(r"(\d{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)\Z", re.ASCII)
_AUTH_PARAM = re.compile(
    r'\s*([A-Za-z0-9\-.!%*_+`\'~]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|\Z)', re.ASCII
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

# What dialogs and transactions rest on may not be ambiguous; a second Subject does no harm.
SINGLE_HEADERS = (
    "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Expires",
)  # fmt: skip


def is_token(text: str) -> bool:
    """Whether `text` is a token of RFC 3261 section 25.1."""
    return _TOKEN.match(text) is not None


def canonical_name(name: str) -> str:
    """The one spelling this library uses for a header. Raises `SipParseError` if it is no token."""
    found = _CANONICAL.get(name)
    if found is None:
        stripped = name.rstrip(" \t")
        if not is_token(stripped):
            raise SipParseError("header name", "must be a token")
        found = _CANONICAL.get(stripped.lower()) or "-".join(
            part.capitalize() for part in stripped.split("-")
        )
    return found


def split_list(value: str) -> list[str]:
    """Values of a comma separated header; commas in quotes and angle brackets separate nothing.

    Empty places are passed over: an empty header holds no value.
    """
    if "," not in value:
        return [value] if value else []
    parts: list[str] = []
    start, quoted, escaped, angle = 0, False, False, False
    for position, char in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char in "<>":
            angle = char == "<"
        elif char == "," and not angle:
            parts.append(value[start:position].strip(" \t"))
            start = position + 1
    parts.append(value[start:].strip(" \t"))
    return [part for part in parts if part]


def _split_quoted(text: str, separator: str) -> list[str]:
    parts: list[str] = []
    start, quoted, escaped = 0, False, False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == separator:
            parts.append(text[start:position])
            start = position + 1
    if quoted:
        raise SipParseError("parameter", "a quoted string is closed")
    parts.append(text[start:])
    return parts


def parse_params(text: str, field: str) -> dict[str, str | None]:
    """Parameters of `;a=b;c`. Names in lower case, quotes kept as written. A repeated name is refused."""
    result: dict[str, str | None] = {}
    blanks = " " in text or "\t" in text
    for part in text.split(";") if '"' not in text else _split_quoted(text, ";"):
        if not part:
            continue
        key, separator, value = part.partition("=")
        if blanks:
            key, value = key.strip(" \t"), value.strip(" \t")
        if not key.islower():
            key = key.lower()
        if key in result:
            raise SipParseError(field, f"parameter {key} appears once")
        if key:
            result[key] = value if separator else None
        elif separator:
            raise SipParseError(field, "a parameter has a name")
    return result


def render_params(params: Mapping[str, str | None]) -> str:
    """`;a=b;c`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def quote_string(text: str) -> str:
    """`text` as a quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """What a quoted-string says; anything else as it is."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text


def clean_text(text: str) -> str:
    """`text` with bytes that were no UTF-8 replaced, so that it can be stored and shown."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# Parameters are read-only mappings: the empty one may be shared.
_NONE: Mapping[str, str | None] = MappingProxyType({})
# Named tuples are made for every message: this spares the call of their own `__new__`.
_new = tuple.__new__


class Via(NamedTuple):
    """One Via value. `port` is None if sent-by names none."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str | None]

    @property
    def branch(self) -> str:
        """Branch parameter, empty if absent (RFC 2543 peers)."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """`host[:port]` in lower case."""
        host = self.host.lower()
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{render_params(self.params)}"


def parse_via(text: str) -> Via:
    """One Via value. Raises `SipParseError("Via", ...)`."""
    plain = _plain_via(text)
    if plain is not None:
        transport, host, port, before, branch, after = plain.groups()
        number = int(port) if port else None
        if before is None:
            read = {"branch": branch} if after is None else {"branch": branch, "rport": None}
            return _new(Via, (transport, host, number, read))
        if after is None:
            return _new(Via, (transport, host, number, {"rport": None, "branch": branch}))
    match = _VIA.match(text)
    if match is None:
        raise SipParseError("Via", "must be SIP/2.0/transport host[:port];parameters")
    version, transport, host, port, params = match.groups()
    if version != "2.0":
        raise SipParseError("Via", "version is 2.0", 505)
    number = int(port) if port else None
    if number is not None and not 0 < number < 65536:
        raise SipParseError("Via", "port lies between 1 and 65535")
    return Via(transport.upper(), host, number, parse_params(params, "Via") if params else {})


class NameAddr(NamedTuple):
    """A name-addr or addr-spec with its header parameters: From, To, Contact, Route and their kin."""

    raw_display: str
    uri_text: str
    params: Mapping[str, str | None] = {}

    @property
    def display(self) -> str:
        """Display name, printable."""
        return clean_text(self.raw_display)

    @property
    def uri(self) -> Uri:
        """The address. Raises `SipParseError` if it is none of ours."""
        return parse_uri(self.uri_text)

    @property
    def tag(self) -> str | None:
        """Tag parameter."""
        return self.params.get("tag")

    def with_params(self, **params: str | None) -> NameAddr:
        """A copy with these parameters added or replaced."""
        return self._replace(params={**self.params, **params})

    def __str__(self) -> str:
        display = f"{quote_string(self.raw_display)} " if self.raw_display else ""
        return f"{display}<{self.uri_text}>{render_params(self.params)}"


def parse_name_addr(text: str, field: str) -> NameAddr:
    """One address with parameters. Raises `SipParseError(field, ...)`. The address itself is read lazily."""
    for name, uri, tag in _plain_address(text):
        return _new(NameAddr, (name, uri, {"tag": tag} if tag else _NONE))
    text = text.strip(" \t")
    display, start = "", text.find("<")
    quoted = _QUOTED.match(text)
    if quoted is not None:
        display, start = _QUOTED_PAIR.sub(r"\1", quoted[1]), quoted.end()
    elif 0 <= text.find('"') < start:
        raise SipParseError(field, "a display name is a quoted string or tokens, and then <address>")
    elif start > 0:
        display = text[:start].rstrip(" \t")
    if start >= 0:
        end = text.find(">", start)
        uri, tail = text[start + 1 : end].strip(" \t"), text[end + 1 :].lstrip(" \t")
        if end < 0 or not uri or " " in uri or "<" in uri or (tail and tail[0] != ";"):
            raise SipParseError(field, "holds one address without spaces in angle brackets")
        return NameAddr(display, uri, parse_params(tail, field) if tail else {})
    # Without angle brackets every parameter belongs to the header (RFC 3261 section 20.10).
    uri, _, params = text.partition(";")
    uri = uri.strip(" \t")
    if ":" not in uri or any(char in uri for char in ' <>",?'):
        raise SipParseError(field, "must be an address, in angle brackets if it has a comma, ? or ;")
    return NameAddr("", uri, parse_params(params, field) if params else {})


class CSeq(NamedTuple):
    """Sequence number and method."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_cseq(text: str) -> CSeq:
    """Raises `SipParseError("CSeq", ...)`."""
    digits, _, method = text.partition(" ")
    # Below ten digits no number is too high.
    if method in METHODS and len(digits) < 10 and digits.isdecimal() and digits.isascii():
        return _new(CSeq, (int(digits), method))
    match = _CSEQ.match(text)
    if match is None:
        raise SipParseError("CSeq", "must be a number and a method")
    number = int(match[1])
    if number >= 2**32:
        raise SipParseError("CSeq", "number lies below 2**32")
    return CSeq(number, match[2])


def parse_auth(text: str, field: str) -> tuple[str, dict[str, str]]:
    """Scheme in lower case and parameters, unquoted, of a challenge or credentials header."""
    scheme, _, rest = text.strip().partition(" ")
    result: dict[str, str] = {}
    position, rest = 0, rest.strip()
    while position < len(rest):
        match = _AUTH_PARAM.match(rest, position)
        if match is None:
            raise SipParseError(field, "must be a scheme and comma separated name=value parameters")
        name, quoted, plain = match.groups()
        if name.lower() in result:
            raise SipParseError(field, f"parameter {name.lower()} appears once")
        result[name.lower()] = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
        position = match.end()
    return scheme.lower(), result


def render_auth(scheme: str, params: Iterable[tuple[str, str, bool]]) -> str:
    """`scheme a="b", c=d` from (name, value, quoted) triples."""
    return f"{scheme} " + ", ".join(f"{n}={quote_string(v) if q else v}" for n, v, q in params)
