"""Addresses: SIP, SIPS, tel (RFC 3261 section 19.1, RFC 3966), and calls for help without one (RFC 5031)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from seatbus_sip.errors import SipParseError

_SIP = re.compile(
    r"(?P<scheme>sips?):"
    r"(?:(?P<user>[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]+)(?::(?P<password>[A-Za-z0-9\-_.!~*'()&=+$,%]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9\-_.]*))"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?P<params>;[^?<>\"\s]*)?"
    r"(?:\?(?P<headers>[^<>\"\s]*))?\Z",
    re.IGNORECASE | re.ASCII,
)
_TEL = re.compile(
    r"tel:(?P<number>\+?[0-9A-Da-d*#().\-]+)(?P<params>;[^?<>\"\s]*)?\Z", re.IGNORECASE | re.ASCII
)
_SOS = re.compile(r"urn:(?P<service>service:sos(?:\.[a-z0-9\-]+)*)\Z", re.IGNORECASE | re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER_SAFE = "-_.!~*'()&=+$,;?/"
# RFC 3261 section 19.1.4: these may not be present on one side only.
_MUST_MATCH = ("transport", "user", "ttl", "method", "maddr")
_DEFAULT_PORT = {"sip": 5060, "sips": 5061}


def _params(text: str | None, field: str) -> dict[str, str | None]:
    result: dict[str, str | None] = {}
    if text:
        for part in text.split(";"):
            if part:
                name, separator, value = part.partition("=")
                key = name.lower()
                if not key or key in result:
                    raise SipParseError(field, "URI parameters are named and appear once")
                result[key] = value if separator else None
    return result


def _render(params: Mapping[str, str | None]) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


class Uri(NamedTuple):
    """One address. For `tel` and `urn`, `host` is empty and `user` is the number, or `service:sos`.

    A named tuple and not a dataclass: made for every message, and three times cheaper to make.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Mapping[str, str | None] = {}
    headers: str = ""
    password: str | None = None

    @property
    def username(self) -> str:
        """User part with its escapes resolved; empty if absent."""
        return unquote(self.user) if self.user else ""

    @property
    def transport(self) -> str | None:
        """`transport` parameter in lower case, if any."""
        value = self.params.get("transport")
        return value.lower() if value else None

    @property
    def address(self) -> tuple[str, int]:
        """Host without brackets and port with the scheme's default."""
        return self.host.strip("[]"), self.port or _DEFAULT_PORT.get(self.scheme, 5060)

    def __str__(self) -> str:
        if self.scheme in ("tel", "urn"):
            return f"{self.scheme}:{self.user}{_render(self.params)}"
        user = ""
        if self.user is not None:
            user = f"{self.user}@" if self.password is None else f"{self.user}:{self.password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{_render(self.params)}{headers}"

    @property
    def header_fields(self) -> list[tuple[str, str]]:
        """Names and values of the headers part, escapes resolved. Raises `SipParseError`."""
        found: list[tuple[str, str]] = []
        for part in self.headers.split("&") if self.headers else []:
            name, _, value = (unquote(piece) for piece in part.partition("="))
            # Whoever copies these into a request must not open a line with them.
            if not name or any(char in name + value for char in "\r\n\0"):
                raise SipParseError("URI headers", "have names, and hold no CR, LF or NUL")
            found.append((name, value))
        return found

    def equivalent(self, other: Uri) -> bool:
        """Whether both name the same resource (RFC 3261 section 19.1.4)."""
        if self.scheme != other.scheme or self.username != other.username or self.password != other.password:
            return False
        if self.host.lower() != other.host.lower() or self.port != other.port:
            return False
        for name in self.params.keys() | other.params.keys():
            mine, theirs = self.params.get(name), other.params.get(name)
            here, there = name in self.params, name in other.params
            if here and there:
                if (mine or "").lower() != (theirs or "").lower():
                    return False
            elif name in _MUST_MATCH:
                return False
        return sorted(self.headers.lower().split("&")) == sorted(other.headers.lower().split("&"))

    def bare(self) -> Uri:
        """Without password, parameters and headers: the form used as an address of record."""
        return Uri(self.scheme, self.user, self.host.lower(), self.port)


def parse_uri(text: str, field: str = "URI", *, services: bool = False) -> Uri:
    """The address in `text`, or the service (`urn:service:sos`) that a Request-URI may name.

    Raises `SipParseError(field, ...)`; 416 for a scheme that is not served.
    """
    match = _SIP.match(text)
    if match is not None:
        scheme, user, password, host, port, params, headers = match.groups()
        if "%" in text and _BAD_ESCAPE.search(text):
            raise SipParseError(field, "an escape is % and two hexadecimal digits")
        number = int(port) if port else None
        if number is not None and not 0 < number < 65536:
            raise SipParseError(field, "port lies between 1 and 65535")
        return Uri(scheme.lower(), user, host, number, _params(params, field), headers or "", password)
    match = _TEL.match(text)
    if match is not None:
        return Uri("tel", match["number"], "", None, _params(match["params"], field))
    match = _SOS.match(text) if services else None
    if match is not None:
        return Uri("urn", match["service"].lower(), "")
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() not in ("sip", "sips", "tel"):
        raise SipParseError(field, "scheme is sip, sips or tel", 416)
    raise SipParseError(field, "must be a SIP, SIPS or tel address")


def sip_uri(user: str | None, host: str, port: int | None = None, **params: str | None) -> Uri:
    """A `sip:` address; `user` is given unescaped and is escaped here, IPv6 hosts get their brackets."""
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return Uri("sip", quote(user, safe=_USER_SAFE) if user else None, host, port, params)
