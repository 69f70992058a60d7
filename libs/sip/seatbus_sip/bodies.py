"""Bodies of several parts (RFC 2046, RFC 5621): finding the one that is understood."""

from __future__ import annotations

from seatbus_sip.headers import parse_params
from seatbus_sip.message import Message

_MOST_PARTS = 16


def media_type(value: str) -> str:
    """Media type of a Content-Type in lower case, without parameters."""
    return value.partition(";")[0].strip().lower()


def _parts(content_type: str, body: bytes) -> list[tuple[str, bytes]]:
    parameters = parse_params(content_type.partition(";")[2], "Content-Type")
    boundary = (parameters.get("boundary") or "").strip('"').encode("utf-8", "surrogateescape")
    if not 0 < len(boundary) <= 70:
        return []
    found: list[tuple[str, bytes]] = []
    for section in (b"\r\n" + body).split(b"\r\n--" + boundary)[1 : _MOST_PARTS + 1]:
        if section.startswith(b"--"):
            break
        head, _, content = section.partition(b"\r\n\r\n")
        kind = ""
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() in (b"content-type", b"c"):
                kind = value.decode("latin-1").strip()
        found.append((media_type(kind or "text/plain"), content))
    return found


def body_of(message: Message, wanted: str) -> bytes:
    """The body if it is of this media type, or its first part that is; empty if there is none.

    Raises `SipParseError("Content-Type", ...)` if that header cannot be read.
    """
    content_type = message.get("Content-Type") or ""
    kind = media_type(content_type)
    if kind == wanted:
        return message.body
    if not kind.startswith("multipart/"):
        return b""
    return next((content for part, content in _parts(content_type, message.body) if part == wanted), b"")
