"""Session descriptions, line-preserving (RFC 8866): what is not changed is written back as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from seatbus_sip.errors import SdpError
from seatbus_sip.flow import Address


class Direction(Enum):
    """Direction of a stream, seen from who wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def mirrored(self) -> Direction:
        """The same direction seen from the other side."""
        return _MIRROR.get(self, self)

    @property
    def sends(self) -> bool:
        """Whether the writer sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the writer receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def limited_by(self, offered: Direction) -> Direction:
        """What may be answered to `offered` by someone who wants this (RFC 3264 section 6.1)."""
        allowed = offered.mirrored
        sends, receives = self.sends and allowed.sends, self.receives and allowed.receives
        if sends and receives:
            return Direction.SENDRECV
        if sends:
            return Direction.SENDONLY
        return Direction.RECVONLY if receives else Direction.INACTIVE


_MIRROR = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}
_DIRECTIONS = {direction.value: direction for direction in Direction}


@dataclass(frozen=True, slots=True)
class Codec:
    """One format of an audio stream. `name` as registered; compare with `same`."""

    payload: int
    name: str
    rate: int = 8000
    channels: int = 1
    fmtp: str = ""

    def same(self, other: Codec) -> bool:
        """Whether both name one encoding, whatever their payload numbers."""
        mine = (self.name.lower(), self.rate, self.channels)
        return mine == (other.name.lower(), other.rate, other.channels)

    @property
    def is_dtmf(self) -> bool:
        """Whether these are RFC 4733 events."""
        return self.name.lower() == "telephone-event"


PCMU = Codec(0, "PCMU")
PCMA = Codec(8, "PCMA")
G722 = Codec(9, "G722")
OPUS = Codec(111, "opus", 48000, 2, "useinbandfec=1")
TELEPHONE_EVENT = Codec(101, "telephone-event", fmtp="0-16")
# RFC 4733 section 2.1: events count the clock of the audio beside them.
TELEPHONE_EVENT_48K = Codec(110, "telephone-event", 48000, fmtp="0-16")
DEFAULT_CODECS = (PCMU, PCMA, TELEPHONE_EVENT)
# RFC 3551 section 6. G722 says 8000 there for historical reasons.
_STATIC = {
    0: PCMU, 3: Codec(3, "GSM"), 4: Codec(4, "G723"), 8: PCMA, 9: G722, 13: Codec(13, "CN"),
    15: Codec(15, "G728"), 18: Codec(18, "G729"),
}  # fmt: skip


def _connection(lines: Iterable[str]) -> str | None:
    for line in lines:
        if line.startswith("c="):
            parts = line[2:].split()
            if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
                raise SdpError("c=", "must be IN, IP4 or IP6, and an address", 488)
            return parts[2].partition("/")[0]
    return None


def _attributes(lines: Iterable[str], name: str) -> list[str]:
    prefix = f"a={name}:"
    return [line[len(prefix) :].strip() for line in lines if line.startswith(prefix)]


def _own_direction(lines: Iterable[str]) -> Direction | None:
    for line in lines:
        if line.startswith("a=") and line[2:].strip() in _DIRECTIONS:
            return _DIRECTIONS[line[2:].strip()]
    return None


@dataclass(slots=True)
class Media:
    """One media section. `lines[0]` is its m= line; views are computed from the lines."""

    lines: list[str]
    session_connection: str | None = None
    session_direction: Direction | None = None

    def _m(self) -> list[str]:
        return self.lines[0][2:].split()

    @property
    def kind(self) -> str:
        """`audio`, `video`, `image` ..."""
        return self._m()[0]

    @property
    def port(self) -> int:
        """Port; 0 means refused."""
        return int(self._m()[1].partition("/")[0])

    @property
    def proto(self) -> str:
        """Transport profile, as `RTP/AVP`."""
        return self._m()[2]

    @property
    def formats(self) -> list[str]:
        """Format list in order of preference."""
        return self._m()[3:]

    @property
    def host(self) -> str | None:
        """Connection address of this section, or of the session."""
        return _connection(self.lines) or self.session_connection

    @property
    def direction(self) -> Direction:
        """Direction of this section, of the session, or sendrecv."""
        return _own_direction(self.lines) or self.session_direction or Direction.SENDRECV

    @property
    def on_hold(self) -> bool:
        """Whether the writer has put the other side on hold, in the old way (0.0.0.0) too."""
        return not self.direction.receives or self.host == "0.0.0.0"

    @property
    def ptime(self) -> int | None:
        """Packet time in ms, if given and sane."""
        values = _attributes(self.lines, "ptime")
        return int(values[0]) if values and values[0].isdecimal() and 0 < int(values[0]) <= 200 else None

    @property
    def rtcp_mux(self) -> bool:
        """Whether RTP and RTCP share the port."""
        return "a=rtcp-mux" in self.lines

    def attribute(self, name: str) -> list[str]:
        """Values of `a=name:value`."""
        return _attributes(self.lines, name)

    @property
    def codecs(self) -> list[Codec]:
        """Formats in order of preference; those without a known mapping are left out."""
        maps: dict[str, tuple[str, int, int]] = {}
        fmtp: dict[str, str] = {}
        for line in self.lines:
            if line.startswith("a=rtpmap:"):
                number, _, encoding = line[9:].strip().partition(" ")
                parts = encoding.strip().split("/")
                if len(parts) >= 2 and parts[1].isdecimal() and len(parts[1]) < 8:
                    known = len(parts) > 2 and parts[2].isdecimal() and len(parts[2]) < 4
                    maps[number] = (parts[0], int(parts[1]), int(parts[2]) if known else 1)
            elif line.startswith("a=fmtp:"):
                number, _, rest = line[7:].strip().partition(" ")
                fmtp[number] = rest.strip()
        found: list[Codec] = []
        for form in self.formats:
            if not (form.isdecimal() and form.isascii() and len(form) < 4):
                continue
            mapped, rest = maps.get(form), fmtp.get(form, "")
            static = _STATIC.get(int(form))
            if mapped is not None:
                found.append(Codec(int(form), *mapped, rest))
            elif static is not None:
                found.append(Codec(int(form), static.name, static.rate, static.channels, rest))
        return found

    def set_direction(self, direction: Direction) -> None:
        """Replace the direction attribute, in place or at the end."""
        self.lines = [line for line in self.lines if line[2:].strip() not in _DIRECTIONS or line[:2] != "a="]
        self.lines.append(f"a={direction.value}")

    def set_port(self, port: int) -> None:
        """Replace the port; 0 refuses the stream."""
        parts = self._m()
        parts[1] = str(port)
        self.lines[0] = "m=" + " ".join(parts)

    def set_host(self, host: str) -> None:
        """Replace (or add) the connection address of this section."""
        self.lines = [line for line in self.lines if not line.startswith("c=")]
        self.lines.insert(1, f"c=IN {_family(host)} {host}")


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line: who described what, in which version."""

    username: str
    session_id: int
    version: int
    host: str

    def __str__(self) -> str:
        return f"o={self.username} {self.session_id} {self.version} IN {_family(self.host)} {self.host}"


