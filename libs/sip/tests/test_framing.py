"""Streams cut into messages, whatever the network makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_sip import Flow, ParseFailed, SipLayer
from seatbus_sip.framing import PING, FramingLimits, StreamFramer
from seatbus_testkit.properties import examples


def message(
    body: bytes = b"", call_id: str = "c1", length: str | None = None, name: str = "Content-Length"
) -> bytes:
    lines = [
        "OPTIONS sip:a@example.com SIP/2.0",
        "Via: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bK1",
        "From: <sip:b@example.com>;tag=1",
        "To: <sip:a@example.com>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
    ]
    told = str(len(body)) if length is None else length
    if told:
        lines.append(f"{name}: {told}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_a_message_that_comes_byte_by_byte_is_one_message() -> None:
    framer = StreamFramer()
    whole = message(b"hello\r\n\r\nworld")
    found = [one for i in range(len(whole)) for one in framer.feed(whole[i : i + 1], i / 1000)]
    assert found == [whole]
    assert framer.deadline is None


def test_messages_that_come_together_are_taken_apart() -> None:
    framer = StreamFramer()
    parts = [message(b"x" * 10), PING, message(call_id="c2"), message(b"y", call_id="c3")]
    assert framer.feed(b"".join(parts) + message()[:20], 5.0) == parts
    assert framer.deadline == 15.0
    assert framer.feed(message()[20:], 6.0) == [message()]


@pytest.mark.parametrize("name", ["Content-Length", "CONTENT-LENGTH", "l", "Content-Length \t"])
def test_the_length_is_read_in_every_spelling(name: str) -> None:
    whole = message(b"abc", name=name)
    assert StreamFramer().feed(whole + PING, 0.0) == [whole, PING]


def test_a_folded_length_is_read() -> None:
    whole = message(b"abc").replace(b"Content-Length: 3", b"Content-Length:\r\n  3")
    assert StreamFramer().feed(whole + PING, 0.0) == [whole, PING]


def test_pings_are_told_and_pongs_are_dropped() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n", 0.0) == []
    assert framer.deadline is None
    assert framer.feed(b"\r\n", 1.0) == [PING]
    assert framer.feed(b"\r\n" + message(), 2.0) == [message()]
    assert framer.feed(b"\r\n\r", 3.0) == []
    assert framer.deadline == 13.0
    assert framer.feed(b"\n" + message(), 3.0) == [PING, message()]


@pytest.mark.parametrize(
    ("data", "field", "status", "answerable"),
    [
        (message(length=""), "Content-Length", 400, True),
        (message(length="ten"), "Content-Length", 400, True),
        (message(length="-1"), "Content-Length", 400, True),
        (message(length="1\r\nl: 2"), "Content-Length", 400, True),
        (message(length="65536"), "message", 513, True),
        (message(length="9" * 10), "message", 513, True),
        (message(length="9" * 4000), "Content-Length", 400, True),
        (b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * 4000, "message", 513, False),
        (b"A" * 8195, "start line", 414, False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "start line", 400, False),
        (b"\x16\x03\x01\x02\x00\x01", "start line", 400, False),
    ],
)
def test_what_cannot_be_framed_breaks_the_stream(
    data: bytes, field: str, status: int, answerable: bool
) -> None:
    framer = StreamFramer()
    assert framer.feed(message() + data, 0.0) == [message()]
    assert framer.error is not None
    assert (framer.error.field, framer.error.status) == (field, status)
    assert bool(framer.error.head) is answerable
    assert framer.ended
    assert framer.feed(message(), 1.0) == []


def test_a_slow_sender_has_a_deadline_that_more_bytes_do_not_move() -> None:
    framer = StreamFramer(FramingLimits(message_s=3.0))
    assert framer.deadline is None
    for second, byte in enumerate(message()[:8]):
        framer.feed(bytes([byte]), 100.0 + second)
    assert framer.deadline == 103.0


def test_a_body_of_64_kB_is_refused_with_513() -> None:
    layer, flow = SipLayer(), Flow("TCP", ("10.0.0.9", 5060), ("10.0.0.1", 40000))
    framer = StreamFramer()
    assert framer.feed(message(b"x" * 65_536)[:2000], 0.0) == []
    assert framer.error is not None
    layer.refuse_unframed(framer.error.head, flow, framer.error)
    ((to, answer),) = layer.outgoing()
    assert to == flow
    assert answer.startswith(b"SIP/2.0 513 ")
    (event,) = layer.events()
    assert isinstance(event, ParseFailed)
    assert event.answered


def test_an_unframed_response_is_not_answered() -> None:
    layer, flow = SipLayer(), Flow("TCP", ("10.0.0.9", 5060), ("10.0.0.1", 40000))
    framer = StreamFramer()
    framer.feed(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n", 0.0)
    assert framer.error is not None
    layer.refuse_unframed(framer.error.head, flow, framer.error)
    assert layer.outgoing() == []


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(
        st.one_of(
            st.just(PING),
            st.builds(message, st.binary(max_size=300), st.from_regex(r"\A[a-z0-9]{1,20}\Z")),
        ),
        max_size=6,
    ),
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
)
def test_any_cut_gives_the_same_messages(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts)
    framer, found, at, turn = StreamFramer(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += framer.feed(data[at : at + size], float(turn))
        at, turn = at + size, turn + 1
    assert found == parts
    assert framer.error is None
    assert framer.deadline is None


_PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"Content-Length: ", b"l:", b"5", b"SIP/2.0", message()]
    ),
    st.builds(lambda body, cut: message(body)[:cut], st.binary(max_size=40), st.integers(0, 300)),
)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(_PIECES, max_size=30))
def test_no_noise_escapes_as_an_exception_or_grows(pieces: list[bytes]) -> None:
    limits = FramingLimits(head=500, message=600, line=100)
    framer, layer = StreamFramer(limits), SipLayer()
    flow = Flow("TCP", ("10.0.0.9", 5060), ("10.0.0.1", 40000))
    for number, piece in enumerate(pieces):
        for found in framer.feed(piece, float(number)):
            assert len(found) <= limits.message
            layer.receive(found, flow, float(number))
        assert len(framer._buffer) <= limits.message
        if framer.error is not None:
            assert not framer._buffer
            if framer.error.head:
                layer.refuse_unframed(framer.error.head, flow, framer.error)
            break
