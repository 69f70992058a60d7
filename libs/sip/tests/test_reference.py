"""The quick reader against a slow one that is written down from the grammar, character by character."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_sip import NameAddr, Request, Via, parse_message
from seatbus_sip.known_headers import KNOWN, LIST_HEADERS

COMPACT = {header.compact: header.name for header in KNOWN if header.compact}
LONG = {header.name.lower(): header.name for header in KNOWN}
ADDRESSES = ("From", "To", "Contact")


def slow_name(written: str) -> str:
    name = written.rstrip(" \t").lower()
    return COMPACT.get(name) or LONG.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def slow_headers(head: str) -> list[tuple[str, str]]:
    lines: list[str] = []
    for line in head.split("\r\n")[1:]:
        if line[0] in " \t":
            lines[-1] += " " + line.lstrip(" \t")
        else:
            lines.append(line)
    return [
        (slow_name(name), value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)
    ]


def slow_split(text: str, separator: str) -> list[str]:
    """Cut where no quoted string and no bracket is open."""
    parts, quoted, escaped, bracketed = [""], False, False, False
    for char in text:
        if char == separator and not quoted and not bracketed:
            parts.append("")
            continue
        parts[-1] += char
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "<>":
            bracketed = char == "<"
    return parts


def slow_params(parts: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = (piece.strip(" \t") for piece in part.partition("="))
        found[name.lower()] = value if equals else None
    return found


def slow_address(text: str) -> NameAddr:
    first, *params = slow_split(text, ";")
    display, bracket, rest = first.rpartition("<")
    uri = rest.rstrip("> \t") if bracket else first.strip(" \t")
    display = display.strip(" \t")
    if display.startswith('"'):
        display = re.sub(r"\\(.)", r"\1", display[1:-1], flags=re.DOTALL)
    return NameAddr(display, uri.strip(" \t"), slow_params(params))


def slow_via(text: str) -> Via:
    first, *params = slow_split(text, ";")
    protocol, version, rest = first.split("/")
    assert (protocol.strip(), version.strip()) == ("SIP", "2.0")
    transport, sent_by = rest.split(maxsplit=1)
    bracketed = re.fullmatch(r"(\[.*\]|[^:\s]+)\s*(?::\s*(\d+))?\s*", sent_by)
    assert bracketed is not None
    return Via(
        transport.upper(), bracketed[1], int(bracketed[2]) if bracketed[2] else None, slow_params(params)
    )


TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
BLANK = st.sampled_from(["", "", " ", "\t", "  "])
FOLD = st.sampled_from([" ", " ", "\r\n ", " \r\n\t", "\t"])
URI = st.sampled_from(
    [
        "sip:a@b",
        "sip:+49%2030@[2001:db8::1]:5070;transport=tcp?x=y",
        "sips:h",
        "tel:+49-30;ext=1",
        "sip:a,b@c;p",
    ]
)
QUOTED = st.lists(st.sampled_from([*"ab ,;<>@=", '\\"', "\\\\", "ä", "\\;"]), max_size=8).map(
    lambda pieces: f'"{"".join(pieces)}"'
)
PARAM = st.one_of(
    st.tuples(st.sampled_from(["tag", "Tag", "TAG"]), TOKEN),
    st.tuples(TOKEN, st.one_of(st.none(), TOKEN, QUOTED)),
)


@st.composite
def params(draw: st.DrawFn) -> str:
    text, seen = "", set()
    for name, value in draw(st.lists(PARAM, max_size=3)):
        if name.lower() in seen:
            continue
        seen.add(name.lower())
        text += f"{draw(BLANK)};{draw(BLANK)}{name}"
        text += "" if value is None else f"{draw(BLANK)}={draw(BLANK)}{value}"
    return text


@st.composite
def address(draw: st.DrawFn) -> str:
    if draw(st.booleans()) or draw(st.booleans()):
        display = draw(st.one_of(st.just(""), QUOTED, st.sampled_from(["Anna", "Anna Bo", "A-1.x"])))
        gap = draw(FOLD) if display else ""
        return f"{display}{gap}<{draw(URI)}>{draw(params())}"
    # A bracket in a parameter of an address without brackets is refused.
    return f"sip:plain@host{draw(params().filter(lambda text: '<' not in text))}"


@st.composite
def via(draw: st.DrawFn) -> str:
    slash = draw(st.sampled_from(["/", "/", " / ", "\t/"]))
    host = draw(
        st.sampled_from(["h.example", "192.0.2.1", "[::1]", "192.0.2.1:5060", "[::1]:1", "h : 65535"])
    )
    transport = draw(st.sampled_from(["UDP", "TLS", "tcp", "WSS"]))
    branch = draw(st.sampled_from(["", ";branch=z9hG4bKx", ";rport;branch=z9hG4bK.-~", ";branch=a;rport"]))
    return f"SIP{slash}2.0{slash}{transport} {host}{branch or draw(params())}"


@st.composite
def header(draw: st.DrawFn, name: str, value: str) -> str:
    known = next((one for one in KNOWN if one.name == name), None)
    spellings = [name, name, name.lower(), name.upper(), name.swapcase()]
    if known is not None and known.compact:
        spellings += [known.compact, known.compact.upper()]
    written = draw(st.sampled_from(spellings))
    gap = draw(st.sampled_from([" ", " ", "", "  ", "\t", "\r\n "]))
    return f"{written}{draw(BLANK)}:{gap}{value}{draw(BLANK)}"


TEXT = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=10), max_size=3)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, bytes]:
    lines = [
        draw(header("From", draw(address()))),
        draw(header("To", draw(address()))),
        draw(header("Contact", draw(address()))),
        draw(header("Call-ID", draw(TOKEN))),
        draw(header("CSeq", f"{draw(st.integers(0, 2**32 - 1))}{draw(FOLD)}INVITE")),
        *[draw(header("Via", value)) for value in draw(st.lists(via(), min_size=1, max_size=3))],
    ]
    others = st.sampled_from(["Subject", "Supported", "X-Own", "Record-Route", "Warning", "x-y-Z", "Route"])
    for name in draw(st.lists(others, max_size=6)):
        pieces = [piece.strip(" \t") for piece in draw(TEXT)]
        lines.append(draw(header(name, draw(FOLD).join(piece for piece in pieces if piece))))
    body = draw(st.binary(max_size=20))
    if draw(st.booleans()):
        lines.append(draw(header("Content-Length", str(draw(st.integers(0, len(body)))))))
    head = "\r\n".join(["INVITE sip:x@y SIP/2.0", *draw(st.permutations(lines))])
    return head, head.encode() + b"\r\n\r\n" + body


@settings(deadline=None)
@given(messages())
def test_the_quick_reader_reads_what_the_slow_one_reads(made: tuple[str, bytes]) -> None:
    head, data = made
    found, expected = parse_message(data), slow_headers(head)
    assert isinstance(found, Request)
    assert found.defect is None
    names = list(dict.fromkeys(name for name, _ in expected))
    assert list(found.names()) == names, "in the order in which they came"
    for name in names:
        lines = [value for key, value in expected if key == name]
        # How many blanks a fold was is of no meaning (RFC 3261 section 7.3.1).
        assert [blanks(value) for value in found.get_all(name)] == [blanks(value) for value in lines]
        if name in LIST_HEADERS:
            # Empty places in a list are passed over.
            parts = [part.strip(" \t") for line in lines for part in slow_split(line, ",")]
            values = [part for part in parts if part]
            assert [blanks(value) for value in found.values(name)] == [blanks(value) for value in values]
    first = {name: value for name, value in reversed(expected)}
    assert found.via == slow_via(slow_split(first["Via"], ",")[0])
    assert [getattr(found, kind) for kind in ("from_", "to", "contact")] == [
        slow_address(first[name]) for name in ADDRESSES
    ]
    assert f"{found.cseq.number} {found.cseq.method}" == blanks(first["CSeq"])
    body = data.partition(b"\r\n\r\n")[2]
    assert found.body == body[: int(first.get("Content-Length", len(body)))]
    again = parse_message(found.to_bytes())
    assert (again.via, again.from_, again.to, again.contact) == (
        found.via,
        found.from_,
        found.to,
        found.contact,
    )


def blanks(text: str) -> str:
    return re.sub("[ \t]+", " ", text)
