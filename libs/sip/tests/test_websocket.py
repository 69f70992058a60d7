"""SIP over WebSocket: the handshake, what is refused, and one message a frame."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_sip.framing import FramingLimits
from seatbus_sip.websocket import WebSocketClient, WebSocketServer
from seatbus_testkit.properties import examples

SERVER = ("127.0.0.1", 5062)
SIP = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def pair(**options: object) -> tuple[WebSocketServer, WebSocketClient]:
    server = WebSocketServer(
        0.0, FramingLimits(message=2000, message_s=5.0), origins=options.pop("origins", None)
    )  # type: ignore[arg-type]
    return server, WebSocketClient(SERVER, 0.0, **options)  # type: ignore[arg-type]


def shake(server: WebSocketServer, client: WebSocketClient) -> None:
    server.feed(client.outgoing(), 0.1)
    client.feed(server.outgoing(), 0.2)


def test_messages_go_both_ways() -> None:
    server, client = pair()
    assert server.deadline == 5.0
    assert server.encode(SIP) == b""
    shake(server, client)
    assert client.status == 101
    assert server.opened
    assert client.opened
    assert server.deadline is None
    assert server.feed(client.encode(SIP) + client.encode(b"\xff binary"), 1.0) == [SIP, b"\xff binary"]
    assert client.feed(server.encode(SIP), 1.0) == [SIP]


@pytest.mark.parametrize("subprotocols", [(), ("xmpp",), ("sips", "msrp")])
def test_a_client_that_does_not_speak_sip_gets_400(subprotocols: tuple[str, ...]) -> None:
    server, client = pair(subprotocols=subprotocols)
    server.feed(client.outgoing(), 0.1)
    answer = server.outgoing()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"subprotocol" in answer
    assert server.ended
    assert not server.opened


def test_sip_is_chosen_among_several() -> None:
    server, client = pair(subprotocols=("msrp", "sip"))
    shake(server, client)
    assert client.opened


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"426"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 300 + b"\r\n", b"431"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"414"),
    ],
)
def test_other_http_is_answered_as_http(request_: bytes, status: bytes) -> None:
    server, _ = pair()
    server.feed(request_, 0.1)
    assert server.outgoing().split()[1] == status
    assert server.ended


def test_what_comes_with_the_handshake_is_read_after_it() -> None:
    server, client = pair()
    shake_data = client.outgoing()
    ahead, _ = pair()
    shake(*(peers := pair()))
    frame = peers[1].encode(SIP)
    assert ahead.feed(shake_data + frame, 0.1) == [SIP]
    assert ahead.outgoing().startswith(b"HTTP/1.1 101 ")
    assert server.feed(shake_data + b"\xff noise", 0.1) == []
    assert server.outgoing().startswith(b"HTTP/1.1 101 ")
    assert server.ended


def test_bytes_that_are_not_http_end_it() -> None:
    server, _ = pair()
    server.feed(SIP, 0.1)
    server.outgoing()
    assert server.ended


def test_a_foreign_origin_gets_403_where_origins_are_listed() -> None:
    server, client = pair(origins=["https://desk.example"], origin="https://evil.example")
    server.feed(client.outgoing(), 0.1)
    assert server.outgoing().startswith(b"HTTP/1.1 403 ")
    server, client = pair(origins=["https://desk.example"], origin="https://desk.example")
    shake(server, client)
    assert client.opened


def test_too_large_a_message_ends_it_with_1009() -> None:
    server, client = pair()
    shake(server, client)
    assert server.feed(client.encode(b"x" * 2001), 1.0) == []
    assert (1009).to_bytes(2, "big") in server.outgoing()
    assert server.ended


def test_a_frame_that_never_ends_has_a_deadline() -> None:
    server, client = pair()
    shake(server, client)
    frame = client.encode(SIP)
    for second, byte in enumerate(frame[:4]):
        server.feed(bytes([byte]), 10.0 + second)
    assert server.deadline == 15.0
    assert server.feed(frame[4:], 14.0) == [SIP]
    assert server.deadline is None


def test_pings_are_answered_and_a_farewell_is_said() -> None:
    server, client = pair()
    shake(server, client)
    server.ping()
    client.feed(server.outgoing(), 1.0)
    assert server.feed(client.outgoing(), 1.0) == []
    server.close()
    client.feed(server.outgoing(), 2.0)
    server.feed(client.outgoing(), 2.0)
    assert server.ended
    assert client.ended
    assert server.encode(SIP) == b""


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=20), st.booleans())
def test_no_noise_escapes_as_an_exception(pieces: list[bytes], shaken: bool) -> None:
    server, client = pair()
    if shaken:
        shake(server, client)
    for number, piece in enumerate(pieces):
        server.feed(piece, float(number))
        server.outgoing()