def _family(host: str) -> str:
    return "IP6" if ":" in host else "IP4"


@dataclass(slots=True)
class SessionDescription:
    """Session lines and media sections."""

    lines: list[str]
    media: list[Media]

    @property
    def origin(self) -> Origin:
        """The o= line. Raises `SdpError`."""
        for line in self.lines:
            if line.startswith("o="):
                parts = line[2:].split()
                if len(parts) == 6 and parts[1].isdecimal() and parts[2].isdecimal():
                    return Origin(parts[0], int(parts[1]), int(parts[2]), parts[5])
        raise SdpError("o=", "must be name, session id, version, IN, IP4 or IP6, address", 488)

    @property
    def host(self) -> str | None:
        """Connection address of the session."""
        return _connection(self.lines)

    @property
    def audio(self) -> Media | None:
        """First audio section that is not refused."""
        return next((section for section in self.media if section.kind == "audio" and section.port), None)

    def set_origin(self, origin: Origin) -> None:
        """Replace the o= line."""
        self.lines = [str(origin) if line.startswith("o=") else line for line in self.lines]

    def __str__(self) -> str:
        every = [*self.lines, *(line for section in self.media for line in section.lines)]
        return "\r\n".join(every) + "\r\n"

    def to_bytes(self) -> bytes:
        """The body of a message."""
        return str(self).encode("utf-8", "surrogateescape")


