"""What strangers may send, as functions of bytes: any exception that is not the library's own is a finding.

Each raises `AssertionError` if a law of its layer is broken. Hypothesis (`test_fuzz.py`) and the
coverage-guided fuzzer (`make fuzz`) drive the same functions.
"""

from __future__ import annotations

from collections.abc import Callable

from seatbus_sip import (
    Flow,
    LayerConfig,
    ParseFailed,
    Request,
    RequestReceived,
    Response,
    SipLayer,
    parse_message,
    parse_uri,
)
from seatbus_sip.dialog import Dialog, DialogKey
from seatbus_sip.digest import DigestClient, DigestServer, ha1
from seatbus_sip.errors import SipError
from seatbus_sip.framing import FramingLimits, StreamFramer
from seatbus_sip.headers import parse_auth, parse_name_addr, parse_via
from seatbus_sip.ids import CountedIds
from seatbus_sip.known_headers import LIST_HEADERS
from seatbus_sip.registrar import RegistrarPolicy, apply_register
from seatbus_sip.sdp import accept_answer, build_answer, build_offer, parse_sdp
from seatbus_sip.websocket import WebSocketServer

NEAR = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
STREAM = Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
LIMITS = FramingLimits(head=1024, message=2048, line=512)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)


def message(data: bytes) -> None:
    """A datagram: everything in it can be asked for, and what is written is read the same again."""
    try:
        found = parse_message(data)
    except SipError:
        return
    try:
        found.validate()
    except SipError:
        return
    for name in [*found.names(), *LIST_HEADERS]:
        found.get_all(name)
        _ignoring(lambda name=name: found.tokens(name))  # type: ignore[misc]
        _ignoring(lambda name=name: [str(one.uri) for one in found.addresses(name)])  # type: ignore[misc]
        _ignoring(lambda name=name: found.integer(name))  # type: ignore[misc]
        _ignoring(lambda name=name: parse_auth(found.require(name), name))  # type: ignore[misc]
    _ignoring(lambda: found.contact)
    _ignoring(lambda: (found.from_.display.encode(), found.to.with_params(tag="1"), str(found.from_)))
    if isinstance(found, Request):
        _ignoring(lambda: found.target.address)
        _ignoring(lambda: DialogKey.of_request(found))
        _ignoring(lambda: Dialog.uas(found, "tag", "<sip:edge@192.0.2.1>").to_dict())
        _ignoring(lambda: apply_register((), found, 0.0, RegistrarPolicy()))
        server = DigestServer(b"secret", "realm", ids=CountedIds())
        server.verify(found, lambda user, algorithm: ha1(algorithm, user, "realm", "pw"), 1000.0)
        Response.to_request(found, 200, tag="tag").to_bytes()
    else:
        client = DigestClient("100", "pw", ids=CountedIds())
        _ignoring(lambda: client.accept(found, Request("OPTIONS", "sip:x@y")))
    written = found.to_bytes()
    again = parse_message(written)
    again.validate()
    assert again.to_bytes() == written, "what is written reads the same"
    assert (again.cseq, again.call_id, again.via) == (found.cseq, found.call_id, found.via)


def _ignoring(read: Callable[[], object]) -> None:
    try:
        read()
    except SipError:
        return


def layer(data: bytes) -> None:
    """The engine: never raises, answers at most twice at once, and has forgotten everything in the end."""
    for flow in (NEAR, STREAM):
        engine = SipLayer(LayerConfig(), CountedIds())
        now = 0.0
        for _ in range(2):
            engine.receive(data, flow, now)
            for event in engine.events():
                if isinstance(event, RequestReceived):
                    engine.respond(event.tx, event.tx.response(480), now)
                elif isinstance(event, ParseFailed):
                    assert event.error.field
            assert len(engine.outgoing()) <= 2
        while (deadline := engine.next_deadline()) is not None and now < 200:
            now = max(now, deadline)
            engine.tick(now)
            engine.events()
            engine.outgoing()
        assert len(engine) == 0, "something is left"
        assert engine.next_deadline() is None


def values(data: bytes) -> None:
    """Single values: addresses, Via, credentials. What is read is written in a form that reads the same."""
    text = data.decode("utf-8", "surrogateescape")
    if any(char in text for char in "\r\n\0"):
        return  # never in a value: `parse_message` refuses them
    for read in (parse_uri, parse_via, lambda value: parse_name_addr(value, "To")):
        try:
            found = read(text)
        except SipError:
            continue
        assert read(str(found)) == found, (found, str(found))
    _ignoring(lambda: parse_auth(text, "Authorization"))


def sdp(data: bytes) -> None:
    """A body: read, answered, taken as an answer; what is written reads the same."""
    try:
        found = parse_sdp(data)
    except SipError:
        return
    assert parse_sdp(found.to_bytes()).to_bytes() == found.to_bytes()
    for section in found.media:
        _ = section.kind, section.port, section.proto, section.formats, section.direction, section.on_hold
        _ = section.ptime, section.rtcp_mux, section.codecs, section.attribute("fmtp")
    _ignoring(lambda: found.origin)
    _ignoring(lambda: accept_answer(build_offer(("192.0.2.1", 4000), session_id=1), found))
    try:
        answer, agreed = build_answer(found, ("192.0.2.1", 4000), session_id=1)
    except SipError:
        return
    assert len(answer.media) == len(found.media)
    assert 0 < agreed.remote[1] < 65536
    parse_sdp(answer.to_bytes())


def stream(data: bytes) -> None:
    """A TCP connection: how its bytes are cut does not matter, and never more is kept than the limits say."""
    whole, pieces = StreamFramer(LIMITS), StreamFramer(LIMITS)
    step = 1 + (data[0] % 13 if data else 0)
    body = data[1:]
    at_once = whole.feed(body, 0.0)
    bit_by_bit: list[bytes] = []
    for start in range(0, len(body), step):
        bit_by_bit += pieces.feed(body[start : start + step], 0.0)
        assert len(pieces._buffer) <= LIMITS.head + LIMITS.message + step
    assert at_once == bit_by_bit
    assert (whole.error is None) == (pieces.error is None)
    assert (whole.deadline is None) == (pieces.deadline is None)


def websocket(data: bytes) -> None:
    """A browser's connection: before and after its handshake."""
    for opened in (False, True):
        server = WebSocketServer(0.0, LIMITS)
        if opened:
            server.feed(UPGRADE, 0.0)
            server.outgoing()
            assert server.opened
        for part in (data[: len(data) // 2], data[len(data) // 2 :]):
            for found in server.feed(part, 1.0):
                assert len(found) <= LIMITS.message
            server.outgoing()
        server.encode(b"OPTIONS sip:x SIP/2.0\r\n\r\n")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (message, layer, values, sdp, stream, websocket)
}
