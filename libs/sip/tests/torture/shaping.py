"""How the torture messages are written down: one text each, with what is special in it."""

from __future__ import annotations

from dataclasses import dataclass

SDP = "v=0\no=who 29739 7272939 IN IP4 192.0.2.3\ns=-\nc=IN IP4 192.0.2.4\nt=0 0\nm=audio 49217 RTP/AVP 0\n"


@dataclass(frozen=True)
class Torture:
    """`wire` is what arrives; `status` the answer of a server for calls and registrations.

    0: nothing is answered, because it is a response, or because no answer can be addressed.
    """

    name: str
    section: str
    law: str
    status: int
    wire: bytes


def wire(head: str, body: str | bytes = b"", length: bool = True) -> bytes:
    """Lines to bytes with CRLF; `length` appends the true Content-Length."""
    data = body.replace("\n", "\r\n").encode() if isinstance(body, str) else body
    lines = head.strip("\n") + (f"\nContent-Length: {len(data)}" if length else "") + "\n\n"
    return lines.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + data


def plain(
    method: str, name: str, *, start: str = "", without: str = "", more: str = "", **changed: str
) -> str:
    """A sane head with some lines changed (`Max_Forwards=...`), dropped or added."""
    headers = {
        "To": "<sip:user@example.com>",
        "From": "<sip:caller@example.net>;tag=323",
        "Max-Forwards": "70",
        "Call-ID": f"{name}.1234abcd",
        "CSeq": f"8 {method}",
        "Via": f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{name}",
    }
    if method in ("INVITE", "REGISTER"):
        headers["Contact"] = "<sip:caller@host5.example.net>"
    headers |= {key.replace("_", "-"): value for key, value in changed.items()}
    kept = [f"{key}: {value}" for key, value in headers.items() if key not in without.split()]
    return "\n".join([start or f"{method} sip:user@example.com SIP/2.0", *kept, *([more] if more else [])])