def parse_sdp(body: bytes | str) -> SessionDescription:
    """Raises `SdpError(field, rule)` (400 if it is no SDP, 488 if a stream cannot be understood)."""
    text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not lines or lines[0].strip() != "v=0":
        raise SdpError("v=", "is the first line and 0")
    session: list[str] = []
    media: list[Media] = []
    target = session
    for line in lines:
        if len(line) < 2 or line[1] != "=" or not line[0].isalpha() or "\r" in line or "\0" in line:
            raise SdpError("SDP line", "must be a letter, = and a value")
        if line.startswith("m="):
            _check_m(line)
            target = [line]
            media.append(Media(target))
        else:
            target.append(line)
    host, direction = _connection(session), _own_direction(session)
    for section in media:
        section.session_connection, section.session_direction = host, direction
        # Read for refused streams too, so that no view raises later.
        if section.host is None and section.port:
            raise SdpError("c=", "is given for the session or for every stream")
    return SessionDescription(session, media)


def _check_m(line: str) -> None:
    parts = line[2:].split()
    port = parts[1].partition("/")[0] if len(parts) > 3 else ""
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) < 65536):
        raise SdpError("m=", "must be kind, port below 65536, profile and formats")


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
        f"c=IN {_family(host)} {host}",
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
    host, port = address
    sections: list[Media] = []
    agreed: Agreed | None = None
    for section in offer.media:
        common = _common(section, own) if agreed is None and usable(section) else []
        if section.host is None or not any(not codec.is_dtmf for codec in common):
            sections.append(Media([f"m={section.kind} 0 {section.proto} " + " ".join(section.formats)], host))
            continue
        if own_order:
            common.sort(key=lambda codec: next(at for at, mine in enumerate(own) if codec.same(mine)))
        mine = [_as_own(codec, own) for codec in common]
        direction = wanted.limited_by(section.direction)
        packet = section.ptime or ptime
        agreed = _agree(section, common, mine, direction, packet)
        sections.append(Media(_audio(port, mine, direction, packet, section.proto), host))
    if agreed is None:
        raise SdpError("m=audio", "must offer one of " + ", ".join(codec.name for codec in own), 488)
    return SessionDescription(_head(host, session_id, version), sections), agreed


def _common(section: Media, own: tuple[Codec, ...]) -> list[Codec]:
    if section.kind != "audio" or not section.port:
        return []
    return [codec for codec in section.codecs if any(codec.same(mine) for mine in own)]


def _as_own(codec: Codec, own: tuple[Codec, ...]) -> Codec:
    """The offered number with the own parameters: fmtp tells what its writer wants to receive."""
    wanted = next(mine for mine in own if mine.same(codec))
    return Codec(codec.payload, codec.name, codec.rate, codec.channels, wanted.fmtp or codec.fmtp)


def _agree(
    section: Media,
    theirs: list[Codec],
    mine: list[Codec],
    direction: Direction,
    ptime: int,
    prefer: Iterable[str] = (),
) -> Agreed:
    audio = [codec for codec in theirs if not codec.is_dtmf]
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
        theirs = [codec for codec in given.codecs if any(codec.same(mine) for mine in asked.codecs)]
        mine = [codec for codec in asked.codecs if any(codec.same(other) for other in theirs)]
        if any(not codec.is_dtmf for codec in theirs):
            direction = asked.direction.limited_by(given.direction)
            return _agree(given, theirs, mine, direction, given.ptime or asked.ptime or 20, tuple(prefer))
    raise SdpError("m=audio", "is answered with an offered codec and a port", 488)
