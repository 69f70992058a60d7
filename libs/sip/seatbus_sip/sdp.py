"""Offers and answers (RFC 3264): one audio stream is wanted, every other one is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from seatbus_sip.errors import SdpError
from seatbus_sip.flow import Address
from seatbus_sip.sdp_description import (
    DEFAULT_CODECS,
    G722,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    TELEPHONE_EVENT_48K,
    Codec,
    Direction,
    Encoding,
    Media,
    Origin,
    SessionDescription,
    family,
    parse_sdp,
)

__all__ = [
    "DEFAULT_CODECS",
    "G722",
    "OPUS",
    "PCMA",
    "PCMU",
    "TELEPHONE_EVENT",
    "TELEPHONE_EVENT_48K",
    "Agreed",
    "Codec",
    "Direction",
    "Media",
    "Origin",
    "SessionDescription",
    "accept_answer",
    "build_answer",
    "build_offer",
    "is_plain",
    "parse_sdp",
]


@dataclass(frozen=True, slots=True)
class Agreed:
    """An audio stream both sides agree on, from this side's view.

    `send` is the codec to send with (the peer's payload number), `receive` those to expect (own numbers),
    `dtmf_send` and `dtmf_receive` the RFC 4733 payload numbers, `direction` own, `remote` where to send.
    """

    remote: Address
    send: Codec
    receive: tuple[Codec, ...]
    direction: Direction
    ptime: int
    dtmf_send: int | None
    dtmf_receive: int | None
    dtmf_send_rate: int = 8000
    dtmf_receive_rate: int = 8000
    dtmf_receives: tuple[tuple[int, int], ...] = ()
    """All event types that may come, with their clocks: browsers use another than the audio's, too."""


def build_offer(
    address: Address,
    codecs: Iterable[Codec] = DEFAULT_CODECS,
    *,
    session_id: int,
    version: int = 0,
    direction: Direction = Direction.SENDRECV,
    ptime: int = 20,
    profile: str = "RTP/AVP",
) -> SessionDescription:
    """An offer of one audio stream at `address`. Raise `version` with each changed description."""
    host, port = address
    return SessionDescription(
        _head(host, session_id, version), [Media(_audio(port, codecs, direction, ptime, profile), host)]
    )


def _head(host: str, session_id: int, version: int) -> list[str]:
    return [
        "v=0",
        str(Origin("-", session_id, version, host)),
        "s=-",
        f"c=IN {family(host)} {host}",
        "t=0 0",
    ]


def _audio(
    port: int, codecs: Iterable[Codec], direction: Direction, ptime: int, proto: str = "RTP/AVP"
) -> list[str]:
    listed = list(codecs)
    lines = [f"m=audio {port} {proto} " + " ".join(str(codec.payload) for codec in listed)]
    for codec in listed:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        lines.append(f"a=rtpmap:{codec.payload} {codec.name}/{codec.rate}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload} {codec.fmtp}")
    return [*lines, f"a=ptime:{ptime}", f"a={direction.value}"]


def is_plain(section: Media) -> bool:
    """Whether a stream is RTP without encryption."""
    return section.proto in ("RTP/AVP", "RTP/AVPF")


def build_answer(
    offer: SessionDescription,
    address: Address,
    codecs: Iterable[Codec] = DEFAULT_CODECS,
    *,
    session_id: int,
    version: int = 0,
    wanted: Direction = Direction.SENDRECV,
    ptime: int = 20,
    own_order: bool = False,
    usable: Callable[[Media], bool] = is_plain,
) -> tuple[SessionDescription, Agreed]:
    """Answer with the first usable audio stream; every other stream is refused with port 0.

    Codecs keep the offer's payload numbers and, unless `own_order`, its order. Raises `SdpError` (488) if
    nothing fits.
    """
    own = tuple(codecs)
    served: dict[Encoding, Codec] = {}
    for codec in own:
        served.setdefault(codec.encoding, codec)
    host, port = address
    sections: list[Media] = []
    agreed: Agreed | None = None
    for section in offer.media:
        common = _common(section, served) if agreed is None and usable(section) else []
        if section.host is None or not any(not codec.is_dtmf for codec in common):
            sections.append(Media([f"m={section.kind} 0 {section.proto} " + " ".join(section.formats)], host))
            continue
        if own_order:
            ranks = {encoding: rank for rank, encoding in enumerate(served)}
            common.sort(key=lambda codec: ranks[codec.encoding])
        mine = [_as_own(codec, served[codec.encoding]) for codec in common]
        direction = wanted.limited_by(section.direction)
        packet = section.ptime or ptime
        agreed = _agree(section, common, mine, direction, packet)
        sections.append(Media(_audio(port, mine, direction, packet, section.proto), host))
    if agreed is None:
        raise SdpError("m=audio", "must offer one of " + ", ".join(codec.name for codec in own), 488)
    return SessionDescription(_head(host, session_id, version), sections), agreed


def _common(section: Media, served: Mapping[Encoding, Codec]) -> list[Codec]:
    if section.kind != "audio" or not section.port:
        return []
    return [codec for codec in section.codecs if codec.encoding in served]


def _as_own(codec: Codec, wanted: Codec) -> Codec:
    """The offered number with the own parameters: fmtp tells what its writer wants to receive."""
    if wanted.fmtp in ("", codec.fmtp):
        return codec
    return Codec(codec.payload, codec.name, codec.rate, codec.channels, wanted.fmtp)


def _agree(
    section: Media,
    theirs: list[Codec],
    mine: list[Codec],
    direction: Direction,
    ptime: int,
    prefer: Sequence[str] = (),
) -> Agreed:
    audio = [codec for codec in theirs if not codec.is_dtmf]
    send = audio[0]
    if prefer:
        ranks = {name.lower(): rank for rank, name in enumerate(prefer)}
        send = min(audio, key=lambda codec: ranks.get(codec.name.lower(), len(ranks)))
    events_out, events_in = _events(theirs, send.rate), _events(mine, send.rate)
    return Agreed(
        remote=(section.host or "", section.port),
        send=send,
        receive=tuple(codec for codec in mine if not codec.is_dtmf),
        direction=direction,
        ptime=ptime,
        dtmf_send=events_out.payload if events_out is not None else None,
        dtmf_receive=events_in.payload if events_in is not None else None,
        dtmf_send_rate=events_out.rate if events_out is not None else 8000,
        dtmf_receive_rate=events_in.rate if events_in is not None else 8000,
        dtmf_receives=tuple((codec.payload, codec.rate) for codec in mine if codec.is_dtmf),
    )


def _events(codecs: list[Codec], rate: int) -> Codec | None:
    """The events with the clock of the audio, else any."""
    events = [codec for codec in codecs if codec.is_dtmf]
    return next((codec for codec in events if codec.rate == rate), events[0] if events else None)


def accept_answer(
    offer: SessionDescription, answer: SessionDescription, prefer: Iterable[str] = ()
) -> Agreed:
    """What an answer to the own offer agreed on. Raises `SdpError` (488) if it does not fit the offer.

    Of several codecs in the answer the one that comes first in `prefer` is sent, else the answer's first.
    """
    if len(answer.media) != len(offer.media):
        raise SdpError("m=", "appears as often in the answer as in the offer", 488)
    for asked, given in zip(offer.media, answer.media, strict=True):
        if asked.kind != "audio" or given.kind != "audio" or not given.port or given.host is None:
            continue
        offered = asked.codecs
        known = {codec.encoding for codec in offered}
        theirs = [codec for codec in given.codecs if codec.encoding in known]
        answered = {codec.encoding for codec in theirs}
        mine = [codec for codec in offered if codec.encoding in answered]
        if any(not codec.is_dtmf for codec in theirs):
            direction = asked.direction.limited_by(given.direction)
            return _agree(given, theirs, mine, direction, given.ptime or asked.ptime or 20, tuple(prefer))
    raise SdpError("m=audio", "is answered with an offered codec and a port", 488)
