"""Session descriptions, line-preserving (RFC 8866): what is not changed is written back as it came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from seatbus_sip.errors import SdpError


class Direction(Enum):
    """Direction of a stream, seen from who wrote the description."""

    # Members are singletons: their identity is a hash that needs no Python code.
    __hash__ = object.__hash__

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


Encoding = tuple[str, int, int]
"""Name in lower case, clock rate and channels."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One format of an audio stream. `name` as registered; compare with `same`."""

    payload: int
    name: str
    rate: int = 8000
    channels: int = 1
    fmtp: str = ""

    @property
    def encoding(self) -> Encoding:
        """What is the same for one encoding, whatever its payload number."""
        return self.name.lower(), self.rate, self.channels

    def same(self, other: Codec) -> bool:
        """Whether both name one encoding."""
        return self.encoding == other.encoding

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
        # a=sendrecv is the shortest.
        if len(line) >= 10 and line[:2] == "a=" and (found := _DIRECTIONS.get(line[2:].strip())):
            return found
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
                name, _, rest = encoding.strip().partition("/")
                rate, _, rest = rest.partition("/")
                channels = rest.partition("/")[0]
                if rate.isdecimal() and len(rate) < 8:
                    known = channels.isdecimal() and len(channels) < 4
                    maps[number] = (name, int(rate), int(channels) if known else 1)
            elif line.startswith("a=fmtp:"):
                number, _, rest = line[7:].strip().partition(" ")
                fmtp[number] = rest.strip()
        found: list[Codec] = []
        for form in self.formats:
            if not (form.isdecimal() and form.isascii() and len(form) < 4):
                continue
            payload, rest = int(form), fmtp.get(form, "")
            if form in maps:
                found.append(Codec(payload, *maps[form], rest))
            elif (static := _STATIC.get(payload)) is not None:
                found.append(Codec(payload, static.name, static.rate, static.channels, rest))
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
        self.lines.insert(1, f"c=IN {family(host)} {host}")


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line: who described what, in which version."""

    username: str
    session_id: int
    version: int
    host: str

    def __str__(self) -> str:
        return f"o={self.username} {self.session_id} {self.version} IN {family(self.host)} {self.host}"


def family(host: str) -> str:
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
    text = text.replace("\r\n", "\n")
    smuggled = "\r" in text or "\0" in text
    lines = [line for line in text.split("\n") if line]
    if not lines or lines[0].strip() != "v=0":
        raise SdpError("v=", "is the first line and 0")
    session: list[str] = []
    media: list[Media] = []
    target = session
    for line in lines:
        if smuggled or line[1:2] != "=" or not line[0].isalpha():
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
