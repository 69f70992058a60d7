"""Requests too large for a datagram: to TCP where the peer takes it, else smaller, else in fragments.

RFC 3261 section 18.1.1. Nothing here knows of sockets: what is known of the peer is an input.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from seatbus_sip.errors import SipError
from seatbus_sip.known_headers import KNOWN
from seatbus_sip.message import Request
from seatbus_sip.sdp_description import Media, parse_sdp

_LARGEST: Final = 1300
_MARGIN: Final = 200
# Those of RFC 3261: every peer reads them. The short forms of extensions are not known to all.
_COMPACT: Final = {
    header.name.encode(): header.compact.encode()
    for header in KNOWN
    if header.compact and header.source == 3261
}
# Every peer outside has one of them.
_PLAIN: Final = ("pcmu", "pcma")
_BESIDE: Final = ("telephone-event", "cn")


class Peer(Enum):
    """What is known of who gets a request that would go by UDP."""

    FLOW_BOUND = "flow-bound"
    TAKES_TCP = "takes TCP"
    UNKNOWN = "unknown"


class Way(Enum):
    """How a request goes."""

    AS_IT_IS = "as it is"
    TCP = "TCP"
    SHRUNK = "shrunk"


WAYS: Final[dict[tuple[bool, Peer], Way]] = {
    (False, Peer.FLOW_BOUND): Way.AS_IT_IS,
    (False, Peer.TAKES_TCP): Way.AS_IT_IS,
    (False, Peer.UNKNOWN): Way.AS_IT_IS,
    (True, Peer.FLOW_BOUND): Way.SHRUNK,
    (True, Peer.TAKES_TCP): Way.TCP,
    (True, Peer.UNKNOWN): Way.SHRUNK,
}
"""By whether the request is too large, and the peer."""


def too_large(size: int, path_mtu: int | None = None) -> bool:
    """Whether a request of so many bytes is too large for UDP."""
    return size > (_LARGEST if path_mtu is None else path_mtu - _MARGIN)


def way_of(size: int, peer: Peer, path_mtu: int | None = None) -> Way:
    """How a request of so many bytes goes that would go by UDP."""
    return WAYS[too_large(size, path_mtu), peer]


def compact(data: bytes) -> bytes:
    """A message of ours with the short names of its headers: nothing is lost."""
    head, end, body = data.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    short = [start]
    for line in lines:
        name, colon, value = line.partition(b":")
        short.append(_COMPACT.get(name, name) + colon + value)
    return b"\r\n".join(short) + end + body


def shrunk(request: Request, optional: Iterable[str], path_mtu: int | None = None) -> Request:
    """A copy that leaves out `optional` headers, then codecs, as long as it is too large even in short names.

    It may still be too large: then it goes in fragments.
    """
    made = request.copy()
    for name in optional:
        if not _over(made, path_mtu):
            return made
        made.remove(name)
    if made.content_type == "application/sdp" and (over := _over(made, path_mtu)):
        made.body = fewer_codecs(made.body, over)
    return made


def _over(request: Request, path_mtu: int | None) -> int:
    size = len(compact(request.to_bytes()))
    return size - (_LARGEST if path_mtu is None else path_mtu - _MARGIN) if too_large(size, path_mtu) else 0


def fewer_codecs(sdp: bytes, over: int) -> bytes:
    """An offer without its last codecs until it is `over` bytes smaller. The first one and G.711 stay."""
    try:
        description = parse_sdp(sdp)
        audio = description.audio
        spare = [] if audio is None else _spare(audio)
    except SipError:
        return sdp
    if audio is None:
        return sdp
    wanted = len(sdp) - over
    while spare and len(description.to_bytes()) > wanted:
        _leave_out(audio, str(spare.pop()))
    return description.to_bytes()


def _spare(audio: Media) -> list[int]:
    codecs = [codec for codec in audio.codecs if codec.name.lower() not in _BESIDE]
    return [codec.payload for codec in codecs[1:] if codec.name.lower() not in _PLAIN]


def _leave_out(audio: Media, payload: str) -> None:
    first, *lines = audio.lines
    head, kept = first.split()[:3], [form for form in audio.formats if form != payload]
    about = tuple(f"a={name}:{payload} " for name in ("rtpmap", "fmtp", "rtcp-fb"))
    audio.lines = [" ".join([*head, *kept]), *(line for line in lines if not line.startswith(about))]
